// What the parts of room 3 are built of: controls that show and set a field of the state, and pictures of 28 x 28 numbers.

import {choose, slider, toggle} from "../ui/controls.js";
import {h, rich} from "../ui/dom.js";
import {SIDE} from "../ui/drawing.js";
import {matrix} from "../ui/matrix.js";

/** @typedef {(key: string, values?: Record<string, any>) => string} Words */
/** @typedef {ArrayLike<number>} Numbers */

/** The label of a control is the word of its field's name. @param {import("../main.js").Lab} lab @param {Words} t */
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
    /** @param {string} field @param {[number, number, number]} ends low, high, step @param {(value: number) => string} [show] */
    dial: (field, [low, high, step], show = String) =>
      kept(field, slider({label: t(field), low, high, step, value: state.get(field), show, onChange: set(field)})),
    /** @param {string} field @param {readonly string[]} values @param {(value: string) => string} [name] */
    pick: (field, values, name = t) => kept(field, choose({label: t(field), value: state.get(field),
      options: values.map((value) => ({value, label: name(value)})), onChange: set(field)})),
    /** @param {string} field */
    flip: (field) => kept(field, toggle({label: t(field), on: state.get(field), onChange: set(field)})),
    /**
     * @param {string} label @param {() => Numbers} values @param {(value: number) => import("../ui/colour.js").Rgb} colour
     * @param {Partial<import("../ui/matrix.js").About>} [more]
     */
    picture: (label, values, colour, more = {}) =>
      matrix({label, words, colour, data: () => ({rows: SIDE, columns: SIDE, values: values()}), ...more}),
  };
}

/** A number as receipts write it. @param {number} value */
export const short = (value) => String(Number(value.toPrecision(4)));

/** A total as receipts write it. @param {number} value */
export const total = (value) => String(Number(value.toPrecision(5)));

/** Paragraphs of words. @param {Words} t @param {(string | false)[]} keys @param {Record<string, any>} [values] */
export const paragraphs = (t, keys, values) => keys.filter((key) => key !== false).map((key) => h("p", {}, ...rich(t(key, values))));

/** Row and column of a pixel. @param {number} pixel @returns {[number, number]} */
export const placeOf = (pixel) => [Math.floor(pixel / SIDE), pixel % SIDE];

/**
 * The rows of a receipt of a long sum: its largest terms, and all others in one.
 * @param {{place: string, value: number, weight: number}[]} terms @param {Words} t
 */
export function largestTerms(terms, t) {
  const all = terms.map((term) => ({...term, product: term.value * term.weight})).sort((one, other) => other.product - one.product);
  const rest = all.slice(12).reduce((sum, {product}) => sum + product, 0);
  return [...all.slice(0, 12).map(({place, value, weight, product}) => [place, short(value), short(weight), short(product)]),
    ...(all.length > 12 ? [[t("others", {count: all.length - 12}), "", "", short(rest)]] : [])];
}
