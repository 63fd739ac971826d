// Room 3, probability: the values that one pixel takes in the data, convolved with the noise, and the best guess back.

import {GRIDS, bestGuess, binWidth, centres, density, moments, monteCarlo, noiseKernel, onGrid} from "../engine/density.js";
import {ink} from "../ui/colour.js";
import {player} from "../ui/controls.js";
import {eachFrame, h, put} from "../ui/dom.js";
import {SIDE} from "../ui/drawing.js";
import {facts, printed, short} from "../ui/facts.js";
import {plot} from "../ui/plot.js";
import {choice, whole} from "../ui/state.js";
import {bound, largestTerms, paragraphs} from "./bound.js";
import {digits} from "./digits.js";
import {fields as run, mixing, runControls} from "./noising.js";

const PLACES = 128; // where the kernel can be put
const DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const [CLASSES, DRAWS] = [["all", ...DIGITS], ["100", "1000", "10000"]];
const AXES = {x: "x", ratio: "x / a"};

export const fields = {
  dens_class: choice("all", CLASSES),
  dens_axis: choice("x", Object.keys(AXES)),
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
function counted({count, size, pixels, labels}, pixel, label) {
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
  return {label, values: sums.map((sum) => sum / found / 255)};
}

/** All numbers of the part. @param {State} state @param {import("./digits.js").Digits} data */
function densityOf(state, data) {
  const {noise, low, mean, deviation, c, pixel, row, column} = mixing(state);
  const counts = counted(data, pixel, state.get("dens_class"));
  const all = counts.reduce((sum, each) => sum + each, 0);
  const values = Float64Array.from({length: 256}, (_, v) => low + ((1 - low) * v) / 255);
  const known = {values, masses: counts.map((each) => each / all)};
  const ratio = state.get("dens_axis") === "ratio" && c.a > 1e-3;
  const amounts = ratio ? {a: 1, s: c.s / c.a} : {a: c.a, s: c.s};
  const {a, s} = amounts;
  const grid = gridOf(noise, a, s);
  const width = binWidth(grid);
  const average = (/** @type {(value: number) => number} */ of) =>
    values.reduce((sum, value, v) => sum + known.masses[v] * of(value), 0);
  const mu = average((value) => value);
  const variance = average((value) => (value - mu) ** 2);
  const p = density(known, amounts, noise, grid).data;
  const guess = bestGuess(known, amounts, noise, grid);
  const square = p.reduce((sum, mass, i) => sum + (mass > 1e-12 ? mass * guess[i] ** 2 : 0), 0);
  return {
    noise, low, row, column, counts, known, ratio, amounts, grid, width, p, guess, variance, at: centres(grid),
    bin: Math.round((state.get("dens_at") / (PLACES - 1)) * (grid.bins - 1)),
    before: onGrid(known, a, grid).data, kernel: noiseKernel(noise, s, width).data, moments: moments(p, grid),
    expected: {mean: a * mu + s * mean, variance: a ** 2 * variance + s ** 2 * deviation ** 2},
    mse: Math.max(0, average((value) => value ** 2) - square), // what is left of E[x0²] beside that of the guess
    seen: monteCarlo(known, amounts, noise, Number(state.get("dens_n")), state.get("run_seed"), grid),
  };
}

/** @param {HTMLElement} el @param {Lab} lab @param {Words} t @param {HTMLElement} keys */
export function mount(el, lab, t, keys) {
  put(el, h("p", {}, lab.words("loading")));
  /** @type {{stop: () => void} | undefined} */ let shown;
  let gone = false;
  digits().then((data) => { if (!gone) shown = show(el, lab, t, keys, data); }, () => put(el, h("p", {}, t("no_digits"))));
  return {stop: () => { gone = true; shown?.stop(); }};
}

/** @param {HTMLElement} el @param {Lab} lab @param {Words} t
 * @param {HTMLElement} keys @param {import("./digits.js").Digits} data */
function show(el, lab, t, keys, data) {
  const {state, words} = lab;
  const {pick, picture, set, sync} = bound(lab, t);
  const n = (/** @type {number} */ value, digits = 3) => lab.number(value, digits);
  let b = densityOf(state, data);
  let mean = meanOf(data, state.get("dens_class"));
  const where = picture("dens_where", () => mean.values, ink, {onOpen: (row, column) => state.set({run_pixel: row * SIDE + column})});
  const before = plot({label: t("dens_before"), height: 130});
  const after = plot({label: t("dens_after"), height: 180, onPick: (x, done) => {
    const share = (x - b.grid.low) / (b.grid.high - b.grid.low);
    set("dens_at")(Math.min(PLACES - 1, Math.max(0, Math.round(share * (PLACES - 1)))), done);
  }});
  const back = plot({label: t("dens_back"), height: 130});
  const play = player({words, keys, count: PLACES, at: state.get("dens_at"), perSecond: () => 12, label: t("dens_look"),
    show: () => n(b.at[b.bin]), onMove: set("dens_at")});
  const says = h("div", {class: "says"});

  /** @param {string} key @param {() => number | undefined} value @param {string} python @param {(value: number) => string} [show] */
  const fact = (key, value, python, show = n) => ({name: t(`dens_${key}`), value, show, code: () => `${gridCode(b)}\n${printed(python)}`,
    more: () => ({note: t(`dens_${key}_about`, {mean: n(b.expected.mean, 5), variance: n(b.expected.variance, 5), all: n(b.variance)})})});
  const beside = (/** @type {"mean" | "variance"} */ key) => (/** @type {number} */ now) => `${n(now, 4)} ↔ ${n(b.expected[key], 4)}`;
  const told = facts(lab, {
    bin: {...fact("bin", () => b.p[b.bin], "p[here]"), more: () => ({note: t("dens_bin_about"), formula: t("dens_formula"),
      heads: t("heads_bin").split(" | "), rows: terms()})},
    guess: fact("guess", () => b.guess[b.bin], "guess[here]", (now) => (Number.isNaN(now) ? "—" : n(now))),
    mass: fact("mass", () => b.moments.mass, "p.sum()", (now) => now.toFixed(6)),
    mean: fact("mean", () => b.moments.mean, "(p * x).sum() / p.sum()", beside("mean")),
    variance: fact("variance", () => b.moments.variance, "(p * x**2).sum() / p.sum() - ((p * x).sum() / p.sum()) ** 2", beside("variance")),
    mse: fact("mse", () => b.mse, "(masses * values**2).sum() - (p * guess**2)[p > 1e-12].sum()"),
  });

  /** The terms of the sum behind the bin that is looked at. */
  function terms() {
    const all = Array.from(b.before, (value, j) => ({place: short(b.at[j]), value, weight: weightOf(b, j)}));
    return largestTerms(all.filter(({value, weight}) => value * weight > 0), t);
  }

  const draw = eachFrame(() => {
    b = densityOf(state, data);
    if (mean.label !== state.get("dens_class")) mean = meanOf(data, state.get("dens_class"));
    sync();
    play.set(state.get("dens_at"));
    where.mark([{row: b.row, column: b.column, rows: 1, columns: 1}]);
    where.point(b.row, b.column);
    drawPlots();
    const axis = b.ratio ? "dens_says_ratio" : state.get("dens_axis") === "ratio" ? "dens_no_ratio" : `dens_says_${b.noise}`;
    put(says, ...paragraphs(t, ["dens_says", "dens_says_back", axis], {wide: n(b.amounts.s)}));
    told.show();
  });

  function drawPlots() {
    const {grid: {low, high, bins}, width} = b;
    const x = /** @type {[number, number]} */ ([low, high]);
    const looked = {.../** @type {const} */ ({kind: "rule", colour: "reach"}), points: [[b.at[b.bin]]]};
    const line = (/** @type {(bin: number) => number} */ of) => Array.from(b.at, (at, bin) => [at, of(bin)]);
    const [top, tallest] = [b.before, b.kernel].map((all) => all.reduce((most, each) => Math.max(most, each), 0));
    const bars = Array.from(b.before, (mass, j) => [b.at[j] - width / 2, b.at[j] + width / 2, mass && Math.max(0.012, mass / top)]);
    before.draw({x, y: [0, 1.1], layers: [{kind: "bars", colour: "soft", points: bars, name: t("dens_bars")},
      {kind: "line", colour: "reach", points: line((bin) => weightOf(b, bin) / tallest), name: t("dens_window")}, looked]});

    const each = bins / 64;
    const seen = Array.from({length: 64}, (_, k) => [low + k * each * width, low + (k + 1) * each * width,
      b.seen.subarray(k * each, (k + 1) * each).reduce((sum, share) => sum + share, 0) / (each * width)]);
    const heights = Array.from(b.p, (mass) => mass / width).sort((one, other) => one - other);
    const most = Math.min(heights[bins - 1], 3 * heights[Math.floor(0.97 * bins)] + 1e-9); // a few high bins are cut off
    const ceiling = 1.15 * Math.max(most, ...seen.map(([, , height]) => height / 1.6));
    after.draw({x, y: [0, ceiling], told: `${t("dens_mean")} ${n(b.moments.mean)}, ${t("dens_variance")} ${n(b.moments.variance)}`, layers: [
      {kind: "bars", colour: "soft", points: seen, name: t("dens_seen", {count: n(Number(state.get("dens_n")), 9)})},
      {kind: "line", colour: "seal", points: line((bin) => b.p[bin] / width), name: t("dens_line")}, looked]});
    back.draw({x, y: [b.low - 0.05, 1 + 0.12 * (1 - b.low)], scale: true, layers: [
      {kind: "line", colour: "good", points: line((bin) => b.guess[bin]).filter(([, y]) => Number.isFinite(y)), name: "E[x0 | x]"},
      looked]});
  }

  const controls = runControls(lab, t);
  const picks = [pick("dens_class", CLASSES, (value) => (value === "all" ? t("dens_all") : value)),
    pick("dens_axis", Object.keys(AXES), (value) => AXES[/** @type {keyof typeof AXES} */ (value)]),
    pick("dens_n", DRAWS, (value) => n(Number(value), 9))];
  put(el, controls.element, h("div", {class: "beside"},
    h("div", {class: "says"}, where.element, ...picks.map(({element}) => element)),
    h("div", {class: "says"}, play.element, before.element, after.element, h("div", {class: "row"}, lab.badge("computed")),
      back.element, h("div", {class: "row"}, lab.badge("exact")))), told.element, says);
  draw();
  const off = state.on([...Object.keys(run), ...Object.keys(fields)], draw);
  return {stop: () => { play.stop(); controls.stop(); off(); }};
}

/** The noise's mass that leads from bin j to the one looked at. @param {ReturnType<typeof densityOf>} b @param {number} j @returns {number} */
const weightOf = (b, j) => b.kernel[b.bin - j + (b.kernel.length - 1) / 2] ?? 0;

/** Python for the density on the grid and the best guess. @param {ReturnType<typeof densityOf>} b */
const gridCode = (b) => `import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
counts = torch.tensor([${Array.from(b.counts).join(", ")}])  # of the pixel's grey values 0 to 255
values, masses = torch.linspace(${b.low}, 1, 256), counts / counts.sum()
a, s = ${b.amounts.a}, ${b.amounts.s}
low, high, bins, here = ${b.grid.low}, ${b.grid.high}, ${b.grid.bins}, ${b.bin}
width = (high - low) / bins
x = low + (torch.arange(bins) + 0.5) * width
place = (a * values - low) / width - 0.5
bin_ = place.floor().clamp(0, bins - 2).long()
share = (place - bin_).clamp(0, 1)
cdf = ${b.noise === "uniform" ? "lambda z: z.clamp(0, 1)" : "torch.special.ndtr"}
reach = math.ceil(${b.noise === "uniform" ? 1 : 8} * s / width)
kernel = ${b.amounts.s ? "cdf((torch.arange(-reach, reach + 2) - 0.5) * width / s).diff()" : "torch.ones(1)"}


def spread(masses):
    grid = torch.zeros(bins).index_add(0, bin_, (1 - share) * masses).index_add(0, bin_ + 1, share * masses)
    return F.conv1d(grid[None, None], kernel.flip(0)[None, None], padding=reach)[0, 0]


p = spread(masses)
guess = spread(masses * values) / p
`;
