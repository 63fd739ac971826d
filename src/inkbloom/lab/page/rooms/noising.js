// One noisy picture, x = a x0 + s eps, as three parts of room 3 share it: its level, path, noise and seed.

import {NOISES, PICTURE_PATHS, mixed} from "../engine/diffusion.js";
import {ink} from "../ui/colour.js";
import {button} from "../ui/controls.js";
import {h} from "../ui/dom.js";
import {SIDE, drawn} from "../ui/drawing.js";
import {choice, number, whole} from "../ui/state.js";
import {bound} from "./bound.js";

const WAYS = /** @type {const} */ (["lerp", "vp", "ve"]);
const KINDS = /** @type {const} */ (["gaussian", "uniform"]);

export const fields = {
  run_t: number(0.5, 0, 1),
  run_path: choice("lerp", WAYS),
  run_noise: choice("gaussian", KINDS),
  run_seed: whole(7, 0, 9999),
};

/** Uniform noise goes with lerp alone. @param {import("../ui/state.js").State} state @returns {typeof WAYS[number]} */
export const pathName = (state) => (state.get("run_noise") === "uniform" ? "lerp" : state.get("run_path"));

/** The amounts on the path of the state, at any level. @param {import("../ui/state.js").State} state */
export const amounts = (state) => PICTURE_PATHS[pathName(state)];

/**
 * The noisy drawing. Uniform noise belongs to pixels from 0 to 1 and to lerp, as in the tutorial; Gaussian noise to -1 to 1.
 * @param {import("../ui/state.js").State} state
 */
export function noising(state) {
  const noise = /** @type {typeof KINDS[number]} */ (state.get("run_noise"));
  const [low, mean, deviation] = noise === "uniform" ? [0, 0.5, Math.sqrt(1 / 12)] : [-1, 0, 1];
  const t = state.get("run_t");
  const c = amounts(state)(t);
  const picture = drawn(state);
  const x0 = {...picture, data: picture.data.map((value) => low + (1 - low) * value)};
  const eps = {...picture, data: NOISES[noise](state.get("run_seed"), "noise", 0, SIDE * SIDE)};
  return {noise, low, mean, deviation, t, c, a: c.a, s: c.s, x0, eps, x: mixed(c.a, x0, c.s, eps)};
}

/** Grey from the lowest pixel value to the highest; what noise drives beyond is cut. @param {number} value @param {number} low */
export const shade = (value, low) => ink((value - low) / (1 - low));

/** The controls of the run. @param {import("../main.js").Lab} lab @param {import("./bound.js").Words} t */
export function runControls(lab, t) {
  const {state} = lab;
  const {dial, pick, sync} = bound(lab, t);
  const level = dial("run_t", [0, 1, 0.01], (value) => value.toFixed(2));
  const [kind, path] = [pick("run_noise", KINDS), pick("run_path", WAYS)];
  const show = () => {
    sync();
    const select = /** @type {HTMLSelectElement} */ (path.element.querySelector("select"));
    select.disabled = state.get("run_noise") === "uniform";
    path.set(pathName(state));
  };
  show();
  const off = state.on(Object.keys(fields), show);
  return {
    element: h("div", {class: "controls run"}, level.element, kind.element, path.element,
      button(t("reroll"), () => state.set({run_seed: (state.get("run_seed") + 1) % 10000}))),
    stop: off,
  };
}
