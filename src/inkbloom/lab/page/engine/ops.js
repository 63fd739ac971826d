// The meaning of every operation in a network's list of steps: inkbloom/exports/graph.py, name by name, for one picture.

import { conv2d, convTranspose2d, padded, zeros } from "./conv.js";

/** (inputs, then weights; what it is told) -> output.
 * @type {Record<string, (operands: Tensor[], told: Record<string, any>) => Tensor>} */
export const OPS = {
  conv2d: ([x, w, b], { stride, padding }) => conv2d(x, w, b, { stride, padding }),
  conv_transpose2d: ([x, w, b], { stride, padding }) => convTranspose2d(x, w, b, { stride, padding }),
  linear: ([x, w, b]) => linear(x, w, b),
  embedding: ([y, w]) => row(w, y.data[0]),
  channel_norm: ([x, gain, shift], { eps }) => channelNorm(x, gain, shift, eps),
  group_norm: ([x, gain, shift], { groups, eps }) => groupNorm(x, gain, shift, groups, eps),
  silu: ([x]) => silu(x),
  relu: ([x]) => each(x, (value) => Math.max(0, value)),
  sigmoid: ([x]) => each(x, (value) => 1 / (1 + Math.exp(-value))),
  cos: ([x]) => each(x, Math.cos),
  sin: ([x]) => each(x, Math.sin),
  add: ([x, y], { value }) => (y ? both(x, y, false) : each(x, (u) => u + value)),
  multiply: ([x, y], { value }) => (y ? both(x, y, true) : each(x, (u) => u * value)),
  concat: (parts, { axis }) => concat(parts, axis),
  slice: ([x], { axis, start, end }) => slice(x, axis, start, end),
  reshape: ([x], { to }) => ({ shape: to, data: x.data }),
  max_pool: ([x], { size }) => maxPool(x, size),
  upsample_nearest: ([x], { scale }) => upsampleNearest(x, scale),
  pixel_shuffle: ([x], { factor }) => pixelShuffle(x, factor),
  pixel_unshuffle: ([x], { factor }) => pixelUnshuffle(x, factor),
  pad_reflect: ([x], { right, bottom }) => padded(x, { left: 0, right, top: 0, bottom }, "reflect"),
};

/** @param {Tensor} x @param {(value: number) => number} f @returns {Tensor} */
function each({ shape, data }, f) {
  const out = new Float32Array(data.length);
  for (let i = 0; i < out.length; i++) out[i] = f(data[i]);
  return { shape, data: out };
}

/** By a loop of its own, as networks are full of it.
 * @param {Tensor} x @returns {Tensor} */
function silu({ shape, data }) {
  const out = new Float32Array(data.length);
  for (let i = 0; i < out.length; i++) out[i] = data[i] / (1 + Math.exp(-data[i]));
  return { shape, data: out };
}

/** x + y or x * y, number by number; an axis of size 1, or one that is not there, is repeated, as torch does.
 * @param {Tensor} x @param {Tensor} y @param {boolean} times @returns {Tensor} */
function both(x, y, times) {
  const rank = Math.max(x.shape.length, y.shape.length);
  const [xs, ys] = [x, y].map(({ shape }) => [...Array(rank - shape.length).fill(1), ...shape]);
  const shape = xs.map((size, axis) => (size === 1 ? ys[axis] : size));
  if (ys.some((size, axis) => size !== 1 && size !== shape[axis])) throw new RangeError(`shapes ${x.shape} and ${y.shape}`);
  const out = zeros(...shape);
  const [us, vs] = [steps(xs), steps(ys)];
  let at = 0;
  const fill = (/** @type {number} */ axis, /** @type {number} */ u, /** @type {number} */ v) => {
    const [size, du, dv] = axis < rank ? [shape[axis], us[axis], vs[axis]] : [1, 0, 0];
    for (let i = 0; i < size; i++, u += du, v += dv) {
      if (axis < rank - 1) fill(axis + 1, u, v);
      else out.data[at++] = times ? x.data[u] * y.data[v] : x.data[u] + y.data[v];
    }
  };
  fill(0, 0, 0);
  return out;
}

/** How far apart neighbours lie along each axis; 0 where one is repeated.
 * @param {number[]} sizes */
function steps(sizes) {
  return sizes.map((size, axis) => (size === 1 ? 0 : sizes.slice(axis + 1).reduce((all, each) => all * each, 1)));
}

/** @param {Tensor} x (I) @param {Tensor} w (O, I) @param {Tensor | undefined} b (O) @returns {Tensor} (O) */
function linear(x, w, b) {
  const [outputs, inputs] = w.shape;
  const out = zeros(outputs);
  for (let o = 0; o < outputs; o++) {
    let sum = b ? b.data[o] : 0;
    for (let i = 0; i < inputs; i++) sum += w.data[o * inputs + i] * x.data[i];
    out.data[o] = sum;
  }
  return out;
}

/** @param {Tensor} w (N, C) @param {number} number @returns {Tensor} (C) */
function row(w, number) {
  const [count, width] = w.shape;
  if (!(number >= 0 && number < count)) throw new RangeError(`condition ${number} of ${count}`);
  return { shape: [width], data: w.data.slice(number * width, (number + 1) * width) };
}

