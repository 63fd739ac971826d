// The receipts of room 5: each a number of one step, its terms, and Python that prints it.

import {TARGETS} from "../engine/diffusion.js";
import {brief} from "../ui/matrix.js";
import {pythonList} from "../ui/receipt.js";
import {torchStep} from "./update.js";
import {moved, under} from "./walk.js";

/** @typedef {import("../ui/receipt.js").Receipt} Receipt */
/** Pixel i after step k of a walk.
 * @typedef {{t: (key: any, values?: Record<string, any>) => string, k: number, i: number, row: number, column: number, file: string,
 *   walk: import("./walk.js").Walk, model: import("../engine/client.js").Model}} About */

const six = (/** @type {number} */ value) => String(Number(value.toPrecision(6)));
const four = (/** @type {number} */ value) => String(Number(value.toPrecision(4)));

/** Where a walk begins. @param {About} about @param {Uint8Array} bytes  the drawing @returns {Receipt} */
export function noiseReceipt({t, i, row, column, walk: {frames, asked}, model: {sampling}}, bytes) {
  const {seed, index, times, path, drawing} = asked;
  const {a, s} = path(times[0]);
  const value = (frames[0].raw ?? frames[0].x).data[i];
  const [low, high] = sampling.range;
  const ink = drawing ? low + ((high - low) * bytes[under(asked.x.shape, i)]) / 255 : 0;
  const draw = sampling.noise === "gaussian" ? "normal" : "uniform";
  return {
    title: t("r_noise", {row, column}), formula: t("r_noise_f", {seed, index}), total: six(value),
    heads: ["", "a", "s"], rows: [[`t = ${six(times[0])}`, six(drawing ? a : 0), six(s)]],
    torch: `import torch
from inkbloom.philox import ${draw}

noise = torch.from_numpy(${draw}(${seed}, "sample", [${index}], ${asked.x.data.length}))[0, ${i}]
print(f"{(${drawing ? `${a} * ${ink} + ` : ""}${s} * noise).item():.6g}")`,
  };
}

/** x after a step. @param {About} about @param {import("./update.js").Factors} sum @param {boolean} first
 * @param {Record<string, number>} values @returns {Receipt} */
export function stepReceipt({t, k, i, row, column, walk: {frames, asked}, model: {sampling}}, sum, first, values) {
  const {solver, path, times} = asked;
  let total = 0;
  const rows = sum.map(([name, factor]) => {
    const product = factor * values[name];
    return [name, ...[factor, values[name], product, (total += product)].map(four)];
  });
  const more = sum.map(([name]) => (["old", "ahead", "z"].includes(name) ? t(`r_${name}`) : "")).join("");
  const mixing = sampling.path === "lerp" && solver === "euler" ? t("r_mixing", {m: four(1 - times[k] / times[k - 1])}) : "";
  const [x, raw] = [frames[k].x.data[i], frames[k].raw?.data[i]];
  const painted = raw !== undefined && raw !== x ? t("r_painted", {value: brief(x)}) : "";
  return {
    title: t("r_x", {row, column, k}), formula: t("r_x_f", {t: four(times[k - 1]), s: four(times[k])}), total: six(total), rows,
    heads: ["operand", "factor", "value", "product", "running"].map((head) => t(head)),
    note: t("r_x_note", {more, solver}) + mixing + painted, torch: torchStep(solver, path, times, k, first, values),
  };
}

/** The network's guess. @param {About} about @returns {Receipt} */
export function netReceipt({t, k, i, row, column, file, walk: {frames, asked}, model: {sampling}}) {
  const {times, label, guidance} = asked;
  const labels = label === null ? "None" : `torch.tensor([${label}])`;
  return {
    title: t("r_net", {row, column, k}), formula: t("r_net_f", {t: four(times[k - 1])}), note: t("r_net_note"),
    total: String(Number(frames[k].x0?.data[i].toFixed(4))),
    torch: `import inkbloom
import torch

family = inkbloom.Run(${file && JSON.stringify(file)}).family
x = torch.tensor(${pythonList(frames[k - 1].x.data)})
x = x.reshape(1, ${sampling.shape.join(", ")})
with torch.no_grad():
    x0 = family.denoiser(${labels}, ${guidance})(x, torch.tensor(${times[k - 1]}))
print(f"{x0.flatten()[${i}].item():.4f}")`,
  };
}

/** What follows from x and the guess: the noise, the direction, or the change.
 * @param {About} about @param {string} kind @param {number} value @returns {Receipt} */
export function partReceipt({t, k, i, row, column, walk: {frames, asked}}, kind, value) {
  const c = asked.path(asked.times[k - 1]);
  const [da, ds] = TARGETS.v(c);
  const [x, x0, next] = [frames[k - 1].x.data[i], frames[k].x0?.data[i] ?? 0, (frames[k].raw ?? frames[k].x).data[i]];
  const eps = `(${x} - ${c.a} * ${x0}) / ${c.s}`;
  const made = {change: `${next} - ${x}`, eps, v: `${da} * ${x0} + ${ds} * (${eps})`}[kind] ?? "";
  const operands = kind === "change" ? [["x′", next], ["x", x]]
    : [["x", x], ["x0", x0], ["a", c.a], ["s", c.s], ...(kind === "v" ? [["a′", da], ["s′", ds]] : [])];
  return {
    title: t("r_part", {row, column, k, what: t(`pane_${kind}`)}), formula: t(`r_${kind}_f`), total: four(value),
    heads: [t("operand"), t("value")], rows: operands.map(([name, each]) => [name, six(Number(each))]),
    torch: `import torch

print(f"{torch.tensor(${made.replaceAll("- -", "+ ")}, dtype=torch.float64).item():.4g}")`,
  };
}

/** How far the guess moved in a step. @param {Pick<About, "t" | "k" | "walk">} about @returns {Receipt} */
export function movedReceipt({t, k, walk: {frames}}) {
  const [now, before] = [frames[k], frames[k - 1]].map(({x0}) => /** @type {import("../engine/conv.js").Tensor} */ (x0));
  return {
    title: t("r_moved", {k}), formula: t("r_moved_f"), total: four(moved(now, before)),
    torch: `import torch

now = torch.tensor(${pythonList(now.data)})
before = torch.tensor(${pythonList(before.data)})
print(f"{(now - before).square().mean().sqrt().item():.4g}")`,
  };
}
