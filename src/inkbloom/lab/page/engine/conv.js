// The one convolution of the page: every room and every layer of a network goes through `conv2d`.
//
//   out[o, y, x] = bias[o] + sum over i, j, k of  weight[o, i, j, k] * in[i, y*stride + j*dilation, x*stride + k*dilation]
//
// where `in` is the picture after padding. Networks do not flip the kernel; `flipped` does, for the mathematician's.

/** One picture or its like, no batch, row-major: (C, H, W), or (O, I, kh, kw) for weights.
 * @typedef {{shape: number[], data: Float32Array}} Tensor */
/** @typedef {[number, number]} Pair vertical, horizontal */
/** @typedef {{stride?: Pair, padding?: Pair, dilation?: Pair}} Window */

/** How many places a window finds along one axis: floor((i + 2p - d(k - 1) - 1) / s) + 1.
 * @param {number} size @param {number} kernel @param {number} stride @param {number} padding @param {number} dilation */
export function outputSize(size, kernel, stride = 1, padding = 0, dilation = 1) {
  return Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** The size that a transposed convolution makes along one axis: (i - 1)s - 2p + d(k - 1) + op + 1.
 * @param {number} size @param {number} kernel @param {number} stride @param {number} padding
 * @param {number} outputPadding @param {number} dilation */
export function transposedSize(size, kernel, stride = 1, padding = 0, outputPadding = 0, dilation = 1) {
  return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + outputPadding + 1;
}

/** @param {number[]} shape @returns {Tensor} */
export function zeros(...shape) {
  return { shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) };
}

/** Where a padded position takes its value: an index below `size`, or -1 for a zero.
 * @type {Record<string, (at: number, size: number) => number>} */
const PADDINGS = {
  zero: (at, size) => (at < 0 || at >= size ? -1 : at),
  reflect: (at, size) => {
    const period = Math.max(1, 2 * (size - 1));
    const folded = ((at % period) + period) % period;
    return folded < size ? folded : period - folded;
  },
  circular: (at, size) => ((at % size) + size) % size,
};

/** A picture with a border. A side below zero cuts.
 * @param {Tensor} x (C, H, W) @param {{left: number, right: number, top: number, bottom: number}} sides
 * @param {string} mode a name in PADDINGS @returns {Tensor} */
export function padded(x, { left, right, top, bottom }, mode = "zero") {
  const [channels, height, width] = x.shape;
  const out = zeros(channels, height + top + bottom, width + left + right);
  const [, rows, columns] = out.shape;
  const from = PADDINGS[mode];
  const column = Int32Array.from({ length: columns }, (_, at) => from(at - left, width));
  for (let c = 0; c < channels; c++) {
    for (let r = 0; r < rows; r++) {
      const source = from(r - top, height);
      if (source < 0) continue;
      const begin = (c * height + source) * width;
      const end = (c * rows + r) * columns;
      for (let at = 0; at < columns; at++) if (column[at] >= 0) out.data[end + at] = x.data[begin + column[at]];
    }
  }
  return out;
}

/** The kernels turned by half a turn.
 * @param {Tensor} weight (O, I, kh, kw) @returns {Tensor} */
export function flipped(weight) {
  const [outputs, inputs, height, width] = weight.shape;
  const out = zeros(...weight.shape);
  const area = height * width;
  for (let kernel = 0; kernel < outputs * inputs; kernel++) {
    for (let at = 0; at < area; at++) out.data[kernel * area + at] = weight.data[(kernel + 1) * area - 1 - at];
  }
  return out;
}

/** The convolution of networks, as torch.nn.functional.conv2d (without groups).
 * @param {Tensor} x (I, H, W) @param {Tensor} weight (O, I, kh, kw) @param {Tensor | null} bias (O)
 * @param {Window} window @returns {Tensor} (O, H', W') */
