// A matrix of numbers to look at, point at and paint on. A canvas draws it; one cell in the document, moved about by the arrow
// keys, says it to those who do not see the canvas; a table with all numbers opens below.

import {isLight, paint as paintDots} from "./colour.js";
import {eachFrame, give, h, put, table} from "./dom.js";

const DIGITS_FROM = 22; // pixels of a cell from which on its number is written into it
const TABLE_MOST = 1024; // cells that are written out as a table
const SECRET = /** @type {Rgb} */ ([226, 220, 207]); // what no one may see yet is NaN

/** @typedef {{row: number, column: number, rows: number, columns: number, kind?: "window" | "reach" | "ghost" | "zero"}} Mark
 * @typedef {object} About
 * @property {string} label  what the matrix is
 * @property {() => {rows: number, columns: number, values: ArrayLike<number>}} data
 * @property {(value: number, i: number) => Rgb} colour
 * @property {(value: number) => string} [show]  a number as text; default: three decimals at most
 * @property {(row: number, column: number) => void} [onPoint]  the mouse or the keyboard is at a cell
 * @property {(row: number, column: number) => void} [onOpen]  Enter or a click on a cell
 * @property {(row: number, column: number, value: number) => void} [onEdit]  a key sets the value of a cell
 * @property {[number, number]} [range]  of the values that keys set: 0 sets the first, 9 the second
 * @property {(row: number, column: number, done: boolean) => void} [onPaint]  the pointer draws over a cell; done: it is lifted
 * @property {(row: number, column: number) => string} [tell]  more to say of a cell
 * @property {Words} words */

