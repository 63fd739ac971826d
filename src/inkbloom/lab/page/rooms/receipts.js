// Receipts of room 4: how a number of any step came about, with a few lines of Python that compute it from nothing but the
// numbers in them.

import {OPS} from "../engine/ops.js";
import {brief} from "../ui/matrix.js";
import {digits, python, pythonList} from "../ui/receipt.js";
import {statistics, terms} from "./network.js";

/** A number with its name. @typedef {[name: string, value: number]} Named */

const IMPORTS = "import torch\nimport torch.nn.functional as F\n";

/** In Python, with digits enough for what is added up. @param {ArrayLike<number>} values */
const tensor = (values) => `torch.tensor(${pythonList(values)}, dtype=torch.float64)`;

/** The number of a tensor at a place; where it has one row or column, that. @param {Tensor} x @param {Place} at */
export function valueAt({shape: [, rows = 1, columns = 1], data}, {channel, row, column}) {
  return data[(channel * rows + (rows > 1 ? row : 0)) * columns + (columns > 1 ? column : 0)];
}

/** Steps that only move numbers. */
const MOVES = ["upsample_nearest", "pixel_shuffle", "pixel_unshuffle", "concat", "slice", "pad_reflect", "reshape"];

/** Where such a step has a number from: which input, and the place in it. It moves the places' numbers as it moves the values.
 * @param {Step} step @param {Place} at @param {Tensor[]} inputs @returns {[number, Place]} */
function movedFrom(step, at, inputs) {
  let [first, which] = [0, 0];
  let from = valueAt(OPS[step.op](inputs.map(({shape, data}) => ({shape, data: data.map(() => first++)})), step), at);
  while (from >= inputs[which].data.length) from -= inputs[which++].data.length;
  const [, rows = 1, columns = 1] = inputs[which].shape;
  return [which, {channel: Math.floor(from / columns / rows), row: Math.floor(from / columns) % rows, column: from % columns}];
}

/** One number of a step, in Python, of x (a list of numbers), and for a norm of gain and shift. @type {Record<string, string>} */
const FORMULAS = {
  silu: "F.silu(x[0])", relu: "F.relu(x[0])", sigmoid: "torch.sigmoid(x[0])", add: "x[0] + x[1]", multiply: "x[0] * x[1]",
  max_pool: "x.max()", channel_norm: "(x[{channel}] - x.mean()) / (x.var(correction=0) + {eps}).sqrt() * gain + shift",
};

/** The numbers that a number is made of, and the expression that makes it. Undefined where the page has no receipt.
 * @param {Step} step @param {Place} at @param {Tensor[]} inputs @param {Tensor[]} weights @param {Words} t
 * @returns {{operands: Named[], formula: string, extra?: Record<string, number>} | undefined} */
function operandsOf(step, at, inputs, weights, t) {
  const named = (/** @type {number} */ i, /** @type {Place} */ place) => /** @type {Named} */ (
    [t("from", {step: step.inputs[i], ...place}), valueAt(inputs[i], place)]);
  if (MOVES.includes(step.op)) return {operands: [named(...movedFrom(step, at, inputs))], formula: "x[0]"};
  const formula = FORMULAS[step.op]?.replace("{channel}", String(at.channel)).replace("{eps}", String(step.eps));
  if (!formula) return undefined;
  if (step.op === "max_pool") {
    const [high, wide] = step.size;
    return {formula, operands: Array.from({length: high * wide}, (_, i) =>
      named(0, {channel: at.channel, row: at.row * high + Math.floor(i / wide), column: at.column * wide + (i % wide)}))};
  }
  if (step.op === "channel_norm") {
    return {formula, operands: Array.from({length: step.shape[0]}, (_, channel) => named(0, {...at, channel})),
      extra: {gain: weights[0].data[at.channel], shift: weights[1].data[at.channel]}};
  }
  const constant = step.value === undefined ? [] : [/** @type {Named} */ ([t("constant"), step.value])];
  return {formula, operands: [...inputs.map((_, i) => named(i, at)), ...constant]};
}

/** The receipt of one number of a step.
 * @param {{step: Step, at: Place, value: number, inputs: Tensor[], weights: Tensor[], silent: boolean, title: string,
 * t: Words}} about  silent: surgery has made it 0, whatever it is made of @returns {Receipt | undefined} */
