// Room 3, ink: n small convolutions of a picture beside one with a large Gaussian, and random walks that do the same.
//
// Walls that throw the ink back are mirrors: the picture lies beside its mirror images, and all goes round. So no ink is lost.

import {conv2d, padded, zeros} from "../engine/conv.js";
import {words as randomWords} from "../engine/philox.js";
import {diverging, ink} from "../ui/colour.js";
import {player} from "../ui/controls.js";
import {eachFrame, h, put} from "../ui/dom.js";
import {SIDE, drawn} from "../ui/drawing.js";
import {facts, printed} from "../ui/facts.js";
import {pythonList, pythonMatrix} from "../ui/receipt.js";
import {choice, flag, number, numbers, whole} from "../ui/state.js";
import {bound, largestTerms, paragraphs, short, total} from "./bound.js";

const TICKS = 64;
const WALKERS = 300;
const [SOURCES, KERNELS, EDGES] = /** @type {const} */ ([["drawing", "drop"], ["binomial", "stencil"], ["walls", "open"]]);

export const fields = {
  ink_n: whole(6, 0, TICKS),
  ink_from: choice("drawing", SOURCES),
  ink_drops: numbers([SIDE * 14 + 14], 0, SIDE * SIDE - 1, (count) => count > 0 && count <= 12),
  ink_kernel: choice("binomial", KERNELS),
  ink_d: number(0.2, 0.01, 0.3),
  ink_edges: choice("walls", EDGES),
  ink_walkers: flag(false),
};

/** @typedef {import("../engine/conv.js").Tensor} Tensor */
/** @typedef {import("../ui/state.js").State} State */

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

/**
 * All numbers of the part. `kept` holds the pictures of the ticks that have been computed.
 * @param {State} state @param {{key: string, ticks: Tensor[]}} kept
 */
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

/** Where random walkers are at tick n: each steps with the chances that the kernel states. @param {ReturnType<typeof basin>} b */
export function walkers(b) {
  const all = mass(b.start);
  if (!all || 4 * b.d > 1) return [];
  const binomial = b.kernel[0] > 0;
  return Array.from({length: WALKERS}, (_, walker) => {
    const random = randomWords(7, "noise", walker, b.n + 2);
    let left = ((random[0] + 0.5) / 2 ** 32) * all;
    const at = Math.min(SIDE * SIDE - 1, Math.max(0, b.start.data.findIndex((each) => (left -= each) < 0)));
    const from = [Math.floor(at / SIDE), at % SIDE];
    let [row, column] = from;
    for (let tick = 0; tick < b.n; tick++) {
      const word = random[tick + 2];
      const side = binomial ? -1 : Math.floor(word / 2 ** 32 / b.d);
      row += binomial ? (word & 1) + ((word >> 1) & 1) - 1 : side === 0 ? -1 : side === 1 ? 1 : 0;
      column += binomial ? ((word >> 2) & 1) + ((word >> 3) & 1) - 1 : side === 2 ? -1 : side === 3 ? 1 : 0;
      if (b.edges === "open" && (row < 0 || column < 0 || row >= SIDE || column >= SIDE)) return null;
      [row, column] = [row, column].map((place) => Math.min(SIDE - 1, Math.max(0, place)));
    }
    const spot = [(random[1] & 255) / 256, ((random[1] >> 8) & 255) / 256]; // where within its pixel it is drawn
    return {row, column, spot, moved: ((row - from[0]) ** 2 + (column - from[1]) ** 2) / 2};
  }).filter((each) => each !== null);
}

const VARIANCE = `

def variance(x):
    place, along = torch.arange(28.0), (x.sum(0), x.sum(1))
    means = [(each * place).sum() / x.sum() for each in along]
    return sum((each * (place - mean) ** 2).sum() / x.sum() for each, mean in zip(along, means)) / 2


`;

