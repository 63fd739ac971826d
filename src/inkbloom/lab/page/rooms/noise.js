// Room 3, noise: one jump to level t beside many small steps, and beside the mixing rule repeated, which averages noise away.

import {NOISES} from "../engine/diffusion.js";
import {eachFrame, h, put} from "../ui/dom.js";
import {SIDE} from "../ui/drawing.js";
import {facts, printed} from "../ui/facts.js";
import {plot} from "../ui/plot.js";
import {pythonList} from "../ui/receipt.js";
import {whole} from "../ui/state.js";
import {bound, paragraphs, placeOf, short, total} from "./bound.js";
import {digits} from "./digits.js";
import {amounts, fields as run, noising, pathName, runControls, shade} from "./noising.js";

const MOST = 64;
const ROUTES = /** @type {const} */ (["jump", "steps", "mixing"]);

export const fields = {noise_k: whole(16, 1, MOST), noise_pixel: whole(14 * SIDE + 14, 0, SIDE * SIDE - 1)};

/**
 * One step of a chain, from what a picture holds to what it should hold: x becomes  keep x + add (z - middle) + shift .
 * @typedef {{t: number, keep: number, add: number, middle: number, shift: number}} Step
 */

/**
 * The steps of a route; the jump is its only step.
 * @param {import("../ui/state.js").State} state @param {typeof ROUTES[number]} route @returns {Step[]}
 */
export function stepsOf(state, route) {
  const {t, mean} = noising(state);
  const count = route === "jump" ? 1 : state.get("noise_k");
  let [a, s] = [1, 0];
  return Array.from({length: count}, (_, i) => {
    const c = amounts(state)((t * (i + 1)) / count);
    const keep = c.a / a;
    const more = c.s - keep * s; // what the plain mixing rule adds
    const fresh = Math.sqrt(Math.max(0, c.s ** 2 - (keep * s) ** 2)); // what gives the right variance
    [a, s] = [c.a, c.s];
    const at = {t: (t * (i + 1)) / count, keep};
    return route === "steps" ? {...at, add: fresh, middle: mean, shift: more * mean} : {...at, add: more, middle: 0, shift: 0};
  });
}

/**
 * Runs a route over the drawing; what it makes of one pixel is kept.
 * @param {ReturnType<typeof noising>} now @param {Step[]} steps @param {(step: number) => Float32Array} noise @param {number} pixel
 */
function walk({x0}, steps, noise, pixel) {
  const x = Float32Array.from(x0.data);
  const seen = [[0, x[pixel]]];
  steps.forEach(({t, keep, add, middle, shift}, k) => {
    const z = noise(k);
    for (let i = 0; i < x.length; i++) x[i] = keep * x[i] + add * (z[i] - middle) + shift;
    seen.push([t, x[pixel]]);
  });
  return {x, seen};
}

/** Python for the amounts of each path at t. */
const PATH_CODE = {
  lerp: "a, s = 1 - t, t",
  ve: "a, s = torch.ones_like(t), 0.01 * 5000**t",
  vp: `d = torch.tensor((0.02 - 1e-4) / 999, dtype=torch.float64)  # a² is a product over 1000 t steps: a quotient of gammas
k, n = (1 - 1e-4) / d, 1000 * t
log_a = (n * d.log() + torch.lgamma(k + 1) - torch.lgamma(k + 1 - n)) / 2
a, s = log_a.exp(), (-torch.expm1(2 * log_a)).sqrt()`,
};
const PATH_FORMULA = {lerp: "a = 1 − t, s = t", ve: "a = 1, s = 0.01 · 5000^t", vp: "a² = Π (1 − βᵢ), s² = 1 − a²"};

