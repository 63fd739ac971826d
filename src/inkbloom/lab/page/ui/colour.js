// Colours of numbers: grey for pixels, blue to orange for signed ones, cividis for those of one sign. Each gives [r, g, b].

/** @typedef {[number, number, number]} Rgb */

/** 0 black, 1 white. @param {number} u @returns {Rgb} */
export function grey(u) {
  const level = Math.round(255 * Math.min(1, Math.max(0, u)));
  return [level, level, level];
}

/** The tutorial's pictures: 0 paper, 1 ink, in the colours of the theme. @param {number} u @returns {Rgb} */
export const ink = (u) => grey(1 - u);

const BLUE = /** @type {Rgb} */ ([33, 86, 166]);
const ORANGE = /** @type {Rgb} */ ([200, 93, 12]);
const PALE = /** @type {Rgb} */ ([246, 244, 240]);

/** -1 blue, 0 pale, 1 orange; the darker, the larger. @param {number} u @returns {Rgb} */
export function diverging(u) {
  const end = u < 0 ? BLUE : ORANGE;
  const share = Math.min(1, Math.abs(u)) ** 0.8;
  return /** @type {Rgb} */ (PALE.map((pale, i) => Math.round(pale + (end[i] - pale) * share)));
}

/** @type {Rgb[]} Seven stops of cividis (Nuñez, Anderton and Renslow 2018), read alike with and without colour blindness. */
const CIVIDIS = [[0, 34, 78], [36, 56, 108], [87, 93, 109], [124, 123, 120], [164, 156, 116], [208, 191, 94], [254, 232, 56]];

/** 0 dark blue, 1 yellow. @param {number} u @returns {Rgb} */
export function cividis(u) {
  const place = Math.min(1, Math.max(0, u)) * (CIVIDIS.length - 1);
  const at = Math.min(CIVIDIS.length - 2, Math.floor(place));
  return /** @type {Rgb} */ (CIVIDIS[at].map((value, i) => Math.round(value + (CIVIDIS[at + 1][i] - value) * (place - at))));
}

/** Is dark writing easier to read on this colour? @param {Rgb} colour */
export function isLight([r, g, b]) {
  return 0.299 * r + 0.587 * g + 0.114 * b > 140;
}

/** @param {Rgb} colour */
export function css([r, g, b]) {
  return `rgb(${r} ${g} ${b})`;
}

/** Draws numbers as a small picture, a pixel each; style it larger with image-rendering: pixelated.
 * @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} values @param {number} rows @param {number} columns
 * @param {(value: number, i: number) => Rgb} colour */
export function paint(canvas, values, rows, columns, colour) {
  canvas.width = columns;
  canvas.height = rows;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) {
    const [r, g, b] = colour(values[i], i);
    image.data.set([r, g, b, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
}
