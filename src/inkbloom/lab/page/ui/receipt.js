// The receipt of a number: how it came about, term by term, and a few lines of Python that give the same number.

import {button} from "./controls.js";
import {h, put, rich, table} from "./dom.js";

/** @typedef {object} Receipt
 * @property {string} title
 * @property {string} [formula]
 * @property {string[]} [heads]  names of the columns
 * @property {(string | number)[][]} [rows]  the terms
 * @property {string} total  the number, as the page shows it
 * @property {string} [note]
 * @property {string} torch  Python with PyTorch that prints the number
 * @property {string} [numpy]  the same with NumPy */

/** Opens the one dialog of receipts. Escape and a click beside it close it; the focus goes back to where it was.
 * @param {Receipt} receipt @param {Words} words */
export function openReceipt(receipt, words) {
  const {title, formula, heads = [], rows = [], total, note, torch, numpy} = receipt;
  const dialog = h("dialog", {class: "receipt", "aria-label": title, onClose: () => dialog.remove()});
  const snippets = Object.entries({PyTorch: torch, NumPy: numpy}).filter(([, code]) => code);
  put(dialog,
    h("header", {}, h("h2", {}, title), button("×", () => dialog.close(), {class: "quiet", "aria-label": words("close")})),
    formula ? h("p", {class: "formula"}, formula) : null,
    rows.length ? h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": words("terms")}, table(heads, rows)) : null,
    h("p", {class: "total"}, words("total"), " ", h("output", {"data-total": total}, total)),
    note ? h("p", {}, ...rich(note)) : null,
    ...snippets.map(([name, code]) => h("section", {class: "snippet"},
      h("div", {class: "row"}, h("h3", {}, name), copyButton(/** @type {string} */ (code), words, name)),
      h("pre", {tabindex: "0", "data-snippet": name.toLowerCase()}, /** @type {string} */ (code)))));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
}

/** A button that copies a text. @param {string} text @param {Words} words @param {string} name */
export function copyButton(text, words, name) {
  const copy = button(words("copy_as", {name}), async () => {
    try {
      await navigator.clipboard.writeText(text);
      put(copy, words("copied"));
    } catch {
      put(copy, words("select_it"));
    }
  }, {class: "quiet"});
  return copy;
}

/** A number to some digits. @param {number} value */
export const digits = (value, count = 6) => String(Number(value.toPrecision(count)));

/** A number as Python writes a float, to nine digits, which give the same float32 back. @param {number} value */
export function python(value) {
  const text = digits(Math.fround(value), 9);
  return /^-?\d+$/.test(text) ? `${text}.` : text;
}

/** Numbers as Python writes a list of floats. @param {ArrayLike<number>} values */
export function pythonList(values) {
  return `[${Array.from(values, python).join(", ")}]`;
}

/** A matrix as Python writes it. @param {ArrayLike<number>} values @param {number} rows @param {number} columns */
export function pythonMatrix(values, rows, columns) {
  const all = Array.from(values);
  return `[${Array.from({length: rows}, (_, r) => pythonList(all.slice(r * columns, (r + 1) * columns))).join(",\n     ")}]`;
}
