// Room 3, probability: the values that one pixel takes in the data, convolved with the noise, and the best guess back.

import {GRIDS, bestGuess, binWidth, centres, density, exact, expectedVariation, moments, monteCarlo, noiseKernel, onGrid, variation} from "../engine/density.js";
import {ink} from "../ui/colour.js";
import {choose, player} from "../ui/controls.js";
import {eachFrame, h, put, rich} from "../ui/dom.js";
import {SIDE} from "../ui/drawing.js";
import {facts, printed} from "../ui/facts.js";
import {matrix} from "../ui/matrix.js";
import {plot} from "../ui/plot.js";
import {choice, whole} from "../ui/state.js";
import {digits} from "./digits.js";
import {fields as run, noising, runControls} from "./noising.js";

const PLACES = 128; // where the kernel can be put
const DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const [CLASSES, AXES, DRAWS] = [["all", ...DIGITS], /** @type {const} */ (["x", "ratio"]), /** @type {const} */ (["100", "1000", "10000"])];

export const fields = {
  dens_pixel: whole(9 * SIDE + 17, 0, SIDE * SIDE - 1),
  dens_class: choice("all", CLASSES),
  dens_axis: choice("x", AXES),
  dens_n: choice("1000", DRAWS),
  dens_at: whole(76, 0, PLACES - 1),
};

/** A grid that holds a x0 + s eps: the engine's where that is enough. @param {string} noise @param {number} a @param {number} s */
function gridOf(noise, a, s) {
  const grid = GRIDS[noise];
  const more = noise === "uniform" ? Math.max(1, a + s) : Math.max(1, (a + 5 * s) / grid.high);
  return {...grid, low: grid.low * more, high: grid.high * more};
}

/** How often each grey value is at a pixel. @param {import("./digits.js").Digits} data @param {number} pixel @param {string} label */
export function counted({count, size, pixels, labels}, pixel, label) {
  const counts = new Float64Array(256);
  for (let i = 0; i < count; i++) if (label === "all" || labels[i] === Number(label)) counts[pixels[i * size + pixel]]++;
  return counts;
}

/** @param {import("./digits.js").Digits} data @param {string} label */
function meanOf({count, size, pixels, labels}, label) {
  const sums = new Float64Array(size);
  let found = 0;
  for (let i = 0; i < count; i++) {
    if (label !== "all" && labels[i] !== Number(label)) continue;
    found++;
    for (let k = 0; k < size; k++) sums[k] += pixels[i * size + k];
  }
  return sums.map((sum) => sum / found / 255);
}

/** All numbers of the part, but the slow ones. @param {import("../ui/state.js").State} state @param {import("./digits.js").Digits} data */
export function densityOf(state, data) {
  const {noise, low, mean, deviation, c} = noising(state);
  const counts = counted(data, state.get("dens_pixel"), state.get("dens_class"));
  const total = counts.reduce((sum, each) => sum + each, 0);
  const known = {values: Float64Array.from({length: 256}, (_, v) => low + ((1 - low) * v) / 255), masses: counts.map((each) => each / total)};
  const ratio = state.get("dens_axis") === "ratio" && c.a > 1e-3;
  const amounts = ratio ? {a: 1, s: c.s / c.a} : {a: c.a, s: c.s};
  const grid = gridOf(noise, amounts.a, amounts.s);
  const average = (/** @type {(value: number) => number} */ of) => known.values.reduce((sum, value, v) => sum + known.masses[v] * of(value), 0);
  const mu = average((value) => value);
  const variance = average((value) => (value - mu) ** 2);
  const p = density(known, amounts, noise, grid).data;
  const guess = bestGuess(known, amounts, noise, grid);
  const bin = Math.round((state.get("dens_at") / (PLACES - 1)) * (grid.bins - 1));
  const square = p.reduce((sum, mass, i) => sum + (mass > 1e-12 ? mass * guess[i] ** 2 : 0), 0);
  return {
    noise, low, counts, total, known, ratio, amounts, grid, p, guess, bin, variance, width: binWidth(grid), at: centres(grid), before: onGrid(known, amounts.a, grid).data,
    kernel: noiseKernel(noise, amounts.s, binWidth(grid)).data, moments: moments(p, grid),
    expected: {mean: amounts.a * mu + amounts.s * mean, variance: amounts.a ** 2 * variance + amounts.s ** 2 * deviation ** 2},
    mse: Math.max(0, average((value) => value ** 2) - square), seen: monteCarlo(known, amounts, noise, Number(state.get("dens_n")), state.get("run_seed"), grid),
  };
}

