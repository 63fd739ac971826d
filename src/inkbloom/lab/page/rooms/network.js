// What room 4 knows of a network, from its list of steps alone: its convolutions as cards of a U, what a pixel sees, which
// products a number is the sum of, and what surgery means in the engine's words.

import {macsOf, withEdits} from "../engine/net.js";
import {PRESETS, resized} from "./kernels.js";

const CONVOLUTIONS = ["conv2d", "conv_transpose2d"];

/** @param {Model} model @param {Map<string, Tensor>} weights @returns {Net} */
export function netOf({steps, sampling, macs}, weights) {
  /** @type {Map<string, number>} */ const owner = new Map([["x", 0]]);
  const costs = macsOf(steps, weights, sampling.shape);
  /** @type {Card[]} */ const cards = [];
  /** @type {Step[]} */ const first = [];
  for (const [index, step] of steps.entries()) {
    const owners = step.inputs.flatMap((name) => owner.get(name) ?? []);
    if (!owners.length) continue; // of time and class, not of the picture
    if (CONVOLUTIONS.includes(step.op)) {
      const weight = /** @type {Tensor} */ (weights.get(step.weights[0]));
      const inputs = weight.shape[step.op === "conv2d" ? 1 : 0];
      cards.push({number: cards.length + 1, index, step, steps: cards.length ? [step] : [...first, step], stage: 0, inputs,
        kernel: weight.shape.slice(2), macs: costs.get(step.name) ?? 0,
        parameters: weight.data.length + (step.weights.length > 1 ? step.shape[0] : 0)});
      owner.set(step.name, cards.length - 1);
    } else {
      owner.set(step.name, Math.max(...owners));
      (cards[Math.max(...owners)]?.steps ?? first).push(step);
    }
  }
  const stages = stagesOf(cards);
  return {steps, cards, stages, weights, macs, skips: skipsOf(steps, cards, stages, owner),
    time: steps.map(({layer}) => /(^|\.)time\.\d+$/.test(layer)).lastIndexOf(true),
    label: steps.findIndex(({op}) => op === "embedding")};
}

/** @param {Card[]} cards @returns {Stage[]} */
function stagesOf(cards) {
  /** @type {Stage[]} */ const stages = [];
  for (const card of cards) {
    const size = card.step.shape.slice(1);
    if (String(stages.at(-1)?.size) !== String(size)) stages.push({cards: [], size, depth: 0});
    card.stage = stages.length - 1;
    stages[card.stage].cards.push(card);
  }
  const sides = [...new Set(stages.map(({size}) => size[1]))].sort((a, b) => b - a);
  for (const stage of stages) stage.depth = sides.indexOf(stage.size[1]);
  return stages;
}

/** @param {Step[]} steps @param {Card[]} cards @param {Stage[]} stages @param {Map<string, number>} owner @returns {Skip[]} */
function skipsOf(steps, cards, stages, owner) {
  return steps.flatMap((step, index) => {
    const owners = step.inputs.map((name) => owner.get(name) ?? NaN);
    if (owners.length < 2 || owners.some(Number.isNaN)) return [];
    const input = owners.indexOf(Math.min(...owners));
    const from = cards[owners[input]].stage;
    const to = stages.findIndex(({depth}, i) => i > from && depth === stages[from].depth);
    const channels = steps.find(({name}) => name === step.inputs[input])?.shape[0] ?? 1;
    return from < cards[Math.max(...owners)].stage && to > from ? [{index, input, from, to, channels}] : [];
  });
}

/** Which rows (axis 0) or columns (1) of its input a step needs for those from `low` to `high`.
 * @type {Record<string, (step: Step, axis: number, low: number, high: number, side: number) => [number, number]>} */
const NEEDS = {
  conv2d: ({stride, padding}, i, low, high, side) => [low * stride[i] - padding[i], high * stride[i] - padding[i] + side - 1],
  conv_transpose2d: ({stride, padding}, i, low, high, side) =>
    [Math.ceil((low + padding[i] - side + 1) / stride[i]), Math.floor((high + padding[i]) / stride[i])],
  max_pool: ({size}, i, low, high) => [low * size[i], (high + 1) * size[i] - 1],
  upsample_nearest: ({scale}, i, low, high) => [Math.floor(low / scale[i]), Math.floor(high / scale[i])],
  pixel_shuffle: ({factor}, i, low, high) => [Math.floor(low / factor), Math.floor(high / factor)],
  pixel_unshuffle: ({factor}, i, low, high) => [low * factor, (high + 1) * factor - 1],
  group_norm: ({shape}, i) => [0, shape[i + 1] - 1],
  slice: ({axis, start}, i, low, high) => (axis === i + 1 ? [low + start, high + start] : [low, high]),
  pad_reflect: ({shape, right, bottom}, i, low, high) => {
    const last = shape[i + 1] - (i ? right : bottom) - 1;
    return [high > last ? Math.min(low, 2 * last - high) : low, Math.min(high, last)];
  },
};

/** The pixels of the picture that a number depends on: its receptive field, cut at the border.
 * @param {Net} net @param {string} name @param {number} row @param {number} column @param {number[]} shape  of the picture */
