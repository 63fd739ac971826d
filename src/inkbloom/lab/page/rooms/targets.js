// Room 3, which noise: what a network may be asked for. Each target is some  p x0 + q eps ; with  x = a x0 + s eps  that is a
// system of two equations, and whoever knows one target knows them all.

import {NOISES, TARGETS, mixed} from "../engine/diffusion.js";
import {diverging} from "../ui/colour.js";
import {eachFrame, h, put} from "../ui/dom.js";
import {SIDE} from "../ui/drawing.js";
import {facts, printed} from "../ui/facts.js";
import {choice, number, whole} from "../ui/state.js";
import {bound, paragraphs, placeOf, short, total} from "./bound.js";
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

/**
 * The drawing and the noise, out of a target and the noisy picture.
 * @param {ReturnType<typeof targetsOf>} b @param {ReturnType<typeof targetsOf>["all"][number]} target
 */
export function solved({x, a, s}, {p, q, det, picture}) {
  return [mixed(q / det, x, -s / det, picture), mixed(a / det, picture, -p / det, x)];
}

/** @param {HTMLElement} el @param {import("../main.js").Lab} lab @param {import("./bound.js").Words} t */
export function mount(el, lab, t) {
  const {state} = lab;
  const {dial, pick, picture, sync} = bound(lab, t);
  let b = targetsOf(state);
  const chosen = () => b.all[NAMES.indexOf(state.get("which"))];
  const pixel = () => state.get("which_pixel");
  const n = (/** @type {number} */ value) => lab.number(Math.abs(value) < 1e-12 ? 0 : value);
  const found = () => solved(b, chosen()).map(({data}) => data[pixel()]);

  /** The largest value of a picture: it gets the full colour. @type {WeakMap<Float32Array, number>} */
  const sizes = new WeakMap();
  /** @param {Float32Array} data */
  const size = (data) => {
    if (!sizes.has(data)) sizes.set(data, data.reduce((most, each) => Math.max(most, Math.abs(each)), 1e-9));
    return sizes.get(data) ?? 1;
  };
  /** @param {string} key @param {() => Float32Array} values @param {() => void} onOpen */
  const grid = (key, values, onOpen) => picture(t(key), values, (value) => diverging(value / size(values())), {onOpen,
    onPoint: (row, column) => row * SIDE + column !== pixel() && state.set({which_pixel: row * SIDE + column}, {keep: true})});
  const chain = grid("target_chain", () => b.chain.data, chainReceipt);
  const pictures = [...NAMES.map((target, i) => grid(`target_${target}`, () => b.all[i].picture.data, () => targetReceipt(i))), chain];

  const rows = h("tbody", {});
  const formula = h("p", {class: "formula"});
  const says = h("div", {class: "says"});
  const told = facts({x0: t("found_x0"), eps: t("found_eps")}, (key) => {
    const {p, q, picture} = chosen();
    lab.receipt({title: t(`found_${key}`), formula: "[p q; a s] · [x0; ε] = [target; x]", note: t("found_about"),
      total: total(found()[key === "x0" ? 0 : 1]),
      torch: `import torch

p, q, a, s = ${p}, ${q}, ${b.a}, ${b.s}
system = torch.tensor([[p, q], [a, s]], dtype=torch.float64)
known = torch.tensor([${picture.data[pixel()]}, ${b.x.data[pixel()]}], dtype=torch.float64)  # the target, and x
x0, eps = torch.linalg.solve(system, known)
${printed(key)}`});
  });

  /** A sum of two products. @param {string} key @param {string} law @param {[string, number, number][]} terms @param {string} torch */
  function pairReceipt(key, law, terms, torch) {
    const [row, column] = placeOf(pixel());
    lab.receipt({title: `${t(key)}: ${t("pixel_at", {row, column})}`, formula: law, torch,
      heads: ["", t("weight"), t("pixel_value"), t("product")], rows: terms.map(([name, u, v]) => [name, short(u), short(v), short(u * v)]),
      total: total(terms.reduce((sum, [, u, v]) => sum + u * v, 0))});
  }
  /** @param {number} i */
  function targetReceipt(i) {
    const {name, p, q} = b.all[i];
    const [x0, eps] = [b.x0.data[pixel()], b.eps.data[pixel()]];
    pairReceipt(`target_${name}`, "target = p·x0 + q·ε", [["x0", p, x0], ["ε", q, eps]], `import torch

p, q = ${p}, ${q}
x0, eps = torch.tensor(${x0}), torch.tensor(${eps})
${printed("p * x0 + q * eps")}`);
  }
  function chainReceipt() {
    const [x, z] = [b.xBefore.data[pixel()], b.z.data[pixel()]];
    pairReceipt("target_chain", "xₜ − xᵤ = (aₜ/aᵤ − 1) · xᵤ + √(sₜ² − (aₜ · sᵤ / aᵤ)²) · z", [["xᵤ", b.keep - 1, x], ["z", b.fresh, z]],
      `import torch

a_t, s_t, a_u, s_u = ${b.a}, ${b.s}, ${b.before.a}, ${b.before.s}
x_u, z = torch.tensor(${x}), torch.tensor(${z})
keep = a_t / a_u
fresh = max(0, s_t**2 - (keep * s_u) ** 2) ** 0.5
${printed("(keep - 1) * x_u + fresh * z")}`);
  }

  const controls = runControls(lab, t);
  controls.element.append(pick("which", NAMES, (name) => t(`target_${name}`)).element,
    dial("which_u", [0, 1, 0.01], (share) => n(share * state.get("run_t"))).element);

  const draw = eachFrame(() => {
    b = targetsOf(state);
    sync();
    const [row, column] = placeOf(pixel());
    for (const each of pictures) {
      each.mark([{row, column, rows: 1, columns: 1}]);
      each.point(row, column);
    }
    const {name, q, det, picture} = chosen();
    put(rows, ...b.all.map((each) => h("tr", {"aria-current": each === chosen() ? "true" : null},
      h("th", {scope: "row"}, t(`target_${each.name}`)),
      ...[each.p, each.q, each.det, ...[b.s, b.a].map((part) => (part ? Math.abs(part / each.det) : 0))].map((value) => h("td", {}, n(value))))));
    const lost = Math.abs(det) < 1e-9;
    const [x0, eps] = found();
    told.show(lost ? {} : {x0: n(x0), eps: n(eps)});
    put(formula, lost ? t("no_way", {target: t(`target_${name}`)}) : "x0 = (q·x − s·target) / det = " +
      `(${n(q)} · ${n(b.x.data[pixel()])} − ${n(b.s)} · ${n(picture.data[pixel()])}) / ${n(det)} = ${n(x0)}`);
    chain.element.hidden = b.noise === "uniform";
    put(says, ...paragraphs(t, ["says_four", "says_change", b.noise === "uniform" && "says_no_chain", "says_errors"]));
  });
  const heads = ["p", "q", "det = q·a − p·s", t("factor"), t("factor_eps")].map((head) => h("th", {scope: "col"}, head));
  put(el, controls.element, h("div", {class: "five"}, ...pictures.map(({element}) => element)),
    h("div", {class: "row"}, lab.badge("computed"), h("span", {}, t("full_colour"))),
    h("div", {class: "duo"}, h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": t("four")},
      h("table", {}, h("caption", {class: "unseen"}, t("four")), h("thead", {}, h("tr", {}, h("td", {}), ...heads)), rows)),
    h("div", {class: "says"}, formula, told.element)), says);
  draw();
  const off = state.on(["drawing", ...Object.keys(run), ...Object.keys(fields)], draw);
  return {stop: () => { off(); controls.stop(); }};
}
