// A walk from noise to a picture: what the state asks for, and its steps, computed in the worker when they are wanted.

import {NOISES, PATHS, mixed} from "../engine/diffusion.js";
import {timesOf} from "../engine/sampling.js";
import {SOLVERS, SPACINGS, evaluations} from "../engine/solvers.js";
import {pictureOf} from "../ui/drawing.js";

/** The solvers and spacings that suit the model's noise, as inkbloom/config.py has it. @param {Model["sampling"]} sampling */
export function suited({noise}) {
  const fits = (/** @type {string} */ name) => noise === "gaussian" || !["ancestral", "logsnr"].includes(name);
  return {solvers: Object.keys(SOLVERS).filter(fits), spacings: Object.keys(SPACINGS).filter(fits)};
}

/** What the state asks for, filled in from the model where it asks for nothing; `own`: as the model's recipe says.
 * @param {State} state @param {Model} model */
export function wanted({get}, {sampling}) {
  const {trained, classes} = sampling;
  const {solvers, spacings} = suited(sampling);
  const solver = solvers.includes(get("sample_solver")) ? get("sample_solver") : sampling.solver;
  const spacing = spacings.includes(get("sample_spacing")) ? get("sample_spacing") : sampling.spacing;
  const asked = Number(get("sample_class"));
  const label = !classes.length || get("sample_class") === "none" ? null : trained.includes(asked) ? asked : trained[0];
  const told = sampling.conditions > 0 && (label !== null || !classes.length);
  const guidance = !told ? 1 : get("sample_guidance") < 0 ? sampling.guidance : get("sample_guidance");

  const path = PATHS[sampling.path];
  const drawing = get("sample_from");
  const last = sampling.times[0]; // the noisiest level that the model can start from
  const start = drawing ? Math.min(last, get("sample_level")) : last;
  const times = timesOf(sampling, {steps: get("sample_steps"), solver, spacing}, start);

  const [seed, index] = [get("sample_seed"), get("sample_index")];
  const [bytes, {a, s}] = [get("drawing"), path(start)];
  const picture = pictureOf(bytes, sampling);
  const eps = NOISES[sampling.noise](seed, "sample", index, picture.data.length);
  const x = mixed(drawing ? a : 0, picture, s, {...picture, data: eps});
  const common = [guidance, solver, times, seed, drawing ? bytes : ""].join(";"); // what pictures of one seed share
  const key = [common, label, index].join(";");
  return {label, guidance, solver, spacing, times, steps: times.length - 1, seed, index, path, x, drawing, common, key};
}

/** A walk whose frames are computed from where they end when `go` is called. frames[k] is how it stands after step k.
 * @param {Engine} engine @param {Model} model @param {Wanted} asked
 * @param {{edit?: Edit | null, known?: Frame[], onFrame: () => void, onFail: (problem: any) => void}} how
 * known: frames of the same walk up to the edit */
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

/** The milliseconds of the first k steps. @param {Walk} walk @param {number} k */
export function total({frames}, k) {
  return frames.slice(1, k + 1).reduce((sum, {ms}) => sum + ms, 0);
}

/** The root of the mean square of what changed between two pictures. @param {Tensor} now @param {Tensor} before */
export function moved(now, before) {
  return Math.sqrt(now.data.reduce((sum, value, i) => sum + (value - before.data[i]) ** 2, 0) / now.data.length);
}
