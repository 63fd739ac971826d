// The numbers of room 2: the transposed convolution by stamps, by dashed zeros and by the matrix, each computed apart from the others.
// y is the small picture; C is the forward convolution, which makes the small Cx out of a large x.

import {conv2d, convTranspose2d, flipped, padded, transposedSize, zeros} from "../engine/conv.js";
import {SIDE, drawn} from "../ui/drawing.js";

/** @typedef {import("../engine/conv.js").Tensor} Tensor */
/** The sliders, and what follows from them: `reach` cells are spanned by the kernel, `large` is the side of the output,
 * `most` the padding that leaves something of it.
 * @typedef {{size: number, side: number, stride: number, padding: number, dilation: number, extra: number, reach: number,
 *   large: number, most: number}} Rules */
/** @typedef {Rules & {y: Tensor, given: Tensor, x: Tensor, weight: Tensor, weights: number[], matrix: Float32Array, one: boolean,
 *   at: number, row: number, column: number}} Bench  given: y, or what of it has been stamped so far */
/** @typedef {{row: number, column: number, value: number, weight: number, product: number, sum: number}} Term */

/** Stamps of any side: what stands at a place, counted from 0. @type {Record<string, (row: number, column: number, side: number) => number>} */
export const STAMPS = {
  numbered: (row, column, side) => row * side + column + 1,
  ones: () => 1,
  tent: (row, column, side) => (slope(row, side) * slope(column, side)) / slope(Math.floor(side / 2), side) ** 2,
};
const slope = (/** @type {number} */ at, /** @type {number} */ side) => Math.min(at + 1, side - at);

/** All of the room's numbers, from its state alone. @param {Pick<import("../ui/state.js").State, "get">} state @returns {Bench} */
export function bench({get}) {
  const [size, stride, dilation, kind] = [get("tr_size"), get("tr_stride"), get("tr_dilation"), get("tr_stamp")];
  const side = kind === "own" ? Math.sqrt(get("tr_kernel").length) : get("tr_side");
  const extra = Math.min(get("tr_extra"), stride - 1);
  const reach = dilation * (side - 1) + 1;
  const most = Math.min(3, Math.floor((transposedSize(size, side, stride, 0, extra, dilation) - 1) / 2)); // more padding would leave nothing
  const padding = Math.min(get("tr_padding"), most);
  const large = transposedSize(size, side, stride, padding, extra, dilation);
  const b = {size, side, stride, padding, dilation, extra, reach, large, most};
  const weights = kind === "own" ? get("tr_kernel")
    : Array.from({length: side * side}, (_, i) => STAMPS[kind](Math.floor(i / side), i % side, side));
  const weight = {shape: [1, 1, side, side], data: Float32Array.from(weights)};
  const y = shrunk(drawn({get}), size);
  const one = get("tr_by") === "input"; // stamp by stamp
  const of = one ? size : large;
  const at = Math.min(get("tr_at"), of * of - 1);
  const given = one ? {...y, data: y.data.map((value, i) => (i <= at ? value : 0))} : y;
  return {...b, y, given, x: shrunk(drawn({get}), large), weight, weights, matrix: matrixOf(b, weight), one, at,
    row: Math.floor(at / of), column: at % of};
}

/** What the sliders say, as the engine takes it. @param {Rules} b */
export function rules({stride: s, padding: p, dilation: d, extra}) {
  return {stride: /** @type {[number, number]} */ ([s, s]), padding: /** @type {[number, number]} */ ([p, p]),
    dilation: /** @type {[number, number]} */ ([d, d]), outputPadding: /** @type {[number, number]} */ ([extra, extra])};
}

/** First way: each pixel stamps the kernel, scaled; overlaps add up, what falls outside is lost.
 * @param {Rules} b @param {Tensor} y @param {Tensor} weight @returns {Tensor} */
export function byStamping({size, side, stride, padding, dilation, large}, y, weight) {
  const out = zeros(1, large, large);
  for (let i = 0; i < size * size; i++) {
    for (let j = 0; j < side * side; j++) {
      const row = Math.floor(i / size) * stride + Math.floor(j / side) * dilation - padding;
      const column = (i % size) * stride + (j % side) * dilation - padding;
      if (isOn(row, large) && isOn(column, large)) out.data[row * large + column] += y.data[i] * weight.data[j];
    }
  }
  return out;
}

/** Second way: the engine's, which inserts zeros and slides the flipped kernel. @param {Bench} b @param {Tensor} y */
export const byInserting = (b, y) => convTranspose2d(y, b.weight, null, rules(b));

/** Third way: the matrix times y as one long column. @param {Bench} b @param {Tensor} y @returns {Tensor} */
export function byMatrix({large, matrix}, y) {
  const out = zeros(1, large, large);
  const columns = y.data.length;
  for (let row = 0; row < out.data.length; row++) {
    out.data[row] = y.data.reduce((sum, value, column) => sum + value * matrix[row * columns + column], 0);
  }
  return out;
}

/** The matrix C of the forward convolution, transposed: entry (p, q) is the weight with which output q of C reads pixel p.
 * @param {Rules} b @param {Tensor} weight */
