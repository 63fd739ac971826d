// One noisy picture, x = a x0 + s eps, as three parts of room 3 share it: its level, path, noise, seed, and the pixel one follows.

import {NOISES, PICTURE_PATHS, mixed} from "../engine/diffusion.js";
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
  run_pixel: whole(9 * SIDE + 17, 0, SIDE * SIDE - 1),
};

/** How noise is mixed in. Uniform noise belongs to pixels from 0 to 1 and to lerp, as in the tutorial; Gaussian noise to -1 to 1.
 * @param {State} state */
export function mixing(state) {
  const noise = /** @type {typeof KINDS[number]} */ (state.get("run_noise"));
  const [low, mean, deviation] = noise === "uniform" ? [0, 0.5, Math.sqrt(1 / 12)] : [-1, 0, 1];
  const path = /** @type {typeof WAYS[number]} */ (noise === "uniform" ? "lerp" : state.get("run_path"));
  const amounts = PICTURE_PATHS[path];
  const [t, pixel] = [state.get("run_t"), state.get("run_pixel")];
  const c = amounts(t);
  return {noise, path, low, mean, deviation, amounts, t, c, a: c.a, s: c.s, pixel, row: Math.floor(pixel / SIDE), column: pixel % SIDE};
}

/** The noisy drawing, and what it is mixed of. @param {State} state */
export function noising(state) {
  const how = mixing(state);
  const {noise, low, a, s} = how;
  const picture = drawn(state);
  const x0 = {...picture, data: picture.data.map((value) => low + (1 - low) * value)};
  /** @param {number} index of the noise: 0 is eps, step k of a chain takes k + 1 @returns {Float32Array} */
  const draw = (index) => NOISES[noise](state.get("run_seed"), "noise", index, SIDE * SIDE);
  const eps = {...picture, data: draw(0)};
  return {...how, draw, x0, eps, x: mixed(a, x0, s, eps)};
}

/** The controls of the run. @param {Lab} lab @param {Words} t */
export function runControls(lab, t) {
  const {state} = lab;
  const {dial, pick, sync} = bound(lab, t);
  const level = dial("run_t", 0, 1, 0.01, (value) => value.toFixed(2));
  const [kind, path] = [pick("run_noise", KINDS), pick("run_path", WAYS)];
  const show = () => {
    sync();
    const select = /** @type {HTMLSelectElement} */ (path.element.querySelector("select"));
    select.disabled = state.get("run_noise") === "uniform";
    path.set(mixing(state).path);
  };
  show();
  return {
    element: h("div", {class: "controls run"}, level.element, kind.element, path.element,
      button(t("reroll"), () => state.set({run_seed: (state.get("run_seed") + 1) % 10000}))),
    stop: state.on(Object.keys(fields), show),
  };
}

/** Pictures of the run, one like the other: at the mouse or the keyboard's cursor is the pixel that is followed.
 * @param {Lab} lab @param {Words} t */
export function followed(lab, t) {
  const {picture} = bound(lab, t);
  /** @type {ReturnType<typeof picture>[]} */ const all = [];
  return {
    /** @param {string} key @param {() => Float32Array} values @param {(value: number) => Rgb} colour @param {() => void} onOpen */
    add(key, values, colour, onOpen) {
      all.push(picture(key, values, colour, {onOpen, onPoint: (row, column) => {
        const pixel = row * SIDE + column;
        if (pixel !== lab.state.get("run_pixel")) lab.state.set({run_pixel: pixel}, {keep: true});
      }}));
      return all[all.length - 1].element;
    },
    /** @param {{row: number, column: number}} at */
    show: ({row, column}) => all.forEach((each) => {
      each.mark([{row, column, rows: 1, columns: 1}]);
      each.point(row, column);
    }),
  };
}
