// The shell: rooms, language, theme, proof. All state is in the address; another room or language builds the room anew.

import {openEngine} from "./engine/client.js";
import * as convolution from "./rooms/convolution.js";
import * as lobby from "./rooms/lobby.js";
import * as sampling from "./rooms/sampling.js";
import * as spreading from "./rooms/spreading.js";
import * as transposed from "./rooms/transposed.js";
import * as xray from "./rooms/xray.js";
import * as common from "./text/common.js";
import {asset, openWorker} from "./ui/assets.js";
import {button, choose} from "./ui/controls.js";
import {h, put, rich, write} from "./ui/dom.js";
import {fields as drawing} from "./ui/drawing.js";
import {createModels} from "./ui/models.js";
import {openReceipt} from "./ui/receipt.js";
import {choice, createState, text} from "./ui/state.js";

const ROOMS = {lobby, convolution, transposed, spreading, xray, sampling};
const NAMES = /** @type {(keyof typeof ROOMS)[]} */ (Object.keys(ROOMS));
const asked = document.documentElement.dataset.lang; // by `inkbloom lab --lang`
const preferred = asked || (navigator.language.startsWith("zh") ? "zh" : "en");

/** @type {Record<string, import("./ui/state.js").Field<any>>} */
const fields = Object.assign(
  {
    room: choice("lobby", NAMES),
    lang: choice(preferred, ["en", "zh"]),
    theme: choice("auto", ["auto", "light", "dark"]),
    model: text("ink", /^[\w.-]{1,60}$/),
  },
  drawing,
  ...NAMES.map((name) => ROOMS[name].fields),
);
const state = createState(fields);
const engine = openEngine(openWorker());
const models = createModels(asset, engine);
const [main, said, notice, nav, rooms, tools, bottom, skip] =
  ["#main", "#said", ".notice", "nav", ".rooms", ".tools", ".bottom", ".skip"].map((name) =>
    /** @type {HTMLElement} */ (document.querySelector(name)));
/** @type {{stop?: () => void} | undefined} */ let shown;

/** @template {Record<string, string>} T @param {{en: T, zh: T}} texts */
const wordsOf = (texts) => (/** @type {keyof T & string} */ key, /** @type {Record<string, any>} */ values = {}) =>
  texts[/** @type {"en" | "zh"} */ (state.get("lang"))][key].replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
const words = /** @type {Words} */ (wordsOf(common));

/** @typedef {ReturnType<typeof lab>} Lab What every room is given. */
function lab() {
  const language = /** @type {"en" | "zh"} */ (state.get("lang"));
  /** @type {Record<number, Intl.NumberFormat>} */ const formats = {};
  return {
    state, language, words, wordsOf, models,
    /** A number as the language writes it. @param {number} value */
    number: (value, digits = 3) => (formats[digits] ??= new Intl.NumberFormat(language, {maximumSignificantDigits: digits})).format(value),
    /** Tells a screen reader; loud: tells everyone, above the room. @param {string} text */
    say(text, loud = false) {
      said.textContent = text;
      if (loud) note(text);
    },
    receipt: (/** @type {Receipt} */ receipt) => openReceipt(receipt, words),
    badge: (/** @type {"computed" | "exact"} */ kind) => h("span", {class: "badge"}, words(kind)),
  };
}

/** A sentence above the room; it goes with the next change. @param {string} sentence */
function note(sentence) {
  write(notice, sentence);
  notice.hidden = !sentence;
}
const noteProblem = () => note(state.problem.length ? words("problem", {names: state.problem.join(", ")}) : "");

function buildShell() {
  document.documentElement.lang = state.get("lang") === "zh" ? "zh-CN" : "en";
  document.title = words("title");
  put(skip, words("skip"));
  nav.setAttribute("aria-label", words("rooms"));
  put(rooms, ...NAMES.map((name, i) => h("li", {}, h("a", {
    href: "#", "aria-current": state.get("room") === name ? "page" : null,
    onClick(/** @type {Event} */ event) {
      event.preventDefault();
      state.set({room: name});
      main.focus({preventScroll: true});
    },
  }, h("span", {class: "index"}, i), " ", words(`room_${name}`)))));
  const here = /** @type {HTMLElement} */ (rooms.children[NAMES.indexOf(state.get("room"))]);
  nav.scrollLeft = here.offsetLeft + here.offsetWidth / 2 - nav.clientWidth / 2; // on a phone not all rooms are in view
  put(tools,
    button("↶", state.undo, {"aria-label": words("undo"), class: "quiet"}),
    button("↷", () => history.forward(), {"aria-label": words("redo"), class: "quiet"}),
    button(words(isDark() ? "light" : "dark"), () => state.set({theme: isDark() ? "light" : "dark"}), {class: "quiet"}),
    button(words("language"), () => state.set({lang: state.get("lang") === "zh" ? "en" : "zh"}), {class: "quiet",
      lang: state.get("lang") === "zh" ? "en" : "zh-CN"}));
  const proof = h("div", {class: "proof"}, words("loading"));
  put(bottom, proof, h("p", {}, words("private")), h("details", {}, h("summary", {}, words("keys")), h("p", {}, words("keys_about"))));
  void showProof(proof);
}

/** The footer's line: how far the page's numbers are from PyTorch's. @param {HTMLElement} place */
async function showProof(place) {
  try {
    const [list, model] = await Promise.all([models.list(), models.open(state.get("model"))]);
    const worst = model.parity.toExponential(1);
    put(place, list.length > 1 && choose({label: words("model"), value: state.get("model"),
      options: list.map(({name}) => ({value: name, label: name})), onChange: (name) => state.set({model: name})}).element,
    h("details", {}, h("summary", {"data-worst": worst},
      words("proof", {layers: model.steps.length, model: state.get("model"), worst: worst.replace("-", "\u2011")})),
    h("p", {}, words("proof_about"))));
  } catch (problem) {
    put(place, ...rich(models.why(problem, words)));
  }
}

function buildRoom() {
  shown?.stop?.();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  engine.cancelAll();
  const room = ROOMS[/** @type {keyof typeof ROOMS} */ (state.get("room"))];
  main.replaceChildren();
  main.dataset.room = state.get("room");
  shown = room.mount(main, lab());
}

function build() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  buildShell();
  buildRoom();
}

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (state.get("theme") === "auto" ? prefersDark.matches : state.get("theme") === "dark");

state.on(Object.keys(fields), () => note(""));
state.on(["room", "lang", "theme", "model"], build);
state.on(["room"], () => {
  scrollTo({top: 0});
  main.focus({preventScroll: true});
});
addEventListener("popstate", noteProblem);
prefersDark.addEventListener("change", build);
main.addEventListener("invalid", ({target}) => { // a field of numbers, ui/controls.js, was given another than it takes
  const {min, max} = /** @type {HTMLInputElement} */ (target);
  note(words("number_between", {low: min.replace("-", "−"), high: max}));
}, true);
build();
noteProblem();