function matrixOf({size, side, stride, padding, dilation, large}, weight) {
  const out = new Float32Array(large ** 2 * size ** 2);
  for (let q = 0; q < size ** 2; q++) {
    const [top, left] = [Math.floor(q / size) * stride - padding, (q % size) * stride - padding];
    for (let tap = 0; tap < side ** 2; tap++) {
      const [row, column] = [top + Math.floor(tap / side) * dilation, left + (tap % side) * dilation];
      if (isOn(row, large) && isOn(column, large)) out[(row * large + column) * size ** 2 + q] = weight.data[tap];
    }
  }
  return out;
}

const isOn = (/** @type {number} */ place, /** @type {number} */ side) => place >= 0 && place < side && Number.isInteger(place);

/** Nothing but ones. @param {number} side @returns {Tensor} */
export const ones = (side) => ({shape: [1, 1, side, side], data: new Float32Array(side * side).fill(1)});

/** How many stamps fall on each pixel of the large picture. @param {Bench} b */
export const overlaps = (b) => byStamping(b, ones(b.size), ones(b.side));

/** The drawing at another size: means of areas, the darkest set to 1, in tenths, so that sums can be followed. @param {Tensor} x @param {number} size @returns {Tensor} */
export function shrunk(x, size) {
  const share = (/** @type {number} */ cell, /** @type {number} */ pixel) =>
    Math.max(0, Math.min((cell + 1) * SIDE / size, pixel + 1) - Math.max(cell * SIDE / size, pixel));
  const shares = Array.from({length: size}, (_, cell) => Array.from({length: SIDE}, (_, pixel) => share(cell, pixel)));
  const rows = shares.map((of) => Array.from({length: SIDE}, (_, c) => of.reduce((sum, part, r) => sum + part * x.data[r * SIDE + c], 0)));
  const sums = rows.flatMap((row) => shares.map((of) => of.reduce((sum, part, c) => sum + part * row[c], 0)));
  const most = Math.max(0, ...sums) || 1;
  return {shape: [1, size, size], data: Float32Array.from(sums, (sum) => Math.round((10 * sum) / most) / 10)};
}

/** Pixels that are repeated instead of zeros that are inserted, with a border of zeros for the same kernel. @param {Bench} b */
export function repeated({size, stride, reach, y}) {
  const wide = size * stride;
  const data = Float32Array.from({length: wide * wide}, (_, i) => y.data[Math.floor(Math.floor(i / wide) / stride) * size + Math.floor((i % wide) / stride)]);
  const before = Math.floor((reach - 1) / 2);
  return padded({shape: [1, wide, wide], data}, {left: before, top: before, right: reach - 1 - before, bottom: reach - 1 - before});
}

/** The numbers that the lower half shows: forth and back, both inner products, and resizing instead. @param {Bench} b */
export function more(b) {
  const forth = conv2d(b.x, b.weight, null, rules(b));
  const back = byInserting(b, forth);
  const scale = dot(back, b.x) / (dot(back, back) || 1);
  const off = back.data.reduce((sum, value, i) => sum + (scale * value - b.x.data[i]) ** 2, 0);
  return {
    forth, back: {...back, data: back.data.map((value) => scale * value)}, scale, error: Math.sqrt(off / dot(b.x, b.x)),
    small: dot(forth, b.y), large: dot(b.x, byInserting(b, b.y)),
    resized: conv2d(repeated(b), flipped(b.weight), null, {dilation: [b.dilation, b.dilation]}),
  };
}

/** @param {Tensor} a @param {Tensor} b */
const dot = (a, b) => a.data.reduce((sum, value, i) => sum + value * b.data[i], 0);

/** The largest difference between pictures. @param {Tensor[]} pictures */
export const apart = (pictures) => pictures[0].data.reduce((most, _, i) => {
  const values = pictures.map(({data}) => data[i]);
  return Math.max(most, Math.max(...values) - Math.min(...values));
}, 0);

/** The stamps that meet at a pixel of the large picture, in reading order. @param {Bench} b @param {Tensor} from @param {number} row @param {number} column @returns {Term[]} */
export function terms(b, from, row, column) {
  const [n, at] = [b.size ** 2, row * b.large + column];
  let sum = 0;
  return touching(b, row, column).map((q) => {
    const [value, weight] = [from.data[q], b.matrix[at * n + q]];
    sum += value * weight;
    return {row: Math.floor(q / b.size), column: q % b.size, value, weight, product: value * weight, sum};
  });
}

/** The pixels of the small picture whose stamp falls on a pixel of the large one. @param {Bench} b @param {number} row @param {number} column */
export function touching(b, row, column) {
  const touched = (/** @type {number} */ to, /** @type {number} */ from) => isOn((to + b.padding - from * b.stride) / b.dilation, b.side);
  return Array.from(b.y.data.keys()).filter((q) => touched(row, Math.floor(q / b.size)) && touched(column, q % b.size));
}

/** The products of one window. @param {Tensor} picture with its border @param {Tensor} weight @param {number} top @param {number} left @param {number} dilation @returns {Term[]} */
export function windowed(picture, weight, top, left, dilation) {
  const side = weight.shape[3];
  let sum = 0;
  return Array.from(weight.data, (each, i) => {
    const [row, column] = [top + Math.floor(i / side) * dilation, left + (i % side) * dilation];
    const value = picture.data[row * picture.shape[2] + column];
    sum += value * each;
    return {row, column, value, weight: each, product: value * each, sum};
  });
}
