// Solvers walk from noise to image, as in inkbloom/solvers.py: each is a generator that yields [x, x0] after every step.

import { mixed, noiseIn } from "./diffusion.js";

/** Take the picture apart and mix it again with a little less noise: DDIM (Song et al. 2021, Eq. 12 with sigma = 0).
 *
 * On `lerp` this is Euler's method for flow matching, and the tutorial's rule  x (1 - m) + x0 m,  m = 1 / (steps left).
 * @type {Solver} */
export function* euler(denoise, x, times, path) {
  for (const [t, s] of pairwise(times)) {
    const x0 = denoise(x, t);
    const [eps, d] = [noiseIn(x, x0, path(t)), path(s)];
    x = mixed(d.a, x0, d.s, eps);
    yield [x, x0];
  }
}

/** Heun's method on dx/dt = a' x0 + s' eps (Karras et al. 2022, Algorithm 1); the last step is Euler's: 2n - 1 calls.
 * @type {Solver} */
export function* heun(denoise, x, times, path) {
  for (const [t, s] of pairwise(times)) {
    const x0 = denoise(x, t);
    const [c, d] = [path(t), path(s)];
    const eps = noiseIn(x, x0, c);
    if (d.s === 0) {
      x = mixed(d.a, x0, d.s, eps);
    } else {
      const velocity = mixed(c.da, x0, c.ds, eps);
      const ahead = mixed(1, x, s - t, velocity);
      const aheadX0 = denoise(ahead, s);
      const aheadVelocity = mixed(d.da, aheadX0, d.ds, noiseIn(ahead, aheadX0, d));
      x = mixed(1, x, (s - t) / 2, mixed(1, velocity, 1, aheadVelocity));
    }
    yield [x, x0];
  }
}

/** DPM-Solver++(2M) (Lu et al. 2022, Algorithm 2): extrapolates x0 in log(a / s); first order at both ends.
 * @type {Solver} */
export function* dpmpp_2m(denoise, x, times, path) {
  /** @type {Tensor | null} */
  let old = null;
  let hOld = 1;
  for (const [t, s] of pairwise(times)) {
    const x0 = denoise(x, t);
    const [c, d] = [path(t), path(s)];
    const h = logRatio(path, s) - logRatio(path, t);
    const more = h / (2 * hOld);
    const guess = old === null || d.s === 0 ? x0 : mixed(1 + more, x0, -more, old);
    x = mixed(d.s / c.s, x, -d.a * Math.expm1(-h), guess);
    [old, hOld] = [x0, h];
    yield [x, x0];
  }
}

/** Euler, but part of the old noise is replaced by new noise: DDPM's sampler (Song et al. 2021, Eq. 16 with eta = 1).
 * @type {Solver} */
export function* ancestral(denoise, x, times, path, noise) {
  if (!noise) throw new TypeError("ancestral needs noise(k), the new Gaussian noise of step k");
  let k = 0;
  for (const [t, s] of pairwise(times)) {
    const x0 = denoise(x, t);
    const [c, d] = [path(t), path(s)];
    const fresh = 1 - ((c.a * d.s) / (d.a * c.s)) ** 2;
    const eps = mixed(Math.sqrt(1 - fresh), noiseIn(x, x0, c), Math.sqrt(fresh), noise(++k));
    x = mixed(d.a, x0, d.s, eps);
    yield [x, x0];
  }
}

/** @type {Record<string, Solver>} */
export const SOLVERS = { euler, heun, dpmpp_2m, ancestral };

/** NFE: network evaluations for one sample.
 * @param {string} solver @param {number} steps @param {number} guidance */
export function evaluations(solver, steps, guidance = 1) {
  return (solver === "heun" ? 2 * steps - 1 : steps) * (guidance === 0 || guidance === 1 ? 1 : 2);
}

/** @param {number[]} times @returns {[number, number][]} */
function pairwise(times) {
  return times.slice(1).map((s, k) => [times[k], s]);
}

/** @type {Record<string, Spacing>} */
export const SPACINGS = {
  // Equal steps in t, as in the tutorial.
  uniform: (u, path, start) => u.map((each) => start * (1 - each)),
  // More steps at the noise end: t -> k t / (1 + (k - 1) t) with k = 3 (Esser et al. 2024, Eq. 23).
  shifted: (u, path, start) => u.map((each) => (start * 3 * (1 - each)) / (1 + 2 * (1 - each))),
  // Equal steps in log(a / s), which is infinite at both ends: from t = 0.995 to 0.02, then on to `start` and 0.
  logsnr: (u, path, start) => {
    const first = logRatio(path, Math.min(start, 0.995));
    const last = logRatio(path, Math.min(start / 2, 0.02));
    const inner = u.length - 2;
    const equal = u.slice(1).map((_, k) => first + (inner ? (k / inner) * (last - first) : 0));
    return [...equal.map((each) => timeOf(path, each)), 0];
  },
};

/** log(a / s). @param {Path} path @param {number} t */
export function logRatio(path, t) {
  const c = path(t);
  return Math.log(c.a) - Math.log(c.s);
}

/** The t at which log(a / s) has this value, by bisection: it falls on every path.
 * @param {Path} path @param {number} wanted */
function timeOf(path, wanted) {
  let [low, high] = [0, 1];
  for (let turn = 0; turn < 60; turn++) {
    const middle = (low + high) / 2;
    if (logRatio(path, middle) > wanted) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** steps + 1 times from `start` in (0, 1] down to exactly 0.
 * @param {number} steps @param {string} spacing @param {Path} path @param {number} start */
export function stepTimes(steps, spacing, path, start = 1) {
  const u = Array.from({ length: steps + 1 }, (_, k) => k / steps);
  const times = SPACINGS[spacing](u, path, start);
  times[0] = start;
  times[steps] = 0;
  return times;
}
