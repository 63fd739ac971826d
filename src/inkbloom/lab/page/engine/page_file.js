// Opens what `inkbloom export --to page` writes (inkbloom/exports/page_file.py): weights, the network as a list of steps,
// the proof of them, and how to sample. Nothing of the file is believed: what is wrong is thrown as a FileProblem.

import { NOISES, PATHS, TARGETS } from "./diffusion.js";
import { macsOf, parity, product } from "./net.js";
import { OPS } from "./ops.js";
import { FileProblem, isTable, readSafetensors } from "./safetensors.js";
import { SOLVERS, SPACINGS } from "./solvers.js";

/** @typedef {import("./conv.js").Tensor} Tensor */
/** @typedef {import("./net.js").Step} Step */
/** What a sampler must know: see sampling_of in inkbloom/exports/page_file.py.
 * @typedef {{shape: [number, number, number], range: [number, number], classes: string[], trained: number[],
 *   conditions: number, clusters: number, timed: boolean, path: string, target: string, noise: string, solver: string,
 *   spacing: string, clip_x0: boolean, guidance: number, times: number[]}} Sampling */
/** @typedef {{steps: Step[], weights: Map<string, Tensor>, sampling: Sampling, about: Record<string, any>,
 *   parity: ReturnType<typeof parity>,
 *   macs: number, parameters: number}} Network */

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
  const [page, about] = ["page", "inkbloom"].map((name) => tableOf(metadata[name]));
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

/** @param {string | undefined} text @returns {Record<string, any>} */
function tableOf(text) {
  if (text === undefined) throw new FileProblem("foreign");
  try {
    const table = JSON.parse(text);
    if (isTable(table)) return table;
  } catch {
    throw new FileProblem("header");
  }
  throw new FileProblem("header");
}

/** @param {any} steps @param {Map<string, Tensor>} weights @param {Sampling} sampling @returns {Step[]} */
function checkedSteps(steps, weights, sampling) {
  const known = new Set(["x", "t", ...(sampling.conditions ? ["y"] : [])]);
  if (!Array.isArray(steps) || !steps.length) throw new FileProblem("steps", { step: "" });
  for (const step of steps) {
    const name = String(step?.name).slice(0, 60);
    const texts = (/** @type {any} */ list) => Array.isArray(list) && list.every((each) => typeof each === "string");
    const right = isTable(step) && texts([step.name, step.op, step.layer]) && texts(step.inputs) && texts(step.weights);
    if (!right || known.has(step.name) || !small(step)) throw new FileProblem("steps", { step: name });
    if (!Object.hasOwn(OPS, step.op)) throw new FileProblem("operation", { op: step.op.slice(0, 60) });
    const missing = step.weights.find((/** @type {string} */ each) => !weights.has(each));
    if (missing !== undefined) throw new FileProblem("weights", { name: missing.slice(0, 60) });
    if (!step.inputs.every((/** @type {string} */ each) => known.has(each)))
      throw new FileProblem("steps", { step: name });
    known.add(step.name);
  }
  if (String(steps.at(-1).shape) !== String(sampling.shape)) throw new FileProblem("steps", { step: "" });
  return steps;
}

/** Whether a step's shape, and all numbers that it is told, are such that no memory is wasted on it.
 * @param {any} step */
function small(step) {
  const { name, op, inputs, weights, layer, shape, to = shape, value = 0, eps = 0, start = 0, end = 0, ...rest } = step;
  const shapes = [shape, to].every((each) => wholes(each) && product(each) <= MOST_VALUES);
  const told = Object.values(rest)
    .flat()
    .every((n) => whole(n) && n <= 64);
  return shapes && told && [value, eps].every(Number.isFinite) && whole(start) && whole(end);
}

/** @param {any} n */
function whole(n) {
  return Number.isSafeInteger(n) && n >= 0;
}

/** @param {any} list */
function wholes(list) {
  return Array.isArray(list) && list.every(whole);
}

/** @param {any} told @returns {Sampling} */
function checkedSampling(told) {
  const finite = (/** @type {any} */ list) => Array.isArray(list) && list.every(Number.isFinite);
  const truth = (/** @type {any} */ value) => typeof value === "boolean";
  const among = (/** @type {object} */ table) => (/** @type {any} */ name) => Object.hasOwn(table, name);
  /** @type {Record<string, (value: any) => boolean>} */
  const checks = {
    shape: (list) => wholes(list) && list.length === 3 && product(list) > 0 && product(list) <= MOST_PIXELS,
    range: (list) => finite(list) && list.length === 2 && list[0] < list[1],
    classes: (list) => Array.isArray(list) && list.every((name) => typeof name === "string"),
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
    times: (list) => finite(list) && list.length > 1 && list[0] <= 1 && list.at(-1) === 0 && falls(list),
  };
  const wrong = Object.keys(checks).find((name) => !isTable(told) || !checks[name](told[name]));
  if (wrong) throw new FileProblem("sampling", { name: wrong });
  return told;
}

/** @param {number[]} list */
function falls(list) {
  return list.slice(1).every((value, k) => value < list[k]);
}