/** The channels of each pixel, brought to mean 0 and variance 1, times gain plus shift.
 * @param {Tensor} x (C, H, W) @param {Tensor} gain (C) @param {Tensor} shift (C) @param {number} eps */
function channelNorm({ shape, data }, gain, shift, eps) {
  const channels = shape[0];
  const area = data.length / channels;
  const mean = new Float64Array(area);
  const scale = new Float64Array(area);
  for (let i = 0, c = 0; c < channels; c++) for (let p = 0; p < area; p++) mean[p] += data[i++];
  for (let p = 0; p < area; p++) mean[p] /= channels;
  for (let i = 0, c = 0; c < channels; c++) for (let p = 0; p < area; p++) scale[p] += (data[i++] - mean[p]) ** 2;
  for (let p = 0; p < area; p++) scale[p] = 1 / Math.sqrt(scale[p] / channels + eps);
  const out = zeros(...shape);
  for (let i = 0, c = 0; c < channels; c++) {
    for (let p = 0; p < area; p++, i++) out.data[i] = (data[i] - mean[p]) * scale[p] * gain.data[c] + shift.data[c];
  }
  return out;
}

/** @param {Tensor} x (C, H, W) @param {Tensor} gain (C) @param {Tensor} shift (C) @param {number} groups @param {number} eps */
function groupNorm({ shape, data }, gain, shift, groups, eps) {
  const [size, area] = [data.length / groups, data.length / shape[0]];
  const out = zeros(...shape);
  for (let begin = 0; begin < data.length; begin += size) {
    let [mean, square] = [0, 0];
    for (let i = begin; i < begin + size; i++) mean += data[i] / size;
    for (let i = begin; i < begin + size; i++) square += (data[i] - mean) ** 2;
    const scale = 1 / Math.sqrt(square / size + eps);
    for (let i = begin; i < begin + size; i++) {
      const c = Math.floor(i / area);
      out.data[i] = (data[i] - mean) * scale * gain.data[c] + shift.data[c];
    }
  }
  return out;
}

/** @param {Tensor[]} parts @param {number} axis @returns {Tensor} */
function concat(parts, axis) {
  const shape = parts[0].shape.map((size, at) => (at === axis ? parts.reduce((sum, x) => sum + x.shape[at], 0) : size));
  const out = zeros(...shape);
  const turns = shape.slice(0, axis).reduce((product, size) => product * size, 1);
  let at = 0;
  for (let turn = 0; turn < turns; turn++) {
    for (const { data } of parts) {
      const size = data.length / turns;
      out.data.set(data.subarray(turn * size, (turn + 1) * size), at);
      at += size;
    }
  }
  return out;
}

/** @param {Tensor} x @param {number} axis @param {number} start @param {number} end @returns {Tensor} */
function slice({ shape, data }, axis, start, end) {
  const out = zeros(...shape.map((size, at) => (at === axis ? end - start : size)));
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const [whole, part] = [shape[axis] * inner, (end - start) * inner];
  for (let turn = 0; turn * whole < data.length; turn++) {
    const begin = turn * whole + start * inner;
    out.data.set(data.subarray(begin, begin + part), turn * part);
  }
  return out;
}

/** out[c, y, x] = value(c, y, x) for a whole picture.
 * @param {number[]} shape @param {(c: number, y: number, x: number) => number} value @returns {Tensor} */
function picture(shape, value) {
  const [channels, height, width] = shape;
  const out = zeros(channels, height, width);
  let i = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) out.data[i++] = value(c, y, x);
  }
  return out;
}

/** @param {Tensor} x @param {[number, number]} size of the windows, which do not overlap; what is left over is dropped */
function maxPool({ shape: [channels, height, width], data }, [high, wide]) {
  return picture([channels, Math.floor(height / high), Math.floor(width / wide)], (c, y, x) => {
    let most = -Infinity;
    for (let j = 0; j < high; j++) {
      const begin = (c * height + y * high + j) * width + x * wide;
      for (let k = 0; k < wide; k++) most = Math.max(most, data[begin + k]);
    }
    return most;
  });
}

/** @param {Tensor} x @param {[number, number]} scale whole numbers */
function upsampleNearest({ shape: [channels, height, width], data }, [high, wide]) {
  return picture([channels, height * high, width * wide], (c, y, x) => {
    return data[(c * height + Math.floor(y / high)) * width + Math.floor(x / wide)];
  });
}

/** Channels to pixels: (C f f, H, W) -> (C, H f, W f).
 * @param {Tensor} x @param {number} f */
function pixelShuffle({ shape: [channels, height, width], data }, f) {
  return picture([channels / (f * f), height * f, width * f], (c, y, x) => {
    const from = (c * f + (y % f)) * f + (x % f);
    return data[(from * height + Math.floor(y / f)) * width + Math.floor(x / f)];
  });
}

/** Pixels to channels: (C, H f, W f) -> (C f f, H, W).
 * @param {Tensor} x @param {number} f */
function pixelUnshuffle({ shape: [channels, height, width], data }, f) {
  return picture([channels * f * f, height / f, width / f], (c, y, x) => {
    const [from, inside] = [Math.floor(c / (f * f)), c % (f * f)];
    return data[(from * height + y * f + Math.floor(inside / f)) * width + x * f + (inside % f)];
  });
}
