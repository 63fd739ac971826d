// A network as a list of plain steps, as in inkbloom/exports/graph.py: computed, operated on, and compared with PyTorch.

import { zeros } from "./conv.js";
import { OPS } from "./ops.js";
import { FileProblem } from "./safetensors.js";

/** The outputs of all steps by name, the last one the network's.
 *
 * `before`: the outputs for the same inputs without changes; then only what a change reaches is computed.
 * @param {Step[]} steps @param {Map<string, Tensor>} weights @param {Inputs} inputs @param {Change[]} changes
 * @param {Map<string, Tensor> | null} before @returns {Map<string, Tensor>} */
export function play(steps, weights, { x, t, y }, changes = [], before = null) {
  /** @type {Map<string, Tensor>} */
  const values = new Map([
    ["x", x],
    ["t", scalar(t)],
  ]);
  if (y !== null) values.set("y", scalar(y));
  const edited = withEdits(weights, changes);
  const reached = new Set();
  for (const step of steps) {
    const mine = changes.filter((change) => change.kind !== "weight" && change.step === step.name);
    const kept = before?.get(step.name);
    const cut = mine.flatMap((change) => (change.kind === "cut" ? [change.input] : []));
    const anew = cut.length || step.inputs.some((name) => reached.has(name)) || step.weights.some((name) => edited.has(name));
    if (anew || mine.length) reached.add(step.name);
    const out = kept && !anew ? kept : computed(step, values, (name) => edited.get(name) ?? weights.get(name), cut);
    values.set(step.name, mine.reduce(silenced, out));
  }
  return values;
}

/** @param {number} value @returns {Tensor} */
function scalar(value) {
  return { shape: [], data: Float32Array.of(value) };
}

/** A step's output. Throws FileProblem where it is not what the list promises.
 * @param {Step} step @param {Map<string, Tensor>} values @param {(name: string) => Tensor | undefined} weight
 * @param {number[]} cut the inputs that are taken as zero */
function computed(step, values, weight, cut) {
  const operands = [...step.inputs.map((name) => values.get(name)), ...step.weights.map(weight)];
  for (const i of cut) operands[i] = zeros(.../** @type {Tensor} */ (operands[i]).shape);
  try {
    const out = OPS[step.op](/** @type {Tensor[]} */ (operands), step);
    if (String(out.shape) !== String(step.shape) || out.data.length !== product(step.shape)) throw RangeError("another shape");
    return out;
  } catch (problem) {
    throw Object.assign(new FileProblem("steps", { step: step.name }), { cause: problem });
  }
}

/** The weights that are changed, by name.
 * @param {Map<string, Tensor>} weights @param {Change[]} changes @returns {Map<string, Tensor>} */
export function withEdits(weights, changes) {
  const edited = new Map();
  for (const change of changes) {
    if (change.kind !== "weight") continue;
    const { shape, data } = edited.get(change.name) ?? weights.get(change.name);
    const copy = edited.has(change.name) ? data : data.slice();
    copy[change.index] = change.value;
    edited.set(change.name, { shape, data: copy });
  }
  return edited;
}

/** @param {Tensor} x @param {Change} change @returns {Tensor} */
function silenced({ shape, data }, change) {
  const size = data.length / shape[0];
  const copy = data.slice();
  if (change.kind === "mute") copy.fill(0, change.channel * size, (change.channel + 1) * size);
  else if (change.kind === "zero") copy.fill(0);
  return { shape, data: copy };
}

/** Multiplications of one pass, by step: of convolutions and linear layers, as the rest costs next to nothing.
 * @param {Step[]} steps @param {Map<string, Tensor>} weights @param {number[]} input the picture's shape
 * @returns {Map<string, number>} */
export function macsOf(steps, weights, input) {
  const shapes = new Map([["x", input], ...steps.map((step) => /** @type {const} */ ([step.name, step.shape]))]);
  return new Map(
    steps.map(({ name, op, inputs, weights: [w], shape }) => {
      const size = w && weights.get(w)?.data.length;
      const places = { conv2d: shape, conv_transpose2d: shapes.get(inputs[0]), linear: [1] }[op];
      return [name, size && places ? size * product(places.slice(1)) : 0];
    }),
  );
}

/** How many numbers a shape holds.
 * @param {number[]} sizes */
export function product(sizes) {
  return sizes.reduce((all, size) => all * size, 1);
}

/** The largest difference of any step from PyTorch's numbers for one input, of which the file keeps some of each step's output,
 * at even distances, with the mean and the root mean square.
 * @param {Step[]} steps @param {Map<string, Tensor>} weights @param {Map<string, Tensor>} golden */
export function parity(steps, weights, golden) {
  const [x, t, y, kept, means, roots] = ["x", "t", "y", "values", "mean", "rms"].map((name) => golden.get(name));
  if (!x || !t || !kept || !means || !roots) throw new FileProblem("golden");
  const inputs = { x: { shape: x.shape.slice(1), data: x.data }, t: t.data[0], y: y ? y.data[0] : null };
  const values = play(steps, weights, inputs);
  const count = kept.shape[1];
  let worst = 0;
  for (const [row, { name }] of steps.entries()) {
    const { data } = /** @type {Tensor} */ (values.get(name));
    let [sum, squares] = [0, 0];
    for (const value of data) {
      sum += value;
      squares += value * value;
    }
    for (let k = 0; k < count; k++) {
      worst = Math.max(worst, Math.abs(data[Math.floor((k * data.length) / count)] - kept.data[row * count + k]));
    }
    const [mean, root] = [sum / data.length, Math.sqrt(squares / data.length)];
    worst = Math.max(worst, Math.abs(mean - means.data[row]), Math.abs(root - roots.data[row]));
  }
  if (Number.isNaN(worst)) throw new FileProblem("golden");
  return worst;
}
