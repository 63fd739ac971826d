// The theory, as in inkbloom/diffusion.py:  x = a(t) x0 + s(t) eps,  t = 0 is the image, t = 1 is the noise.
//
// A path says how the amounts a and s run. A target says what the network predicts, always some  p x0 + q eps ; one 2x2
// system turns any prediction on any path into x0 and eps (`split`). Amounts are plain numbers, pictures Float32Arrays.

import { normal, uniform } from "./philox.js";

/** @typedef {(t: number) => Coef} Path */

/** a = 1 - t, s = t: the tutorial's corruption (its section 3.3), and the path of flow matching.
 * @type {Path} */
export const lerp = (t) => ({ a: 1 - t, s: t, da: -1, ds: 1 });

/** a = cos(pi t / 2), s = sin(pi t / 2): a^2 + s^2 = 1 (Nichol and Dhariwal 2021, without their offset).
 * @type {Path} */
export function cosine(t) {
  const w = Math.PI / 2;
  const [a, s] = [Math.max(0, Math.cos(w * t)), Math.sin(w * t)];
  return { a, s, da: -w * s, ds: w * a };
}

const DDPM_STEPS = 1000;
const DDPM_BETAS = [1e-4, 0.02];

/** DDPM's linear betas (Ho et al. 2020, section 4): a^2 equals their alpha-bar of step i at t = (i + 1) / 1000.
 *
 * alpha-bar is a product of factors 1 - beta_j that fall by a constant d, hence  d^n G(K + 1) / G(K + 1 - n)  with the
 * gamma function G, n = 1000 t and K = (1 - beta_0) / d.
 * @type {Path} */
export function vp(t) {
  const d = (DDPM_BETAS[1] - DDPM_BETAS[0]) / (DDPM_STEPS - 1);
  const k = (1 - DDPM_BETAS[0]) / d;
  const n = DDPM_STEPS * t;
  const logA = (n * Math.log(d) + lgamma(k + 1) - lgamma(k + 1 - n)) / 2;
  const a = Math.exp(logA);
  const s = Math.sqrt(Math.abs(Math.min(0, Math.expm1(2 * logA))));
  const da = (a * DDPM_STEPS * (Math.log(d) + digamma(k + 1 - n))) / 2;
  return { a, s, da, ds: (-a * da) / Math.max(s, 1e-6) };
}

/** The logarithm of the gamma function by Stirling's series; exact to rounding from 10 up, and `vp` needs it at 50,000.
 * @param {number} z */
function lgamma(z) {
  return (z - 0.5) * Math.log(z) - z + Math.log(2 * Math.PI) / 2 + 1 / (12 * z) - 1 / (360 * z ** 3);
}

/** Its derivative. @param {number} z */
function digamma(z) {
  return Math.log(z) - 1 / (2 * z) - 1 / (12 * z ** 2) + 1 / (120 * z ** 4);
}

/** a = 1, s from `low` to `high` geometrically (Song et al. 2021): the image stays, the noise grows. For pictures only.
 * @type {(t: number, low?: number, high?: number) => Coef} */
export function ve(t, low = 0.01, high = 50) {
  const s = low * (high / low) ** t;
  return { a: 1, s, da: 0, ds: s * Math.log(high / low) };
}

/** @type {Record<string, Path>} */
export const PATHS = { lerp, cosine, vp };
/** @type {Record<string, Path>} */
export const PICTURE_PATHS = { ...PATHS, ve: (t) => ve(t) };

/** @type {Record<string, Target>} */
export const TARGETS = {
  x0: () => [1, 0], // the tutorial's
  eps: () => [0, 1], // DDPM's
  v: (c) => [c.da, c.ds], // the velocity dx/dt of flow matching
};

/** @type {Record<string, Noise>} */
export const NOISES = { uniform, gaussian: normal };

/** u x + v y.
 * @param {number} u @param {Tensor} x @param {number} v @param {Tensor} y @returns {Tensor} */
export function mixed(u, x, v, y) {
  const data = new Float32Array(x.data.length);
  for (let i = 0; i < data.length; i++) data[i] = u * x.data[i] + v * y.data[i];
  return { shape: x.shape, data };
}

/** [x0, eps] from the two equations  out = p x0 + q eps  and  x = a x0 + s eps.
 * @param {Tensor} out @param {Tensor} x @param {Coef} c @param {string} target a name in TARGETS
 * @returns {[Tensor, Tensor]} */
export function split(out, x, c, target) {
  const [p, q] = TARGETS[target](c);
  const det = q * c.a - p * c.s;
  return [mixed(q / det, x, -c.s / det, out), mixed(c.a / det, out, -p / det, x)];
}

/** The eps that makes x0 into x.
 * @param {Tensor} x @param {Tensor} x0 @param {Coef} c */
export function noiseIn(x, x0, c) {
  return mixed(1 / c.s, x, -c.a / c.s, x0);
}

/** Classifier-free guidance (Ho and Salimans 2022): scale 0 ignores the condition, 1 is plain, above 1 is guided.
 * @param {Denoise} unconditional @param {Denoise} conditional @param {number} scale @returns {Denoise} */
export function guided(unconditional, conditional, scale) {
  if (scale === 0) return unconditional;
  if (scale === 1) return conditional;
  return (x, t) => mixed(1 - scale, unconditional(x, t), scale, conditional(x, t));
}

/** The same denoiser with x0 held within the range of the data.
 * @param {Denoise} denoise @param {number} low @param {number} high @returns {Denoise} */
export function clipped(denoise, low, high) {
  return (x, t) => {
    const { shape, data } = denoise(x, t);
    return { shape, data: data.map((value) => Math.min(high, Math.max(low, value))) };
  };
}
