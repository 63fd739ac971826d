// A walk from noise to a picture: what the state asks for, and its steps, computed in the worker when they are wanted.

import {NOISES, PATHS} from "../engine/diffusion.js";
import {SOLVERS, SPACINGS, evaluations, stepTimes} from "../engine/solvers.js";
import {SIDE} from "../ui/drawing.js";

/** @typedef {import("../engine/conv.js").Tensor} Tensor */
/** @typedef {import("../engine/client.js").Model} Model */
/** x after a step and the guess that made it; raw: x before a hand painted on it; ahead: Heun's second look.
 * @typedef {{x: Tensor, x0: Tensor | null, ms: number, raw?: Tensor, ahead?: Tensor, asked?: boolean}} Frame */
/** @typedef {{at: number, paint: (x: Tensor) => Tensor}} Edit  what a hand does to x after step `at` */
/** @typedef {ReturnType<typeof wanted>} Wanted */
/** @typedef {ReturnType<typeof createWalk>} Walk */

/** The solvers and spacings that suit the model's noise, as inkbloom/config.py has it. @param {Model["sampling"]} sampling */
export function suited({noise}) {
  const fits = (/** @type {string} */ name) => noise === "gaussian" || !["ancestral", "logsnr"].includes(name);
  return {solvers: Object.keys(SOLVERS).filter(fits), spacings: Object.keys(SPACINGS).filter(fits)};
}

/** Which byte of a drawing of 28 x 28 lies under pixel i of the model's pictures. @param {number[]} shape @param {number} i */
export function under([, height, width], i) {
  const [row, column] = [Math.floor((i % (height * width)) / width), i % width];
  return Math.floor((row * SIDE) / height) * SIDE + Math.floor((column * SIDE) / width);
}

/**
 * What the state asks for, filled in from the model where it asks for nothing; `own`: as the model's recipe says.
 * @param {import("../ui/state.js").State} state @param {Model} model
 */
export function wanted({get}, {sampling}) {
  const {shape, range: [low, high], trained, classes} = sampling;
  const {solvers, spacings} = suited(sampling);
  const solver = solvers.includes(get("sample_solver")) ? get("sample_solver") : sampling.solver;
  const spacing = spacings.includes(get("sample_spacing")) ? get("sample_spacing") : sampling.spacing;
  const asked = Number(get("sample_class"));
  const label = !classes.length || get("sample_class") === "none" ? null : trained.includes(asked) ? asked : trained[0];
  const told = sampling.conditions > 0 && (label !== null || !classes.length);
  const guidance = !told ? 1 : get("sample_guidance") < 0 ? sampling.guidance : get("sample_guidance");

  const path = PATHS[sampling.path];
  const last = sampling.times[0]; // the noisiest level that the model can start from
  const steps = get("sample_steps") || sampling.times.length - 1;
  const own = !get("sample_steps") && solver === sampling.solver && spacing === sampling.spacing;
  const usual = stepTimes(steps, spacing, path, last);
  const learned = own && sampling.times.some((t, k) => Math.abs(t - usual[k]) > 1e-9); // levels of the recipe's own
  const drawing = get("sample_from");
  const start = drawing ? Math.min(last, get("sample_level")) : last;
  const times = learned ? sampling.times.map((t) => (t * start) / last) : stepTimes(steps, spacing, path, start);

  const [seed, index] = [get("sample_seed"), get("sample_index")];
  const {a, s} = path(start);
  const noise = NOISES[sampling.noise](seed, "sample", index, shape[0] * shape[1] * shape[2]);
  const bytes = get("drawing");
  const x = {shape: [...shape], data: noise.map((eps, i) =>
    s * eps + (drawing ? a * (low + ((high - low) * bytes[under(shape, i)]) / 255) : 0))};
  const common = [guidance, solver, times, seed, drawing ? bytes : ""].join(";"); // what pictures of one seed share
  const key = [common, label, index].join(";");
  return {label, guidance, solver, spacing, times, steps, seed, index, path, x, drawing, common, key};
}

/**
 * A walk whose frames are computed from where they end when `go` is called. frames[k] is how it stands after step k.
 * @param {ReturnType<typeof import("../engine/client.js").openEngine>} engine @param {Model} model @param {Wanted} asked
 * @param {{edit?: Edit | null, known?: Frame[], onFrame: () => void, onFail: (problem: any) => void}} how
 *   known: frames of the same walk up to the edit
 */
export function createWalk(engine, model, asked, {edit = null, known = [], onFrame, onFail}) {
  const {label, guidance, solver, times, seed, index, steps} = asked;
  /** @type {Frame[]} */ const frames = known.map((frame) => ({...frame, x: frame.raw ?? frame.x, raw: undefined}));
  if (!frames.length) frames.push({x: asked.x, x0: null, ms: 0});
  /** @type {ReturnType<typeof engine.sample> | null} */ let job = null;
  const paint = () => {
    const frame = edit && frames.length - 1 === edit.at ? frames[edit.at] : null;
    if (edit && frame) Object.assign(frame, {raw: frame.x, x: edit.paint(frame.x)});
  };
  const stop = () => {
    job?.cancel();
    job = null;
  };
  const go = () => {
    if (job || frames.length > steps) return;
    const from = edit && frames.length > edit.at ? edit.at : 0;
    const request = {x: frames[from].x, from, label, guidance, solver, times, seed, index};
    const mine = engine.sample(model, request, ({k, x, x0, ms}) => {
      if (job !== mine || k !== frames.length) return;
      frames.push({x, x0, ms});
      if (k === steps) job = null;
      if (edit?.at === k) {
        stop();
        paint();
        go();
      }
      onFrame();
    });
    job = mine;
    mine.done.then(() => { if (job === mine) job = null; }, (problem) => {
      if (job !== mine) return;
      job = null;
      onFail(problem);
    });
  };
  paint();
  return {asked, edit, frames, steps, go, stop, /** Is it being computed? */ busy: () => job !== null};
}

/** How often the network was asked in the first k steps; of Heun's, the last one takes one look only.
 * @param {Wanted} asked @param {number} k */
export function spent({solver, steps, guidance}, k) {
  return k === steps ? evaluations(solver, k, guidance) : evaluations(solver, k + 1, guidance) - evaluations(solver, 1, guidance);
}

/** The root of the mean square of what changed between two pictures. @param {Tensor} now @param {Tensor} before */
export function moved(now, before) {
  return Math.sqrt(now.data.reduce((sum, value, i) => sum + (value - before.data[i]) ** 2, 0) / now.data.length);
}
