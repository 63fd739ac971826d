// Sampling by a network from a page file, as inkbloom/families/diffusion.py does it: what a solver asks, from where, and when.

import { NOISES, PATHS, clipped, guided, split } from "./diffusion.js";
import { play, product } from "./net.js";
import { uniform } from "./philox.js";
import { SOLVERS, stepTimes } from "./solvers.js";

/** The number of the condition of a class, or null; of clusters within it one is drawn by its share.
 * @param {Network} network @param {{label?: number | null, seed?: number, index?: number}} asked */
function conditionOf({ sampling: { conditions, clusters, classes }, weights }, { label = null, seed = 0, index = 0 }) {
  const shares = clusters ? weights.get("shares") : null;
  if (!conditions || (label === null && (classes.length || !shares))) return null;
  if (!shares) return label;
  const [u] = uniform(seed, "cluster", index, 1);
  const row = (label ?? 0) * clusters;
  let [cluster, sum] = [0, shares.data[row]];
  while (sum <= u && cluster < clusters - 1) sum += shares.data[row + ++cluster];
  return row + cluster;
}

/** What the network is given: null for no condition in particular, and the time that it is told.
 * @param {Network} network @param {Tensor} x @param {number} t @param {number | null} condition */
function inputsOf({ sampling: { conditions, timed } }, x, t, condition) {
  return { x, t: timed ? t : 0, y: conditions ? (condition ?? conditions) : null };
}

/** What the network is given of what is seen.
 * @param {Network} network @param {Seen} seen */
export function givenTo(network, seen) {
  return inputsOf(network, seen.x, seen.t, conditionOf(network, seen));
}

/** The best guess of x0, of a picture with this class, seed and index.
 * @param {Network} network @param {Omit<Seen, "x" | "t">} asked @param {Change[]} changes @returns {Denoise} */
export function denoiser(network, asked, changes = []) {
  const { steps, weights, sampling } = network;
  const { path, target, clip_x0, range } = sampling;
  const condition = conditionOf(network, asked);
  /** @type {(condition: number | null) => Denoise} */
  const conditioned = (condition) => (x, t) => {
    const out = play(steps, weights, inputsOf(network, x, t, condition), changes).get(steps[steps.length - 1].name);
    return split(/** @type {Tensor} */ (out), x, PATHS[path](t), target)[0];
  };
  const plain = conditioned(null);
  const denoise = condition === null ? plain : guided(plain, conditioned(condition), asked.guidance ?? 1);
  return clip_x0 ? clipped(denoise, ...range) : denoise;
}

/** The noise levels of a request, from `start` down.
 * @param {Sampling} sampling @param {Asked} request @param {number} start */
export function timesOf({ times, spacing, solver, path }, request, start = times[0]) {
  const steps = request.steps || times.length - 1;
  const spaced = (/** @type {number} */ from) => stepTimes(steps, request.spacing ?? spacing, PATHS[path], from);
  const asked = request.steps || (request.spacing ?? spacing) !== spacing || (request.solver ?? solver) !== solver;
  const usual = spaced(times[0]);
  if (asked || times.every((t, k) => Math.abs(t - usual[k]) < 1e-9)) return spaced(start);
  return times.map((t) => (t * start) / times[0]); // levels of the recipe's own
}

/** Yields where it starts, and then after every step.
 * @param {Network} network @param {Asked} request @returns {Generator<Progress, void>} */
export function* trajectory(network, request) {
  const { sampling } = network;
  const { seed = 0, index = 0, label = null, guidance = sampling.guidance, from = 0, changes = [] } = request;
  const { shape } = sampling;
  const times = request.times ?? timesOf(sampling, request);
  const path = PATHS[sampling.path];
  /** @type {(kind: string, draw: number, amount: number) => Tensor} */
  const drawn = (kind, draw, amount) => {
    return { shape, data: NOISES[kind](seed, "sample", index, product(shape), draw).map((value) => value * amount) };
  };
  const x = request.x ?? drawn(sampling.noise, 0, path(times[from]).s);
  const denoise = denoiser(network, { label, guidance, seed, index }, changes);
  const solver = SOLVERS[request.solver ?? sampling.solver];
  yield { k: from, t: times[from], x, x0: null, ms: 0 };
  let k = from;
  let begin = performance.now();
  for (const [next, x0] of solver(denoise, x, times.slice(from), path, (step) => drawn("gaussian", from + step, 1))) {
    yield { k: ++k, t: times[k], x: next, x0, ms: performance.now() - begin };
    begin = performance.now();
  }
}
