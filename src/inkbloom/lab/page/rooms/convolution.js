// Room 1: one convolution, stepped by hand. Every output number is `conv2d`'s; its receipt is the same sum, written out.

import {conv2d, flipped, outputSize, padded} from "../engine/conv.js";
import * as text from "../text/convolution.js";
import {css, diverging, ink, isLight} from "../ui/colour.js";
import {button, choose, player, slider, toggle, typed} from "../ui/controls.js";
import {eachFrame, h, put, write} from "../ui/dom.js";
import {SIDE, drawn} from "../ui/drawing.js";
import {brief, matrix} from "../ui/matrix.js";
import {python, pythonList, pythonMatrix} from "../ui/receipt.js";
import {choice, flag, number, numbers, whole} from "../ui/state.js";
import {PRESETS, resized} from "./kernels.js";

const SIZES = /** @type {const} */ (["28", "14", "7"]);
const MODES = /** @type {const} */ (["zero", "reflect", "circular"]);
const ACTS = /** @type {const} */ (["none", "relu", "silu"]);
const SQUARES = [1, 4, 9, 16, 25, 36, 49];

export const fields = {
  conv_size: choice("14", SIZES),
  conv_kernel: numbers(PRESETS.sobel_x, -99, 99, (count) => SQUARES.includes(count)),
  conv_padding: whole(1, 0, 3),
  conv_mode: choice("zero", MODES),
  conv_stride: whole(1, 1, 4),
  conv_dilation: whole(1, 1, 3),
  conv_flip: flag(false),
  conv_bias: number(0, -99, 99),
  conv_act: choice("none", ACTS),
  conv_at: whole(51, 0, 2000),
  conv_predict: flag(false),
  conv_paint: flag(false),
};

/** @type {Record<typeof ACTS[number], (value: number) => number>} */
const ACTIVATIONS = {none: (v) => v, relu: (v) => Math.max(0, v), silu: (v) => v / (1 + Math.exp(-v))};

/**
 * All of the room's numbers, from its state alone.
 * @param {import("../ui/state.js").State} state
 */
export function bench(state) {
  const get = state.get;
  const size = Number(get("conv_size"));
  const kernel = get("conv_kernel");
  const side = Math.sqrt(kernel.length);
  const [padding, stride, dilation] = [get("conv_padding"), get("conv_stride"), get("conv_dilation")];
  const reach = dilation * (side - 1) + 1;
  const input = shrunk(drawn(state), size);
  const fits = reach <= size + 2 * padding && (get("conv_mode") !== "reflect" || padding < size);
  const around = padded(input, {left: padding, right: padding, top: padding, bottom: padding}, get("conv_mode"));
  const given = {shape: [1, 1, side, side], data: Float32Array.from(kernel)};
  const weight = get("conv_flip") ? flipped(given) : given;
  const count = fits ? outputSize(size, side, stride, padding, dilation) : 0;
  const bias = {shape: [1], data: Float32Array.of(get("conv_bias"))};
  const sums = fits ? conv2d(around, weight, bias, {stride: [stride, stride], dilation: [dilation, dilation]})
    : {shape: [1, 0, 0], data: new Float32Array(0)};
  const output = {...sums, data: sums.data.map(ACTIVATIONS[/** @type {typeof ACTS[number]} */ (get("conv_act"))])};
  const at = Math.min(get("conv_at"), Math.max(0, count * count - 1));
  return {input, around, weight, sums, output, size, side, padding, stride, dilation, reach, count, bias: get("conv_bias"),
    at, row: count ? Math.floor(at / count) : 0, column: count ? at % count : 0};
}

/** The terms of one output number, in the order in which they are added. @param {ReturnType<typeof bench>} b @param {number} row @param {number} column */
export function terms(b, row, column) {
  const wide = b.around.shape[2];
  let sum = 0;
  return Array.from(b.weight.data, (weight, i) => {
    const r = row * b.stride + Math.floor(i / b.side) * b.dilation;
    const c = column * b.stride + (i % b.side) * b.dilation;
    const pixel = b.around.data[r * wide + c];
    sum += pixel * weight;
    return {row: r - b.padding, column: c - b.padding, pixel, weight, product: pixel * weight, sum};
  });
}

