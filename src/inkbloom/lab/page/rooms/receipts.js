// Receipts of room 4: how a number of any step came about, with a few lines of Python that compute it from nothing but the
// numbers in them.

import {brief} from "../ui/matrix.js";
import {pythonList} from "../ui/receipt.js";
import {statistics, terms} from "./network.js";

/** @typedef {import("./network.js").Step} Step */
/** @typedef {import("./network.js").Tensor} Tensor */
/** @typedef {{channel: number, row: number, column: number}} Place */
/** A number with its name. @typedef {[name: string, value: number]} Named */

/** As the page and Python's .6g show it. @param {number} value */
export const shown = (value) => String(Number(value.toPrecision(6)));

/** The number of a tensor at a place; where it has one row or column, that. @param {Tensor} x @param {Place} at */
export function valueAt({shape: [, rows = 1, columns = 1], data}, {channel, row, column}) {
  return data[(channel * rows + (rows > 1 ? row : 0)) * columns + (columns > 1 ? column : 0)];
}

/** Where a step that only moves numbers has this one from: which input, and the place in it.
 * @type {Record<string, (step: Step, at: Place, inputs: Tensor[]) => [number, Place]>} */
const MOVED = {
  upsample_nearest: ({scale}, {channel, row, column}) =>
    [0, {channel, row: Math.floor(row / scale[0]), column: Math.floor(column / scale[1])}],
  pixel_shuffle: ({factor: f}, {channel, row, column}) =>
    [0, {channel: channel * f * f + (row % f) * f + (column % f), row: Math.floor(row / f), column: Math.floor(column / f)}],
  pixel_unshuffle: ({factor: f}, {channel, row, column}) => {
    const part = channel % (f * f);
    return [0, {channel: Math.floor(channel / (f * f)), row: row * f + Math.floor(part / f), column: column * f + (part % f)}];
  },
  concat: (_, {channel, row, column}, inputs) => {
    let which = 0;
    while (channel >= inputs[which].shape[0]) channel -= inputs[which++].shape[0];
    return [which, {channel, row, column}];
  },
  slice: ({axis, start}, at) => [0, {...at, ...(axis === 0 ? {channel: at.channel + start} : axis === 1 ? {row: at.row + start} : {column: at.column + start})}],
  pad_reflect: (_, {channel, row, column}, [{shape: [, rows, columns]}]) =>
    [0, {channel, row: row < rows ? row : 2 * rows - 2 - row, column: column < columns ? column : 2 * columns - 2 - column}],
};

/** One number of a step, in Python, of x (a list of numbers), and for a norm of gain and shift. @type {Record<string, string>} */
const FORMULAS = {
  silu: "F.silu(x[0])", relu: "F.relu(x[0])", sigmoid: "torch.sigmoid(x[0])", add: "x[0] + x[1]", multiply: "x[0] * x[1]",
  max_pool: "x.max()", channel_norm: "(x[{channel}] - x.mean()) / (x.var(correction=0) + {eps}).sqrt() * gain + shift",
};

/**
 * The numbers that a number is made of, and the expression that makes it. Undefined where the page has no receipt.
 * @param {Step} step @param {Place} at @param {Tensor[]} inputs @param {Tensor[]} weights @param {(key: any, values?: any) => string} t
 * @returns {{operands: Named[], formula: string, extra?: Record<string, number>} | undefined}
 */
export function operandsOf(step, at, inputs, weights, t) {
  const named = (/** @type {number} */ i, /** @type {Place} */ place) => /** @type {Named} */ (
    [t("from", {step: step.inputs[i], ...place}), valueAt(inputs[i], place)]);
  if (MOVED[step.op]) return {operands: [named(...MOVED[step.op](step, at, inputs))], formula: "x[0]"};
  const formula = FORMULAS[step.op]?.replace("{channel}", String(at.channel)).replace("{eps}", String(step.eps));
  if (!formula) return undefined;
  if (step.op === "max_pool") {
    const [high, wide] = step.size;
    return {formula, operands: Array.from({length: high * wide}, (_, i) =>
      named(0, {channel: at.channel, row: at.row * high + Math.floor(i / wide), column: at.column * wide + (i % wide)}))};
  }
  if (step.op === "channel_norm") {
    return {formula, operands: Array.from({length: step.shape[0]}, (_, channel) => named(0, {...at, channel})),
      extra: {gain: weights[0].data[at.channel], shift: weights[1].data[at.channel]}};
  }
  const constant = step.value === undefined ? [] : [/** @type {Named} */ ([t("constant"), step.value])];
  return {formula, operands: [...inputs.map((_, i) => named(i, at)), ...constant]};
}

