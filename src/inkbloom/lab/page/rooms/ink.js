// Room 3, ink: n small convolutions of a picture beside one with a large Gaussian.
//
// Walls that throw the ink back are mirrors: the picture lies beside its mirror images, and all goes round. So no ink is lost.

import {conv2d, padded, zeros} from "../engine/conv.js";
import {diverging, ink} from "../ui/colour.js";
import {player} from "../ui/controls.js";
import {eachFrame, h, put} from "../ui/dom.js";
import {SIDE, drawn} from "../ui/drawing.js";
import {facts, printed, short, total} from "../ui/facts.js";
import {pythonMatrix} from "../ui/receipt.js";
import {choice, number, numbers, whole} from "../ui/state.js";
import {bound, largestTerms, paragraphs} from "./bound.js";

const TICKS = 64;
const [SOURCES, KERNELS, EDGES] = /** @type {const} */ ([["drawing", "drop"], ["binomial", "stencil"], ["walls", "open"]]);

export const fields = {
  ink_n: whole(6, 0, TICKS),
  ink_from: choice("drawing", SOURCES),
  ink_drops: numbers([SIDE * 14 + 14], 0, SIDE * SIDE - 1, (count) => count > 0 && count <= 12),
  ink_kernel: choice("binomial", KERNELS),
  ink_d: number(0.2, 0.01, 0.3),
  ink_edges: choice("walls", EDGES),
};


/** D of this state: ink of variance 2 D a tick and axis. @param {State} state @returns {number} */
export const rate = (state) => (state.get("ink_kernel") === "binomial" ? 0.25 : state.get("ink_d"));

/** The picture with r more pixels on each side: of mirror images, or of nothing. @param {Tensor} x @param {number} r @param {string} edges */
function surrounded(x, r, edges) {
  if (edges === "open") return padded(x, {left: r, right: r, top: r, bottom: r}, "zero");
  const both = zeros(1, 2 * SIDE, 2 * SIDE);
  const fold = (/** @type {number} */ i) => Math.min(i, 2 * SIDE - 1 - i);
  both.data.forEach((_, i) => { both.data[i] = x.data[fold(Math.floor(i / (2 * SIDE))) * SIDE + fold(i % (2 * SIDE))]; });
  return padded(both, {left: r, right: r - SIDE, top: r, bottom: r - SIDE}, "circular");
}

/** A Gaussian of this variance at whole places, cut at four deviations, of sum 1. @param {number} variance */
export function gaussian(variance) {
  const reach = Math.min(SIDE - 1, Math.ceil(4 * Math.sqrt(variance)));
  const heights = Array.from({length: 2 * reach + 1}, (_, i) => (variance ? Math.exp(-((i - reach) ** 2) / (2 * variance)) : 1));
  const sum = heights.reduce((total, each) => total + each, 0);
  return {reach, data: Float32Array.from(heights, (each) => each / sum)};
}

/** All numbers of the part. `kept` holds the pictures of the ticks that have been computed.
 * @param {State} state @param {{key: string, ticks: Tensor[]}} kept */
export function basin(state, kept) {
  const [n, edges, d] = [state.get("ink_n"), state.get("ink_edges"), rate(state)];
  const kernel = state.get("ink_kernel") === "binomial" ? [1, 2, 1, 2, 4, 2, 1, 2, 1].map((each) => each / 16)
    : [0, d, 0, d, 1 - 4 * d, d, 0, d, 0];
  const start = drawn(state);
  if (state.get("ink_from") === "drop") {
    start.data.fill(0);
    for (const at of state.get("ink_drops")) start.data[Math.round(at)] = 1;
  }
  const key = [kernel, edges, start.data].join();
  if (kept.key !== key) Object.assign(kept, {key, ticks: [start]});
  const weight = {shape: [1, 1, 3, 3], data: Float32Array.from(kernel)};
  for (let tick = kept.ticks.length; tick <= n; tick++) kept.ticks.push(conv2d(surrounded(kept.ticks[tick - 1], 1, edges), weight));
  const now = kept.ticks[n];
  const big = gaussian(2 * d * n);
  const k = big.data.length;
  const upright = conv2d(surrounded(start, big.reach, edges), {shape: [1, 1, k, 1], data: big.data});
  const jump = conv2d(upright, {shape: [1, 1, 1, k], data: big.data});
  const apart = {...now, data: now.data.map((value, i) => value - jump.data[i])};
  return {n, edges, d, kernel, start, now, big, jump, apart, before: kept.ticks[Math.max(0, n - 1)], peak: largest(now)};
}

