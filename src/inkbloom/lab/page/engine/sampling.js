// Sampling by a network from a page file, as inkbloom/families/diffusion.py does it: what a solver asks, from where, and when.

import { NOISES, PATHS, clipped, guided, noiseIn, split } from "./diffusion.js";
import { play } from "./net.js";
import { uniform } from "./philox.js";
import { SOLVERS, stepTimes } from "./solvers.js";

/** @typedef {import("./conv.js").Tensor} Tensor */
/** @typedef {import("./diffusion.js").Denoise} Denoise */
/** @typedef {import("./net.js").Change} Change */
/** @typedef {import("./page_file.js").Network} Network */
/** What is wanted; what is left out is as the model's recipe says. x: the picture to go on from, else noise by `seed` and
 * `index`; label: a class, or null for none in particular; times: the noise levels, falling to 0, instead of `steps` and
 * `spacing`; from: how many of the steps are already done in x; changes: surgery on the network.
 * @typedef {{x?: Tensor, seed?: number, index?: number, label?: number | null, guidance?: number, steps?: number,
 *   times?: number[], solver?: string, spacing?: string, from?: number, changes?: Change[]}} Request */
/** After step k: x at time t, and the guess x0 that made it; k = `from`, where it starts, has no guess.
 * @typedef {{k: number, t: number, x: Tensor, x0: Tensor | null, ms: number}} Progress */

/** The number of the condition of a class, or null; of clusters within it one is drawn by its share.
 * @param {Network} network @param {number | null} label @param {number} seed @param {number} index */
export function conditionOf({ sampling, weights }, label, seed, index) {
  const { conditions, clusters, classes } = sampling;
  const shares = clusters ? weights.get("shares") : null;
  if (!conditions || (label === null && (classes.length || !shares))) return null;
  if (!shares) return label;
  const [u] = uniform(seed, "cluster", index, 1);
  const row = (label ?? 0) * clusters;
  let [cluster, sum] = [0, shares.data[row]];
  while (sum <= u && cluster < clusters - 1) sum += shares.data[row + ++cluster];
  return row + cluster;
}

/** What the network is given: y of a condition, where null means none in particular, and the time that it is told.
 * @param {Network} network @param {Tensor} x @param {number} t @param {number | null} condition */
export function inputsOf({ sampling: { conditions, timed } }, x, t, condition) {
  return { x, t: timed ? t : 0, y: conditions ? (condition ?? conditions) : null };
}

/** The best guess of x0 by a network.
 * @param {Network} network @param {number | null} condition @param {number} guidance @param {Change[]} changes
 * @returns {Denoise} */
export function denoiser(network, condition, guidance = 1, changes = []) {
  const { steps, weights, sampling } = network;
  const last = steps[steps.length - 1].name;
  /** @type {(condition: number | null) => Denoise} */
  const conditioned = (condition) => (x, t) => {
    const out = play(steps, weights, inputsOf(network, x, t, condition), changes).get(last);
    return split(/** @type {Tensor} */ (out), x, PATHS[sampling.path](t), sampling.target)[0];
  };
  const unconditional = conditioned(null);
  const denoise = condition === null ? unconditional : guided(unconditional, conditioned(condition), guidance);
  return sampling.clip_x0 ? clipped(denoise, sampling.range[0], sampling.range[1]) : denoise;
}

/** One question: x0, and the eps that goes with it.
 * @param {Network} network @param {{x: Tensor, t: number, label?: number | null, guidance?: number}} asked
 * @param {Change[]} changes */
export function denoised(network, { x, t, label = null, guidance = 1 }, changes = []) {
  const x0 = denoiser(network, conditionOf(network, label, 0, 0), guidance, changes)(x, t);
  return { x0, eps: noiseIn(x, x0, PATHS[network.sampling.path](t)) };
}

/** The noise levels of a request.
 * @param {Network["sampling"]} sampling @param {Request} request */
export function timesOf(sampling, { times, steps, spacing, solver }) {
  if (times) return times;
  const own =
    !steps && [undefined, sampling.spacing].includes(spacing) && [undefined, sampling.solver].includes(solver);
  if (own) return sampling.times;
  const path = PATHS[sampling.path];
  const last = sampling.target === "eps" && path(1).a < 1e-6 ? 0.999 : 1; // eps says nothing of x0 where no image is left
  return stepTimes(steps ?? sampling.times.length - 1, spacing ?? sampling.spacing, path, last);
}

/** Yields where it starts, and then after every step.
 * @param {Network} network @param {Request} request @returns {Generator<Progress, void>} */
export function* trajectory(network, request) {
  const { sampling } = network;
  const { seed = 0, index = 0, label = null, guidance = sampling.guidance, from = 0, changes = [] } = request;
  const [times, path, shape] = [timesOf(sampling, request), PATHS[sampling.path], sampling.shape];
  const count = shape[0] * shape[1] * shape[2];
  /** @type {(kind: string, draw: number, amount: number) => Tensor} */
  const drawn = (kind, draw, amount) => {
    return { shape, data: NOISES[kind](seed, "sample", index, count, draw).map((value) => value * amount) };
  };
  const x = request.x ?? drawn(sampling.noise, 0, path(times[from]).s);
  const denoise = denoiser(network, conditionOf(network, label, seed, index), guidance, changes);
  const solver = SOLVERS[request.solver ?? sampling.solver];
  yield { k: from, t: times[from], x, x0: null, ms: 0 };
  let k = from;
  let begin = performance.now();
  for (const [next, x0] of solver(denoise, x, times.slice(from), path, (step) => drawn("gaussian", from + step, 1))) {
    yield { k: ++k, t: times[k], x: next, x0, ms: performance.now() - begin };
    begin = performance.now();
  }
}