/**
 * The receipt of one number of a step.
 * @param {{step: Step, at: Place, value: number, inputs: Tensor[], weights: Tensor[], silent: boolean, title: string,
 *   t: (key: any, values?: any) => string}} about  silent: surgery has made it 0, whatever it is made of
 * @returns {import("../ui/receipt.js").Receipt | undefined}
 */
export function receiptOf({step, at, value, inputs, weights, silent, title, t}) {
  const total = shown(value);
  const print = silent ? "print(f\"{0 * abs(y.item()):.6g}\")  # silenced" : "print(f\"{y.item():.6g}\")";
  const note = silent ? t("silent") : undefined;
  if (/^conv/.test(step.op)) {
    const all = terms(step, inputs[0], weights[0], at.channel, at.row, at.column);
    const bias = weights[1]?.data[at.channel] ?? 0;
    const sorted = [...all].sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
    let sum = bias;
    const [pixels, values] = [pythonList(all.map(({pixel}) => pixel)), pythonList(all.map(({weight}) => weight))];
    const shape = `1, ${inputs[0].shape[0]}, ${weights[0].shape[2]}, ${weights[0].shape[3]}`;
    const product = step.op === "conv2d" ? `F.conv2d(x.reshape(${shape}), w.reshape(${shape}), b)` : "(x * w).sum() + b";
    return {title, total, note: note ?? t("terms_note", {count: all.length, bias: shown(bias)}),
      formula: t("terms_formula"), heads: [t("channel"), t("place"), t("pixel"), t("weight"), t("product"), t("running")],
      rows: sorted.map(({channel, row, column, pixel, weight, product}) =>
        [channel + 1, `${row}, ${column}`, shown(pixel), shown(weight), shown(product), shown(sum += product)]),
      torch: `import torch\nimport torch.nn.functional as F\n\nx = torch.tensor(${pixels}, dtype=torch.float64)
w = torch.tensor(${values}, dtype=torch.float64)\nb = torch.tensor(${pythonList([bias])}, dtype=torch.float64)\ny = ${product}\n${print}`,
      numpy: `import numpy as np\n\nx = np.array(${pixels})\nw = np.array(${values})\ny = x @ w + ${pythonList([bias]).slice(1, -1)}\n${print}`};
  }
  const made = operandsOf(step, at, inputs, weights, t);
  if (!made) return undefined;
  const {operands, formula, extra = {}} = made;
  return {title, total, note, formula: `y = ${formula}`, heads: [t("operand"), t("number")],
    rows: [...operands, ...Object.entries(extra)].map(([name, number]) => [name, shown(number)]),
    torch: `import torch\nimport torch.nn.functional as F\n\nx = torch.tensor(${pythonList(operands.map(([, number]) => number))}, dtype=torch.float64)
${Object.entries(extra).map(([name, number]) => `${name} = ${pythonList([number]).slice(1, -1)}\n`).join("")}y = ${formula}\n${print}`};
}

/** The receipt of the four numbers that sum up a layer: from those of each map. @param {Tensor} x @param {string} title @param {(key: any) => string} t */
export function summaryReceipt(x, title, t) {
  const size = x.data.length / x.shape[0];
  const maps = Array.from({length: x.shape[0]}, (_, i) => statistics(x.data.subarray(i * size, (i + 1) * size)));
  const all = statistics(x.data);
  const keys = /** @type {const} */ (["min", "max", "mean", "sd"]);
  const lists = keys.map((key) => `${key} = torch.tensor(${pythonList(maps.map((map) => map[key]))}, dtype=torch.float64)\n`).join("");
  return {title, total: keys.map((key) => Number(all[key].toPrecision(4))).join("  "), note: t("summary_note"),
    heads: [t("map_head"), ...keys], rows: maps.map((map, i) => [i + 1, ...keys.map((key) => brief(map[key]))]),
    torch: `import torch\n\n${lists}deviation = ((sd**2 + mean**2).mean() - mean.mean() ** 2).sqrt()
print(f"{min.min():.4g}  {max.max():.4g}  {mean.mean():.4g}  {deviation:.4g}")`};
}

/** The receipt of the error of a picture: the root of the mean of the squared differences. @param {Float32Array} guess @param {Float32Array} truth @param {number} total @param {string} title @param {(key: any) => string} t */
export function errorReceipt(guess, truth, total, title, t) {
  return {title, total: shown(total), formula: "√ mean((x̂0 − x0)²)", note: t("error_note"),
    torch: `import torch\n\nguess = torch.tensor(${pythonList(guess)}, dtype=torch.float64)
x0 = torch.tensor(${pythonList(truth)}, dtype=torch.float64)\nprint(f"{(guess - x0).square().mean().sqrt().item():.6g}")`};
}