/** @param {Tensor} x */
const largest = (x) => x.data.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
/** @param {Tensor} x */
const mass = (x) => x.data.reduce((sum, each) => sum + each, 0);

/** The mean over both axes of the variance of where the ink lies. @param {Tensor} x */
function variance({data}) {
  const all = mass({shape: [], data});
  const axis = (/** @type {(i: number) => number} */ place) => {
    const mean = data.reduce((sum, each, i) => sum + each * place(i), 0) / all;
    return data.reduce((sum, each, i) => sum + each * (place(i) - mean) ** 2, 0) / all;
  };
  return (axis((i) => i % SIDE) + axis((i) => Math.floor(i / SIDE))) / 2;
}

const VARIANCE = `

def variance(x):
    place, along = torch.arange(28.0), (x.sum(0), x.sum(1))
    means = [(each * place).sum() / x.sum() for each in along]
    return sum((each * (place - mean) ** 2).sum() / x.sum() for each, mean in zip(along, means)) / 2


`;

/** @param {HTMLElement} el @param {Lab} lab @param {Words} t @param {HTMLElement} keys */
export function mount(el, lab, t, keys) {
  const {state, words} = lab;
  const {dial, pick, picture, set, sync} = bound(lab, t);
  const kept = {key: "", ticks: []};
  let b = basin(state, kept);
  const dropping = state.get("ink_from") === "drop";

  const scale = () => (dropping ? b.peak : Math.max(1, b.peak)) || 1;
  const wet = (/** @type {number} */ value) => (value < -1e-4 * scale() ? diverging(value / scale()) : ink(value / scale()));
  const drop = (/** @type {number} */ row, /** @type {number} */ column) =>
    state.set({ink_drops: [...new Set([...state.get("ink_drops").slice(-11), row * SIDE + column])], ink_n: 0});
  /** @type {Partial<import("../ui/matrix.js").About>} */
  const pen = {onEdit: drop, onPaint: (row, column, done) => done && drop(row, column)};
  const small = picture("ticks", () => b.now.data, wet, {show: short, onOpen: tickReceipt, ...(dropping ? pen : {})});
  const large = picture("one_gaussian", () => b.jump.data, wet, {show: short, onOpen: jumpReceipt});
  const difference = picture("difference", () => b.apart.data, (value) => diverging(value / (0.1 * b.peak || 1)), {show: short,
    onOpen: (row, column) => cellReceipt("x - y", b.apart, row, column, {title: t("difference")})});
  const play = player({words, keys, count: TICKS + 1, at: b.n, perSecond: () => 8,
    label: t("tick"), show: (at) => t("tick_of", {at, of: TICKS}), onMove: set("ink_n")});
  const about = h("div", {class: "says"});
  const rated = dial("ink_d", 0.01, 0.3, 0.01);

  /** @param {string} key @param {() => number} value @param {string} python @param {string} [before] */
  const fact = (key, value, python, before = "") => ({name: t(`ink_${key}`), value, code: () => `${setup()}\n${before}${printed(python)}`,
    more: () => ({note: t(`ink_${key}_about`)})});
  const told = facts(lab, {
    mass: fact("mass", () => mass(b.now), "x.sum()"),
    grown: fact("grown", () => variance(b.now) - variance(b.start), "variance(x) - variance(start)", VARIANCE),
    predicted: fact("predicted", () => 2 * b.d * b.n, "variance_of_jump"),
    apart: {...fact("apart", () => (100 * largest(b.apart)) / b.peak, "100 * (x - y).abs().max() / x.abs().max()"),
      show: (value) => `${lab.number(value)} %`},
  });

  /** Python that computes x, the ink after n ticks, and y, after one large step. */
  function setup() {
    const start = dropping ? `torch.zeros(28, 28)\nstart.view(-1)[${JSON.stringify(state.get("ink_drops"))}] = 1.0`
      : `torch.tensor(${pythonMatrix(b.start.data, SIDE, SIDE)})`;
    const walls = `x = torch.cat([x, x.flip(3)], 3)  # walls: the picture beside its mirror images, and round
x = torch.cat([x, x.flip(2)], 2)
`;
    return `import torch
import torch.nn.functional as F

n, variance_of_jump = ${b.n}, ${2 * b.d * b.n}
start = ${start}
k = torch.tensor(${pythonMatrix(b.kernel, 3, 3)})[None, None]
x = start[None, None]
${b.edges === "walls" ? walls : ""}mode = "${b.edges === "walls" ? "circular" : "constant"}"
at = torch.arange(-${b.big.reach}.0, ${b.big.reach + 1}.0)
g = ${b.n ? "torch.exp(-(at**2) / (2 * variance_of_jump))" : "torch.ones(1)"}
g = g / g.sum()
y = F.pad(x, (len(at) // 2,) * 4, mode=mode)
y = F.conv2d(F.conv2d(y, g[None, None, :, None]), g[None, None, None, :])
for tick in range(n):
    x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode=mode), k)
x, y = x[0, 0, :28, :28], y[0, 0, :28, :28]`;
  }
  /** @param {string} of @param {Tensor} picture @param {number} row @param {number} column
   * @param {{title: string} & Partial<Receipt>} more */
  function cellReceipt(of, picture, row, column, more) {
    lab.receipt({total: total(picture.data[row * SIDE + column]), torch: `${setup()}\n${printed(`(${of})[${row}, ${column}]`)}`, ...more});
  }

  /** @param {number} row @param {number} column */
  function tickReceipt(row, column) {
    const around = surrounded(b.before, 1, b.edges);
    let sum = 0;
    const rows = b.kernel.map((weight, i) => {
      const [r, c] = [row + Math.floor(i / 3), column + (i % 3)];
      const there = around.data[r * (SIDE + 2) + c];
      sum += there * weight;
      return [`${r - 1}, ${c - 1}`, ...[there, weight, there * weight, sum].map(short)];
    });
    cellReceipt("x", b.now, row, column, {title: t("tick_receipt", {n: b.n, row, column}), ...(b.n ? {formula: t("tick_formula"), rows,
      heads: t("heads_tick").split(" | ")} : {})});
  }

  /** @param {number} row @param {number} column */
  function jumpReceipt(row, column) {
    const {reach, data} = b.big;
    const around = surrounded(b.start, reach, b.edges);
    const terms = Array.from({length: data.length ** 2}, (_, i) => {
      const [r, c] = [Math.floor(i / data.length), i % data.length];
      const value = around.data[(row + r) * (SIDE + 2 * reach) + column + c];
      return {place: `${row + r - reach}, ${column + c - reach}`, value, weight: data[r] * data[c]};
    });
    cellReceipt("y", b.jump, row, column, {title: t("jump_receipt", {row, column}),
      formula: t("jump_formula", {variance: lab.number(2 * b.d * b.n)}),
      heads: t("heads_tick").split(" | ").slice(0, 4), rows: largestTerms(terms, t)});
  }

  const draw = eachFrame(() => {
    b = basin(state, kept);
    sync();
    play.set(b.n);
    rated.element.hidden = state.get("ink_kernel") === "binomial";
    [small, large, difference].forEach((each) => each.draw());
    told.show();
    put(about, ...paragraphs(t, ["ink_same", b.edges === "open" && "ink_open_about", b.d > 0.25 && "ink_unstable"]));
  });
  const name = (/** @type {string} */ value) => (value === "binomial" ? "[1 2 1]ᵀ[1 2 1] / 16" : t(`ink_${value}`));
  put(el, h("div", {class: "controls"}, pick("ink_from", SOURCES, name).element, pick("ink_kernel", KERNELS, name).element,
    pick("ink_edges", EDGES, name).element, rated.element), play.element,
    h("div", {class: "trio"}, ...[small, large, difference].map(({element}) => element)),
    h("div", {class: "row"}, lab.badge("computed"), dropping ? h("span", {}, t("drop_here")) : null), told.element, about);
  draw();
  const off = state.on(["drawing", ...Object.keys(fields)], draw);
  return {stop: () => { play.stop(); off(); }};
}
