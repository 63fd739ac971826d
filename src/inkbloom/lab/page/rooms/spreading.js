// Room 3: ink and noise. Four parts, one at a time, and below them the table that sets its convolutions side by side.

import * as text from "../text/spreading.js";
import {button} from "../ui/controls.js";
import {h, put, refill} from "../ui/dom.js";
import {choice} from "../ui/state.js";
import {paragraphs} from "./bound.js";
import * as density from "./density.js";
import * as ink from "./ink.js";
import * as noise from "./noise.js";
import {fields as run, mixing} from "./noising.js";
import * as targets from "./targets.js";

const PARTS = {ink, noise, density, targets};
const NAMES = /** @type {(keyof typeof PARTS)[]} */ (Object.keys(PARTS));

export const fields = Object.assign({part: choice("ink", NAMES)}, run, ...NAMES.map((name) => PARTS[name].fields));

/** @param {HTMLElement} el @param {Lab} lab */
export function mount(el, lab) {
  const {state, words} = lab;
  const t = /** @type {Words} */ (lab.wordsOf(text));
  /** @type {{stop?: () => void} | undefined} */ let shown;
  const place = h("div", {});
  const tabs = NAMES.map((name) => button(t(name), () => state.set({part: name})));
  const show = () => {
    shown?.stop?.();
    const part = /** @type {keyof typeof PARTS} */ (state.get("part"));
    tabs.forEach((tab, i) => tab.setAttribute("aria-pressed", String(NAMES[i] === part)));
    const body = h("div", {class: "part"});
    shown = PARTS[part].mount(body, lab, t, el);
    refill(place, body);
  };
  const live = {ink: h("td", {}), density: h("td", {}), network: h("td", {}, words("loading"))};
  const tell = () => {
    const {s, a, t: level} = mixing(state);
    put(live.ink, t("row_ink_live", {n: state.get("ink_n"), variance: lab.number(2 * ink.rate(state) * state.get("ink_n"))}));
    put(live.density, t("row_density_live", {t: level, a: lab.number(a), s: lab.number(s), wide: a > 0 ? lab.number(s / a) : "∞"}));
  };
  put(el, h("h1", {}, words("room_spreading")), h("p", {class: "lead"}, t("lead")),
    h("div", {class: "row", role: "group", "aria-label": t("parts")}, ...tabs), place, table(lab, t, live));
  void tellNetwork(live.network, lab, t);
  show();
  tell();
  const offs = [state.on(["part", "ink_from"], show), state.on(["ink_n", "ink_kernel", "ink_d", ...Object.keys(run)], tell)];
  return {stop: () => { shown?.stop?.(); offs.forEach((off) => off()); }};
}

/** The three convolutions. @param {Lab} lab @param {Words} t @param {Record<string, HTMLElement>} live */
function table(lab, t, live) {
  const go = {ink: {part: "ink"}, density: {part: "density"}, network: {room: "xray"}};
  const heads = t("heads_three").split(" | ").map((head) => h("th", {scope: "col"}, head));
  const rows = Object.entries(go).map(([row, to]) => {
    const [name, ...cells] = t(`row_${row}`).split(" | ");
    const link = button(name, () => { lab.state.set(to); scrollTo({top: 0}); }, {class: "quiet link"});
    return h("tr", {}, h("th", {scope: "row"}, link), ...cells.map((cell) => h("td", {}, cell)), live[row]);
  });
  return h("section", {class: "panel"}, h("h2", {}, t("three")),
    h("div", {class: "scroll three", tabindex: "0", role: "region", "aria-label": t("three")},
      h("table", {}, h("thead", {}, h("tr", {}, h("td", {}), ...heads)), h("tbody", {}, ...rows))),
    ...paragraphs(t, ["three_about"]));
}

/** How large the network's convolutions are. @param {HTMLElement} cell @param {Lab} lab @param {Words} t */
async function tellNetwork(cell, lab, t) {
  try {
    const model = await lab.models.open(lab.state.get("model"));
    const count = model.steps.filter((/** @type {any} */ step) => step.op === "conv2d").length;
    put(cell, t("row_network_live", {count, parameters: lab.number(model.parameters, 9)}));
  } catch {
    put(cell, lab.words("no_model"));
  }
}