/** @param {HTMLElement} el @param {import("../main.js").Lab} lab @param {import("./spreading.js").Words} t */
export function mount(el, lab, t) {
  put(el, h("p", {}, lab.words("loading")));
  /** @type {{stop: () => void} | undefined} */ let shown;
  let gone = false;
  digits().then((data) => { if (!gone) shown = show(el, lab, t, data); }, () => put(el, h("p", {}, t("no_digits"))));
  return {stop: () => { gone = true; shown?.stop(); }};
}

/** @param {HTMLElement} el @param {import("../main.js").Lab} lab @param {import("./spreading.js").Words} t @param {import("./digits.js").Digits} data */
function show(el, lab, t, data) {
  const {state, words} = lab;
  const name = (/** @type {string} */ key, /** @type {any} */ values = {}) => t(/** @type {any} */ (key), values);
  const set = (/** @type {string} */ field) => (/** @type {any} */ value, done = true) => state.set({[field]: value}, {keep: !done});
  let b = densityOf(state, data);
  let mean = meanOf(data, state.get("dens_class"));
  /** @type {Float64Array | undefined} */ let truth; // the sum without a grid; slow, so only where the hand rests
  let timer = 0;
  const n = (/** @type {number} */ value, digits = 3) => lab.number(value, digits);

  const where = matrix({label: t("dens_where"), words, data: () => ({rows: SIDE, columns: SIDE, values: mean}), colour: ink,
    onOpen: (row, column) => state.set({dens_pixel: row * SIDE + column})});
  const before = plot({label: t("dens_before"), height: 130});
  const after = plot({label: t("dens_after"), height: 180, onPick: (x, done) => set("dens_at")(place(x), done)});
  const back = plot({label: t("dens_back"), height: 130});
  const place = (/** @type {number} */ x) => Math.min(PLACES - 1, Math.max(0, Math.round(((x - b.grid.low) / (b.grid.high - b.grid.low)) * (PLACES - 1))));
  const play = player({words, keys: el, count: PLACES, at: state.get("dens_at"), perSecond: () => 12, label: t("dens_look"), show: () => n(b.at[b.bin]), onMove: set("dens_at")});
  const says = h("div", {class: "says"});

  /** @type {Record<string, {value: () => number, python: string}>} */
  const NUMBERS = {
    bin: {value: () => b.p[b.bin], python: "p[here]"},
    guess: {value: () => b.guess[b.bin], python: "guess[here]"},
    mass: {value: () => b.moments.mass, python: "p.sum()"},
    mean: {value: () => b.moments.mean, python: "(p * x).sum() / p.sum()"},
    variance: {value: () => b.moments.variance, python: "(p * x**2).sum() / p.sum() - ((p * x).sum() / p.sum()) ** 2"},
    mse: {value: () => b.mse, python: "(masses * values**2).sum() - (p * guess**2)[p > 1e-12].sum()"},
    grid: {value: () => (truth ? variation(b.p, truth) : NaN), python: "(p - truth).abs().sum() / 2"},
    drawn: {value: () => (truth ? variation(b.seen, truth) : NaN), python: "(seen - truth).abs().sum() / 2"},
    chance: {value: () => (truth ? expectedVariation(truth, Number(state.get("dens_n"))) : NaN), python: "(2 * truth * (1 - truth) / (torch.pi * draws)).sqrt().sum() / 2"},
  };
  const told = facts(Object.fromEntries(Object.keys(NUMBERS).map((key) => [key, name(`dens_${key}`)])), (key) => {
    const terms = key === "bin" ? binTerms() : [];
    lab.receipt({
      title: name(`dens_${key}`), total: String(Number(NUMBERS[key].value().toPrecision(5))), note: name(`dens_${key}_about`, {mean: n(b.expected.mean, 5), variance: n(b.expected.variance, 5), all: n(b.variance)}),
      ...(terms.length ? {formula: t("dens_formula"), heads: [t("value"), t("mass_there"), t("weight"), t("product")], rows: terms} : {}),
      torch: `${python()}${slow.includes(key) ? TRUTH(b, state.get("dens_n")) : ""}\n${printed(NUMBERS[key].python)}`,
    });
  });

  /** The largest terms of the sum behind the bin that is looked at. */
  function binTerms() {
    const reach = (b.kernel.length - 1) / 2;
    const all = Array.from(b.before, (mass, j) => ({j, mass, weight: b.kernel[b.bin - j + reach] ?? 0})).filter(({mass, weight}) => mass * weight > 0)
      .sort((one, other) => other.mass * other.weight - one.mass * one.weight);
    const rest = all.slice(12).reduce((sum, {mass, weight}) => sum + mass * weight, 0);
    const show = (/** @type {number} */ each) => String(Number(each.toPrecision(4)));
    return [...all.slice(0, 12).map(({j, mass, weight}) => [b.at[j], mass, weight, mass * weight].map(show)),
      ...(all.length > 12 ? [[t("others", {count: all.length - 12}), "", "", show(rest)]] : [])];
  }

  const python = () => `import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
counts = torch.tensor([${Array.from(b.counts).join(", ")}])  # of the pixel's grey values 0 to 255
values, masses = torch.linspace(${b.low}, 1, 256), counts / counts.sum()
a, s = ${b.amounts.a}, ${b.amounts.s}
low, high, bins, here = ${b.grid.low}, ${b.grid.high}, ${b.grid.bins}, ${b.bin}
width = (high - low) / bins
x = low + (torch.arange(bins) + 0.5) * width
bin_ = ((a * values - low) / width - 0.5).floor().clamp(0, bins - 2).long()
share = ((a * values - low) / width - 0.5 - bin_).clamp(0, 1)
cdf = ${b.noise === "uniform" ? "lambda z: z.clamp(0, 1)" : "torch.special.ndtr"}
reach = math.ceil(${b.noise === "uniform" ? 1 : 8} * s / width)
kernel = ${b.amounts.s ? "cdf((torch.arange(-reach, reach + 2) - 0.5) * width / s).diff()" : "torch.ones(1)"}


def spread(masses):
    grid = torch.zeros(bins).index_add(0, bin_, (1 - share) * masses).index_add(0, bin_ + 1, share * masses)
    return F.conv1d(grid[None, None], kernel.flip(0)[None, None], padding=reach)[0, 0]


p = spread(masses)
guess = spread(masses * values) / p
`;

  const draw = eachFrame(() => {
    b = densityOf(state, data);
    truth = undefined;
    clearTimeout(timer);
    if (b.amounts.s > 0) timer = window.setTimeout(() => { truth = exact(b.known, b.amounts, b.noise, b.grid); tell(); }, 150);
    const {low, high, bins} = b.grid;
    const [row, column] = [Math.floor(state.get("dens_pixel") / SIDE), state.get("dens_pixel") % SIDE];
    where.mark([{row, column, rows: 1, columns: 1}]);
    where.point(row, column);
    play.set(state.get("dens_at"));
    const here = b.at[b.bin];
    const reach = (b.kernel.length - 1) / 2;
    const tallest = b.kernel.reduce((most, each) => Math.max(most, each), 0);
    const window_ = Array.from({length: bins}, (_, j) => [b.at[j], (b.kernel[b.bin - j + reach] ?? 0) / tallest]);
    const x = /** @type {[number, number]} */ ([low, high]);
    const top = b.before.reduce((most, each) => Math.max(most, each), 0);
    before.draw({x, y: [0, 1.1], layers: [
      {kind: "bars", colour: "soft", points: Array.from(b.before, (mass, j) => [b.at[j] - b.width / 2, b.at[j] + b.width / 2, mass ? Math.max(0.012, mass / top) : 0]), name: t("dens_bars")},
      {kind: "line", colour: "reach", points: window_, name: t("dens_window")}, {kind: "rule", colour: "reach", points: [[here]]}]});
    const wide = bins / 64;
    const bars = Array.from({length: 64}, (_, k) => [low + k * wide * b.width, low + (k + 1) * wide * b.width,
      b.seen.slice(k * wide, (k + 1) * wide).reduce((sum, each) => sum + each, 0) / (wide * b.width)]);
    const heights = Array.from(b.p, (mass) => mass / b.width).sort((one, other) => one - other);
    const ceiling = 1.15 * Math.max(Math.min(heights[bins - 1], 3 * heights[Math.floor(0.97 * bins)] + 1e-9), ...bars.map(([, , height]) => height / 1.6));
    after.draw({x, y: [0, ceiling], told: `${t("dens_mean")} ${n(b.moments.mean)}, ${t("dens_variance")} ${n(b.moments.variance)}`, layers: [
      {kind: "bars", colour: "soft", points: bars, name: t("dens_seen", {count: n(Number(state.get("dens_n")), 9)})},
      {kind: "line", colour: "seal", points: Array.from(b.p, (mass, j) => [b.at[j], mass / b.width]), name: t("dens_line")}, {kind: "rule", colour: "reach", points: [[here]]}]});
    back.draw({x, y: [b.low - 0.05, 1 + 0.12 * (1 - b.low)], scale: true, layers: [
      {kind: "line", colour: "good", points: Array.from(b.guess, (guess, j) => [b.at[j], guess]).filter(([, guess]) => Number.isFinite(guess)), name: t("dens_guess_line")},
      {kind: "rule", colour: "reach", points: [[here]]}]});
    put(says, ...["dens_says", "dens_says_back", b.ratio ? "dens_says_ratio" : state.get("dens_axis") === "ratio" ? "dens_no_ratio" : `dens_says_${b.noise}`].map((key) =>
      h("p", {}, ...rich(name(key, {wide: n(b.amounts.s)})))));
    tell();
  });
  const slow = ["grid", "drawn", "chance"];
  const tell = () => told.show(Object.fromEntries(Object.entries(NUMBERS).filter(([key]) => b.amounts.s > 0 || !slow.includes(key)).map(([key, {value}]) => {
    const now = value();
    if (key === "mean" || key === "variance") return [key, `${n(now, 4)} ↔ ${n(b.expected[key], 4)}`];
    return [key, Number.isNaN(now) ? (key === "guess" ? "—" : "…") : key === "mass" ? now.toFixed(6) : n(now)];
  })));

  const controls = runControls(lab, t);
  const pick = (/** @type {string} */ field, /** @type {readonly string[]} */ all, /** @type {(value: string) => string} */ label) =>
    choose({label: name(field), value: state.get(field), options: all.map((value) => ({value, label: label(value)})), onChange: set(field)});
  const picks = [pick("dens_class", CLASSES, (value) => (value === "all" ? t("dens_all") : value)), pick("dens_axis", AXES, (value) => name(`axis_${value}`)),
    pick("dens_n", DRAWS, (value) => n(Number(value), 9))];
  put(el, controls.element, h("div", {class: "beside"},
    h("div", {class: "says"}, where.element, ...picks.map(({element}) => element)),
    h("div", {class: "says"}, play.element, before.element, after.element, h("div", {class: "row"}, lab.badge("computed")), back.element, h("div", {class: "row"}, lab.badge("exact")))),
  told.element, says);
  draw();
  const offs = [state.on([...Object.keys(run), ...Object.keys(fields)], () => { picks.forEach((each, i) => each.set(state.get(["dens_class", "dens_axis", "dens_n"][i]))); draw(); }),
    state.on(["dens_class"], () => { mean = meanOf(data, state.get("dens_class")); where.draw(); })];
  return {stop: () => { clearTimeout(timer); play.stop(); controls.stop(); offs.forEach((off) => off()); }};
}

/** Python for the sum without a grid, and for what was drawn. @param {ReturnType<typeof densityOf>} b @param {string} draws */
const TRUTH = (b, draws) => `
edges = low + torch.arange(bins + 1) * width
truth = (masses[:, None] * cdf((edges[None] - a * values[:, None]) / s).diff(dim=1)).sum(0)
draws = ${draws}
seen = torch.tensor([${Array.from(b.seen, (share) => Math.round(share * Number(draws))).join(", ")}]) / draws  # of each bin
`;
