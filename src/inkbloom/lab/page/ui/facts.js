// A row of numbers with their names. Each is a button: it opens the receipt of its number.

import {h, write} from "./dom.js";

/**
 * `value` gives undefined where there is no such number now; `show` words it; `code` is Python that prints it; `more` are
 * other parts of its receipt.
 * @typedef {{name: string, value: () => number | undefined, code: () => string, show?: (value: number) => string,
 *   more?: () => Partial<Receipt>}} Fact
 */

/** @param {Lab} lab @param {Record<string, Fact>} all */
export function facts(lab, all) {
  const tiles = Object.entries(all).map(([key, {name, value, code, show = lab.number, more}]) => {
    const told = h("strong", {"data-fact": key});
    const tile = h("button", {type: "button", class: "tile", onClick: () => {
      lab.receipt({title: name, total: total(value() ?? NaN), torch: code(), ...more?.()});
    }}, h("span", {}, name, " "), told);
    return {tile, show: () => {
      const now = value();
      tile.hidden = now === undefined;
      write(told, now === undefined ? "" : show(now));
    }};
  });
  return {element: h("div", {class: "tiles"}, ...tiles.map(({tile}) => tile)), show: () => tiles.forEach((each) => each.show())};
}

/** The total of a receipt: as Python's :.5g writes it. @param {number} value */
export function total(value) {
  const short = Number(value.toPrecision(5));
  return short && Math.abs(short) < 1e-4 ? String(short.toExponential()).replace(/e-(\d)$/, "e-0$1") : String(short);
}

/** A line of Python that prints a number as a total. @param {string} expression */
export const printed = (expression) => `print(f"{float(${expression}):.5g}")`;

/** A number in the rows of a receipt. @param {number} value */
export const short = (value) => String(Number(value.toPrecision(4)));
