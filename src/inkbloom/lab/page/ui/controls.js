// Labelled controls. Each is real HTML, shows its value, and hands a new one to `onChange(value, done)`: done is false in a drag.

import {paint} from "./colour.js";
import {h, put, write} from "./dom.js";

let used = 0;
const fresh = () => `control-${++used}`;

/** A slider with its value beside it.
 * @param {{label: string, low: number, high: number, step?: number, value: number, show?: (value: number) => string,
 *   onChange: (value: number, done: boolean) => void}} about */
export function slider({label, low, high, step = 1, value, show = String, onChange}) {
  const id = fresh();
  const output = h("output", {for: id}, show(value));
  const input = h("input", {
    type: "range", id, min: low, max: high, step, value: String(value), "aria-valuetext": show(value),
    onInput: () => took(false), onChange: () => took(true),
  });
  const tell = (/** @type {number} */ now) => {
    write(output, show(now));
    input.setAttribute("aria-valuetext", show(now));
  };
  const took = (/** @type {boolean} */ done) => {
    tell(input.valueAsNumber);
    onChange(input.valueAsNumber, done);
  };
  const element = h("div", {class: "control"}, h("label", {for: id}, label, " ", output), input);
  return {
    element,
    /** Shows another value, and perhaps other ends. @param {number} now @param {{low?: number, high?: number}} [ends] */
    set(now, ends = {}) {
      if (ends.low !== undefined) input.min = String(ends.low);
      if (ends.high !== undefined) input.max = String(ends.high);
      if (input.value !== String(now)) input.value = String(now);
      tell(now);
    },
  };
}

/** A choice among named values.
 * @template {string} T
 * @param {{label: string, options: readonly {value: T, label: string}[], value: T, onChange: (value: T) => void}} about */
export function choose({label, options, value, onChange}) {
  const id = fresh();
  const select = h("select", {id, onChange: () => onChange(/** @type {T} */ (select.value))},
    ...options.map((option) => h("option", {value: option.value}, option.label)));
  select.value = value;
  return {
    element: h("div", {class: "control"}, h("label", {for: id}, label), select),
    /** @param {T} now */
    set: (now) => void (select.value = now),
  };
}

/** @param {{label: string, on: boolean, onChange: (on: boolean) => void}} about */
export function toggle({label, on, onChange}) {
  const input = h("input", {type: "checkbox", checked: on, onChange: () => onChange(input.checked)});
  return {
    element: h("label", {class: "toggle"}, input, h("span", {}, label)),
    /** @param {boolean} now */
    set: (now) => void (input.checked = now),
  };
}

/** @param {string | Node} label @param {() => void} onClick @param {Record<string, any>} [props] */
export function button(label, onClick, props = {}) {
  return h("button", {type: "button", onClick, ...props}, label);
}

/** A button with a square of numbers on it.
 * @param {{label: string, values: ArrayLike<number>, side: number, colour: (value: number) => Rgb, onClick: () => void}} about */
export function pick({label, values, side, colour, onClick}) {
  const canvas = h("canvas", {"aria-hidden": "true"});
  paint(canvas, values, side, side, colour);
  return button(canvas, onClick, {class: "pick", "aria-label": label});
}

/** A number to type. Of another than it takes main.js tells; it goes when the field is left.
 * @param {{label: string, value: number, low: number, high: number, onChange: (value: number) => void}} about */
export function typed({label, value, low, high, onChange}) {
  const set = (/** @type {number} */ now) => {
    value = now;
    const text = String(Number(now.toFixed(4)));
    if (element.value !== text) element.value = text;
    element.setAttribute("aria-invalid", "false");
  };
  const element = h("input", {
    type: "number", "aria-label": label, value: String(value), step: "any", min: low, max: high, required: true, class: "typed",
    onChange: () => {
      const good = element.checkValidity();
      element.setAttribute("aria-invalid", String(!good));
      if (!good) return;
      value = element.valueAsNumber;
      onChange(value);
    },
    onBlur: () => set(value),
  });
  return {element, set};
}

/** Play, step and scrub through `count` positions. Space, comma and full stop do it by keyboard anywhere in `keys`.
 * Nothing plays by itself; playing ends at the last position, when the tab is hidden, and with `stop()`.
 * It waits where the present position is not `ready`.
 * @param {{words: (key: string) => string, keys: HTMLElement, count: number, at: number, perSecond?: () => number,
 *   label?: string, ready?: () => boolean, show?: (at: number, count: number) => string,
 *   onMove: (at: number, done: boolean) => void}} about */
export function player({
  words, keys, count, at, perSecond = () => 8, label = words("position"), ready = () => true,
  show = (now, of) => `${now + 1} / ${of}`, onMove,
}) {
  let last = count - 1;
  let playing = false;
  let timer = 0;
  const move = (/** @type {number} */ to, done = true) => {
    at = Math.min(last, Math.max(0, to));
    scrub.set(at);
    onMove(at, done);
  };
  const stop = () => {
    playing = false;
    clearTimeout(timer);
    put(play, words("play"));
  };
  const tick = () => {
    if (at >= last || document.hidden) {
      stop();
      onMove(at, true);
      return;
    }
    if (ready()) move(at + 1, false);
    timer = window.setTimeout(tick, 1000 / perSecond());
  };
  const start = () => {
    playing = true;
    put(play, words("pause"));
    if (at >= last) move(0, false);
    timer = window.setTimeout(tick, 1000 / perSecond());
  };
  const jump = (/** @type {number} */ by) => {
    stop();
    move(at + by);
  };
  const play = button(words("play"), () => (playing ? stop() : start()), {class: "primary", "aria-keyshortcuts": "Space"});
  const scrub = slider({label, low: 0, high: last, value: at, show: (now) => show(now, last + 1),
    onChange: (now, done) => { stop(); move(now, done); }});
  const element = h("div", {class: "player", role: "group", "aria-label": words("player")},
    button("‹", () => jump(-1), {"aria-label": words("back"), "aria-keyshortcuts": ","}), play,
    button("›", () => jump(1), {"aria-label": words("forward"), "aria-keyshortcuts": "."}), scrub.element);
  keys.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (!element.isConnected || target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && !target.matches("button, summary, a")) playing ? stop() : start();
    else if (event.key === ",") jump(-1);
    else if (event.key === ".") jump(1);
    else return;
    event.preventDefault();
  });
  return {
    element,
    stop,
    /** Goes to a position without telling, and perhaps to another number of them. @param {number} to @param {number} [of] */
    set(to, of = last + 1) {
      last = Math.max(0, of - 1);
      at = Math.min(last, to);
      scrub.set(at, {high: last});
    },
  };
}