/** @param {HTMLElement} el @param {import("../main.js").Lab} lab @param {import("./bound.js").Words} t */
export function mount(el, lab, t) {
  const {state} = lab;
  const {dial, picture, sync} = bound(lab, t);
  const n = (/** @type {number} */ value) => lab.number(Math.abs(value) < 1e-9 ? 0 : value);
  /** @type {{key: string, draws: Float32Array[]}} */ const pool = {key: "", draws: []};
  /** @type {import("./digits.js").Digits | undefined} */ let data;
  /** Draw 0 is the jump's eps; step k of a chain takes draw k + 1. @param {number} draw */
  const drawn = (draw) => {
    const key = `${state.get("run_noise")} ${state.get("run_seed")}`;
    if (pool.key !== key) Object.assign(pool, {key, draws: []});
    return (pool.draws[draw] ??= NOISES[state.get("run_noise")](state.get("run_seed"), "noise", draw, SIDE * SIDE));
  };
  const read = () => {
    const now = noising(state);
    const pixel = state.get("noise_pixel");
    const routes = ROUTES.map((route) => {
      const steps = stepsOf(state, route);
      const {x, seen} = walk(now, steps, (k) => drawn(route === "jump" ? 0 : k + 1), pixel);
      const rest = x.map((value, i) => value - now.a * now.x0.data[i]);
      const mean = rest.reduce((sum, each) => sum + each, 0) / rest.length;
      const sd = Math.sqrt(rest.reduce((sum, each) => sum + (each - mean) ** 2, 0) / rest.length);
      return {route, steps, x, seen, rest, mean, sd};
    });
    const path = Array.from({length: 33}, (_, i) => (now.t * i) / 32).map((u) => {
      const c = amounts(state)(u);
      return [u, c.a * now.x0.data[pixel] + c.s * now.eps.data[pixel]];
    });
    return {...now, pixel, routes, path, name: pathName(state)};
  };
  let b = read();

  const columns = ROUTES.map((route, i) => {
    const shown = picture(t(`route_${route}`), () => b.routes[i].x, (value) => shade(value, b.low), {onOpen: () => pixelReceipt(i),
      onPoint: (row, column) => row * SIDE + column !== b.pixel && state.set({noise_pixel: row * SIDE + column}, {keep: true})});
    const told = facts({mean: t("left_mean"), sd: t("left_sd")}, (key) => lab.receipt({
      title: `${t(`route_${route}`)}: ${t(`left_${key}`)}`, note: t("left_about"),
      total: total(key === "sd" ? b.routes[i].sd : b.routes[i].mean),
      torch: `import torch

# x - a * x0 of all 784 pixels: what there is in the picture beside the drawing
rest = torch.tensor(${pythonList(b.routes[i].rest)})
${printed(key === "sd" ? "rest.std(correction=0)" : "rest.mean()")}`,
    }));
    const shape = plot({label: t("left_histogram"), height: 110});
    return {shown, told, shape, element: h("div", {class: "says"}, shown.element, told.element, shape.element)};
  });
  const path = plot({label: t("pixel_path"), height: 190});
  const formula = h("p", {class: "formula"});
  const about = h("div", {class: "says"});
  const controls = runControls(lab, t);
  controls.element.append(dial("noise_k", [1, MOST, 1]).element);

  /** @type {Record<string, {name: string, note: string, value: () => number, python: string}>} */
  const NUMBERS = {
    a: {name: "a", note: "amounts_about", value: () => b.a, python: "a"},
    s: {name: "s", note: "amounts_about", value: () => b.s, python: "s"},
    bar: {name: "ᾱ = a²", note: "amounts_about", value: () => b.a ** 2, python: "a**2"},
    snr: {name: t("snr"), note: "snr_about", value: () => 20 * Math.log10(b.a / b.s), python: "20 * torch.log10(a / s)"},
    fit: {name: t("fits"), note: "fits_about", value: () => (data ? fitting(b, data) : NaN), python: ""},
  };
  const told = facts(Object.fromEntries(Object.entries(NUMBERS).map(([key, {name}]) => [key, name])), (key) => {
    const {name, note, value, python} = NUMBERS[key];
    const amountsCode = `import torch\n\nt = torch.tensor(${b.t}, dtype=torch.float64)\n${PATH_CODE[b.name]}\n${printed(python)}`;
    lab.receipt({title: name, formula: PATH_FORMULA[b.name], note: t(note), total: total(value()), torch: key === "fit" ? fitCode() : amountsCode});
  });
  const fitCode = () => `import gzip
from importlib.resources import files

import torch

raw = gzip.decompress((files("inkbloom") / "data/digits/digits-images-idx3-ubyte.gz").read_bytes())
x0 = torch.frombuffer(bytearray(raw[16:]), dtype=torch.uint8).reshape(-1, 784) / 255
x = torch.tensor(${pythonList(b.x.data)})
noise = x - ${b.a} * x0
${printed(`((noise >= -1e-6) & (noise <= ${b.s} + 1e-6)).all(1).sum()`)}`;

  /** How the pixel came to its value on a route. @param {number} i */
  function pixelReceipt(i) {
    const {route, steps, seen} = b.routes[i];
    const z = steps.map((_, k) => drawn(route === "jump" ? 0 : k + 1)[b.pixel]);
    const list = (/** @type {keyof Step} */ key) => JSON.stringify(steps.map((step) => step[key]));
    const [row, column] = placeOf(b.pixel);
    lab.receipt({
      title: `${t(`route_${route}`)}: ${t("pixel_at", {row, column})}`, formula: t(`formula_${route}`), total: total(b.routes[i].x[b.pixel]),
      heads: ["t", t("keep"), t("before"), t("add"), "z", t("shift"), "x"],
      rows: steps.map((step, k) => [step.t, step.keep, seen[k][1], step.add, z[k] - step.middle, step.shift, seen[k + 1][1]].map(short)),
      torch: `import torch

x = torch.tensor(${b.x0.data[b.pixel]})
keep = torch.tensor(${list("keep")})
add = torch.tensor(${list("add")})
shift = torch.tensor(${list("shift")})
z = torch.tensor(${pythonList(z)}) - ${steps[0].middle}
for step in range(len(z)):
    x = keep[step] * x + add[step] * z[step] + shift[step]
${printed("x")}`,
    });
  }

  const draw = eachFrame(() => {
    b = read();
    sync();
    const [row, column] = placeOf(b.pixel);
    const [centre, wide] = [b.s * b.mean, Math.max(4 * b.s * b.deviation, 1e-3)];
    const peak = (b.noise === "uniform" ? 1 : 0.4) / Math.max(b.s, 1e-3);
    const law = b.noise === "uniform" ? [[-1, 0], [0, 0], [0, 1], [1, 1], [1, 0], [2, 0]].map(([u, v]) => [u * b.s, v / b.s])
      : Array.from({length: 81}, (_, i) => (i - 40) / 10).map((u) => [u * b.s, Math.exp((-u * u) / 2) / Math.sqrt(2 * Math.PI) / b.s]);
    columns.forEach(({shown, told, shape}, i) => {
      const {mean, sd, rest} = b.routes[i];
      shown.mark([{row, column, rows: 1, columns: 1}]);
      shown.point(row, column);
      told.show({mean: n(mean), sd: n(sd)});
      shape.draw({x: [centre - wide, centre + wide], y: [0, 2.5 * peak], told: `${t("left_sd")} ${n(sd)}`, layers: [
        {kind: "bars", colour: "soft", points: histogram(rest, centre - wide, centre + wide, 40)},
        {kind: "line", colour: "seal", points: b.s > 0 ? law : [], name: t("jump_law")}]});
    });
    const heights = [b.path, ...b.routes.map(({seen}) => seen)].flat().map(([, y]) => y);
    const [low, high] = [Math.min(b.low, ...heights), Math.max(1, ...heights)];
    const margin = 0.06 * (high - low);
    path.draw({x: [0, Math.max(b.t, 0.01)], y: [low - margin, high + margin], scale: true, layers: [
      {kind: "line", colour: "seal", points: b.path, name: t("route_jump")},
      {kind: "line", colour: "reach", points: b.routes[1].seen, name: t("route_steps")},
      {kind: "line", colour: "good", points: b.routes[2].seen, name: t("route_mixing")}]});
    const [x0, eps, x] = [b.x0, b.eps, b.x].map(({data}) => n(data[b.pixel]));
    put(formula, `x = a·x0 + s·ε = ${n(b.a)} · ${x0} + ${n(b.s)} · (${eps}) = ${x}`);
    const fit = data && t("fits_of", {fit: lab.number(fitting(b, data), 9), all: lab.number(data.count, 9)});
    told.show({a: n(b.a), s: n(b.s), ...(b.noise === "gaussian" ? {bar: n(b.a ** 2), snr: `${n(NUMBERS.snr.value())} dB`} : fit ? {fit} : {})});
    put(about, ...paragraphs(t, [`says_${b.noise}`, "says_mixing"]));
    if (b.noise === "uniform" && !data) digits().then((all) => { data = all; draw(); }, () => undefined);
  });

  put(el, controls.element, h("div", {class: "trio"}, ...columns.map(({element}) => element)),
    h("div", {class: "row"}, lab.badge("computed")), about,
    h("div", {class: "duo"}, path.element, h("div", {class: "says"}, formula, told.element)));
  draw();
  const off = state.on(["drawing", ...Object.keys(run), ...Object.keys(fields)], draw);
  return {stop: () => { off(); controls.stop(); }};
}

/**
 * How many digits of the data the noisy picture may have come from: what is left of it must be noise from 0 to s.
 * @param {ReturnType<typeof noising>} b @param {import("./digits.js").Digits} data
 */
export function fitting({x, a, s}, {count, size, pixels}) {
  let found = 0;
  for (let image = 0; image < count; image++) {
    let i = 0;
    for (; i < size; i++) {
      const left = x.data[i] - (a * pixels[image * size + i]) / 255;
      if (left < -1e-6 || left > s + 1e-6) break;
    }
    if (i === size) found++;
  }
  return found;
}

/** Bars [from, to, density] of numbers. @param {ArrayLike<number>} values @param {number} low @param {number} high @param {number} bins */
export function histogram(values, low, high, bins) {
  const counts = new Float64Array(bins);
  const width = (high - low) / bins;
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor((values[i] - low) / width);
    if (bin >= 0 && bin < bins) counts[bin]++;
  }
  return Array.from(counts, (count, i) => [low + i * width, low + (i + 1) * width, count / (values.length * width)]);
}