export function sees(net, name, row, column, shape) {
  return [row, column].map((at, axis) => {
    /** @type {Map<string, [number, number]>} */ const spans = new Map([[name, [at, at]]]);
    for (const step of [...net.steps].reverse()) {
      const span = spans.get(step.name);
      if (!span) continue;
      const side = net.weights.get(step.weights[0])?.shape[2 + axis] ?? 1;
      const [low, high] = NEEDS[step.op]?.(step, axis, ...span, side) ?? span;
      for (const input of step.inputs) {
        const old = spans.get(input) ?? [low, high];
        spans.set(input, [Math.min(low, old[0]), Math.max(high, old[1])]);
      }
    }
    const [low, high] = spans.get("x") ?? [0, -1];
    return {from: Math.max(0, low), to: Math.min(shape[1 + axis] - 1, high)};
  });
}

/** The products whose sum, with the bias, is one number of a convolution: channel by channel, padding as zeros.
 * @param {Step} step @param {Tensor} x @param {Tensor} weight @param {number} map @param {number} row @param {number} column */
export function terms(step, x, weight, map, row, column) {
  const [inputs, height, width] = x.shape;
  const [, other, kh, kw] = weight.shape;
  const turned = step.op === "conv_transpose2d";
  const place = (/** @type {number} */ at, /** @type {number} */ tap, /** @type {number} */ axis) =>
    (turned ? (at + step.padding[axis] - tap) / step.stride[axis] : at * step.stride[axis] - step.padding[axis] + tap);
  const all = [];
  for (let i = 0; i < inputs; i++) {
    for (let j = 0; j < kh; j++) {
      for (let k = 0; k < kw; k++) {
        const [r, c] = [place(row, j, 0), place(column, k, 1)];
        const inside = r >= 0 && r < height && c >= 0 && c < width && Number.isInteger(r) && Number.isInteger(c);
        if (turned && !inside) continue;
        const pixel = inside ? x.data[(i * height + r) * width + c] : 0;
        const value = weight.data[((turned ? i * other + map : map * other + i) * kh + j) * kw + k];
        all.push({channel: i, row: r, column: c, pixel, weight: value, product: pixel * value});
      }
    }
  }
  return all;
}

/** Where a kernel begins among the weights. @param {Card} card @param {number} map @param {number} input */
export function kernelAt({step, kernel, inputs}, map, input) {
  return (step.op === "conv2d" ? map * inputs + input : input * step.shape[0] + map) * kernel[0] * kernel[1];
}

/** Surgery as the address writes it: m step.channel (mute), z step (zero), c step.input (cut), w step.index~value (a weight),
 * s step.first (the kernel that begins there becomes Sobel's). */
export const CUT = /^(?:[mc]\d{1,3}\.\d{1,4}|z\d{1,3}|s\d{1,3}\.\d{1,6}|w\d{1,3}\.\d{1,6}~-?\d{1,2}(?:\.\d{1,6})?)$/;

/** What surgery means to the engine; what does not fit the network is left out.
 * @param {string[]} cuts @param {Net} net @returns {Change[]} */
export function changesOf(cuts, net) {
  return cuts.flatMap((/** @type {string} */ cut) => meaning(cut, net));
}

/** @param {string} cut @param {Net} net @returns {Change[]} */
function meaning(cut, net) {
  const [at, part = 0] = cut.slice(1).split(/[.~]/, 2).map(Number);
  const step = net.steps[at];
  if (!step) return [];
  const weight = net.weights.get(step.weights[0]);
  if (cut[0] === "m") return part < step.shape[0] ? [{kind: "mute", step: step.name, channel: part}] : [];
  if (cut[0] === "z") return [{kind: "zero", step: step.name}];
  if (cut[0] === "c") return part < step.inputs.length ? [{kind: "cut", step: step.name, input: part}] : [];
  if (!weight || part >= weight.data.length) return [];
  if (cut[0] === "w") return [{kind: "weight", name: step.weights[0], index: part, value: Number(cut.split("~")[1])}];
  const [side, wide] = weight.shape.slice(2);
  if (side !== wide || side < 3 || part % (side * side)) return [];
  const old = weight.data.subarray(part, part + side * side);
  const sobel = resized(PRESETS.sobel_x, side);
  const scale = Math.hypot(...old) / Math.hypot(...sobel); // as strong as the kernel that it takes the place of
  return sobel.map((each, i) => ({kind: "weight", name: step.weights[0], index: part + i, value: Math.fround(each * scale)}));
}

/** The weight after surgery. @param {Net} net @param {string} name @param {Change[]} changes */
export function changed({weights}, name, changes) {
  return /** @type {Tensor} */ (withEdits(weights, changes).get(name) ?? weights.get(name));
}

/** @param {ArrayLike<number>} values */
export function statistics(values) {
  let [min, max, sum, squares] = [Infinity, -Infinity, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    squares += value * value;
  }
  const mean = sum / values.length;
  const sd = Math.sqrt(Math.max(0, squares / values.length - mean ** 2));
  return {min, max, mean, sd, scale: Math.max(Math.abs(min), Math.abs(max), 1e-9)};
}
