// The numbers of room 2: the transposed convolution by stamps, by dashed zeros and by the matrix, each computed apart from the others.
// y is the small picture; C is the forward convolution, which makes the small Cx out of a large x.

import {conv2d, convTranspose2d, flipped, padded, transposedSize, zeros} from "../engine/conv.js";
import {SIDE, drawn} from "../ui/drawing.js";
import {resized, running} from "./kernels.js";

/** @typedef {ReturnType<typeof sizes>} Sizes */
/** @typedef {ReturnType<typeof bench>} Bench */
/** @typedef {ReturnType<typeof running>[number]} Term */

/**
 * What the sliders say, and what follows: `reach` cells are spanned by the kernel, `large` is the side of the output, `most` the
 * padding that leaves something of it.
 * @param {(name: string) => any} get
 */
function sizes(get) {
  const [size, side, stride, dilation] = ["size", "side", "stride", "dilation"].map((name) => Number(get(`tr_${name}`)));
  const extra = Math.min(get("tr_extra"), stride - 1);
  const most = Math.min(3, Math.floor((transposedSize(size, side, stride, 0, extra, dilation) - 1) / 2));
  const padding = Math.min(get("tr_padding"), most);
  return {size, side, stride, padding, dilation, extra, most, reach: dilation * (side - 1) + 1,
    large: transposedSize(size, side, stride, padding, extra, dilation)};
}

/** All of the room's numbers, from its state alone. @param {Pick<State, "get">} state */
export function bench({get}) {
  const b = sizes(get);
  const {size, side, large} = b;
  const kind = get("tr_stamp");
  const weights = kind === "own" ? resized(get("tr_kernel"), side) : Array.from({length: side * side}, (_, i) => (kind === "ones" ? 1 : i + 1));
  const weight = {shape: [1, 1, side, side], data: Float32Array.from(weights)};
  const y = shrunk(drawn({get}), size);
  const one = get("tr_by") === "input"; // stamp by stamp
  const of = one ? size : large;
  const at = Math.min(get("tr_at"), of * of - 1);
  const given = one ? {...y, data: y.data.map((value, i) => (i <= at ? value : 0))} : y; // what of y has been stamped so far
  return {...b, y, given, x: shrunk(drawn({get}), large), weight, weights, matrix: matrixOf(b, weight), one, at,
    row: Math.floor(at / of), column: at % of};
}

/** What the sliders say, as the engine takes it. @param {Sizes} b */
export function rules({stride: s, padding: p, dilation: d, extra}) {
  return {stride: /** @type {[number, number]} */ ([s, s]), padding: /** @type {[number, number]} */ ([p, p]),
    dilation: /** @type {[number, number]} */ ([d, d]), outputPadding: /** @type {[number, number]} */ ([extra, extra])};
}

/** Where the cells of a stamp land: the place in the large picture, and the cell. What falls outside is lost.
 * @param {Sizes} b @param {number} q the pixel that stamps */
function landings({size, side, stride, padding, dilation, large}, q) {
  const on = (/** @type {number} */ place) => place >= 0 && place < large;
  return Array.from({length: side ** 2}, (_, cell) => {
    const row = Math.floor(q / size) * stride - padding + Math.floor(cell / side) * dilation;
    const column = (q % size) * stride - padding + (cell % side) * dilation;
    return {place: on(row) && on(column) ? row * large + column : -1, cell};
  }).filter(({place}) => place >= 0);
}

/** First way: each pixel stamps the kernel, scaled; overlaps add up. @param {Sizes} b @param {Tensor} y @param {Tensor} weight */
export function byStamping(b, y, weight) {
  const out = zeros(1, b.large, b.large);
  y.data.forEach((value, q) => landings(b, q).forEach(({place, cell}) => { out.data[place] += value * weight.data[cell]; }));
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
 * @param {Sizes} b @param {Tensor} weight */
function matrixOf(b, weight) {
  const count = b.size ** 2;
  const out = new Float32Array(b.large ** 2 * count);
  for (let q = 0; q < count; q++) landings(b, q).forEach(({place, cell}) => { out[place * count + q] = weight.data[cell]; });
  return out;
}

/** Nothing but ones. @param {number} side @returns {Tensor} */
const ones = (side) => ({shape: [1, 1, side, side], data: new Float32Array(side * side).fill(1)});

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
    inner: [dot(forth, b.y), dot(b.x, byInserting(b, b.y))],
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

/** The stamps that meet at a pixel of the large picture, in reading order. @param {Bench} b @param {Tensor} from @param {number} row @param {number} column */
export const terms = (b, from, row, column) => running(touching(b, row, column).map((q) => ({row: Math.floor(q / b.size), column: q % b.size,
  value: from.data[q], weight: b.matrix[(row * b.large + column) * b.size ** 2 + q]})));

/** The pixels of the small picture whose stamp falls on a pixel of the large one. @param {Bench} b @param {number} row @param {number} column */
export const touching = (b, row, column) =>
  Array.from(b.y.data.keys()).filter((q) => landings(b, q).some(({place}) => place === row * b.large + column));
