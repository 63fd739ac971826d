// Room 3, ink: n small convolutions of a picture beside one with a large Gaussian, and random walks that do the same.
//
// Walls that throw the ink back are mirrors: the picture lies beside its mirror images, and all goes round. So no ink is lost.

import {conv2d, padded, zeros} from "../engine/conv.js";
import {words as randomWords} from "../engine/philox.js";
import {diverging, ink} from "../ui/colour.js";
import {choose, player, slider, toggle} from "../ui/controls.js";
import {eachFrame, h, put, rich} from "../ui/dom.js";
import {SIDE, drawn} from "../ui/drawing.js";
import {facts, printed} from "../ui/facts.js";
import {matrix} from "../ui/matrix.js";
import {pythonList, pythonMatrix} from "../ui/receipt.js";
import {choice, flag, number, numbers, whole} from "../ui/state.js";

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

/** All numbers of the part. `kept` holds the pictures of the ticks that have been computed. @param {State} state @param {{key: string, ticks: Tensor[]}} kept */
export function basin(state, kept) {
  const [n, edges, d] = [state.get("ink_n"), state.get("ink_edges"), rate(state)];
  const kernel = state.get("ink_kernel") === "binomial" ? [1, 2, 1, 2, 4, 2, 1, 2, 1].map((each) => each / 16) : [0, d, 0, d, 1 - 4 * d, d, 0, d, 0];
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
  const total = mass(b.start);
  if (!total || 4 * b.d > 1) return [];
  const binomial = b.kernel[0] > 0;
  return Array.from({length: WALKERS}, (_, walker) => {
    const random = randomWords(7, "noise", walker, b.n + 2);
    let left = ((random[0] + 0.5) / 2 ** 32) * total;
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
    return {row, column, moved: ((row - from[0]) ** 2 + (column - from[1]) ** 2) / 2, spot: [(random[1] & 255) / 256, ((random[1] >> 8) & 255) / 256]};
  }).filter((each) => each !== null);
}

const VARIANCE = `

def variance(x):
    place, along = torch.arange(28.0), (x.sum(0), x.sum(1))
    means = [(each * place).sum() / x.sum() for each in along]
    return sum((each * (place - mean) ** 2).sum() / x.sum() for each, mean in zip(along, means)) / 2


`;

