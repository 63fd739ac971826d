// Room 3, noise: one jump to level t beside many small steps, and beside the mixing rule repeated, which averages noise away.

import {NOISES} from "../engine/diffusion.js";
import {slider} from "../ui/controls.js";
import {eachFrame, h, put, rich} from "../ui/dom.js";
import {SIDE} from "../ui/drawing.js";
import {facts, printed} from "../ui/facts.js";
import {matrix} from "../ui/matrix.js";
import {plot} from "../ui/plot.js";
import {pythonList} from "../ui/receipt.js";
import {whole} from "../ui/state.js";
import {digits} from "./digits.js";
import {amounts, fields as run, noising, runControls, shade} from "./noising.js";

const MOST = 64;
const ROUTES = /** @type {const} */ (["jump", "steps", "mixing"]);

export const fields = {noise_k: whole(16, 1, MOST), noise_pixel: whole(14 * SIDE + 14, 0, SIDE * SIDE - 1)};

/**
 * One step of a chain, from what a picture holds to what it should hold: x becomes  keep x + add (z - middle) + shift .
 * @typedef {{t: number, keep: number, add: number, middle: number, shift: number}} Step
 */

/** The steps of a route; the jump is its only step. @param {import("../ui/state.js").State} state @param {typeof ROUTES[number]} route @returns {Step[]} */
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
    return {t: (t * (i + 1)) / count, keep, ...(route === "steps" ? {add: fresh, middle: mean, shift: more * mean} : {add: more, middle: 0, shift: 0})};
  });
}

/** Runs a route over the drawing. @param {ReturnType<typeof noising>} now @param {Step[]} steps @param {(step: number) => Float32Array} noise @param {number} pixel */
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

