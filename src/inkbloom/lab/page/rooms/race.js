// Room 5, below: another solver from the same noise beside the first, and sixteen pictures of one seed.

import {mixed} from "../engine/diffusion.js";
import {diverging, paint} from "../ui/colour.js";
import {button, choose} from "../ui/controls.js";
import {h, put} from "../ui/dom.js";
import {createWalk, moved, spent, total, wanted} from "./walk.js";

/** @typedef {{engine: Parameters<typeof createWalk>[0], model: Model,
 * colours: ReturnType<typeof import("../ui/drawing.js").coloursOf>}} Given */

/** @param {HTMLCanvasElement} canvas @param {Tensor} x @param {ReturnType<Given["colours"]>} colour */
function show(canvas, x, colour) {
  paint(canvas, x.data, x.shape[1], x.shape[2], colour);
}

/** The other solver walks the same times from the same noise, and stands at the same step. @param {Lab} lab @param {Words} t
 * @param {Given & {names: {value: string, label: string}[], redraw: () => void}} given */
export function race(lab, t, {engine, model, names, colours, redraw}) {
  const {state} = lab;
  /** @type {Walk | null} */ let other = null;
  /** @type {Walk | null} */ let beside = null; // the walk that it was begun for
  const rival = choose({label: t("rival"), value: "off", options: [{value: "off", label: t("rival_off")}, ...names],
    onChange: (value) => state.set({sample_rival: value})});
  const lanes = [0, 1, 2].map(() => ({canvas: h("canvas", {class: "thumb", role: "img"}), told: h("figcaption", {})}));
  const track = h("div", {class: "lanes"}, ...lanes.map(({canvas, told}) => h("figure", {}, canvas, told)));
  const badge = lab.badge("computed");
  const stop = () => other?.stop();

  /** @param {Walk} walk @param {number} k */
  const line = (walk, k) => t("lane", {solver: walk.asked.solver, k, n: walk.steps, nfe: spent(walk.asked, k),
    ms: lab.number(total(walk, k))});
  return {
    element: h("section", {class: "panel"}, h("h2", {}, t("race")),
      h("div", {class: "row"}, rival.element, badge), track),
    stop,
    busy: () => other?.busy() ?? false,
    /** How many of its steps are done. */
    done: () => (other ? other.frames.length - 1 : Infinity),
    /** @param {Walk} walk @param {number} k  the step that is shown of it */
    draw(walk, k) {
      const solver = state.get("sample_rival");
      track.hidden = badge.hidden = !names.some(({value}) => value === solver);
      rival.set(track.hidden ? "off" : solver);
      if (beside !== walk || other?.asked.solver !== solver) {
        stop();
        beside = walk;
        const asked = {...walk.asked, solver};
        other = track.hidden ? null : createWalk(engine, model, asked, {edit: walk.edit, onFrame: redraw, onFail: stop});
      }
      if (!other) return;
      const there = Math.min(k, other.frames.length - 1);
      if (k > there) other.go();
      show(lanes[0].canvas, walk.frames[k].x, colours(walk.frames[k].x));
      show(lanes[1].canvas, other.frames[there].x, colours(other.frames[there].x));
      const apart = mixed(1, walk.frames[k].x, -1, other.frames[there].x);
      show(lanes[2].canvas, apart, (value) => diverging(value));
      const rms = moved(walk.frames[k].x, other.frames[there].x);
      const told = [line(walk, k), line(other, there), t("apart", {rms: lab.number(rms, 2)})];
      lanes.forEach(({canvas, told: place}, i) => {
        put(place, told[i]);
        canvas.setAttribute("aria-label", told[i]);
      });
    },
  };
}

/** Sixteen pictures of one seed, one after the other. @param {Lab} lab @param {Words} t @param {Given} given */
export function grid(lab, t, {engine, model, colours}) {
  const {state} = lab;
  const {trained, classes} = model.sampling;
  const labelOf = (/** @type {number} */ index) => (classes.length ? trained[index % trained.length] : null);
  /** @type {Walk | null} */ let walk = null;
  let key = "";
  let done = 0;
  const cells = Array.from({length: 16}, (_, index) => {
    const canvas = h("canvas", {"aria-hidden": "true"});
    const label = labelOf(index);
    const told = label === null ? t("grid_cell", {index}) : t("grid_cell_of", {index, name: classes[label]});
    const pick = button("", () => state.set({sample_index: index, ...(label === null ? {} : {sample_class: String(label)})}),
      {class: "pick", disabled: true, "aria-label": told});
    pick.append(canvas);
    return {canvas, pick};
  });
  const [told, badge] = [h("span", {role: "status"}), lab.badge("computed")];
  const go = button(t("grid_go"), () => (walk ? stop() : begin()), {class: "primary"});
  const say = () => {
    badge.hidden = !done && !walk;
    put(told, done || walk ? t("grid_done", {done}) : "");
    put(go, t(walk ? "cancel" : "grid_go"));
  };
  function stop() {
    walk?.stop();
    walk = null;
    say();
  }
  function begin() {
    if (done === 16) done = 0;
    next();
  }
  function next() {
    const {canvas, pick} = cells[done];
    /** @type {Record<string, any>} */ const own = {sample_index: done, sample_class: String(labelOf(done) ?? "none")};
    const asked = wanted(/** @type {any} */ ({get: (/** @type {string} */ name) => own[name] ?? state.get(name)}), model);
    walk = createWalk(engine, model, asked, {onFail: stop, onFrame: () => {
      if (!walk) return;
      const {x} = walk.frames[walk.frames.length - 1];
      show(canvas, x, colours(x));
      pick.disabled = false;
      if (walk.frames.length <= walk.steps) return;
      done += 1;
      walk = null;
      if (done < 16) next();
      else say();
    }});
    walk.go();
    say();
  }
  say();
  return {
    element: h("section", {class: "panel"}, h("h2", {}, t("grid")), h("p", {}, t("grid_about")),
      h("div", {class: "row"}, go, told, badge),
      h("div", {class: "sixteen"}, ...cells.map(({pick}) => pick))),
    stop,
    /** Empties the grid where something else is asked for now than it shows. @param {string} now */
    clear(now) {
      if (now === key) return;
      key = now;
      stop();
      done = 0;
      for (const {canvas, pick} of cells) {
        canvas.width = canvas.height = 0;
        pick.disabled = true;
      }
      say();
    },
  };
}
