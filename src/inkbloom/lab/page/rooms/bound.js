// What rooms 1 to 3 are built of: controls that show and set a field of the state, and small parts of receipts.

import {choose, slider, toggle, typed} from "../ui/controls.js";
import {h, put, rich} from "../ui/dom.js";
import {SIDE} from "../ui/drawing.js";
import {short} from "../ui/facts.js";
import {brief, matrix} from "../ui/matrix.js";

/** @typedef {(key: string, values?: Record<string, any>) => string} Words */

/** Controls whose label is the word of their field's name. @param {Lab} lab @param {Words} t */
export function bound({state, words}, t) {
  /** @type {(() => void)[]} */ const shown = [];
  /** @template {{set: (value: any) => void}} C @param {string} field @param {C} control @returns {C} */
  const kept = (field, control) => {
    shown.push(() => control.set(state.get(field)));
    return control;
  };
  /** Sets a field; done is false in a drag. @param {string} field */
  const set = (field) => (/** @type {any} */ value, done = true) => state.set({[field]: value}, {keep: !done});
  return {
    set,
    /** Shows in all controls what the state now holds. */
    sync: () => shown.forEach((run) => run()),
    /** @param {string} field @param {number} low @param {number} high @param {number} [step] @param {(value: number) => string} [show] */
    dial: (field, low, high, step, show) =>
      kept(field, slider({label: t(field), low, high, step, value: state.get(field), show, onChange: set(field)})),
    /** @param {string} field @param {readonly string[]} values @param {(value: string) => string} [name] */
    pick: (field, values, name = t) => kept(field, choose({label: t(field), value: state.get(field),
      options: values.map((value) => ({value, label: name(value)})), onChange: set(field)})),
    check: (/** @type {string} */ field) => kept(field, toggle({label: t(field), on: state.get(field), onChange: set(field)})),
    /** A picture of 28 x 28 numbers.
     * @param {string} key @param {() => ArrayLike<number>} values @param {(value: number) => Rgb} colour
     * @param {Partial<import("../ui/matrix.js").About>} more */
    picture: (key, values, colour, more) =>
      matrix({label: t(key), words, colour, data: () => ({rows: SIDE, columns: SIDE, values: values()}), ...more}),
  };
}

/** Paragraphs of words. @param {Words} t @param {(string | false)[]} keys @param {Record<string, any>} [values] */
export const paragraphs = (t, keys, values) => keys.filter((key) => key !== false).map((key) => h("p", {}, ...rich(t(key, values))));

/** Fields for the weights of a kernel. @param {Words} t @param {(weights: number[]) => void} onChange */
export function weightFields(t, onChange) {
  const element = h("div", {class: "kernel"});
  /** @type {number[]} */ let shown = [];
  /** @type {ReturnType<typeof typed>[]} */ let cells = [];
  return {
    element,
    /** Shows weights; the fields are made anew only where their number changes, so that the focus stays. @param {number[]} weights */
    set(weights) {
      shown = weights;
      if (cells.length !== weights.length) {
        const side = Math.sqrt(weights.length);
        cells = weights.map((value, i) => typed({
          label: t("kernel_cell", {row: Math.floor(i / side), column: i % side}), value, low: -99, high: 99,
          onChange: (to) => onChange(shown.map((old, place) => (place === i ? to : old))),
        }));
        element.style.setProperty("--side", String(side));
        put(element, ...cells.map((each) => each.element));
      }
      cells.forEach((cell, i) => cell.set(weights[i]));
    },
  };
}

/** The rows of a receipt of a sum: each product, and what is together so far.
 * @param {{row: number, column: number, value: number, weight: number, product: number, sum: number}[]} terms @param {Words} words */
export const sumTable = (terms, words) => ({
  heads: ["place", "pixel", "weight", "product", "running"].map((head) => words(head)),
  rows: terms.map(({row, column, value, weight, product, sum}) => [`${row}, ${column}`, ...[value, weight, product, sum].map(brief)]),
});

/** The rows of a receipt of a long sum: its largest terms, and all others in one.
 * @param {{place: string, value: number, weight: number}[]} terms @param {Words} t */
export function largestTerms(terms, t) {
  const all = terms.map(({place, value, weight}) => ({place, value, weight, product: value * weight})).sort((a, b) => b.product - a.product);
  const rest = all.splice(12);
  return [...all.map(({place, ...numbers}) => [place, ...Object.values(numbers).map(short)]),
    ...(rest.length ? [[t("others", {count: rest.length}), "", "", short(rest.reduce((sum, {product}) => sum + product, 0))]] : [])];
}
