// Room 3, noise: one jump to level t beside many small steps, and beside the mixing rule repeated, which averages noise away.

import {ink} from "../ui/colour.js";
import {eachFrame, h, put} from "../ui/dom.js";
import {facts, printed, short, total} from "../ui/facts.js";
import {plot} from "../ui/plot.js";
import {pythonList} from "../ui/receipt.js";
import {whole} from "../ui/state.js";
import {bound, paragraphs} from "./bound.js";
import {statistics} from "./network.js";
import {fields as run, followed, noising, runControls} from "./noising.js";

const MOST = 64;
const FORMULAS = {
  jump: "x = a · x0 + s · ε",
  steps: "xₜ = (aₜ / aᵤ) · xᵤ + √(sₜ² − (aₜ · sᵤ / aᵤ)²) · z",
  mixing: "xₜ = (aₜ / aᵤ) · xᵤ + (sₜ − aₜ · sᵤ / aᵤ) · z",
};
const ROUTES = /** @type {(keyof typeof FORMULAS)[]} */ (Object.keys(FORMULAS));

export const fields = {noise_k: whole(16, 1, MOST)};

/** One step of a chain, from what a picture holds to what it should hold: x becomes  keep x + add (z - middle) + shift .
 * @typedef {{t: number, keep: number, add: number, middle: number, shift: number}} Step */

/** The steps of a route; the jump is its only step.
 * @param {ReturnType<typeof noising>} now @param {typeof ROUTES[number]} route @param {number} count @returns {Step[]} */
function stepsOf({amounts, mean, t: end}, route, count) {
  let [a, s] = [1, 0];
  return Array.from({length: count}, (_, i) => {
    const t = (end * (i + 1)) / count;
    const c = amounts(t);
    const keep = c.a / a;
    const more = c.s - keep * s; // what the plain mixing rule adds
    const fresh = Math.sqrt(Math.max(0, c.s ** 2 - (keep * s) ** 2)); // what gives the right variance
    [a, s] = [c.a, c.s];
    return route === "steps" ? {t, keep, add: fresh, middle: mean, shift: more * mean} : {t, keep, add: more, middle: 0, shift: 0};
  });
}

/** All numbers of the part. @param {State} state */
function chains(state) {
  const now = noising(state);
  /** @type {Float32Array[]} */ const drawn = [now.eps.data];
  const routes = ROUTES.map((route) => {
    const steps = stepsOf(now, route, route === "jump" ? 1 : state.get("noise_k"));
    const noise = steps.map((_, k) => (drawn[route === "jump" ? 0 : k + 1] ??= now.draw(k + 1)));
    const x = Float32Array.from(now.x0.data);
    steps.forEach(({keep, add, middle, shift}, k) => {
      for (let i = 0; i < x.length; i++) x[i] = keep * x[i] + add * (noise[k][i] - middle) + shift;
    });
    const rest = x.map((value, i) => value - now.a * now.x0.data[i]);
    return {route, steps, noise, x, rest, ...statistics(rest)};
  });
  return {...now, routes};
}

const PATH_FORMULA = {lerp: "a = 1 − t, s = t", ve: "a = 1, s = 0.01 · 5000^t", vp: "a² = Π (1 − βᵢ), s² = 1 − a²"};