/** @param {HTMLElement} el @param {import("../main.js").Lab} lab @param {import("./spreading.js").Words} t */
export function mount(el, lab, t) {
  const {state, words} = lab;
  const name = (/** @type {string} */ key) => t(/** @type {any} */ (key));
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
      return {route, steps, x, seen, rest, mean, sd: Math.sqrt(rest.reduce((sum, each) => sum + (each - mean) ** 2, 0) / rest.length)};
    });
    const path = Array.from({length: 33}, (_, i) => (now.t * i) / 32).map((u) => {
      const c = amounts(state)(u);
      return [u, c.a * now.x0.data[pixel] + c.s * now.eps.data[pixel]];
    });
    return {...now, pixel, routes, path};
  };
  let b = read();

  const round = (/** @type {number} */ value) => String(Number(value.toPrecision(5)));
  const columns = ROUTES.map((route, i) => {
    const picture = matrix({label: name(`route_${route}`), words, data: () => ({rows: SIDE, columns: SIDE, values: b.routes[i].x}), colour: (value) => shade(b.low)(value),
      onPoint: (row, column) => row * SIDE + column !== b.pixel && state.set({noise_pixel: row * SIDE + column}, {keep: true}),
      onOpen: () => pixelReceipt(i)});
    const told = facts({mean: t("left_mean"), sd: t("left_sd")}, (key) => lab.receipt({
      title: `${name(`route_${route}`)}: ${name(`left_${key}`)}`, total: round(b.routes[i][/** @type {"mean" | "sd"} */ (key)]), note: t("left_about"),
      torch: `import torch\n\n# x - a * x0 of all 784 pixels: what the noise has left in the picture\nrest = torch.tensor(${pythonList(b.routes[i].rest)})\n${printed(key === "sd" ? "rest.std(correction=0)" : "rest.mean()")}`,
    }));
    const shape = plot({label: t("left_histogram"), height: 110});
    return {picture, told, shape, element: h("div", {class: "says"}, picture.element, told.element, shape.element)};
  });
  const path = plot({label: t("pixel_path"), height: 190});
  const formula = h("p", {class: "formula"});
  const about = h("div", {class: "says"});
  const controls = runControls(lab, t);
  const count = slider({label: t("step_count"), low: 1, high: MOST, value: state.get("noise_k"), onChange: (value, done) => state.set({noise_k: value}, {keep: !done})});
  const told = facts({a: "a", s: "s", bar: "ᾱ = a²", snr: t("snr"), fit: t("fits")}, (key) => {
    const digitsCode = `from importlib.resources import files\nimport gzip\nimport torch\n\nx = torch.tensor(${pythonList(b.x.data)})\nraw = gzip.decompress((files("inkbloom") / "data/digits/digits-images-idx3-ubyte.gz").read_bytes())
x0 = torch.frombuffer(bytearray(raw[16:]), dtype=torch.uint8).reshape(-1, 784) / 255
noise = x - ${b.a} * x0\n${printed(`((noise >= -1e-6) & (noise <= ${b.s} + 1e-6)).all(1).sum()`)}`;
    lab.receipt({title: name({a: "path", s: "path", bar: "path", snr: "snr", fit: "fits"}[key] ?? key), total: round(value(key)), formula: pathFormula(), note: name(`${key === "fit" ? "fits" : key === "snr" ? "snr" : "amounts"}_about`),
      torch: key === "fit" ? digitsCode : `${pathCode()}\n${printed({a: "a", s: "s", bar: "a**2", snr: "(20 * torch.log10(a / s))"}[key] ?? "a")}`});
  });

  /** @param {string} key */
  const value = (key) => ({a: b.a, s: b.s, bar: b.a ** 2, snr: 20 * Math.log10(b.a / b.s), fit: data ? fitting(b, data) : NaN})[key] ?? NaN;
  const pathName = () => (b.noise === "uniform" ? "lerp" : state.get("run_path"));
  const pathFormula = () => ({lerp: "a = 1 − t, s = t", ve: "a = 1, s = 0.01 · 5000^t", vp: "a² = Π (1 − βᵢ), s² = 1 − a²"})[/** @type {"lerp"} */ (pathName())];
  const pathCode = () => `import torch\n\nt = torch.tensor(${b.t}, dtype=torch.float64)\n` + ({
    lerp: "a, s = 1 - t, t", ve: "a, s = torch.ones_like(t), 0.01 * 5000**t",
    vp: "# the product over 1000 t steps; the gamma function serves levels in between as well\nd = (0.02 - 1e-4) / 999\nk = (1 - 1e-4) / d\nn = 1000 * t\nlog_a = (n * torch.tensor(d, dtype=torch.float64).log() + torch.lgamma(torch.tensor(k + 1, dtype=torch.float64)) - torch.lgamma(k + 1 - n)) / 2\na, s = log_a.exp(), (-torch.expm1(2 * log_a)).sqrt()",
  })[/** @type {"lerp"} */ (pathName())];

  /** How the pixel came to its value on a route. @param {number} i */
  function pixelReceipt(i) {
    const {route, steps, seen} = b.routes[i];
    const z = steps.map((_, k) => drawn(route === "jump" ? 0 : k + 1)[b.pixel]);
    const list = (/** @type {keyof Step} */ key) => JSON.stringify(steps.map((step) => step[key]));
    const show = (/** @type {number} */ each) => String(Number(each.toPrecision(4)));
    lab.receipt({
      title: `${name(`route_${route}`)}: ${t("pixel_at", {row: Math.floor(b.pixel / SIDE), column: b.pixel % SIDE})}`,
      formula: name(`formula_${route}`), heads: [t("level"), t("keep"), t("before"), t("add"), "z", ...(steps[0].middle ? [t("shift")] : []), "x"],
      rows: steps.map((step, k) => [step.t, step.keep, seen[k][1], step.add, z[k] - step.middle, ...(step.middle ? [step.shift] : []), seen[k + 1][1]].map(show)),
      total: round(b.routes[i].x[b.pixel]),
      torch: `import torch\n\nx = torch.tensor(${b.x0.data[b.pixel]})\nkeep = torch.tensor(${list("keep")})\nadd = torch.tensor(${list("add")})\nz = torch.tensor(${pythonList(z)})${steps[0].middle ? ` - ${steps[0].middle}\nshift = torch.tensor(${list("shift")})` : "\nshift = torch.zeros(len(z))"}
for step in range(len(z)):
    x = keep[step] * x + add[step] * z[step] + shift[step]
${printed("x")}`,
    });
  }

  const draw = eachFrame(() => {
    b = read();
    const {row, column} = {row: Math.floor(b.pixel / SIDE), column: b.pixel % SIDE};
    const centre = b.s * b.mean;
    const wide = Math.max(4 * b.s * b.deviation, 1e-3);
    const peak = (b.noise === "uniform" ? 1 : 0.4) / Math.max(b.s, 1e-3);
    const law = b.noise === "uniform" ? [[-1, 0], [0, 0], [0, 1], [1, 1], [1, 0], [2, 0]].map(([u, v]) => [u * b.s, v / b.s])
      : Array.from({length: 81}, (_, i) => (i - 40) / 10).map((u) => [u * b.s, Math.exp(-u * u / 2) / Math.sqrt(2 * Math.PI) / b.s]);
    columns.forEach(({picture, told, shape}, i) => {
      const {mean, sd, rest} = b.routes[i];
      picture.mark([{row, column, rows: 1, columns: 1}]);
      picture.point(row, column);
      told.show({mean: lab.number(Math.abs(mean) < 1e-9 ? 0 : mean), sd: lab.number(sd)});
      shape.draw({x: [centre - wide, centre + wide], y: [0, 2.5 * peak], told: `${t("left_sd")} ${lab.number(sd)}`, layers: [
        {kind: "bars", colour: "soft", points: histogram(rest, centre - wide, centre + wide, 40)},
        ...(b.s > 0 ? [/** @type {const} */ ({kind: "line", colour: "seal", points: law, name: t("jump_law")})] : [])]});
    });
    const seen = [b.path, ...b.routes.map((route) => route.seen)].flat().map(([, y]) => y);
    const [low, high] = [Math.min(b.low, ...seen), Math.max(1, ...seen)];
    path.draw({x: [0, Math.max(b.t, 0.01)], y: [low - 0.05 * (high - low), high + 0.05 * (high - low)], layers: [
      {kind: "line", colour: "seal", points: b.path, name: t("route_jump")}, {kind: "line", colour: "reach", points: b.routes[1].seen, name: t("route_steps")},
      {kind: "line", colour: "good", points: b.routes[2].seen, name: t("route_mixing")}], scale: true});
    const put3 = (/** @type {number} */ each) => lab.number(each);
    put(formula, `x = a·x0 + s·ε = ${put3(b.a)} · ${put3(b.x0.data[b.pixel])} + ${put3(b.s)} · (${put3(b.eps.data[b.pixel])}) = ${put3(b.x.data[b.pixel])}`);
    told.show({a: put3(b.a), s: put3(b.s), ...(b.noise === "gaussian" ? {bar: put3(b.a ** 2), snr: `${put3(value("snr"))} dB`}
      : data ? {fit: t("fits_of", {fit: lab.number(fitting(b, data), 9), all: lab.number(data.count, 9)})} : {})});
    put(about, ...[`says_${b.noise}`, "says_mixing"].map((key) => h("p", {}, ...rich(name(key)))));
    if (b.noise === "uniform" && !data) digits().then((all) => { data = all; draw(); }, () => undefined);
  });

  controls.element.append(count.element);
  put(el, controls.element, h("div", {class: "trio"}, ...columns.map(({element}) => element)),
    h("div", {class: "row"}, lab.badge("computed")), about,
    h("div", {class: "duo"}, path.element, h("div", {class: "says"}, formula, told.element)));
  draw();
  const off = state.on(["drawing", ...Object.keys(run), ...Object.keys(fields)], () => { count.set(state.get("noise_k")); draw(); });
  return {stop: () => { off(); controls.stop(); }};
}

/** How many digits of the data the noisy picture may have come from: what is left of it must be noise from 0 to s. @param {ReturnType<typeof noising>} b @param {import("./digits.js").Digits} data */
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
