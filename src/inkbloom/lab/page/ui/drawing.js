// The drawing that goes along through all rooms: 28 x 28 pixels, drawn with mouse, finger or keys, picked, dropped or pasted.

import {button, pick, toggle} from "./controls.js";
import {ink} from "./colour.js";
import {h} from "./dom.js";
import {matrix} from "./matrix.js";
import {SAMPLES} from "./samples.js";
import {flag, pixels} from "./state.js";

export const SIDE = 28;

/** @param {string} text */
const fromText = (text) => /** @type {Uint8Array} */ (pixels(new Uint8Array(SIDE * SIDE)).read(text));

/** Twelve digits of the training set to start from. */
export const samples = SAMPLES.map(fromText);

export const fields = {drawing: pixels(samples[3]), pen: flag(true)};

/** The drawing as a picture (1, 28, 28) of numbers from 0 (paper) to 1 (ink). @param {Pick<State, "get">} state */
export function drawn(state) {
  return {shape: [1, SIDE, SIDE], data: Float32Array.from(state.get("drawing"), (byte) => byte / 255)};
}

/** Which byte of a drawing lies under pixel i of a model's pictures. @param {number[]} shape @param {number} i */
export function under([, height, width], i) {
  const [row, column] = [Math.floor((i % (height * width)) / width), i % width];
  return Math.floor((row * SIDE) / height) * SIDE + Math.floor((column * SIDE) / width);
}

/** Paper and ink in numbers of a model's pictures: grey ones hold ink, coloured ones hold light. @param {Sampling} sampling */
export function paperAndInk({shape: [channels], range: [low, high]}) {
  return channels === 3 ? [high, low] : [low, high];
}

/** A drawing as a model has pictures. @param {Uint8Array} bytes @param {Sampling} sampling @returns {Tensor} */
export function pictureOf(bytes, sampling) {
  const {shape} = sampling;
  const [paper, ink] = paperAndInk(sampling);
  const length = shape[0] * shape[1] * shape[2];
  return {shape, data: Float32Array.from({length}, (_, i) => paper + ((ink - paper) * bytes[under(shape, i)]) / 255)};
}

/** The colours of a model's picture, pixel by pixel: of one channel ink on paper, of three their own. @param {Sampling} sampling */
export function coloursOf(sampling) {
  const [paper, dark] = paperAndInk(sampling);
  const colour = (/** @type {number} */ value) => ink((value - paper) / (dark - paper));
  return (/** @type {Tensor} */ {shape: [channels, rows, columns], data}) =>
    (/** @type {number} */ value, /** @type {number} */ i) => /** @type {Rgb} */ (
      channels === 3 ? [0, 1, 2].map((channel) => colour(data[channel * rows * columns + i])[0]) : colour(value));
}

/** Ink around a pixel, fading over its neighbours, or less of it. @param {Uint8Array} bytes @param {number} row @param {number} column @param {boolean} more */
function stroke(bytes, row, column, more) {
  const after = Uint8Array.from(bytes);
  for (let r = Math.max(0, row - 1); r <= Math.min(SIDE - 1, row + 1); r++) {
    for (let c = Math.max(0, column - 1); c <= Math.min(SIDE - 1, column + 1); c++) {
      const reach = r === row && c === column ? 1 : r === row || c === column ? 0.6 : 0.2;
      const now = after[r * SIDE + c];
      after[r * SIDE + c] = more ? Math.max(now, Math.round(255 * reach)) : Math.round(now * (1 - reach));
    }
  }
  return after;
}

/** The pad to draw on, with its samples, an eraser, and a place to drop or paste a picture.
 * @param {Lab} lab @param {{compact?: boolean}} [how] */
export function drawingPad(lab, {compact = false} = {}) {
  const {state, words} = lab;
  const pad = matrix({
    label: words("your_drawing"), words,
    data: () => ({rows: SIDE, columns: SIDE, values: state.get("drawing")}),
    colour: (value) => ink(value / 255), show: String, range: [0, 255],
    onEdit: (row, column, value) => state.set({
      drawing: Uint8Array.from(state.get("drawing"), (now, i) => (i === row * SIDE + column ? Math.round(value) : now)),
    }),
    onPaint: (row, column, done) => state.set({drawing: stroke(state.get("drawing"), row, column, state.get("pen"))}, {keep: !done}),
  });
  pad.element.classList.add("pad");
  const picks = samples.map((bytes, i) => pick({label: words("sample_digit", {number: i + 1}), values: bytes, side: SIDE,
    colour: (value) => ink(value / 255), onClick: () => state.set({drawing: bytes})}));
  const eraser = toggle({label: words("eraser"), on: !state.get("pen"), onChange: (on) => state.set({pen: !on}, {keep: true})});
  const file = h("input", {type: "file", accept: "image/*", class: "unseen", tabindex: "-1", "aria-hidden": "true",
    onChange: () => void take(file.files?.[0])});
  const take = async (/** @type {Blob | undefined} */ blob) => {
    if (!blob) return;
    try {
      state.set({drawing: await shrunk(blob)});
    } catch {
      lab.say(words("no_picture"), true);
    }
  };
  const element = h("div", {class: compact ? "drawing compact" : "drawing"}, pad.element, h("div", {class: "drawing-tools"},
    h("div", {class: "row"}, button(words("clear"), () => state.set({drawing: new Uint8Array(SIDE * SIDE)})), eraser.element,
      button(words("open_picture"), () => file.click()), file),
    h("div", {class: "picks", role: "group", "aria-label": words("samples")}, ...picks)));
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    void take(event.dataTransfer?.files[0]);
  });
  const onPaste = (/** @type {ClipboardEvent} */ event) => void take(event.clipboardData?.files[0]);
  document.addEventListener("paste", onPaste);
  const off = state.on(["drawing"], pad.draw);
  return {element, stop: () => { off(); document.removeEventListener("paste", onPaste); }};
}

/** Any picture as 28 x 28 grey pixels: the middle square, dark on light turned into ink on paper.
 * @param {Blob} blob @returns {Promise<Uint8Array>} */
async function shrunk(blob) {
  const picture = await createImageBitmap(blob);
  const side = Math.min(picture.width, picture.height);
  const canvas = h("canvas", {width: SIDE, height: SIDE});
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", {willReadFrequently: true}));
  context.fillStyle = "#fff";
  context.fillRect(0, 0, SIDE, SIDE);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, (picture.width - side) / 2, (picture.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  const {data} = context.getImageData(0, 0, SIDE, SIDE);
  const greys = Uint8Array.from({length: SIDE * SIDE}, (_, i) => Math.round(0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]));
  const border = greys.filter((_, i) => i < SIDE || i >= SIDE * (SIDE - 1) || i % SIDE === 0 || i % SIDE === SIDE - 1);
  const light = border.reduce((sum, each) => sum + each, 0) > 127 * border.length;
  return light ? greys.map((each) => 255 - each) : greys;
}