/** @param {HTMLElement} el @param {Lab} lab @param {Words} t */
export function mount(el, lab, t) {
  const {state} = lab;
  const {dial, sync} = bound(lab, t);
  const n = (/** @type {number} */ value) => lab.number(Math.abs(value) < 1e-9 ? 0 : value);
  let b = chains(state);

  const pictures = followed(lab, t);
  const columns = ROUTES.map((route, i) => {
    const picture = pictures.add(`route_${route}`, () => b.routes[i].x, (value) => ink((value - b.low) / (1 - b.low)), () => pixelReceipt(i));
    /** @param {"mean" | "sd"} key @param {string} python */
    const left = (key, python) => ({name: t(`left_${key}`), show: n, value: () => b.routes[i][key], code: () => `import torch

rest = torch.tensor(${pythonList(b.routes[i].rest)})  # x - a * x0
${printed(python)}`,
      more: () => ({title: `${t(`route_${route}`)}: ${t(`left_${key}`)}`, note: t("left_about")})});
    const told = facts(lab, {mean: left("mean", "rest.mean()"), sd: left("sd", "rest.std(correction=0)")});
    const shape = plot({label: t("left_histogram"), height: 110});
    return {told, shape, element: h("div", {class: "says"}, picture, told.element, shape.element)};
  });
  const formula = h("p", {class: "formula"});
  const about = h("div", {class: "says"});
  const controls = runControls(lab, t);
  controls.element.append(dial("noise_k", 1, MOST).element);

  /** @param {string} name @param {string} note @param {() => number | undefined} value @param {string} python @param {string} [unit] */
  const amount = (name, note, value, python, unit = "") => ({name, value, show: (/** @type {number} */ now) => n(now) + unit,
    code: () => `import torch
from inkbloom.diffusion import ${b.path}

a, s, *_ = ${b.path}(torch.tensor(${b.t}, dtype=torch.float64))
${printed(python)}`,
    more: () => ({formula: PATH_FORMULA[b.path], note})});
  const told = facts(lab, {
    a: amount("a", t("amounts_about"), () => b.a, "a"),
    s: amount("s", t("amounts_about"), () => b.s, "s"),
    bar: amount("ᾱ = a²", t("amounts_about"), () => b.a ** 2, "a**2"),
    snr: amount(t("snr"), "20 · log₁₀(a / s)", () => (b.noise === "gaussian" ? 20 * Math.log10(b.a / b.s) : undefined),
      "20 * torch.log10(a / s)", " dB"),
  });

  /** How the pixel came to its value on a route. @param {number} i */
  function pixelReceipt(i) {
    const {route, steps, noise, x} = b.routes[i];
    const z = noise.map((each) => each[b.pixel]);
    const list = (/** @type {keyof Step} */ key) => JSON.stringify(steps.map((step) => step[key]));
    let now = b.x0.data[b.pixel];
    const rows = steps.map(({t: level, keep, add, middle, shift}, k) => {
      const before = now;
      now = keep * before + add * (z[k] - middle) + shift;
      return [level, keep, before, add, z[k] - middle, shift, now].map(short);
    });
    lab.receipt({
      title: `${t(`route_${route}`)}: ${t("pixel_at", b)}`, formula: FORMULAS[route], total: total(x[b.pixel]),
      heads: t("heads_chain").split(" | "), rows,
      torch: `x, z = ${b.x0.data[b.pixel]}, ${pythonList(z)}
steps = zip(${list("keep")}, ${list("add")}, ${list("shift")}, z)
for keep, add, shift, z in steps:
    x = keep * x + add * (z - ${steps[0].middle}) + shift
${printed("x")}`,
    });
  }

  const draw = eachFrame(() => {
    b = chains(state);
    sync();
    pictures.show(b);
    const [centre, wide] = [b.s * b.mean, Math.max(4 * b.s * b.deviation, 1e-3)];
    const peak = (b.noise === "uniform" ? 1 : 0.4) / Math.max(b.s, 1e-3);
    const law = b.noise === "uniform" ? [[-1, 0], [0, 0], [0, 1], [1, 1], [1, 0], [2, 0]].map(([u, v]) => [u * b.s, v / b.s])
      : Array.from({length: 81}, (_, i) => (i - 40) / 10).map((u) => [u * b.s, Math.exp((-u * u) / 2) / Math.sqrt(2 * Math.PI) / b.s]);
    columns.forEach(({told, shape}, i) => {
      told.show();
      shape.draw({x: [centre - wide, centre + wide], y: [0, 2.5 * peak], told: `${t("left_sd")} ${n(b.routes[i].sd)}`, layers: [
        {kind: "bars", colour: "soft", points: histogram(b.routes[i].rest, centre - wide, centre + wide, 40)},
        {kind: "line", colour: "seal", points: b.s > 0 ? law : [], name: t("jump_law")}]});
    });
    const [x0, eps, x] = [b.x0, b.eps, b.x].map(({data}) => n(data[b.pixel]));
    put(formula, `${t("pixel_at", b)}: x = a·x0 + s·ε = ${n(b.a)} · ${x0} + ${n(b.s)} · (${eps}) = ${x}`);
    told.show();
    put(about, ...paragraphs(t, [`says_${b.noise}`, "says_mixing"]));
  });

  put(el, controls.element, h("div", {class: "trio"}, ...columns.map(({element}) => element)),
    h("div", {class: "row"}, lab.badge("computed"), h("span", {}, t("follow"))), formula, told.element, about);
  draw();
  const off = state.on(["drawing", ...Object.keys(run), ...Object.keys(fields)], draw);
  return {stop: () => { off(); controls.stop(); }};
}

/** Bars [from, to, density] of numbers. @param {ArrayLike<number>} values @param {number} low @param {number} high @param {number} bins */
function histogram(values, low, high, bins) {
  const counts = new Float64Array(bins);
  const width = (high - low) / bins;
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor((values[i] - low) / width);
    if (bin >= 0 && bin < bins) counts[bin]++;
  }
  return Array.from(counts, (count, i) => [low + i * width, low + (i + 1) * width, count / (values.length * width)]);
}
