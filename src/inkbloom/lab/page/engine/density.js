// Noise in the space of values: x = a x0 + s eps has the density of x0, scaled by a, convolved with that of eps, scaled by s.
//
// Values live on a grid of bins that reaches beyond them. Each value's mass is put on its two nearest bins, and the noise
// is integrated over each bin, so that nothing is lost and the mean stays what it is.

import { conv2d, flipped } from "./conv.js";
import { NOISES } from "./diffusion.js";
import { uniform } from "./philox.js";

/** Where the grid of each noise reaches: uniform noise on data in [0, 1], Gaussian noise on data in [-1, 1].
 * @type {Record<string, Grid>} */
export const GRIDS = {
  uniform: { low: -0.25, high: 1.25, bins: 384 },
  gaussian: { low: -4, high: 4, bins: 512 },
};

/** P(eps <= z) of each noise.
 * @type {Record<string, (z: number) => number>} */
const CDFS = {
  uniform: (z) => Math.min(1, Math.max(0, z)),
  gaussian: (z) => {
    if (Math.abs(z) > 8) return z > 0 ? 1 : 0;
    let [sum, term] = [z, z]; // Marsaglia 2004: 1/2 + phi(z) (z + z^3/3 + z^5/15 + ...)
    for (let n = 3; Math.abs(term) > 1e-17; n += 2) sum += term *= (z * z) / n;
    return 0.5 + (sum * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
  },
};

/** How far from 0 each noise reaches, in units of its amount; of Gaussian noise all but 1e-15. */
const REACH = { uniform: 1, gaussian: 8 };

/** @param {Grid} grid */
export function binWidth({ low, high, bins }) {
  return (high - low) / bins;
}

/** The middle of each bin.
 * @param {Grid} grid */
export function centres(grid) {
  return Float64Array.from({ length: grid.bins }, (_, bin) => grid.low + (bin + 0.5) * binWidth(grid));
}

/** The masses of a x0 on the grid: each goes to the two nearest bins, the nearer one gets more. `weigh` says what of a value
 * is put there: its mass, or another number in proportion.
 * @param {Known} known @param {number} a @param {Grid} grid @param {(value: number) => number} weigh
 * @returns {Tensor} (1, 1, bins) */
export function onGrid({ values, masses }, a, grid, weigh = () => 1) {
  const sums = new Float64Array(grid.bins);
  for (let k = 0; k < values.length; k++) {
    const at = (a * values[k] - grid.low) / binWidth(grid) - 0.5;
    const bin = Math.min(grid.bins - 2, Math.max(0, Math.floor(at)));
    const share = Math.min(1, Math.max(0, at - bin));
    sums[bin] += (1 - share) * masses[k] * weigh(values[k]);
    sums[bin + 1] += share * masses[k] * weigh(values[k]);
  }
  return { shape: [1, 1, grid.bins], data: Float32Array.from(sums) };
}

/** The masses of s eps in bins around 0, an odd number of them: the kernel of the convolution.
 * @param {string} noise @param {number} s @param {number} width of a bin @returns {Tensor} (1, 1, 1, k) */
export function noiseKernel(noise, s, width) {
  const [cdf, reach] = [CDFS[noise], Math.ceil((REACH[/** @type {keyof typeof REACH} */ (noise)] * s) / width)];
  const edge = (/** @type {number} */ k) => (s > 0 ? cdf(((k - reach - 0.5) * width) / s) : Number(k > reach));
  const data = Float32Array.from({ length: 2 * reach + 1 }, (_, k) => edge(k + 1) - edge(k));
  return { shape: [1, 1, 1, data.length], data };
}

/** Masses on a grid, convolved with a kernel by the page's conv2d, which does not flip: so it is flipped here.
 * @param {Tensor} masses (1, 1, bins) @param {Tensor} kernel (1, 1, 1, k) @returns {Tensor} (1, 1, bins) */
export function convolved(masses, kernel) {
  return conv2d(masses, flipped(kernel), null, { padding: [0, (kernel.shape[3] - 1) / 2] });
}

/** The masses of x = a x0 + s eps.
 * @param {Known} known @param {Pick<Coef, "a" | "s">} amounts @param {string} noise @param {Grid} grid */
export function density(known, { a, s }, noise, grid = GRIDS[noise]) {
  return convolved(onGrid(known, a, grid), noiseKernel(noise, s, binWidth(grid)));
}

/** E[x0 | x] at each bin: the ratio of two convolutions with one kernel; NaN where no x can be.
 * @param {Known} known @param {Pick<Coef, "a" | "s">} amounts @param {string} noise @param {Grid} grid */
export function bestGuess(known, { a, s }, noise, grid = GRIDS[noise]) {
  const kernel = noiseKernel(noise, s, binWidth(grid));
  const below = convolved(onGrid(known, a, grid), kernel).data;
  const above = convolved(onGrid(known, a, grid, (value) => value), kernel).data;
  return below.map((mass, bin) => (mass > 1e-12 ? above[bin] / mass : NaN));
}

/** Shares of the bins among `count` noised pixels, drawn from a seed.
 * @param {Known} known @param {Pick<Coef, "a" | "s">} amounts @param {string} noise @param {number} count @param {number} seed
 * @param {Grid} grid @returns {Float64Array} */
export function monteCarlo({ values, masses }, { a, s }, noise, count, seed, grid = GRIDS[noise]) {
  const sums = new Float64Array(masses.length);
  let total = 0;
  for (let k = 0; k < masses.length; k++) sums[k] = total += masses[k];
  const [which, eps] = [uniform(seed, "order", 0, count), NOISES[noise](seed, "noise", 0, count)];
  const out = new Float64Array(grid.bins);
  for (let k = 0; k < count; k++) {
    const x = a * values[found(sums, which[k] * total)] + s * eps[k];
    const bin = Math.floor((x - grid.low) / binWidth(grid));
    if (bin >= 0 && bin < grid.bins) out[bin] += 1 / count;
  }
  return out;
}

/** The first place where rising sums exceed a number.
 * @param {Float64Array} sums @param {number} number */
function found(sums, number) {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle] > number) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Mass, mean and variance of masses on a grid.
 * @param {ArrayLike<number>} masses @param {Grid} grid */
export function moments(masses, grid) {
  const at = centres(grid);
  let [mass, mean, square] = [0, 0, 0];
  for (let bin = 0; bin < grid.bins; bin++) {
    mass += masses[bin];
    mean += masses[bin] * at[bin];
    square += masses[bin] * at[bin] ** 2;
  }
  return { mass, mean: mean / mass, variance: square / mass - (mean / mass) ** 2 };
}
