// Room 3, which noise: what a network may be asked for. Each target is some  p x0 + q eps ; with  x = a x0 + s eps  that is a
// system of two equations, and whoever knows one target knows them all.

import {NOISES, TARGETS, mixed} from "../engine/diffusion.js";
import {diverging} from "../ui/colour.js";
import {choose, slider} from "../ui/controls.js";
import {eachFrame, h, put, rich} from "../ui/dom.js";
import {SIDE} from "../ui/drawing.js";
import {facts, printed} from "../ui/facts.js";
import {matrix} from "../ui/matrix.js";
import {choice, number, whole} from "../ui/state.js";
import {amounts, fields as run, noising, runControls} from "./noising.js";

const NAMES = /** @type {const} */ (["eps", "x0", "v", "change"]);

export const fields = {
  which: choice("eps", NAMES),
  which_u: number(0.9, 0, 1), // the level u of the change, as a share of t
  which_pixel: whole(14 * SIDE + 14, 0, SIDE * SIDE - 1),
};

/** All numbers of the part. @param {import("../ui/state.js").State} state */
export function targetsOf(state) {
  const now = noising(state);
  const u = now.t * state.get("which_u");
  const before = amounts(state)(u);
  const xBefore = mixed(before.a, now.x0, before.s, now.eps);
  /** @param {typeof NAMES[number]} name @returns {[number, number]} */
  const weights = (name) => (name === "change" ? [now.a - before.a, now.s - before.s] : TARGETS[name](now.c));
  const all = NAMES.map((name) => {
    const [p, q] = weights(name);
    const det = q * now.a - p * now.s;
    return {name, p, q, det, picture: mixed(p, now.x0, q, now.eps)};
  });
  // The same way back from t to u, but in a chain: the step from u to t has brought noise of its own.
  const keep = now.a / before.a;
  const fresh = Math.sqrt(Math.max(0, now.s ** 2 - (keep * before.s) ** 2));
  const z = {...now.eps, data: NOISES[now.noise](state.get("run_seed"), "noise", 1, SIDE * SIDE).map((each) => each - now.mean)};
  const chain = mixed(keep - 1, xBefore, fresh, z);
  return {...now, u, before, xBefore, all, keep, fresh, z, chain};
}

/** The drawing and the noise, out of a target and the noisy picture. @param {ReturnType<typeof targetsOf>} b @param {number} i */
export function solved({x, a, s, all}, i) {
  const {p, q, det, picture} = all[i];
  return [mixed(q / det, x, -s / det, picture), mixed(a / det, picture, -p / det, x)];
}