export function conv2d(x, weight, bias = null, { stride = [1, 1], padding = [0, 0], dilation = [1, 1] } = {}) {
  const [outputs, inputs, kh, kw] = weight.shape;
  if (inputs !== x.shape[0]) throw new RangeError(`kernels for ${inputs} channels, and ${x.shape[0]} channels`);
  const height = outputSize(x.shape[1], kh, stride[0], padding[0], dilation[0]);
  const width = outputSize(x.shape[2], kw, stride[1], padding[1], dilation[1]);
  if (!(height > 0 && width > 0)) throw new RangeError("the kernel is larger than the picture");
  const [top, left] = padding;
  const from = top || left ? padded(x, { left, right: left, top, bottom: top }) : x;
  const [, rows, columns] = from.shape;

  const taps = new Int32Array(inputs * kh * kw); // from a window's first pixel to each of its pixels
  for (let i = 0, n = 0; i < inputs; i++) {
    for (let j = 0; j < kh; j++) {
      for (let k = 0; k < kw; k++) taps[n++] = (i * rows + j * dilation[0]) * columns + k * dilation[1];
    }
  }
  const starts = new Int32Array(height * width); // the first pixel of each window
  for (let y = 0, n = 0; y < height; y++) {
    for (let at = 0; at < width; at++) starts[n++] = y * stride[0] * columns + at * stride[1];
  }
  const out = zeros(outputs, height, width);
  (engine.sums ?? sums)(from.data, weight.data, bias && bias.data, taps, starts, out.data);
  return out;
}

/** Where a faster `sums` is put; null: the plain one.
 * @type {{sums: Sums | null}} */
export const engine = { sums: null };

/** out[o, p] = bias[o] + sum over n of weight[o, n] * x[starts[p] + taps[n]]: here every output pixel is computed.
 * @type {Sums} */
export function sums(x, weight, bias, taps, starts, out) {
  const [count, places] = [taps.length, starts.length];
  for (let o = 0, at = 0; at < out.length; o++) {
    for (let p = 0; p < places; p++, at++) {
      let sum = bias ? bias[o] : 0;
      for (let n = 0; n < count; n++) sum += weight[o * count + n] * x[starts[p] + taps[n]];
      out[at] = sum;
    }
  }
}

/** The transposed convolution, as torch.nn.functional.conv_transpose2d: zeros are put between the pixels and around
 * them, and the flipped kernel slides over that by `conv2d`.
 * @param {Tensor} x (I, H, W) @param {Tensor} weight (I, O, kh, kw) @param {Tensor | null} bias (O)
 * @param {Window & {outputPadding?: Pair}} window @returns {Tensor} (O, H', W') */
export function convTranspose2d(x, weight, bias = null, window = {}) {
  const [inputs, outputs, kh, kw] = weight.shape;
  const { dilation = [1, 1] } = window;
  const turned = flipped(weight);
  const kernels = zeros(outputs, inputs, kh, kw);
  for (let i = 0; i < inputs; i++) {
    for (let o = 0; o < outputs; o++) {
      const kernel = turned.data.subarray((i * outputs + o) * kh * kw, (i * outputs + o + 1) * kh * kw);
      kernels.data.set(kernel, (o * inputs + i) * kh * kw);
    }
  }
  return conv2d(spread(x, [kh, kw], window), kernels, bias, { dilation });
}

/** What the kernel of a transposed convolution slides over: stride - 1 zeros between the pixels, d(k - 1) - p zeros
 * around them, and `outputPadding` more at the right and the bottom.
 * @param {Tensor} x (C, H, W) @param {Pair} kernel its height and width
 * @param {Window & {outputPadding?: Pair}} window @returns {Tensor} */
export function spread(x, kernel, { stride = [1, 1], padding = [0, 0], dilation = [1, 1], outputPadding = [0, 0] } = {}) {
  const [channels, height, width] = x.shape;
  const [rows, columns] = [(height - 1) * stride[0] + 1, (width - 1) * stride[1] + 1];
  const apart = zeros(channels, rows, columns);
  for (let c = 0; c < channels; c++) {
    for (let r = 0; r < height; r++) {
      for (let k = 0; k < width; k++) {
        apart.data[(c * rows + r * stride[0]) * columns + k * stride[1]] = x.data[(c * height + r) * width + k];
      }
    }
  }
  const [top, left] = [dilation[0] * (kernel[0] - 1) - padding[0], dilation[1] * (kernel[1] - 1) - padding[1]];
  return padded(apart, { left, right: left + outputPadding[1], top, bottom: top + outputPadding[0] });
}
