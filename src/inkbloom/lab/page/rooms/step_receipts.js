// The numbers of one step in room 5, and their receipts: the terms, and Python that prints the same.

import {TARGETS} from "../engine/diffusion.js";
import {logRatio} from "../engine/solvers.js";
import {pictureOf} from "../ui/drawing.js";
import {brief} from "../ui/matrix.js";
import {digits, pythonList} from "../ui/receipt.js";

/** x after step k (from times[k - 1] to times[k]) = the sum of factor · operand: what solvers.js computes, gathered by operand.
 * @param {string} solver @param {Path} path @param {number[]} times @param {number} k
 * @param {boolean} first  no step lies before it, so that there is no old guess @returns {Factors} */
export function factors(solver, path, times, k, first) {
  const [t, s] = [times[k - 1], times[k]];
  const [c, d] = [path(t), path(s)];
  if (solver === "dpmpp_2m") {
    const h = logRatio(path, s) - logRatio(path, t);
    const amount = -d.a * Math.expm1(-h);
    const more = first || d.s === 0 ? 0 : h / (2 * (logRatio(path, t) - logRatio(path, times[k - 2])));
    /** @type {Factors} */ const plain = [["x", d.s / c.s], ["x0", amount * (1 + more)]];
    return more ? [...plain, ["old", -amount * more]] : plain;
  }
  if (solver === "ancestral") {
    const fresh = 1 - ((c.a * d.s) / (d.a * c.s)) ** 2;
    const kept = (d.s * Math.sqrt(1 - fresh)) / c.s;
    return [["x", kept], ["x0", d.a - kept * c.a], ["z", d.s * Math.sqrt(fresh)]];
  }
  if (solver === "heun" && d.s !== 0) {
    const half = (s - t) / 2;
    const [now, then] = [c.ds / c.s, d.ds / d.s]; // dx/dt = (rate) x + (the rest) x0, at both ends
    const [guess, guessThen] = [c.da - now * c.a, d.da - then * d.a];
    return [["x", 1 + half * (now + then * (1 + 2 * half * now))], ["x0", half * guess * (1 + 2 * half * then)],
      ["ahead", half * guessThen]];
  }
  return [["x", d.s / c.s], ["x0", d.a - (c.a * d.s) / c.s]];
}

const four = (/** @type {number} */ value) => digits(value, 4);

/** Where a walk begins. @param {Seat} about @param {Uint8Array} bytes  the drawing @returns {Receipt} */
export function noiseReceipt({t, i, row, column, walk: {frames, asked}, model: {sampling}}, bytes) {
  const {seed, index, times, path, drawing} = asked;
  const {a, s} = path(times[0]);
  const value = (frames[0].raw ?? frames[0].x).data[i];
  const ink = drawing ? pictureOf(bytes, sampling).data[i] : 0;
  const draw = sampling.noise === "gaussian" ? "normal" : "uniform";
  return {
    title: t("r_noise", {row, column}), formula: t("r_noise_f", {seed, index}), total: digits(value),
    heads: ["", "a", "s"], rows: [[`t = ${digits(times[0])}`, digits(drawing ? a : 0), digits(s)]],
    torch: `import torch
from inkbloom.philox import ${draw}

noise = torch.from_numpy(${draw}(${seed}, "sample", [${index}], ${asked.x.data.length}))[0, ${i}]
print(f"{(${drawing ? `${a} * ${ink} + ` : ""}${s} * noise).item():.6g}")`,
  };
}

/** x after a step. @param {Seat} about @param {Factors} sum @param {Record<string, number>} values @returns {Receipt} */
export function stepReceipt({t, k, i, row, column, walk: {frames, asked}, model: {sampling}}, sum, values) {
  const {solver, times} = asked;
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
    title: t("r_x", {row, column, k}), formula: t("r_x_f", {t: four(times[k - 1]), s: four(times[k])}), total: digits(total),
    rows, heads: t("heads_step").split(" | "),
    note: t("r_x_note", {more, solver}) + mixing + painted, torch: `import torch

# ${sum.map(([name]) => name).join(", ")}
factor = torch.tensor([${sum.map(([, factor]) => factor).join(", ")}], dtype=torch.float64)
value = torch.tensor([${sum.map(([name]) => values[name]).join(", ")}], dtype=torch.float64)
print(f"{(factor * value).sum().item():.6g}")`,
  };
}

/** The network's guess. @param {Seat} about @returns {Receipt} */
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
 * @param {Seat} about @param {string} kind @param {number} value @returns {Receipt} */
export function partReceipt({t, k, i, row, column, walk: {frames, asked}}, kind, value) {
  const c = asked.path(asked.times[k - 1]);
  const [da, ds] = TARGETS.v(c);
  const [x, x0, next] = [frames[k - 1].x.data[i], frames[k].x0?.data[i] ?? 0, (frames[k].raw ?? frames[k].x).data[i]];
  const eps = `(${x} - ${c.a} * ${x0}) / ${c.s}`;
  const [formula, made] = {
    change: [t("r_change_f"), `${next} - ${x}`],
    eps: ["ε̂ = (x − a · x̂0) / s", eps],
    v: ["v̂ = a′ · x̂0 + s′ · ε̂", `${da} * ${x0} + ${ds} * (${eps})`],
  }[kind] ?? ["", ""];
  return {
    title: t("r_part", {row, column, k, what: t(`pane_${kind}`)}), formula, total: four(value),
    torch: `import torch

print(f"{torch.tensor(${made.replaceAll("- -", "+ ")}, dtype=torch.float64).item():.4g}")`,
  };
}
