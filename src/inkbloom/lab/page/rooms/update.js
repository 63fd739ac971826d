// One step of a solver, for one pixel, as a sum: the factors, and the lines of PyTorch that give the same number.

/** @typedef {import("../engine/diffusion.js").Path} Path */
/** What meets in a step: x before it, the guess x0, the guess before (old), Heun's second look (ahead), new noise z.
 * @typedef {"x" | "x0" | "old" | "ahead" | "z"} Operand */
/** @typedef {[Operand, number][]} Factors */

/**
 * x after step k (from times[k - 1] to times[k]) = the sum of factor · operand: what solvers.js computes, gathered by operand.
 * @param {string} solver @param {Path} path @param {number[]} times @param {number} k
 * @param {boolean} first  no step lies before it, so that there is no old guess @returns {Factors}
 */
export function factors(solver, path, times, k, first) {
  const [t, s] = [times[k - 1], times[k]];
  const [c, d] = [path(t), path(s)];
  if (solver === "dpmpp_2m") {
    const amount = -d.a * Math.expm1(-logStep(path, t, s));
    const more = first || d.s === 0 ? 0 : logStep(path, t, s) / (2 * logStep(path, times[k - 2], t));
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

/** @param {Path} path @param {number} t @param {number} s */
function logStep(path, t, s) {
  const [c, d] = [path(t), path(s)];
  return Math.log(d.a / d.s) - Math.log(c.a / c.s);
}

/**
 * The same step in PyTorch, as inkbloom/solvers.py writes it.
 * @param {string} solver @param {Path} path @param {number[]} times @param {number} k @param {boolean} first
 * @param {Record<string, number>} values
 */
export function torchStep(solver, path, times, k, first, values) {
  const [t, s] = [times[k - 1], times[k]];
  const [c, d] = [path(t), path(s)];
  const amounts = (/** @type {Record<string, number>} */ given) =>
    `${Object.keys(given).join(", ")} = torch.tensor([${Object.values(given).join(", ")}], dtype=torch.float64)`;
  const eps = "eps = (x - a * x0) / s";
  const mix = "a_next * x0 + s_next * eps";
  /** @type {Record<string, [string[], string]>} what comes before, and the step itself */
  const steps = {
    euler: [[eps], mix],
    ancestral: [["new = 1 - (a * s_next / (a_next * s)) ** 2", `${eps} * (1 - new).sqrt() + new.sqrt() * z`], mix],
    heun: [[amounts({da: c.da, ds: c.ds, da_next: d.da, ds_next: d.ds, t, t_next: s}),
      "velocity = da * x0 + ds * (x - a * x0) / s", "x_ahead = x + (t_next - t) * velocity",
      "velocity_ahead = da_next * ahead + ds_next * (x_ahead - a_next * ahead) / s_next"],
    "x + (t_next - t) * (velocity + velocity_ahead) / 2"],
    dpmpp_2m: [["h = (a_next / s_next).log() - (a / s).log()",
      "old" in values ? `guess = x0 + h / (2 * ${logStep(path, times[k - 2], t)}) * (x0 - old)` : "guess = x0"],
    "s_next / s * x - a_next * torch.expm1(-h) * guess"],
  };
  const [lines, result] = steps[solver === "heun" && d.s === 0 ? "euler" : solver];
  return `import torch

${amounts(values)}
${amounts({a: c.a, s: c.s, a_next: d.a, s_next: d.s})}  # of picture and noise, before and after
${lines.join("\n")}
print(f"{(${result}).item():.6g}")`;
}