/** @param {HTMLElement} el @param {import("../main.js").Lab} lab @param {import("./bound.js").Words} t */
export function mount(el, lab, t) {
  const {state, words} = lab;
  const {dial, pick, flip, picture, set, sync} = bound(lab, t);
  const kept = {key: "", ticks: []};
  let b = basin(state, kept);
  let walked = walkers(b);
  const dropping = state.get("ink_from") === "drop";

  const scale = () => (dropping ? b.peak : Math.max(1, b.peak)) || 1;
  const wet = (/** @type {number} */ value) => (value < -1e-4 * scale() ? diverging(value / scale()) : ink(value / scale()));
  const drop = (/** @type {number} */ row, /** @type {number} */ column) =>
    state.set({ink_drops: [...new Set([...state.get("ink_drops").slice(-11), row * SIDE + column])], ink_n: 0});
  /** @type {Partial<import("../ui/matrix.js").About>} */
  const pen = {onEdit: drop, onPaint: (row, column, done) => done && drop(row, column)};
  const small = picture(t("ticks"), () => b.now.data, wet, {show: short, onOpen: tickReceipt, ...(dropping ? pen : {})});
  const large = picture(t("one_gaussian"), () => b.jump.data, wet, {show: short, onOpen: jumpReceipt});
  const difference = picture(t("difference"), () => b.apart.data, (value) => diverging(value / (0.1 * b.peak || 1)), {
    show: short, onOpen: (row, column) => receipt(t("difference"), b.apart.data[row * SIDE + column], cellCode("x - y", row, column))});
  const play = player({words, keys: el, count: TICKS + 1, at: b.n, perSecond: () => 8,
    label: t("tick"), show: (at) => t("tick_of", {at, of: TICKS}), onMove: set("ink_n")});
  const about = h("div", {class: "says"});
  const rated = dial("ink_d", [0.01, 0.3, 0.01]);

  /** @type {Record<string, {value: () => number, python: () => string}>} */
  const NUMBERS = {
    mass: {value: () => mass(b.now), python: () => "x.sum()"},
    grown: {value: () => variance(b.now) - variance(b.start), python: () => "variance(x) - variance(start)"},
    predicted: {value: () => 2 * b.d * b.n, python: () => `2 * ${b.d} * n`},
    apart: {value: () => (100 * largest(b.apart)) / b.peak, python: () => "100 * (x - y).abs().max() / x.abs().max()"},
    walked: {value: () => walked.reduce((sum, {moved}) => sum + moved, 0) / walked.length,
      python: () => `torch.tensor(${pythonList(walked.map(({moved}) => moved))}).mean()`},
  };
  const told = facts(Object.fromEntries(Object.keys(NUMBERS).map((key) => [key, t(`ink_${key}`)])), (key) => {
    const {value, python} = NUMBERS[key];
    const code = `${setup()}\n${key === "grown" ? VARIANCE : ""}${printed(python())}`;
    receipt(t(`ink_${key}`), value(), code, {note: t(`ink_${key}_about`)});
  });

  /** @param {string} title @param {number} value @param {string} torch @param {object} [more] */
  function receipt(title, value, torch, more = {}) {
    lab.receipt({title, total: total(value), torch, ...more});
  }

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
  /** @param {string} of @param {number} row @param {number} column */
  function cellCode(of, row, column) {
    return `${setup()}\n${printed(`(${of})[${row}, ${column}]`)}`;
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
    receipt(t("tick_receipt", {n: b.n, row, column}), b.now.data[row * SIDE + column], cellCode("x", row, column), b.n === 0 ? {}
      : {formula: t("tick_formula"), heads: [t("place"), t("ink_there"), t("weight"), t("product"), t("running")], rows});
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
    receipt(t("jump_receipt", {row, column}), b.jump.data[row * SIDE + column], cellCode("y", row, column), {
      formula: t("jump_formula", {variance: lab.number(2 * b.d * b.n)}),
      heads: [t("place"), t("ink_there"), t("weight"), t("product")], rows: largestTerms(terms, t)});
  }

  const draw = eachFrame(() => {
    b = basin(state, kept);
    walked = state.get("ink_walkers") ? walkers(b) : [];
    sync();
    play.set(b.n);
    rated.element.hidden = state.get("ink_kernel") === "binomial";
    small.mark(walked.map(({row, column, spot: [down, right]}) =>
      ({row: row + 0.15 + 0.6 * down, column: column + 0.15 + 0.6 * right, rows: 0.12, columns: 0.12, kind: "reach"})));
    large.draw();
    difference.draw();
    told.show(Object.fromEntries(Object.entries(NUMBERS).filter(([key]) => key !== "walked" || walked.length)
      .map(([key, {value}]) => [key, lab.number(value()) + (key === "apart" ? " %" : "")])));
    put(about, ...paragraphs(t, ["ink_same", b.edges === "open" && "ink_open_about", b.d > 0.25 && "ink_unstable"]));
  });
  const name = (/** @type {string} */ value) => t(`ink_${value}`);
  put(el, play.element, h("div", {class: "trio"}, ...[small, large, difference].map(({element}) => element)),
    h("div", {class: "row"}, lab.badge("computed"), dropping ? h("span", {}, t("drop_here")) : null), told.element, about,
    h("div", {class: "controls"}, pick("ink_from", SOURCES, name).element, pick("ink_kernel", KERNELS, name).element, rated.element,
      pick("ink_edges", EDGES, name).element, flip("ink_walkers").element));
  draw();
  const off = state.on(["drawing", ...Object.keys(fields)], draw);
  return {stop: () => { play.stop(); off(); }};
}
