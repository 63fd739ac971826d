// Room 1: one convolution, stepped by hand. Every output number is `conv2d`'s; its receipt is the same sum, written out.

import {conv2d, flipped, outputSize, padded, zeros} from "../engine/conv.js";
import * as text from "../text/convolution.js";
import {css, diverging, ink, isLight} from "../ui/colour.js";
import {button, choose, pick as picture, player, slider} from "../ui/controls.js";
import {eachFrame, h, put, write} from "../ui/dom.js";
import {SIDE, drawn} from "../ui/drawing.js";
import {brief, matrix} from "../ui/matrix.js";
import {digits, python, pythonList, pythonMatrix} from "../ui/receipt.js";
import {choice, flag, number, numbers, whole} from "../ui/state.js";
import {bound, sumTable, weightFields} from "./bound.js";
import {PRESETS, resized, windowed} from "./kernels.js";

/** @type {Record<string, {torch: string, numpy: string}>} What stands around the drawing, as both libraries name it. */
const MODES = {
  zero: {torch: "constant", numpy: "constant"},
  reflect: {torch: "reflect", numpy: "reflect"},
  circular: {torch: "circular", numpy: "wrap"},
};
/** @type {Record<string, {of: (y: number) => number, torch: string, numpy: string}>} */
const ACTIVATIONS = {
  none: {of: (y) => y, torch: "y", numpy: "y"},
  relu: {of: (y) => Math.max(0, y), torch: "F.relu(y)", numpy: "max(0, y)"},
  silu: {of: (y) => y / (1 + Math.exp(-y)), torch: "F.silu(y)", numpy: "y / (1 + np.exp(-y))"},
};
const SIZES = ["28", "14", "7"];
const SQUARES = [1, 4, 9, 16, 25, 36, 49];

export const fields = {
  conv_size: choice("14", SIZES),
  conv_kernel: numbers(PRESETS.sobel_x, -99, 99, (count) => SQUARES.includes(count)),
  conv_padding: whole(1, 0, 3),
  conv_mode: choice("zero", Object.keys(MODES)),
  conv_stride: whole(1, 1, 4),
  conv_dilation: whole(1, 1, 3),
  conv_flip: flag(false),
  conv_bias: number(0, -99, 99),
  conv_act: choice("none", Object.keys(ACTIVATIONS)),
  conv_at: whole(51, 0, 2000),
  conv_predict: flag(false),
  conv_paint: flag(false),
};

/** All of the room's numbers, from its state alone. @param {State} state */
function bench(state) {
  const [size, kernel, padding, mode, stride, dilation, flip, bias, act, place] =
    ["size", "kernel", "padding", "mode", "stride", "dilation", "flip", "bias", "act", "at"].map((name) => state.get(`conv_${name}`));
  const side = Math.sqrt(kernel.length);
  const reach = dilation * (side - 1) + 1;
  const input = shrunk(drawn(state), Number(size));
  const around = padded(input, {left: padding, right: padding, top: padding, bottom: padding}, mode);
  const given = {shape: [1, 1, side, side], data: Float32Array.from(kernel)};
  const weight = flip ? flipped(given) : given;
  const fits = reach <= around.shape[1];
  const added = {shape: [1], data: Float32Array.of(bias)};
  const sums = fits ? conv2d(around, weight, added, {stride: [stride, stride], dilation: [dilation, dilation]}) : zeros(1, 0, 0);
  const count = fits ? outputSize(Number(size), side, stride, padding, dilation) : 0;
  const at = Math.max(0, Math.min(place, count ** 2 - 1));
  return {size: Number(size), side, padding, mode, stride, dilation, flip, bias, act, reach, input, around, kernel, weight, sums, count, at,
    output: sums.data.map(ACTIVATIONS[act].of), row: Math.floor(at / (count || 1)), column: at % (count || 1)};
}

/** The terms of one output number, in the order in which they are added.
 * @param {ReturnType<typeof bench>} b @param {number} row @param {number} column */
const terms = (b, row, column) => windowed(b.around, b.weight, row * b.stride, column * b.stride, b.dilation);

/** The drawing at a half or a quarter of its size: each pixel the mean of those that it stands for.
 * @param {Tensor} x @param {number} size */
function shrunk(x, size) {
  const by = SIDE / size;
  return conv2d(x, {shape: [1, 1, by, by], data: new Float32Array(by * by).fill(1 / by ** 2)}, null, {stride: [by, by]});
}

