// A row of numbers with their names. Each is a button: it opens the receipt of its number.

import {h} from "./dom.js";

/** @param {Record<string, string>} names  key -> name of the number @param {(key: string) => void} open */
export function facts(names, open) {
  /** @type {Record<string, {tile: HTMLElement, value: HTMLElement}>} */ const all = {};
  for (const [key, name] of Object.entries(names)) {
    const value = h("strong", {"data-fact": key});
    all[key] = {value, tile: h("button", {type: "button", class: "tile", onClick: () => open(key)}, h("span", {}, name, " "), value)};
  }
  return {
    element: h("div", {class: "tiles"}, ...Object.values(all).map(({tile}) => tile)),
    /** Shows values; a number that is not given is not there now. @param {Record<string, string>} values */
    show(values) {
      for (const [key, {tile, value}] of Object.entries(all)) {
        tile.hidden = values[key] === undefined;
        value.textContent = values[key] ?? "";
      }
    },
  };
}

/** A line of Python that prints a number as receipts show it. @param {string} expression */
export const printed = (expression) => `print(f"{float(${expression}):.5g}")`;
