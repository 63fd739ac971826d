// Room 0: draw once; the drawing goes along through all rooms, each of which shows a glimpse of what it makes of it.

import {conv2d, convTranspose2d, padded} from "../engine/conv.js";
import {lerp} from "../engine/diffusion.js";
import {normal} from "../engine/philox.js";
import * as text from "../text/lobby.js";
import {diverging, ink, paint} from "../ui/colour.js";
import {eachFrame, h, put} from "../ui/dom.js";
import {SIDE, drawingPad, drawn} from "../ui/drawing.js";

export const fields = {};

/** @typedef {import("../engine/conv.js").Tensor} Tensor */

const SOBEL = {shape: [1, 1, 3, 3], data: Float32Array.of(-1, 0, 1, -2, 0, 2, -1, 0, 1)};
const STAMP = {shape: [1, 1, 3, 3], data: Float32Array.of(1, 2, 1, 2, 4, 2, 1, 2, 1).map((value) => value / 16)};

/** @type {Record<string, (x: Tensor) => {picture: Tensor, colour: (value: number) => [number, number, number]}>} */
const GLIMPSES = {
  convolution: (x) => ({picture: conv2d(x, SOBEL, null, {padding: [1, 1]}), colour: (value) => diverging(value / 3)}),
  transposed: (x) => ({picture: convTranspose2d(x, STAMP, null, {stride: [2, 2], padding: [1, 1]}), colour: (value) => ink(4 * value)}),
  spreading: (x) => {
    let picture = x;
    for (let tick = 0; tick < 6; tick++) picture = conv2d(padded(picture, {left: 1, right: 1, top: 1, bottom: 1}, "reflect"), STAMP, null);
    return {picture, colour: ink};
  },
  sampling: (x) => {
    const {a, s} = lerp(0.6);
    const eps = normal(7, "noise", 0, SIDE * SIDE);
    return {picture: {...x, data: x.data.map((value, i) => a * (2 * value - 1) + s * eps[i])}, colour: (value) => ink((value + 1) / 2)};
  },
};

/** @param {HTMLElement} el @param {import("../main.js").Lab} lab */
export function mount(el, lab) {
  const {state, words} = lab;
  const t = lab.wordsOf(text);
  const pad = drawingPad(lab);
  const cards = ["convolution", "transposed", "spreading", "xray", "sampling"].map((name) => {
    const canvas = h("canvas", {class: "thumb", "aria-hidden": "true"});
    const card = h("a", {class: "panel card", href: "#", onClick: (/** @type {Event} */ event) => {
      event.preventDefault();
      state.set({room: name});
    }}, canvas, h("h2", {}, words(`room_${name}`)), h("p", {}, t(/** @type {any} */ (name))));
    return {name, canvas, card};
  });
  const draw = eachFrame(() => {
    for (const {name, canvas} of cards) {
      if (!GLIMPSES[name]) continue;
      const {picture, colour} = GLIMPSES[name](drawn(state));
      paint(canvas, picture.data, picture.shape[1], picture.shape[2], colour);
    }
    void drawLayer(cards[3].canvas, lab);
  });
  const model = h("section", {class: "panel"}, h("h2", {}, t("model")), h("p", {}, words("loading")));
  put(el, h("h1", {}, words("motto")), h("p", {class: "lead"}, t("lead")), pad.element,
    h("div", {class: "row"}, h("h2", {}, t("on")), lab.badge("computed")),
    h("div", {class: "cards"}, ...cards.map(({card}) => card)), model);
  void tellModel(model, lab, t);
  draw();
  const off = state.on(["drawing"], draw);
  return {stop: () => { off(); pad.stop(); }};
}

/** What the middle of the network makes of the drawing: one map of its deepest convolution. @param {HTMLCanvasElement} canvas @param {import("../main.js").Lab} lab */
async function drawLayer(canvas, lab) {
  try {
    const model = await lab.models.open(lab.state.get("model"));
    const [low, high] = model.sampling.range;
    const x = drawn(lab.state);
    if (String(model.sampling.shape) !== String(x.shape)) return;
    const seen = {...x, data: x.data.map((value) => low + (high - low) * value)};
    const {values} = await lab.models.engine.forward(model, {x: seen, t: 0.1});
    const convolutions = model.steps.filter((step) => step.op === "conv2d");
    const least = Math.min(...convolutions.map((step) => step.shape[1]));
    const {shape, data} = values[convolutions.filter((step) => step.shape[1] === least)[0].name];
    const map = data.subarray(0, shape[1] * shape[2]);
    const most = Math.max(...map.map(Math.abs));
    paint(canvas, map, shape[1], shape[2], (value) => diverging(value / most));
  } catch {
    canvas.hidden = true; // no model: the card below says so
  }
}

/** The model's card, as its file and its evaluation tell it. @param {HTMLElement} place @param {import("../main.js").Lab} lab @param {(key: any, values?: any) => string} t */
async function tellModel(place, lab, t) {
  try {
    const [list, model] = await Promise.all([lab.models.list(), lab.models.open(lab.state.get("model"))]);
    const listed = list.find((/** @type {import("../ui/models.js").Listed} */ {name}) => name === lab.state.get("model")) ?? list[0];
    const whole = (/** @type {number} */ value) => lab.number(value, 9);
    const facts = [
      [t("name"), listed.title[lab.language]],
      [t("parameters"), whole(model.parameters)],
      [t("macs"), t("macs_value", {count: lab.number(model.macs / (lab.language === "zh" ? 1e4 : 1e6), 4)})],
      ...(listed.card?.fd ? [[t("fd"), t("fd_value", {fd: lab.number(listed.card.fd), floor: lab.number(listed.card.floor.fd)})]] : []),
      [t("licence"), listed.licence ?? ""],
    ];
    put(place, h("h2", {}, t("model")), h("dl", {class: "facts"},
      ...facts.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])), h("p", {}, t("fd_about")));
  } catch (problem) {
    put(place, h("h2", {}, t("model")), h("p", {}, h("strong", {}, lab.words("no_model")), " ", lab.models.why(problem, lab.words)));
  }
}