/** The drawing at a half or a quarter of its size: each pixel the mean of those that it stands for. @param {import("../engine/conv.js").Tensor} x @param {number} size */
function shrunk(x, size) {
  const by = SIDE / size;
  if (by === 1) return x;
  return conv2d(x, {shape: [1, 1, by, by], data: new Float32Array(by * by).fill(1 / by ** 2)}, null, {stride: [by, by]});
}

/** @param {HTMLElement} el @param {import("../main.js").Lab} lab */
export function mount(el, lab) {
  const {state, words} = lab;
  const t = lab.wordsOf(text);
  const set = (/** @type {string} */ name) => (/** @type {any} */ value, done = true) => state.set({[name]: value}, {keep: !done});
  let b = bench(state);
  let guessed = -1; // the output whose number has been revealed in the game of predicting

  const input = matrix({
    label: t("input"), words, colour: ink,
    data: () => ({rows: b.around.shape[1], columns: b.around.shape[2], values: b.around.data}),
    onPoint: (row, column) => showReached(row, column),
    range: [0, 1],
    onEdit: (row, column, value) => dab(row, column, value, true),
    onPaint: (row, column, done) => state.get("conv_paint") && dab(row, column, state.get("pen") ? 1 : 0, done),
    tell: (row, column) => (inside(row) && inside(column) ? "" : t("is_padding")),
  });
  const output = matrix({
    label: t("output"), words,
    data: () => ({rows: b.count, columns: b.count, values: hidden()}),
    colour: (value) => diverging(value / most),
    onPoint: (row, column) => goTo(row, column, false),
    onOpen: (row, column) => openReceipt(row, column),
  });
  const kernel = h("div", {class: "kernel"});
  const products = h("div", {class: "products"});
  const formula = h("p", {class: "formula"});
  const where = h("span", {});
  const open = button(t("open_receipt"), () => openReceipt(b.row, b.column));
  const sum = h("div", {class: "sum"});
  const play = player({words, keys: el, count: Math.max(1, b.count ** 2), at: b.at, perSecond: () => 6,
    onMove: (at, done) => state.set({conv_at: at}, {keep: !done})});
  const told = {size: h("p", {class: "formula"}), macs: h("dd", {}), parameters: h("dd", {}), dropped: h("dd", {}), flip: h("p", {})};
  const predict = h("form", {class: "row predict", onSubmit: guess});

  let most = 1; // the largest output, which gets the full colour
  const inside = (/** @type {number} */ place) => place >= b.padding && place < b.padding + b.size;
  const hidden = () => (state.get("conv_predict") ? b.output.data.map((value, i) => (i < b.at || i === guessed ? value : NaN)) : b.output.data);

  /** @param {number} row @param {number} column @param {number} value @param {boolean} done */
  function dab(row, column, value, done) {
    if (!inside(row) || !inside(column)) return;
    const by = SIDE / b.size;
    const [top, left] = [(row - b.padding) * by, (column - b.padding) * by];
    state.set({drawing: Uint8Array.from(state.get("drawing"), (now, i) => {
      const [r, c] = [Math.floor(i / SIDE), i % SIDE];
      return r >= top && r < top + by && c >= left && c < left + by ? Math.round(255 * value) : now;
    })}, {keep: !done});
  }

  /** @param {number} row @param {number} column @param {boolean} done */
  function goTo(row, column, done) {
    if (b.count && row * b.count + column !== b.at) state.set({conv_at: row * b.count + column}, {keep: !done});
  }

  /** Frames every output that an input reaches: those whose window has a tap on it. @param {number} row @param {number} column */
  function showReached(row, column) {
    const rows = reached(row);
    const columns = reached(column);
    output.mark([...frame(b), ...rows.flatMap((r) => columns.map((c) => ({row: r, column: c, rows: 1, columns: 1, kind: /** @type {const} */ ("reach")})))]);
  }
  const reached = (/** @type {number} */ place) => Array.from({length: b.count}, (_, i) => i).filter((i) => {
    const step = place - i * b.stride;
    return step >= 0 && step < b.reach && step % b.dilation === 0;
  });

  /** @param {number} row @param {number} column */
  function openReceipt(row, column) {
    const value = b.output.data[row * b.count + column];
    if (value === undefined || (state.get("conv_predict") && Number.isNaN(hidden()[row * b.count + column]))) return;
    lab.receipt({
      title: t("receipt", {row, column}),
      formula: t("formula", {act: state.get("conv_act") === "none" ? "" : `${state.get("conv_act")} `}),
      heads: [t("place"), t("pixel"), t("weight"), t("product"), t("running")],
      rows: terms(b, row, column).map((each) => [`${each.row}, ${each.column}`, brief(each.pixel), brief(each.weight), brief(each.product), brief(each.sum)]),
      total: String(Number(value.toPrecision(6))),
      note: t("receipt_note", {bias: brief(b.bias)}),
      torch: torchCode(row, column),
      numpy: numpyCode(row, column),
    });
  }

  /** @param {number} row @param {number} column */
  function torchCode(row, column) {
    const mode = {zero: "constant", reflect: "reflect", circular: "circular"}[/** @type {typeof MODES[number]} */ (state.get("conv_mode"))];
    const act = {none: "y", relu: "F.relu(y)", silu: "F.silu(y)"}[/** @type {typeof ACTS[number]} */ (state.get("conv_act"))];
    const p = b.padding;
    return `import torch
import torch.nn.functional as F

x = torch.tensor(${pythonMatrix(b.input.data, b.size, b.size)})[None, None]
k = torch.tensor(${pythonMatrix(state.get("conv_kernel"), b.side, b.side)})[None, None]
${state.get("conv_flip") ? "k = k.flip(2, 3)  # convolution in the strict sense\n" : ""}x = F.pad(x, (${p}, ${p}, ${p}, ${p}), mode="${mode}")
y = F.conv2d(x, k, torch.tensor(${pythonList([b.bias])}), stride=${b.stride}, dilation=${b.dilation})
print(f"{${act}[0, 0, ${row}, ${column}].item():.6g}")`;
  }

  /** @param {number} row @param {number} column */
  function numpyCode(row, column) {
    const mode = {zero: "constant", reflect: "reflect", circular: "wrap"}[/** @type {typeof MODES[number]} */ (state.get("conv_mode"))];
    const act = {none: "y", relu: "max(0, y)", silu: "y / (1 + np.exp(-y))"}[/** @type {typeof ACTS[number]} */ (state.get("conv_act"))];
    const span = (/** @type {number} */ from) => `${from * b.stride}:${from * b.stride + b.reach}:${b.dilation}`;
    return `import numpy as np

x = np.pad(np.array(${pythonMatrix(b.input.data, b.size, b.size)}), ${b.padding}, mode="${mode}")
k = np.array(${pythonMatrix(b.weight.data, b.side, b.side)})
y = (x[${span(row)}, ${span(column)}] * k).sum() + ${python(b.bias)}
print(f"{${act}:.6g}")`;
  }

  /** @param {Event} event */
  function guess(event) {
    event.preventDefault();
    const given = /** @type {HTMLInputElement} */ (predict.querySelector("input")).valueAsNumber;
    if (!Number.isFinite(given)) return;
    guessed = b.at;
    const real = b.output.data[b.at];
    lab.say(t(Math.abs(given - real) < 0.011 ? "guess_right" : "guess_wrong", {given: brief(given), real: brief(real)}), true);
    draw();
  }

  /** @type {ReturnType<typeof typed>[]} */ let cells = [];

  /** Fields for the weights: made anew only where their number changes, so that the one being typed in keeps the focus. */
  function drawKernel() {
    const values = state.get("conv_kernel");
    if (cells.length !== values.length) {
      cells = Array.from(values, (_, i) => typed({
        label: t("kernel_cell", {row: Math.floor(i / b.side), column: i % b.side}), value: 0, low: -99, high: 99,
        onChange: (now) => state.set({conv_kernel: state.get("conv_kernel").map((/** @type {number} */ old, /** @type {number} */ j) => (j === i ? now : old))}),
      }));
      kernel.style.setProperty("--side", String(b.side));
      put(kernel, ...cells.map(({element}) => element));
    }
    cells.forEach((cell, i) => cell.set(values[i]));
  }

  function drawSum() {
    if (!b.count) return put(sum, h("p", {}, t("no_room", {reach: b.reach, size: b.size + 2 * b.padding})));
    if (!formula.isConnected) put(sum, products, formula, h("div", {class: "row"}, where, open));
    const secret = state.get("conv_predict") && guessed !== b.at;
    const all = terms(b, b.row, b.column);
    const most = Math.max(1e-9, ...all.map(({product}) => Math.abs(product)));
    if (products.children.length !== all.length) {
      put(products, ...all.map(() => h("span", {}, h("small", {}), h("b", {}))));
      products.style.setProperty("--side", String(b.side));
    }
    all.forEach(({pixel, weight, product}, i) => {
      const cell = /** @type {HTMLElement} */ (products.children[i]);
      const shade = diverging(secret ? 0 : product / most);
      write(cell.children[0], `${brief(pixel)} · ${signed(weight)}`);
      write(cell.children[1], secret ? "?" : signed(product));
      Object.assign(cell.style, {background: css(shade), color: isLight(shade) ? "#1c1b19" : "#ffffff"});
    });
    const act = state.get("conv_act");
    formula.dataset.sum = secret ? "" : String(b.output.data[b.at]);
    write(formula, `Σ${b.bias ? ` + ${t("bias")} ${signed(b.bias)}` : ""} = ${secret ? "?" : signed(b.sums.data[b.at])}`
      + (act !== "none" && !secret ? ` → ${act} → ${signed(b.output.data[b.at])}` : ""));
    write(where, t("at_cell", {row: b.row, column: b.column}));
    open.hidden = secret;
    put(predict, ...(secret ? [h("label", {for: "guess"}, t("your_guess")), h("input", {type: "number", step: "any", id: "guess", class: "typed"}),
      h("button", {type: "submit"}, t("reveal"))] : []));
  }

  function drawSizes() {
    const {size, padding, dilation, side, stride, count} = b;
    const dropped = count ? (size + 2 * padding - b.reach) % stride : 0;
    write(told.size, `⌊(${size} + 2·${padding} − ${dilation}·(${side} − 1) − 1) / ${stride}⌋ + 1 = ${count}`);
    write(told.macs, lab.number(count ** 2 * side ** 2, 9));
    write(told.parameters, String(side ** 2 + 1));
    write(told.dropped, String(dropped));
    write(told.flip, `${t(state.get("conv_flip") ? "flip_on" : "flip_off")} ${t(symmetric() ? "flip_same" : "flip_differs")}`);
  }
  const symmetric = () => b.weight.data.every((value, i, all) => Math.abs(value - all[all.length - 1 - i]) < 1e-9);

  const draw = eachFrame(() => {
    b = bench(state);
    most = Math.max(1e-6, ...b.output.data.map(Math.abs));
    play.set(b.at, Math.max(1, b.count ** 2));
    input.mark([{row: b.padding, column: b.padding, rows: b.size, columns: b.size, kind: "ghost"},
      ...(b.count ? [{row: b.row * b.stride, column: b.column * b.stride, rows: b.reach, columns: b.reach}] : [])]);
    output.mark(frame(b));
    output.point(b.row, b.column);
    side.set(b.side);
    drawKernel();
    drawSum();
    drawSizes();
  });

  const presets = choose({label: t("preset"), value: "", options: [{value: "", label: t("preset_choose")},
    ...Object.keys(PRESETS).map((name) => ({value: name, label: t(/** @type {any} */ (`k_${name}`))}))],
    onChange: (name) => name && PRESETS[name] && state.set({conv_kernel: PRESETS[name]})});
  const trained = h("div", {class: "picks wide"});
  void offerTrained();

  /** Kernels of the first convolution of the tutorial's network, where a model is there to take them from. */
  async function offerTrained() {
    try {
      const model = await lab.models.open("basic");
      const first = model.steps.find((step) => step.op === "conv2d");
      if (!first) return;
      const weight = await lab.models.engine.weight(model, first.weights[0]);
      const [count, , side] = weight.shape;
      if (side > 7) return;
      put(trained, ...Array.from({length: Math.min(12, count)}, (_, i) => {
        const values = Array.from(weight.data.subarray(i * side * side, (i + 1) * side * side));
        const scale = Math.max(...values.map(Math.abs));
        const cells = h("span", {class: "tiny", "aria-hidden": "true"});
        cells.style.setProperty("--side", String(side));
        put(cells, ...values.map((value) => {
          const cell = h("i", {});
          cell.style.background = css(diverging(value / scale));
          return cell;
        }));
        const pick = button("", () => state.set({conv_kernel: values}), {class: "pick", "aria-label": t("trained_kernel", {number: i + 1})});
        pick.append(cells);
        return pick;
      }));
    } catch {
      trained.replaceWith(h("p", {}, words("no_model")));
    }
  }

  const side = slider({label: t("side"), low: 1, high: 7, value: b.side, onChange: (value) => state.set({conv_kernel: resized(state.get("conv_kernel"), value)})});
  put(el, h("h1", {}, words("room_convolution")), h("p", {class: "lead"}, t("lead")), play.element,
    h("div", {class: "bench"},
      h("section", {class: "panel"}, input.element, toggle({label: t("paint"), on: state.get("conv_paint"), onChange: set("conv_paint")}).element),
      h("section", {class: "panel"}, h("h2", {}, t("kernel")), kernel, presets.element, h("h2", {}, t("products")), sum, predict),
      h("section", {class: "panel"}, output.element, h("div", {class: "row"}, lab.badge("computed"),
        toggle({label: t("predict"), on: state.get("conv_predict"), onChange: set("conv_predict")}).element))),
    h("section", {class: "panel"}, h("h2", {}, t("rules")), h("div", {class: "controls"},
      choose({label: t("size"), value: state.get("conv_size"), options: SIZES.map((value) => ({value, label: `${value} × ${value}`})), onChange: set("conv_size")}).element,
      side.element,
      slider({label: t("padding"), low: 0, high: 3, value: b.padding, onChange: set("conv_padding")}).element,
      choose({label: t("mode"), value: state.get("conv_mode"), options: MODES.map((value) => ({value, label: t(/** @type {any} */ (`mode_${value}`))})), onChange: set("conv_mode")}).element,
      slider({label: t("stride"), low: 1, high: 4, value: b.stride, onChange: set("conv_stride")}).element,
      slider({label: t("dilation"), low: 1, high: 3, value: b.dilation, onChange: set("conv_dilation")}).element,
      slider({label: t("bias"), low: -2, high: 2, step: 0.1, value: b.bias, show: brief, onChange: set("conv_bias")}).element,
      choose({label: t("act"), value: state.get("conv_act"), options: ACTS.map((value) => ({value, label: value === "none" ? t("act_none") : value})), onChange: set("conv_act")}).element,
      toggle({label: t("flip"), on: state.get("conv_flip"), onChange: set("conv_flip")}).element),
      told.size,
      h("dl", {class: "facts"}, h("dt", {}, t("macs")), told.macs, h("dt", {}, t("parameters")), told.parameters, h("dt", {}, t("dropped")), told.dropped),
      told.flip),
    h("section", {class: "panel"}, h("h2", {}, t("learned")), h("p", {}, t("trained")), trained));
  draw();
  const off = state.on([...Object.keys(fields), "drawing"], draw);
  return {stop: () => { play.stop(); off(); }};
}

/** A number with a minus sign as it is set in print. @param {number} value */
const signed = (value) => brief(value).replace("-", "−");

/** The frame of the output that is being looked at. @param {ReturnType<typeof bench>} b */
function frame(b) {
  return b.count ? [{row: b.row, column: b.column, rows: 1, columns: 1}] : [];
}
