// Room 3, which noise: what a network may be asked for. Each target is some  p x0 + q eps ; with  x = a x0 + s eps  that is a
// system of two equations, and whoever knows one target knows them all.

import {TARGETS, mixed} from "../engine/diffusion.js";
import {diverging} from "../ui/colour.js";
import {eachFrame, h, put} from "../ui/dom.js";
import {facts, printed, short, total} from "../ui/facts.js";
import {choice, number} from "../ui/state.js";
import {bound, paragraphs} from "./bound.js";
import {statistics} from "./network.js";
import {fields as run, followed, noising, runControls} from "./noising.js";

const NAMES = /** @type {const} */ (["eps", "x0", "v", "change"]);

export const fields = {
  which: choice("eps", NAMES),
  which_u: number(0.9, 0, 1), // the level u of the change, as a share of t
};

/** All numbers of the part. @param {State} state */
export function targetsOf(state) {
  const now = noising(state);
  const before = now.amounts(now.t * state.get("which_u"));
  const targets = NAMES.map((name) => {
    const [p, q] = name === "change" ? [now.a - before.a, now.s - before.s] : TARGETS[name](now.c);
    const {data} = mixed(p, now.x0, q, now.eps);
    return {name, p, q, det: q * now.a - p * now.s, data, most: statistics(data).scale};
  });
  const chosen = targets[NAMES.indexOf(state.get("which"))];
  const at = (/** @type {{data: Float32Array}} */ {data}) => data[now.pixel];
  return {...now, targets, chosen, here: {x: at(now.x), x0: at(now.x0), eps: at(now.eps), target: at(chosen)}};
}

/** @param {HTMLElement} el @param {Lab} lab @param {Words} t */
export function mount(el, lab, t) {
  const {state} = lab;
  const {dial, pick, sync} = bound(lab, t);
  const n = (/** @type {number} */ value) => lab.number(Math.abs(value) < 1e-9 ? 0 : value);
  let b = targetsOf(state);

  const pictures = followed(lab, t);
  const panes = NAMES.map((name, i) => pictures.add(`target_${name}`, () => b.targets[i].data,
    (value) => diverging(value / b.targets[i].most), () => targetReceipt(i)));
  const rows = h("tbody", {});
  const formula = h("p", {class: "formula"});
  const says = h("div", {class: "says"});

  /** A number that the two equations give: undefined where they say the same. @param {"x0" | "eps"} key @param {() => number} value */
  const found = (key, value) => ({name: t(`found_${key}`), show: n, value: () => (Math.abs(b.chosen.det) < 1e-9 ? undefined : value()),
    code: () => `import torch

p, q, a, s = ${b.chosen.p}, ${b.chosen.q}, ${b.a}, ${b.s}
system = torch.tensor([[p, q], [a, s]], dtype=torch.float64)
known = torch.tensor([${b.here.target}, ${b.here.x}], dtype=torch.float64)  # the target, and x
x0, eps = torch.linalg.solve(system, known)
${printed(key)}`,
    more: () => ({formula: "[p q; a s] · [x0; ε] = [target; x]", note: t("found_about")})});
  const all = {
    x0: found("x0", () => (b.chosen.q * b.here.x - b.s * b.here.target) / b.chosen.det),
    eps: found("eps", () => (b.a * b.here.target - b.chosen.p * b.here.x) / b.chosen.det),
  };
  const told = facts(lab, all);

  /** How a target has its value at the pixel. @param {number} i */
  function targetReceipt(i) {
    const {name, p, q} = b.targets[i];
    const {x0, eps} = b.here;
    lab.receipt({title: `${t(`target_${name}`)}: ${t("pixel_at", b)}`, formula: "target = p·x0 + q·ε", total: total(p * x0 + q * eps),
      heads: ["", ...t("heads_target").split(" | ")],
      rows: [["x0", ...[p, x0, p * x0].map(short)], ["ε", ...[q, eps, q * eps].map(short)]], torch: `p, q = ${p}, ${q}
x0, eps = ${x0}, ${eps}
${printed("p * x0 + q * eps")}`});
  }

  const controls = runControls(lab, t);
  controls.element.append(pick("which", NAMES, (name) => t(`target_${name}`)).element,
    dial("which_u", 0, 1, 0.01, (share) => n(share * state.get("run_t"))).element);

  const draw = eachFrame(() => {
    b = targetsOf(state);
    sync();
    pictures.show(b);
    put(rows, ...b.targets.map(({name, p, q, det}) => h("tr", {"aria-current": name === b.chosen.name ? "true" : null},
      h("th", {scope: "row"}, t(`target_${name}`)),
      ...[p, q, det, b.s && Math.abs(b.s / det), b.a && Math.abs(b.a / det)].map((value) => h("td", {}, n(value))))));
    const x0 = all.x0.value();
    put(formula, x0 === undefined ? t("no_way", {target: t(`target_${b.chosen.name}`)})
      : `${t("pixel_at", b)}: x0 = (q·x − s·target) / det = (${n(b.chosen.q)} · ${n(b.here.x)} − ${n(b.s)} · ${n(b.here.target)}) / ${n(b.chosen.det)} = ${n(x0)}`);
    told.show();
    put(says, ...paragraphs(t, ["says_four", "says_change", "says_errors"]));
  });
  const heads = ["p", "q", "det = q·a − p·s", t("factor"), t("factor_eps")].map((head) => h("th", {scope: "col"}, head));
  put(el, controls.element, h("div", {class: "four"}, ...panes),
    h("div", {class: "row"}, lab.badge("computed"), h("span", {}, t("follow"), " ", t("full_colour"))),
    h("div", {class: "duo"}, h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": t("four")},
      h("table", {}, h("caption", {class: "unseen"}, t("four")), h("thead", {}, h("tr", {}, h("td", {}), ...heads)), rows)),
    h("div", {class: "says"}, formula, told.element)), says);
  draw();
  const off = state.on(["drawing", ...Object.keys(run), ...Object.keys(fields)], draw);
  return {stop: () => { off(); controls.stop(); }};
}
