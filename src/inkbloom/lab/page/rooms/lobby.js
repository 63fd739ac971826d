// Room 0: draw once; the drawing goes along through all rooms, each of which shows a glimpse of what it makes of it.

import {conv2d, convTranspose2d, padded} from "../engine/conv.js";
import {lerp} from "../engine/diffusion.js";
import {normal} from "../engine/philox.js";
import * as text from "../text/lobby.js";
import {diverging, ink, paint} from "../ui/colour.js";
import {eachFrame, h, newest, put, rich} from "../ui/dom.js";
import {SIDE, drawingPad, drawn, pictureOf} from "../ui/drawing.js";

export const fields = {};

/** @param {number[]} values */
const kernel = (values) => ({shape: [1, 1, 3, 3], data: Float32Array.from(values)});
const SOBEL = kernel([-1, 0, 1, -2, 0, 2, -1, 0, 1]);
const STAMP = kernel([1, 2, 1, 2, 4, 2, 1, 2, 1].map((value) => value / 16));

/** @type {Record<string, (x: Tensor) => {picture: Tensor, colour: (value: number) => Rgb}>} */
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

/** @param {HTMLElement} el @param {Lab} lab */
export function mount(el, lab) {
  const {state, words} = lab;
  const t = /** @type {Words} */ (lab.wordsOf(text));
  const pad = drawingPad(lab);
  const cards = ["convolution", "transposed", "spreading", "xray", "sampling"].map((name) => {
    const canvas = h("canvas", {class: "thumb", "aria-hidden": "true"});
    const card = h("a", {class: "panel card", href: "#", onClick: (/** @type {Event} */ event) => {
      event.preventDefault();
      state.set({room: name});
    }}, canvas, h("h2", {}, words(`room_${name}`)), h("p", {}, t(name)));
    return {name, canvas, card};
  });
  const layer = newest(() => drawLayer(cards[3].canvas, lab));
  const draw = eachFrame(() => {
    for (const {name, canvas} of cards) {
      if (!GLIMPSES[name]) continue;
      const {picture, colour} = GLIMPSES[name](drawn(state));
      paint(canvas, picture.data, picture.shape[1], picture.shape[2], colour);
    }
    void layer();
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

/** What the middle of the network makes of the drawing: the first map of its smallest size.
 * @param {HTMLCanvasElement} canvas @param {Lab} lab */
async function drawLayer(canvas, lab) {
  try {
    const model = await lab.models.open(lab.state.get("model"));
    const {values} = await lab.models.engine.forward(model, {x: pictureOf(lab.state.get("drawing"), model.sampling), t: 0.1});
    const convolutions = model.steps.filter((step) => step.op === "conv2d");
    const least = Math.min(...convolutions.map((step) => step.shape[1]));
    const {shape: [, rows, columns], data} = values[convolutions.find((step) => step.shape[1] === least)?.name ?? ""];
    const map = data.subarray(0, rows * columns);
    const most = Math.max(...map.map(Math.abs));
    paint(canvas, map, rows, columns, (value) => diverging(value / most));
  } catch {
    canvas.hidden = true; // no model: the card below says so
  }
}

/** The model's card, as its file and its evaluation tell it. @param {HTMLElement} place @param {Lab} lab @param {Words} t */
async function tellModel(place, {models, state, language, number, words}, t) {
  const title = h("h2", {}, t("model"));
  try {
    const [list, model] = await Promise.all([models.list(), models.open(state.get("model"))]);
    const listed = list.find(({name}) => name === state.get("model")) ?? list[0];
    const facts = [
      [t("name"), listed.title[language]],
      [t("parameters"), number(model.parameters, 9)],
      [t("macs"), t("macs_value", {count: number(model.macs / (language === "zh" ? 1e4 : 1e6), 4)})],
      ...(listed.card?.fd ? [[t("fd"), t("fd_value", {fd: number(listed.card.fd), floor: number(listed.card.floor.fd)})]] : []),
      ...(listed.licence ? [[t("licence"), listed.licence]] : []),
    ];
    put(place, title, h("dl", {class: "facts"}, ...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      listed.card?.fd && h("p", {}, t("fd_about")));
  } catch (problem) {
    put(place, title, h("p", {}, ...rich(models.why(problem, words))));
  }
}