/** @param {About} about */
export function matrix(about) {
  const {label, data, show = brief, onPoint, onOpen, onEdit, onPaint, range = [0, 1], tell, words} = about;
  const colour = (/** @type {number} */ value, /** @type {number} */ i) => (Number.isNaN(value) ? SECRET : about.colour(value, i));
  let at = {row: 0, column: 0};
  /** @type {Mark[]} */ let marks = [];
  let wide = 280;
  let colours = {window: "#b5402a", reach: "#b5402a"};
  const [canvas, small] = [h("canvas", {"aria-hidden": "true"}), h("canvas", {})];
  const cell = h("div", {class: "cell", role: "gridcell", tabindex: "0"});
  const row = h("div", {role: "row"}, cell);
  const grid = h("div", {class: "matrix", role: "grid", "aria-label": label, "aria-readonly": onEdit ? "false" : "true"}, canvas, row);
  const numbers = h("div", {class: "numbers scroll"});
  const details = h("details", {onToggle: () => write()}, h("summary", {}, words("as_table")), numbers);
  const element = h("figure", {class: "matrix-figure"}, h("figcaption", {}, label), grid, details);

  const side = () => canvas.clientWidth / data().columns;
  const say = () => {
    const {columns, rows, values} = data();
    if (!rows || !columns) return; // nothing to say of a matrix without cells
    const value = show(values[at.row * columns + at.column]);
    const label = words("cell", {...at, value}) + (tell ? " " + tell(at.row, at.column) : "");
    give(cell, {"aria-label": label, "aria-colindex": at.column + 1});
    give(row, {"aria-rowindex": at.row + 1});
    give(grid, {"aria-rowcount": rows, "aria-colcount": columns});
    Object.assign(cell.style, {
      left: `${(100 * at.column) / columns}%`, top: `${(100 * at.row) / rows}%`, width: `${100 / columns}%`, height: `${100 / rows}%`,
    });
  };
  const write = () => {
    if (!details.open) return;
    const {rows, columns, values} = data();
    if (rows * columns > TABLE_MOST) return put(numbers, words("too_many"));
    const cells = Array.from(values, show);
    put(numbers, table([], Array.from({length: rows}, (_, r) => cells.slice(r * columns, (r + 1) * columns))));
    give(numbers, {tabindex: 0, role: "region", "aria-label": label});
  };
  const paint = () => {
    const {rows, columns, values} = data();
    canvas.hidden = !rows || !columns;
    if (canvas.hidden) return;
    at = {row: Math.min(at.row, rows - 1), column: Math.min(at.column, columns - 1)};
    const scale = Math.min(2, devicePixelRatio || 1);
    const width = Math.round(wide * scale);
    const size = width / columns;
    const height = Math.round(size * rows);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const digits = size / scale >= DIGITS_FROM;
    if (digits) Object.assign(context, {font: `${Math.min(13 * scale, size / 2.9)}px ui-monospace, monospace`, textAlign: "center", textBaseline: "middle"});
    paintDots(small, values, rows, columns, colour);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, width, height);
    for (let i = 0; digits && i < rows * columns; i++) {
      const [value, x, y] = [values[i], ((i % columns) + 0.5) * size, (Math.floor(i / columns) + 0.5) * size];
      context.fillStyle = value === 0 ? "#97917f" : isLight(colour(value, i)) ? "#1c1b19" : "#ffffff";
      context.fillText(Number.isNaN(value) ? "?" : show(value).replace("-", "−"), x, y, 0.92 * size); // no wider than its cell
    }
    for (const mark of marks) {
      if (mark.kind === "zero") {
        context.lineWidth = scale;
        context.setLineDash([2 * scale, 2 * scale]);
        context.strokeStyle = "#97917f";
        context.strokeRect(mark.column * size + 2 * scale, mark.row * size + 2 * scale, size - 4 * scale, size - 4 * scale);
        continue;
      }
      context.lineWidth = (mark.kind === "reach" ? 1.5 : 2.5) * scale;
      context.setLineDash(mark.kind === "ghost" ? [3 * scale, 3 * scale] : []);
      context.strokeStyle = mark.kind === "reach" ? colours.reach : colours.window;
      context.strokeRect(mark.column * size, mark.row * size, mark.columns * size, mark.rows * size);
    }
    say();
    write();
  };
  const draw = eachFrame(paint);

  /** @param {number} to_row @param {number} to_column */
  const go = (to_row, to_column) => {
    const {rows, columns} = data();
    at = {row: Math.min(rows - 1, Math.max(0, to_row)), column: Math.min(columns - 1, Math.max(0, to_column))};
    say();
    onPoint?.(at.row, at.column);
  };
  /** @param {PointerEvent} event @returns {[number, number]} */
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    return [Math.floor((event.clientY - box.top) / side()), Math.floor((event.clientX - box.left) / side())];
  };
  let painting = false;
  let opens = true;
  grid.addEventListener("pointerdown", (event) => {
    const [r, c] = under(event);
    opens = !onPoint || event.pointerType !== "touch" || (r === at.row && c === at.column); // a first tap points
    go(r, c);
    if (!onPaint) return;
    painting = true;
    grid.setPointerCapture(event.pointerId);
    onPaint(at.row, at.column, false);
  });
  grid.addEventListener("pointermove", (event) => {
    const [r, c] = under(event);
    if (!painting && event.pointerType === "touch") return;
    if (r === at.row && c === at.column) return;
    go(r, c);
    if (painting) onPaint?.(at.row, at.column, false);
  });
  const lift = () => {
    if (painting) onPaint?.(at.row, at.column, true);
    painting = false;
  };
  grid.addEventListener("pointerup", lift);
  grid.addEventListener("pointercancel", lift);
  grid.addEventListener("click", () => { if (!onPaint && opens) onOpen?.(at.row, at.column); });
  cell.addEventListener("focus", () => onPoint?.(at.row, at.column));
  cell.addEventListener("keydown", (event) => {
    const {rows, columns, values} = data();
    const value = values[at.row * columns + at.column];
    const [low, high] = range;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => go(at.row, at.column - 1), ArrowRight: () => go(at.row, at.column + 1),
      ArrowUp: () => go(at.row - 1, at.column), ArrowDown: () => go(at.row + 1, at.column),
      Home: () => go(event.ctrlKey ? 0 : at.row, 0), End: () => go(event.ctrlKey ? rows - 1 : at.row, columns - 1),
      PageUp: () => go(at.row - 8, at.column), PageDown: () => go(at.row + 8, at.column),
      Enter: () => onOpen?.(at.row, at.column),
    };
    const edit = (/** @type {number} */ to) => {
      onEdit?.(at.row, at.column, Math.min(Math.max(to, low), high));
      say();
    };
    if (onEdit && /^\d$/.test(event.key)) edit(low + ((high - low) * Number(event.key)) / 9);
    else if (onEdit && event.key === "[") edit(value - (high - low) / 16);
    else if (onEdit && event.key === "]") edit(value + (high - low) / 16);
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  new ResizeObserver(() => { // asked for here alone: in `paint` it would make the browser lay out the page once more
    const style = getComputedStyle(grid);
    wide = grid.clientWidth || 280;
    colours = {window: style.getPropertyValue("--window"), reach: style.getPropertyValue("--reach")};
    paint();
  }).observe(grid);
  return {
    element,
    grid,
    draw,
    /** Frames on the matrix, drawn over its cells. @param {Mark[]} now */
    mark(now) {
      marks = now;
      draw();
    },
    /** Puts the cursor at a cell, without telling. @param {number} r @param {number} c */
    point(r, c) {
      at = {row: r, column: c};
      say();
    },
  };
}

/** A number in as few characters as tell it. @param {number} value */
export function brief(value) {
  const size = Math.abs(value);
  return String(Number(value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2))).replace(/^(-?)0\./, "$1.");
}