export function receiptOf({step, at, value, inputs, weights, silent, title, t}) {
  const total = digits(value);
  const print = silent ? "print(f\"{0 * abs(y.item()):.6g}\")  # silenced" : "print(f\"{y.item():.6g}\")";
  const note = silent ? t("silent") : undefined;
  if (/^conv/.test(step.op)) {
    const made = sumReceipt(step, at, inputs[0], weights, print, t);
    return {title, total, ...made, note: note ?? made.note};
  }
  const made = operandsOf(step, at, inputs, weights, t);
  if (!made) return undefined;
  const {operands, formula, extra = {}} = made;
  const assigned = Object.entries(extra).map(([name, number]) => `${name} = ${python(number)}\n`).join("");
  return {title, total, note, formula: `y = ${formula}`, heads: t("heads_made").split(" | "),
    rows: [...operands, ...Object.entries(extra)].map(([name, number]) => [name, digits(number)]),
    torch: `${IMPORTS}\nx = ${tensor(operands.map(([, number]) => number))}\n${assigned}y = ${formula}\n${print}`};
}

/** All products of a convolution's number, the strongest first.
 * @param {Step} step @param {Place} at @param {Tensor} x @param {Tensor[]} weights @param {string} print @param {Words} t */
function sumReceipt(step, at, x, weights, print, t) {
  const all = terms(step, x, weights[0], at.channel, at.row, at.column);
  const bias = weights[1]?.data[at.channel] ?? 0;
  let sum = bias;
  const sorted = [...all].sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
  const rows = sorted.map(({channel, row, column, pixel, weight, product}) =>
    [channel + 1, `${row}, ${column}`, digits(pixel), digits(weight), digits(product), digits(sum += product)]);
  const [pixels, values] = [all.map(({pixel}) => pixel), all.map(({weight}) => weight)];
  const shape = [1, x.shape[0], ...weights[0].shape.slice(2)].join(", ");
  const y = step.op === "conv2d" ? `F.conv2d(x.reshape(${shape}), w.reshape(${shape}), b)` : "(x * w).sum() + b";
  return {formula: t("terms_formula"), note: t("terms_note", {count: all.length, bias: digits(bias)}), rows,
    heads: t("heads_terms").split(" | "),
    torch: `${IMPORTS}\nx = ${tensor(pixels)}\nw = ${tensor(values)}\nb = ${tensor([bias])}\ny = ${y}\n${print}`,
    numpy: `import numpy as np\n
x = np.array(${pythonList(pixels)})
w = np.array(${pythonList(values)})
y = x @ w + ${python(bias)}
${print}`};
}

/** The receipt of the four numbers that sum up a layer: from those of each map.
 * @param {Tensor} x @param {string} title @param {Words} t */
export function summaryReceipt(x, title, t) {
  const size = x.data.length / x.shape[0];
  const maps = Array.from({length: x.shape[0]}, (_, i) => statistics(x.data.subarray(i * size, (i + 1) * size)));
  const all = statistics(x.data);
  const keys = /** @type {const} */ (["min", "max", "mean", "sd"]);
  const lists = keys.map((key) => `${key} = ${tensor(maps.map((map) => map[key]))}\n`).join("");
  return {title, total: keys.map((key) => Number(all[key].toPrecision(4))).join("  "), note: t("summary_note"),
    heads: [t("map_head"), ...keys], rows: maps.map((map, i) => [i + 1, ...keys.map((key) => brief(map[key]))]),
    torch: `${IMPORTS}\n${lists}deviation = ((sd**2 + mean**2).mean() - mean.mean() ** 2).sqrt()
print(f"{min.min():.4g}  {max.max():.4g}  {mean.mean():.4g}  {deviation:.4g}")`};
}

/** The receipt of the error of a picture: the root of the mean of the squared differences.
 * @param {Float32Array} guess @param {Float32Array} truth @param {Words} t */
export function errorReceipt(guess, truth, t) {
  const error = Math.sqrt(guess.reduce((sum, value, i) => sum + (value - truth[i]) ** 2, 0) / guess.length);
  const formula = "√ mean((x̂0 − x0)²)";
  return {title: t("error_title"), total: digits(error), formula, note: t("error_note"), torch: `${IMPORTS}
guess = ${tensor(guess)}
x0 = ${tensor(truth)}
print(f"{(guess - x0).square().mean().sqrt().item():.6g}")`};
}