/** @param {HTMLElement} el @param {import("../main.js").Lab} lab @param {import("./spreading.js").Words} t */
export function mount(el, lab, t) {
  const {state, words} = lab;
  const name = (/** @type {string} */ key, /** @type {any} */ values = {}) => t(/** @type {any} */ (key), values);
  const set = (/** @type {string} */ field) => (/** @type {any} */ value, done = true) => state.set({[field]: value}, {keep: !done});
  let b = targetsOf(state);
  const chosen = () => NAMES.indexOf(state.get("which"));
  const pixel = () => state.get("which_pixel");
  const round = (/** @type {number} */ value) => String(Number(value.toPrecision(5)));
  const n = (/** @type {number} */ value) => lab.number(value);

  /** The largest value of a picture: it gets the full colour. @type {(data: Float32Array) => number} */
  const size = (data) => {
    if (!sizes.has(data)) sizes.set(data, data.reduce((most, each) => Math.max(most, Math.abs(each)), 1e-9));
    return sizes.get(data) ?? 1;
  };
  /** @type {WeakMap<Float32Array, number>} */ const sizes = new WeakMap();
  /** @param {string} label @param {() => {data: Float32Array}} picture @param {(row: number, column: number) => void} onOpen */
  const grid = (label, picture, onOpen) => matrix({label, words, data: () => ({rows: SIDE, columns: SIDE, values: picture().data}),
    colour: (value) => diverging(value / size(picture().data)),
    onPoint: (row, column) => row * SIDE + column !== pixel() && state.set({which_pixel: row * SIDE + column}, {keep: true}), onOpen});
  const columns = NAMES.map((target, i) => grid(name(`target_${target}`), () => b.all[i].picture, () => targetReceipt(i)));
  const chain = grid(t("target_chain"), () => b.chain, chainReceipt);

  const rows = h("tbody", {});
  const out = h("div", {class: "says"});
  const told = facts({x0: t("found_x0"), eps: t("found_eps")}, (key) => {
    const {p, q, picture} = b.all[chosen()];
    lab.receipt({title: name(`found_${key}`), total: round(found(key)), formula: "[p q; a s] · [x0; ε] = [target; x]", note: t("found_about"),
      torch: `import torch

p, q, a, s = ${p}, ${q}, ${b.a}, ${b.s}
system = torch.tensor([[p, q], [a, s]], dtype=torch.float64)
known = torch.tensor([${picture.data[pixel()]}, ${b.x.data[pixel()]}], dtype=torch.float64)  # the target, and x
x0, eps = torch.linalg.solve(system, known)
${printed(key)}`});
  });
  const found = (/** @type {string} */ key) => solved(b, chosen())[key === "x0" ? 0 : 1].data[pixel()];

  /** @param {number} i */
  function targetReceipt(i) {
    const {name: target, p, q, picture} = b.all[i];
    const [x0, eps] = [b.x0.data[pixel()], b.eps.data[pixel()]];
    lab.receipt({title: `${name(`target_${target}`)}: ${here()}`, formula: `target = p·x0 + q·ε`, heads: ["", t("weight"), t("pixel_value"), t("product")],
      rows: [["x0", n(p), n(x0), n(p * x0)], ["ε", n(q), n(eps), n(q * eps)]], total: round(picture.data[pixel()]),
      torch: `import torch\n\np, q = ${p}, ${q}\nx0, eps = torch.tensor(${x0}), torch.tensor(${eps})\n${printed("p * x0 + q * eps")}`});
  }
  function chainReceipt() {
    const [x, z] = [b.xBefore.data[pixel()], b.z.data[pixel()]];
    lab.receipt({title: `${t("target_chain")}: ${here()}`, formula: "xₜ − xᵤ = (aₜ/aᵤ − 1) · xᵤ + √(sₜ² − (aₜ · sᵤ / aᵤ)²) · z", heads: ["", t("weight"), t("pixel_value"), t("product")],
      rows: [["xᵤ", n(b.keep - 1), n(x), n((b.keep - 1) * x)], ["z", n(b.fresh), n(z), n(b.fresh * z)]], total: round(b.chain.data[pixel()]),
      torch: `import torch\n\na_t, s_t, a_u, s_u = ${b.a}, ${b.s}, ${b.before.a}, ${b.before.s}\nx_u, z = torch.tensor(${x}), torch.tensor(${z})
keep = a_t / a_u\nfresh = max(0, s_t**2 - (keep * s_u) ** 2) ** 0.5\n${printed("(keep - 1) * x_u + fresh * z")}`});
  }
  const here = () => t("pixel_at", {row: Math.floor(pixel() / SIDE), column: pixel() % SIDE});

  const controls = runControls(lab, t);
  const which = choose({label: t("which"), value: state.get("which"), options: NAMES.map((each) => ({value: each, label: name(`target_${each}`)})), onChange: set("which")});
  const back = slider({label: t("which_u"), low: 0, high: 1, step: 0.01, value: state.get("which_u"), show: (share) => n(share * state.get("run_t")), onChange: set("which_u")});
  controls.element.append(which.element, back.element);

  const draw = eachFrame(() => {
    b = targetsOf(state);
    const i = chosen();
    [which, back].forEach((control, at) => control.set(/** @type {never} */ (state.get(["which", "which_u"][at]))));
    for (const each of [...columns, chain]) {
      each.mark([{row: Math.floor(pixel() / SIDE), column: pixel() % SIDE, rows: 1, columns: 1}]);
      each.point(Math.floor(pixel() / SIDE), pixel() % SIDE);
    }
    put(rows, ...b.all.map(({name: target, p, q, det}, at) => h("tr", {"aria-current": at === i ? "true" : null}, h("th", {scope: "row"}, name(`target_${target}`)),
      ...[p, q, det, ...[b.s, b.a].map((each) => (each ? Math.abs(each / det) : 0))].map((each) => h("td", {}, n(Math.abs(each) < 1e-12 ? 0 : each))))));
    const lost = Math.abs(b.all[i].det) < 1e-9;
    told.show(lost ? {} : {x0: n(found("x0")), eps: n(found("eps"))});
    chain.element.hidden = b.noise === "uniform";
    put(says, ...["says_four", "says_change", ...(b.noise === "uniform" ? ["says_no_chain"] : []), "says_errors"].map((key) => h("p", {}, ...rich(name(key)))));
    put(out, h("p", {class: "formula"}, lost ? t("no_way", {target: name(`target_${state.get("which")}`)})
      : `x0 = (q·x − s·target) / det = (${[b.all[i].q, b.x.data[pixel()]].map(n).join(" · ")} − ${[b.s, b.all[i].picture.data[pixel()]].map(n).join(" · ")}) / ${n(b.all[i].det)} = ${n(found("x0"))}`));
  });
  const says = h("div", {class: "says"});
  const spread = h("div", {class: "five"}, ...[...columns, chain].map(({element}) => element));
  put(el, controls.element, spread, h("div", {class: "row"}, lab.badge("computed"), h("span", {}, t("full_colour"))),
    h("div", {class: "duo"},
      h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": t("four")}, h("table", {}, h("caption", {class: "unseen"}, t("four")),
        h("thead", {}, h("tr", {}, h("td", {}), ...["p", "q", "det = q·a − p·s", t("factor"), t("factor_eps")].map((head) => h("th", {scope: "col"}, head)))), rows)),
      h("div", {class: "says"}, out, told.element)), says);
  draw();
  const off = state.on(["drawing", ...Object.keys(run), ...Object.keys(fields)], draw);
  return {stop: () => { off(); controls.stop(); }};
}
