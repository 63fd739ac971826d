// Opens what `inkbloom export --to page` writes (inkbloom/exports/page_file.py): weights, the network as a list of steps,
// the proof of them, and how to sample. Nothing of the file is believed: what is wrong is thrown as a FileProblem.

import { NOISES, PATHS, TARGETS } from "./diffusion.js";
import { macsOf, parity, product } from "./net.js";
import { OPS } from "./ops.js";
import { FileProblem, isTable, readSafetensors, tableOf, whole, wholes } from "./safetensors.js";
import { SOLVERS, SPACINGS } from "./solvers.js";

const FORMAT = 1;
const MOST_MACS = 1e9; // some seconds a step; torch is the place for more
const MOST_VALUES = 2 ** 24; // of one step
const MOST_PIXELS = 2 ** 18;
const PREFIX = "page/";
const GOLDEN = "page/golden/";

/** A page file, checked and played once for the proof. Throws FileProblem.
 * @param {Uint8Array} bytes @returns {Network} */
export function openNetwork(bytes) {
  const { tensors, metadata } = readSafetensors(bytes);
  const [page, about] = ["page", "inkbloom"].map((name) => {
    if (metadata[name] === undefined) throw new FileProblem("foreign");
    return tableOf(metadata[name]);
  });
  if (page.format !== FORMAT) throw new FileProblem("format", { format: String(page.format).slice(0, 20) });
  const sampling = checkedSampling(page.sampling);
  const golden = new Map();
  /** @type {Map<string, Tensor>} */
  const weights = new Map();
  for (const [name, { shape, data }] of tensors) {
    if (name.startsWith(GOLDEN)) golden.set(name.slice(GOLDEN.length), { shape, data });
    else weights.set(name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name, { shape, data });
  }
  const steps = checkedSteps(page.steps, weights, sampling);
  const macs = [...macsOf(steps, weights, sampling.shape).values()].reduce((sum, each) => sum + each, 0);
  if (macs > MOST_MACS) throw new FileProblem("large", { macs });
  let parameters = 0;
  for (const [name, { data }] of tensors) if (!name.startsWith(PREFIX)) parameters += data.length;
  return { steps, weights, sampling, about, parity: parity(steps, weights, golden), macs, parameters };
}

/** @param {any} steps @param {Map<string, Tensor>} weights @param {Sampling} sampling @returns {Step[]} */
function checkedSteps(steps, weights, sampling) {
  const known = new Set(["x", "t", ...(sampling.conditions ? ["y"] : [])]);
  if (!Array.isArray(steps) || !steps.length) throw new FileProblem("steps", { step: "" });
  for (const step of steps) {
    const { name, op, layer, inputs, weights: needed } = isTable(step) ? step : {};
    const right = texts([name, op, layer]) && texts(inputs) && texts(needed) && small(step);
    if (!right || known.has(name) || !inputs.every((/** @type {string} */ each) => known.has(each)))
      throw new FileProblem("steps", { step: String(name).slice(0, 60) });
    if (!Object.hasOwn(OPS, op)) throw new FileProblem("operation", { op: op.slice(0, 60) });
    const missing = needed.find((/** @type {string} */ each) => !weights.has(each));
    if (missing !== undefined) throw new FileProblem("weights", { name: missing.slice(0, 60) });
    known.add(name);
  }
  if (String(steps.at(-1).shape) !== String(sampling.shape)) throw new FileProblem("steps", { step: "" });
  return steps;
}

/** Whether a step's shape, and all numbers that it is told, are such that no memory is wasted on it.
 * @param {any} step */
function small(step) {
  const { name, op, inputs, weights, layer, shape, to = shape, value = 0, eps = 0, start = 0, end = 0, ...rest } = step;
  const shapes = [shape, to].every((each) => wholes(each) && product(each) <= MOST_VALUES);
  const numbers = Object.values(rest).flat();
  return shapes && numbers.every((n) => whole(n) && n <= 64) && finite([value, eps]) && wholes([start, end]);
}

/** @param {any} list */
function texts(list) {
  return Array.isArray(list) && list.every((each) => typeof each === "string");
}

/** @param {any} list */
function finite(list) {
  return Array.isArray(list) && list.every(Number.isFinite);
}

/** @param {any} told @returns {Sampling} */
function checkedSampling(told) {
  const truth = (/** @type {any} */ value) => typeof value === "boolean";
  const among = (/** @type {object} */ table) => (/** @type {any} */ name) => Object.hasOwn(table, name);
  /** @type {Record<string, (value: any) => boolean>} */
  const checks = {
    shape: (list) => wholes(list) && list.length === 3 && product(list) > 0 && product(list) <= MOST_PIXELS,
    range: (list) => finite(list) && list.length === 2 && list[0] < list[1],
    classes: texts,
    trained: (list) => wholes(list) && list.every((/** @type {number} */ n) => n < told.classes.length),
    conditions: whole,
    clusters: whole,
    timed: truth,
    path: among(PATHS),
    target: among(TARGETS),
    noise: among(NOISES),
    solver: among(SOLVERS),
    spacing: among(SPACINGS),
    clip_x0: truth,
    guidance: (value) => Number.isFinite(value) && value >= 0 && value <= 100,
    times: (/** @type {any[]} */ list) => finite(list) && list.length > 1 && list[0] <= 1 && list.at(-1) === 0 &&
      list.every((t, k) => !k || t < list[k - 1]),
  };
  const wrong = Object.keys(checks).find((name) => !isTable(told) || !checks[name](told[name]));
  if (wrong) throw new FileProblem("sampling", { name: wrong });
  return told;
}
