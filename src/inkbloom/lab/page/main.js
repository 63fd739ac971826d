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
import {h, put} from "./ui/dom.js";
import {fields as drawing} from "./ui/drawing.js";
import {createModels} from "./ui/models.js";
import {openReceipt} from "./ui/receipt.js";
import {choice, createState, text} from "./ui/state.js";

const ROOMS = {lobby, convolution, transposed, spreading, xray, sampling};
const NAMES = /** @type {(keyof typeof ROOMS)[]} */ (Object.keys(ROOMS));
const LANGUAGES = /** @type {const} */ (["en", "zh"]);

/**
 * What every room is given.
 * @typedef {object} Lab
 * @property {import("./ui/state.js").State} state
 * @property {"en" | "zh"} language
 * @property {(key: string, values?: Record<string, any>) => string} words  of text/common.js
 * @property {<T extends Record<string, string>>(text: {en: T, zh: T}) => (key: keyof T & string, values?: Record<string, any>) => string} wordsOf
 * @property {(value: number, digits?: number) => string} number  as the language writes it
 * @property {(text: string, loud?: boolean) => void} say  to a screen reader; loud: to everyone, above the room
 * @property {(receipt: import("./ui/receipt.js").Receipt) => void} receipt
 * @property {(kind: "computed" | "drawing" | "exact") => HTMLElement} badge
 * @property {ReturnType<typeof createModels>} models
 */

const preferred = navigator.language.startsWith("zh") ? "zh" : "en";
const state = createState(Object.assign(
  {
    room: choice("lobby", NAMES),
    lang: choice(document.documentElement.dataset.lang === "zh" || document.documentElement.dataset.lang === "en"
      ? document.documentElement.dataset.lang : preferred, LANGUAGES),
    theme: choice("auto", /** @type {const} */ (["auto", "light", "dark"])),
    model: text("ink", /^[\w.-]{1,60}$/),
  },
  drawing,
  ...NAMES.map((name) => ROOMS[name].fields),
));
const engine = openEngine(openWorker());
const models = createModels(asset, engine);
const said = /** @type {HTMLElement} */ (document.getElementById("said"));
const notice = /** @type {HTMLElement} */ (document.querySelector(".notice"));
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
/** @type {{stop?: () => void} | undefined} */ let shown;

/** @template {Record<string, string>} T @param {{en: T, zh: T}} texts */
const wordsOf = (texts) => (/** @type {keyof T & string} */ key, /** @type {Record<string, any>} */ values = {}) =>
  texts[/** @type {"en" | "zh"} */ (state.get("lang"))][key].replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
const words = /** @type {Lab["words"]} */ (wordsOf(common));

/** @returns {Lab} */
function lab() {
  const language = state.get("lang");
  /** @type {Record<number, Intl.NumberFormat>} */ const formats = {};
  return {
    state, language, words, wordsOf, models,
    number: (value, digits = 3) => (formats[digits] ??= new Intl.NumberFormat(language, {maximumSignificantDigits: digits})).format(value),
    say(text, loud = false) {
      said.textContent = text;
      if (loud) note(text);
    },
    receipt: (receipt) => openReceipt(receipt, words),
    badge: (kind) => h("span", {class: `badge ${kind}`, title: words(`${kind === "drawing" ? "drawing" : kind}_about`)},
      words(kind === "drawing" ? "drawing_badge" : kind)),
  };
}

/** A sentence above the room. @param {string} sentence */
function note(sentence) {
  put(notice, sentence);
  notice.hidden = !sentence;
}

function buildShell() {
  document.documentElement.lang = state.get("lang") === "zh" ? "zh-CN" : "en";
  document.title = words("title");
  put(/** @type {Element} */ (document.querySelector(".skip")), words("skip"));
  const nav = /** @type {Element} */ (document.querySelector("nav"));
  nav.setAttribute("aria-label", words("rooms"));
  put(/** @type {Element} */ (document.querySelector(".rooms")), ...NAMES.map((name, i) => h("li", {}, h("a", {
    href: "#", "aria-current": state.get("room") === name ? "page" : null,
    onClick(/** @type {Event} */ event) {
      event.preventDefault();
      state.set({room: name});
      main.focus({preventScroll: true});
    },
  }, h("span", {class: "index"}, i), " ", words(`room_${name}`)))));
  put(/** @type {Element} */ (document.querySelector(".tools")),
    button("↶", state.undo, {"aria-label": words("undo"), class: "quiet"}),
    button("↷", () => history.forward(), {"aria-label": words("redo"), class: "quiet"}),
    button(words(isDark() ? "light" : "dark"), () => state.set({theme: isDark() ? "light" : "dark"}), {class: "quiet"}),
    button(words("language"), () => state.set({lang: state.get("lang") === "zh" ? "en" : "zh"}), {class: "quiet",
      lang: state.get("lang") === "zh" ? "en" : "zh-CN"}));
  const proof = h("p", {class: "proof"}, words("loading"));
  put(/** @type {Element} */ (document.querySelector(".bottom")), proof, h("p", {}, words("private")),
    h("details", {}, h("summary", {}, words("keys")), h("p", {}, words("keys_about"))));
  void showProof(proof);
}

/** The footer's line: how far the page's numbers are from PyTorch's. @param {HTMLElement} place */
async function showProof(place) {
  try {
    const [list, model] = await Promise.all([models.list(), models.open(state.get("model"))]);
    const worst = model.parity.toExponential(1);
    const line = h("span", {title: words("proof_about"), "data-worst": worst},
      words("proof", {layers: model.steps.length, model: state.get("model"), worst: worst.replace("-", "\u2011")}));
    put(place, list.length > 1 ? choose({label: words("model"), value: state.get("model"),
      options: list.map((/** @type {import("./ui/models.js").Listed} */ {name}) => ({value: name, label: name})), onChange: (model) => state.set({model})}).element : null, line);
  } catch (problem) {
    put(place, h("strong", {}, words("no_model")), " ", models.why(problem, words));
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
  const theme = state.get("theme");
  document.documentElement.dataset.theme = theme === "auto" ? (isDark() ? "dark" : "light") : theme;
  buildShell();
  buildRoom();
  note(state.problem.length ? words("problem", {names: state.problem.join(", ")}) : "");
}

function isDark() {
  const theme = state.get("theme");
  return theme === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
}

state.on(["room", "lang", "theme", "model"], build);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
state.on(["room"], () => {
  scrollTo({top: 0});
  main.focus({preventScroll: true});
});
build();