/** @param {HTMLElement} el @param {Lab} lab */
export function mount(el, lab) {
  const {state, words} = lab;
  const t = /** @type {Words} */ (lab.wordsOf(text));
  const {dial, pick, check, sync} = bound(lab, t);
  let b = bench(state);
  let most = 1; // the largest output, which gets the full colour
  /** @type {{at: number, given: number} | undefined} in the game of predicting: what was said of the present output */ let guessed;

  const inside = (/** @type {number} */ place) => place >= b.padding && place < b.padding + b.size;
  const isSecret = (/** @type {number} */ at) => state.get("conv_predict") && at >= b.at && guessed?.at !== at;
  const input = matrix({
    label: t("input"), words, colour: ink,
    data: () => ({rows: b.around.shape[1], columns: b.around.shape[2], values: b.around.data}),
    onPoint: showReached,
    onEdit: (row, column, value) => dab(row, column, value, true),
    onPaint: (row, column, done) => { if (state.get("conv_paint")) dab(row, column, state.get("pen") ? 1 : 0, done); },
    tell: (row, column) => (inside(row) && inside(column) ? "" : t("is_padding")),
  });
  const output = matrix({
    label: t("output"), words,
    data: () => ({rows: b.count, columns: b.count, values: b.output.map((value, at) => (isSecret(at) ? NaN : value))}),
    colour: (value) => diverging(value / most),
    onPoint: (row, column) => {
      const at = row * b.count + column;
      if (b.count && at !== b.at) state.set({conv_at: at}, {keep: true});
    },
    onOpen: openReceipt,
  });
  const play = player({words, keys: el, count: Math.max(1, b.count ** 2), at: b.at, perSecond: () => 6,
    onMove: (at, done) => state.set({conv_at: at}, {keep: !done})});
  const weights = weightFields(t, (kernel) => state.set({conv_kernel: kernel}));
  const presets = choose({label: t("preset"), value: "",
    options: ["", ...Object.keys(PRESETS)].map((value) => ({value, label: t(`k_${value}`)})),
    onChange: (name) => { if (name) state.set({conv_kernel: PRESETS[name]}); }});
  const side = slider({label: t("side"), low: 1, high: 7, value: b.side,
    onChange: (value, done) => state.set({conv_kernel: resized(b.kernel, value)}, {keep: !done})});

  const [formula, size] = [h("p", {class: "formula"}), h("p", {class: "formula"})];
  const [flips, agreement, tooLarge, where] = Array.from({length: 4}, () => h("p", {}));
  const verdict = h("p", {role: "status"});
  const products = h("div", {class: "products"});
  const open = button(t("open_receipt"), () => openReceipt(b.row, b.column));
  const guess = h("input", {type: "number", step: "any", id: "guess", class: "typed"});
  const predict = h("form", {class: "row", novalidate: true, onSubmit: reveal},
    h("label", {for: "guess"}, t("your_guess")), guess, h("button", {type: "submit"}, t("reveal")));
  const sum = h("div", {class: "sum"}, products, formula, h("div", {class: "row"}, where, open), predict, verdict);
  const told = {macs: h("dd", {}), parameters: h("dd", {}), dropped: h("dd", {})};
  const learned = h("div", {class: "picks wide"});

  /** Sets a pixel of the small drawing: all those of the large one that it stands for.
   * @param {number} row @param {number} column @param {number} value @param {boolean} done */
  function dab(row, column, value, done) {
    if (!inside(row) || !inside(column)) return;
    const by = SIDE / b.size;
    const hit = (/** @type {number} */ place, /** @type {number} */ cell) => Math.floor(place / by) === cell - b.padding;
    state.set({drawing: Uint8Array.from(state.get("drawing"), (now, i) =>
      (hit(Math.floor(i / SIDE), row) && hit(i % SIDE, column) ? Math.round(255 * value) : now))}, {keep: !done});
  }

  const frame = () => (b.count ? [{row: b.row, column: b.column, rows: 1, columns: 1}] : []);
  /** Frames every output that an input reaches: those whose window has a tap on it. @param {number} row @param {number} column */
  function showReached(row, column) {
    const reached = (/** @type {number} */ place) => Array.from({length: b.count}, (_, i) => i).filter((i) => {
      const step = place - i * b.stride;
      return step >= 0 && step < b.reach && step % b.dilation === 0;
    });
    output.mark([...frame(), ...reached(row).flatMap((r) => reached(column).map((c) =>
      ({row: r, column: c, rows: 1, columns: 1, kind: /** @type {const} */ ("reach")})))]);
  }

  /** @param {number} row @param {number} column */
  function openReceipt(row, column) {
    const at = row * b.count + column;
    if (!b.count || isSecret(at)) return;
    lab.receipt({
      title: t("receipt", {row, column}),
      formula: t("formula", {act: b.act === "none" ? "" : `${b.act} `}),
      ...sumTable(terms(b, row, column).map((each) => ({...each, row: each.row - b.padding, column: each.column - b.padding})), words),
      total: digits(b.output[at]),
      note: t("receipt_note", {bias: brief(b.bias)}),
      torch: torchCode(row, column),
      numpy: numpyCode(row, column),
    });
  }

  /** @param {number} row @param {number} column */
  function torchCode(row, column) {
    const p = b.padding;
    return `import torch
import torch.nn.functional as F

x = torch.tensor(${pythonMatrix(b.input.data, b.size, b.size)})[None, None]
k = torch.tensor(${pythonMatrix(b.kernel, b.side, b.side)})[None, None]
${b.flip ? "k = k.flip(2, 3)  # convolution in the strict sense\n" : ""}x = F.pad(x, (${p}, ${p}, ${p}, ${p}), mode="${MODES[b.mode].torch}")
y = F.conv2d(x, k, torch.tensor(${pythonList([b.bias])}), stride=${b.stride}, dilation=${b.dilation})
print(f"{${ACTIVATIONS[b.act].torch}[0, 0, ${row}, ${column}].item():.6g}")`;
  }

  /** @param {number} row @param {number} column */
  function numpyCode(row, column) {
    const span = (/** @type {number} */ from) => `${from * b.stride}:${from * b.stride + b.reach}:${b.dilation}`;
    return `import numpy as np

x = np.pad(np.array(${pythonMatrix(b.input.data, b.size, b.size)}), ${b.padding}, mode="${MODES[b.mode].numpy}")
k = np.array(${pythonMatrix(b.weight.data, b.side, b.side)})
y = (x[${span(row)}, ${span(column)}] * k).sum() + ${python(b.bias)}
print(f"{${ACTIVATIONS[b.act].numpy}:.6g}")`;
  }

  /** @param {Event} event */
  function reveal(event) {
    event.preventDefault();
    if (!Number.isFinite(guess.valueAsNumber)) return guess.focus();
    guessed = {at: b.at, given: guess.valueAsNumber};
    guess.value = "";
    paint();
    open.focus({preventScroll: true}); // the form is gone
  }

  function drawSum() {
    tooLarge.hidden = b.count > 0;
    sum.hidden = !b.count;
    if (!b.count) return write(tooLarge, t("no_room", {reach: b.reach, size: b.around.shape[1]}));
    const secret = isSecret(b.at);
    const all = terms(b, b.row, b.column);
    const largest = Math.max(1e-9, ...all.map(({product}) => Math.abs(product)));
    if (products.children.length !== all.length) {
      put(products, ...all.map(() => h("span", {}, h("small", {}), h("b", {}))));
      products.style.setProperty("--side", String(b.side));
      products.classList.toggle("many", b.side > 5);
    }
    all.forEach(({value, weight, product}, i) => {
      const cell = /** @type {HTMLElement} */ (products.children[i]);
      const shade = diverging(secret ? 0 : product / largest);
      write(cell.children[0], `${brief(value)} · ${signed(weight)}`);
      write(cell.children[1], secret ? "?" : signed(product));
      Object.assign(cell.style, {background: css(shade), color: isLight(shade) ? "#1c1b19" : "#ffffff"});
    });
    const real = b.output[b.at];
    formula.dataset.sum = secret ? "" : String(real);
    write(formula, `Σ${b.bias ? ` + ${t("conv_bias")} ${signed(b.bias)}` : ""} = ${secret ? "?" : signed(b.sums.data[b.at])}`
      + (b.act !== "none" && !secret ? ` → ${b.act} → ${signed(real)}` : ""));
    write(where, t("at_cell", {row: b.row, column: b.column}));
    open.hidden = secret;
    predict.hidden = !secret;
    const isClose = guessed && Math.abs(guessed.given - real) <= 0.02 + 0.01 * Math.abs(real); // the terms are shown in hundredths
    write(verdict, guessed ? t(isClose ? "guess_right" : "guess_wrong", {given: signed(guessed.given), real: signed(real)}) : "");
  }

  function drawSizes() {
    write(size, `${t("out_side")} = ⌊(${b.size} + 2·${b.padding} − ${b.dilation}·(${b.side} − 1) − 1) / ${b.stride}⌋ + 1 = ${b.count}`);
    write(told.macs, lab.number(b.count ** 2 * b.side ** 2, 9));
    write(told.parameters, String(b.side ** 2 + 1));
    write(told.dropped, String(b.count ? (b.around.shape[1] - b.reach) % b.stride : 0));
    const symmetric = String(b.kernel) === String([...b.kernel].reverse());
    write(flips, t(b.flip ? "flip_on" : "flip_off"));
    write(agreement, t(symmetric ? "flip_same" : "flip_differs"));
  }

  function paint() {
    b = bench(state);
    most = Math.max(1e-6, ...b.output.map(Math.abs));
    if (guessed?.at !== b.at || !state.get("conv_predict")) guessed = undefined;
    sync();
    play.set(b.at, Math.max(1, b.count ** 2));
    input.mark([{row: b.padding, column: b.padding, rows: b.size, columns: b.size, kind: "ghost"},
      ...(b.count ? [{row: b.row * b.stride, column: b.column * b.stride, rows: b.reach, columns: b.reach}] : [])]);
    output.mark(frame());
    output.point(b.row, b.column);
    side.set(b.side);
    weights.set(b.kernel);
    presets.set(Object.keys(PRESETS).find((name) => String(PRESETS[name]) === String(b.kernel)) ?? "");
    drawSum();
    drawSizes();
  }

  /** Kernels of the first convolution of the tutorial's network, where a model is there to take them from. */
  async function offerLearned() {
    try {
      const model = await lab.models.open("basic");
      const first = model.steps.find((step) => step.op === "conv2d");
      const {data, shape: [count, , side]} = await lab.models.engine.weight(model, first?.weights[0] ?? "");
      put(learned, ...Array.from({length: Math.min(12, count)}, (_, i) => {
        const values = Array.from(data.subarray(i * side * side, (i + 1) * side * side));
        const scale = Math.max(...values.map(Math.abs));
        return picture({label: t("learned_kernel", {number: i + 1}), values, side, colour: (value) => diverging(value / scale),
          onClick: () => state.set({conv_kernel: values})});
      }));
    } catch {
      put(learned, h("p", {}, words("no_model")));
    }
  }

  put(el, h("h1", {}, words("room_convolution")), h("p", {class: "lead"}, t("lead")), play.element,
    h("div", {class: "bench"},
      h("section", {class: "panel"}, input.element, check("conv_paint").element),
      h("section", {class: "panel"}, h("h2", {}, t("kernel")), weights.element, presets.element, h("h2", {}, t("products")), tooLarge, sum),
      h("section", {class: "panel"}, output.element, h("div", {class: "row"}, lab.badge("computed"), check("conv_predict").element))),
    h("section", {class: "panel"}, h("h2", {}, t("rules")), h("div", {class: "controls"}, ...[
      pick("conv_size", SIZES, (value) => `${value} × ${value}`), side,
      dial("conv_padding", 0, 3), pick("conv_mode", Object.keys(MODES), (value) => t(`mode_${value}`)),
      dial("conv_stride", 1, 4), dial("conv_dilation", 1, 3), dial("conv_bias", -2, 2, 0.1, brief),
      pick("conv_act", Object.keys(ACTIVATIONS), (value) => (value === "none" ? t("act_none") : value)), check("conv_flip"),
    ].map(({element}) => element)),
      size, h("dl", {class: "facts"}, ...Object.entries(told).flatMap(([name, value]) => [h("dt", {}, t(name)), value])), flips, agreement),
    h("section", {class: "panel"}, h("h2", {}, t("learned")), h("p", {}, t("learned_about")), learned));
  void offerLearned();
  const draw = eachFrame(paint);
  draw();
  const off = state.on([...Object.keys(fields), "drawing"], draw);
  return {stop: () => { play.stop(); off(); }};
}

/** A number with a minus sign as it is set in print. @param {number} value */
const signed = (value) => brief(value).replace("-", "−");
