// The kernels that room 1 offers. To add one, add a line: a name, which text/convolution.js translates, and its rows in a list.

/** @type {Record<string, number[]>} */
export const PRESETS = {
  identity: [0, 0, 0, 0, 1, 0, 0, 0, 0],
  sobel_x: [-1, 0, 1, -2, 0, 2, -1, 0, 1],
  sobel_y: [-1, -2, -1, 0, 0, 0, 1, 2, 1],
  laplace: [0, 1, 0, 1, -4, 1, 0, 1, 0],
  gauss: [1, 2, 1, 2, 4, 2, 1, 2, 1].map((value) => value / 16),
  sharpen: [0, -1, 0, -1, 5, -1, 0, -1, 0],
  mean: Array(25).fill(1 / 25),
  shift: [0, 0, 0, 1, 0, 0, 0, 0, 0],
};

/** Another side for a kernel: cut or surrounded by zeros, the middle stays in the middle. @param {number[]} kernel @param {number} side */
export function resized(kernel, side) {
  const old = Math.sqrt(kernel.length);
  const shift = Math.floor(old / 2) - Math.floor(side / 2);
  return Array.from({length: side * side}, (_, i) => {
    const [row, column] = [Math.floor(i / side) + shift, (i % side) + shift];
    return row >= 0 && row < old && column >= 0 && column < old ? kernel[row * old + column] : 0;
  });
}

/** Products, added up one after the other. @param {{row: number, column: number, value: number, weight: number}[]} all */
export function running(all) {
  let sum = 0;
  return all.map((each) => {
    const product = each.value * each.weight;
    sum += product;
    return {...each, product, sum};
  });
}

/** The products of one window of a picture, which has its border.
 * @param {Tensor} picture @param {Tensor} weight @param {number} top @param {number} left @param {number} dilation */
export function windowed({data, shape}, weight, top, left, dilation) {
  const side = weight.shape[3];
  return running(Array.from(weight.data, (each, i) => {
    const [row, column] = [top + Math.floor(i / side) * dilation, left + (i % side) * dilation];
    return {row, column, value: data[row * shape[2] + column], weight: each};
  }));
}