/** @param {HTMLElement} el @param {import("../main.js").Lab} lab @param {import("./spreading.js").Words} t */
export function mount(el, lab, t) {
  const {state, words} = lab;
  const set = (/** @type {string} */ name) => (/** @type {any} */ value, done = true) => state.set({[name]: value}, {keep: !done});
  const kept = {key: "", ticks: []};
  let b = basin(state, kept);
  let walked = walkers(b);
  const dropping = state.get("ink_from") === "drop";

  const scale = () => (dropping ? b.peak : Math.max(1, b.peak)) || 1;
  const wet = (/** @type {number} */ value) => (value < -1e-4 * scale() ? diverging(value / scale()) : ink(value / scale()));
  const show = (/** @type {number} */ value) => String(Number(value.toPrecision(3)));
  const drop = (/** @type {number} */ row, /** @type {number} */ column) =>
    state.set({ink_drops: [...new Set([...state.get("ink_drops").slice(-11), row * SIDE + column])], ink_n: 0});
  const grid = (/** @type {string} */ label, /** @type {() => Tensor} */ tensor, /** @type {any} */ more) =>
    matrix({label, words, show, data: () => ({rows: SIDE, columns: SIDE, values: tensor().data}), colour: wet, ...more});
  const small = grid(t("ticks"), () => b.now, {onOpen: tickReceipt,
    ...(dropping ? {onEdit: drop, onPaint: (/** @type {number} */ row, /** @type {number} */ column, /** @type {boolean} */ done) => done && drop(row, column)} : {})});
  const large = grid(t("one_gaussian"), () => b.jump, {onOpen: jumpReceipt});
  const difference = grid(t("difference"), () => b.apart, {colour: (/** @type {number} */ value) => diverging(value / (0.1 * b.peak || 1)),
    onOpen: (/** @type {number} */ row, /** @type {number} */ column) => receipt(t("difference"), b.apart.data[row * SIDE + column], cellCode("x - y", row, column))});
  const play = player({words, keys: el, count: TICKS + 1, at: b.n, perSecond: () => 8,
    label: t("tick"), show: (at) => t("tick_of", {at, of: TICKS}), onMove: (at, done) => state.set({ink_n: at}, {keep: !done})});
  const about = h("div", {class: "says"});
  const rated = slider({label: t("stencil_d"), low: 0.01, high: 0.3, step: 0.01, value: state.get("ink_d"), onChange: set("ink_d")});

  /** @type {Record<string, {value: () => number, python: () => string}>} */
  const NUMBERS = {
    mass: {value: () => mass(b.now), python: () => "x.sum()"},
    grown: {value: () => variance(b.now) - variance(b.start), python: () => "variance(x) - variance(start)"},
    predicted: {value: () => 2 * b.d * b.n, python: () => `2 * ${b.d} * n`},
    apart: {value: () => (100 * largest(b.apart)) / b.peak, python: () => "100 * (x - y).abs().max() / x.abs().max()"},
    walked: {value: () => walked.reduce((sum, {moved}) => sum + moved, 0) / walked.length,
      python: () => `torch.tensor(${pythonList(walked.map(({moved}) => moved))}).mean()`},
  };
  const told = facts(Object.fromEntries(Object.keys(NUMBERS).map((key) => [key, t(/** @type {any} */ (`ink_${key}`))])), (key) =>
    receipt(t(/** @type {any} */ (`ink_${key}`)), NUMBERS[key].value(), `${setup()}\n${key === "grown" ? VARIANCE : ""}${printed(NUMBERS[key].python())}`,
      {note: t(/** @type {any} */ (`ink_${key}_about`))}));

  /** @param {string} title @param {number} value @param {string} torch @param {object} [more] */
  function receipt(title, value, torch, more = {}) {
    lab.receipt({title, total: String(Number(value.toPrecision(5))), torch, ...more});
  }

  /** Python that computes x, the ink after n ticks, and y, after one large step. */
  function setup() {
    const walls = b.edges === "walls";
    const start = dropping ? `torch.zeros(28, 28)\nstart.view(-1)[${JSON.stringify(state.get("ink_drops"))}] = 1.0`
      : `torch.tensor(${pythonMatrix(b.start.data, SIDE, SIDE)})`;
    return `import torch
import torch.nn.functional as F

n, variance_of_jump = ${b.n}, ${2 * b.d * b.n}
start = ${start}
k = torch.tensor(${pythonMatrix(b.kernel, 3, 3)})[None, None]
x = start[None, None]
${walls ? "x = torch.cat([x, x.flip(3)], 3)  # walls: the picture beside its mirror images, and round\nx = torch.cat([x, x.flip(2)], 2)\n" : ""}mode = "${walls ? "circular" : "constant"}"
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
    receipt(t("tick_receipt", {n: b.n, row, column}), b.now.data[row * SIDE + column], cellCode("x", row, column), b.n === 0 ? {} : {
      formula: t("tick_formula"), heads: [t("place"), t("ink_there"), t("weight"), t("product"), t("running")],
      rows: b.kernel.map((weight, i) => {
        const [r, c] = [row + Math.floor(i / 3), column + (i % 3)];
        const there = around.data[r * (SIDE + 2) + c];
        sum += there * weight;
        return [`${r - 1}, ${c - 1}`, show(there), show(weight), show(there * weight), show(sum)];
      }),
    });
  }

  /** @param {number} row @param {number} column */
  function jumpReceipt(row, column) {
    const {reach, data} = b.big;
    const around = surrounded(b.start, reach, b.edges);
    const wide = SIDE + 2 * reach;
    const all = Array.from({length: data.length ** 2}, (_, i) => {
      const [r, c] = [Math.floor(i / data.length), i % data.length];
      const [there, weight] = [around.data[(row + r) * wide + column + c], data[r] * data[c]];
      return {place: `${row + r - reach}, ${column + c - reach}`, there, weight, product: there * weight};
    }).sort((one, other) => other.product - one.product);
    const rest = all.slice(12).reduce((sum, {product}) => sum + product, 0);
    receipt(t("jump_receipt", {row, column}), b.jump.data[row * SIDE + column], cellCode("y", row, column), {
      formula: t("jump_formula", {variance: lab.number(2 * b.d * b.n)}), heads: [t("place"), t("ink_there"), t("weight"), t("product")],
      rows: [...all.slice(0, 12).map(({place, there, weight, product}) => [place, show(there), show(weight), show(product)]),
        ...(all.length > 12 ? [[t("others", {count: all.length - 12}), "", "", show(rest)]] : [])],
    });
  }

  const draw = eachFrame(() => {
    b = basin(state, kept);
    walked = state.get("ink_walkers") ? walkers(b) : [];
    play.set(b.n);
    rated.set(state.get("ink_d"));
    rated.element.hidden = state.get("ink_kernel") === "binomial";
    small.mark(walked.map(({row, column, spot}) => ({row: row + 0.15 + 0.6 * spot[0], column: column + 0.15 + 0.6 * spot[1], rows: 0.12, columns: 0.12, kind: "reach"})));
    large.draw();
    difference.draw();
    told.show(Object.fromEntries(Object.entries(NUMBERS).filter(([key]) => key !== "walked" || walked.length)
      .map(([key, {value}]) => [key, lab.number(value()) + (key === "apart" ? " %" : "")])));
    put(about, ...["ink_same", ...(b.edges === "open" ? ["ink_open_about"] : []), ...(b.d > 0.25 ? ["ink_unstable"] : [])].map((key) =>
      h("p", {}, ...rich(t(/** @type {any} */ (key))))));
  });
  const pick = (/** @type {string} */ name, /** @type {readonly string[]} */ all) => choose({label: t(/** @type {any} */ (name)), value: state.get(name),
    options: all.map((value) => ({value, label: t(/** @type {any} */ (`ink_${value}`))})), onChange: set(name)}).element;
  put(el, play.element, h("div", {class: "trio"}, ...[small, large, difference].map(({element}) => element)),
    h("div", {class: "row"}, lab.badge("computed"), dropping ? h("span", {}, t("drop_here")) : null), told.element, about,
    h("div", {class: "controls"}, pick("ink_from", SOURCES), pick("ink_kernel", KERNELS), rated.element, pick("ink_edges", EDGES),
      toggle({label: t("walkers", {count: WALKERS}), on: state.get("ink_walkers"), onChange: set("ink_walkers")}).element));
  draw();
  const off = state.on(["drawing", ...Object.keys(fields)], draw);
  return {stop: () => { play.stop(); off(); }};
}
