// Room 5: the model draws a picture from noise, step by step, and every number of a step can be opened.

import {PATHS, TARGETS, mixed, noiseIn} from "../engine/diffusion.js";
import {normal} from "../engine/philox.js";
import {SOLVERS, SPACINGS} from "../engine/solvers.js";
import * as text from "../text/sampling.js";
import {diverging, ink} from "../ui/colour.js";
import {button, choose, player, slider, toggle, typed} from "../ui/controls.js";
import {eachFrame, h, put} from "../ui/dom.js";
import {SIDE, coloursOf, drawingPad, paperAndInk, under} from "../ui/drawing.js";
import {brief, matrix} from "../ui/matrix.js";
import {modelRoom} from "../ui/models.js";
import {copyButton} from "../ui/receipt.js";
import {choice, flag, number, pixels, text as word, whole} from "../ui/state.js";
import {bars, noiseLine} from "./meters.js";
import {statistics} from "./network.js";
import {grid, race} from "./race.js";
import {factors, netReceipt, noiseReceipt, partReceipt, stepReceipt} from "./step_receipts.js";
import {createWalk, moved, spent, suited, total, wanted} from "./walk.js";

const BRUSHES = /** @type {const} */ (["off", "ink", "paper"]);
const OWN = "own"; // as the model's recipe says

export const fields = {
  sample_at: whole(0, 0, 200),
  sample_class: word("3", /^(none|\d{1,4})$/),
  sample_guidance: number(-1, -1, 5), // -1, 0 and "own": as the model's recipe says
  sample_steps: whole(0, 0, 200),
  sample_solver: choice(OWN, [OWN, ...Object.keys(SOLVERS)]),
  sample_spacing: choice(OWN, [OWN, ...Object.keys(SPACINGS)]),
  sample_seed: whole(7, 0, 9999999),
  sample_index: whole(0, 0, 9999),
  sample_from: flag(false),
  sample_level: number(0.6, 0.02, 1),
  sample_pixel: whole(406, 0, 1048575),
  sample_brush: choice("off", BRUSHES),
  sample_paint: pixels(new Uint8Array(SIDE * SIDE)), // 0: untouched, 1 to 255: from paper to ink
  sample_paint_at: whole(0, 0, 200),
  sample_rival: choice("off", ["off", ...Object.keys(SOLVERS)]),
};
const ASKED = ["class", "guidance", "steps", "solver", "spacing", "seed", "index", "from", "level", "paint", "paint_at"]
  .map((name) => `sample_${name}`);

/** @param {HTMLElement} el @param {Lab} lab */
export function mount(el, lab) {
  const t = lab.wordsOf(text);
  return modelRoom(el, lab, "sampling", t("lead"), async () => {
    const list = await lab.models.list();
    return list.find(({name}) => name === lab.state.get("model")) ?? list[0];
  }, (place, model, listed) => build(place, lab, t, model, listed));
}

/** @param {HTMLElement} el @param {Lab} lab
 * @param {Words} t @param {Model} model @param {import("../ui/models.js").Listed} listed */
function build(el, lab, t, model, listed) {
  const {state, words} = lab;
  const engine = lab.models.engine;
  const {sampling} = model;
  const {shape: [channels, rows, columns], range: [low, high]} = sampling;
  const [paper, dark] = paperAndInk(sampling);
  const colours = coloursOf(sampling);
  const file = listed.name === "ink" ? "" : listed.file.split("/").pop() ?? ""; // ink comes with inkbloom
  const set = (/** @type {string} */ name) => (/** @type {any} */ value, done = true) =>
    state.set({[name]: value}, {keep: !done});
  const short = (/** @type {number} */ value) => lab.number(value, 3);
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let walk = newWalk();
  const at = () => Math.min(state.get("sample_at"), walk.steps);
  const done = () => walk.frames.length - 1;
  const shown = () => Math.min(at(), done());
  const pixel = () => Math.min(state.get("sample_pixel"), rows * columns - 1);
  const brushOn = () => state.get("sample_brush") !== "off" && shown() < walk.steps;

  /** The walk that the state asks for; frames that are known of it are kept. @param {Walk} [old] */
  function newWalk(old) {
    const asked = wanted(state, model);
    const [bytes, edited] = [state.get("sample_paint"), state.get("sample_paint_at")];
    const paint = (/** @type {Tensor} */ {shape, data}) => ({shape, data: data.map((value, i) => {
      const byte = bytes[under(shape, i)];
      return byte ? paper + ((dark - paper) * (byte - 1)) / 254 : value;
    })});
    const edit = edited < asked.steps && bytes.some(Boolean) ? {at: edited, paint} : null;
    const same = old?.asked.key === asked.key;
    const good = Math.min(old?.edit ? old.edit.at : Infinity, edit ? edit.at : Infinity) + 1; // frames before any paint
    const known = same ? old?.frames.slice(0, good) : [];
    return createWalk(engine, model, asked, {edit, known, onFrame: arrived, onFail: failed});
  }

  function restart() {
    walk.stop();
    walk = newWalk(walk);
    sixteen.clear(walk.asked.common);
    draw();
  }
  function arrived() { // the way there is shown, unless nothing is to move by itself
    if (done() >= at() || !still.matches) draw();
  }
  function failed(/** @type {any} */ problem) {
    cancel();
    lab.say(t("failed", {why: `${problem?.code ?? problem}`}), true);
  }
  function cancel() {
    play.stop();
    walk.stop();
    duel.stop();
    state.set({sample_at: Math.min(shown(), duel.done())});
    draw();
  }

  // the four panes

  const kinds = ["x", sampling.target, sampling.target === "x0" ? "eps" : "x0", "change"];
  /** What a pane shows after step k; null: nothing is known yet. @param {string} kind @param {number} k @returns {Tensor | null} */
  function part(kind, k) {
    const [frame, before] = [walk.frames[k], walk.frames[k - 1]];
    if (kind === "x") return frame.x;
    if (!before || !frame.x0) return null;
    const c = walk.asked.path(walk.asked.times[k - 1]);
    const eps = noiseIn(before.x, frame.x0, c);
    if (kind === "v") return mixed(TARGETS.v(c)[0], frame.x0, TARGETS.v(c)[1], eps);
    return kind === "x0" ? frame.x0 : kind === "eps" ? eps : mixed(1, frame.raw ?? frame.x, -1, before.x);
  }
  /** @typedef {(value: number, i: number) => Rgb} Colour */
  /** @param {string} kind @param {Tensor} picture @returns {Colour} */
  function colourOf(kind, picture) {
    if (kind === "x" || kind === "x0") return colours(picture);
    if (kind === "eps" && sampling.noise === "uniform") return ink;
    const most = kind === "change" ? statistics(picture.data).scale : 3;
    return (value) => diverging(value / most);
  }
  /** @type {{kind: string, slot: HTMLElement, shows: Tensor | null, colour: Colour, pane?: ReturnType<typeof matrix>}[]} */
  const panes = kinds.map((kind) => ({kind, slot: h("div", {}), shows: null, colour: () => diverging(0)}));
  function makePane(/** @type {typeof panes[number]} */ one) {
    const painting = one.kind === "x" && brushOn();
    const empty = new Float32Array(rows * columns).fill(NaN);
    one.pane = matrix({
      label: one.kind === sampling.target ? t("predicted", {what: {x0: "x̂0", eps: "ε̂", v: "v̂"}[one.kind]})
        : t(`pane_${one.kind}`), words,
      data: () => ({rows, columns, values: one.shows?.data.subarray(0, rows * columns) ?? empty}),
      colour: (value, i) => one.colour(value, i),
      show: (value) => (Number.isNaN(value) ? "–" : brief(value)),
      onPoint: (row, column) => set("sample_pixel")(row * columns + column, false),
      onOpen: (row, column) => void openReceipt(one.kind, row * columns + column),
      range: [low, high],
      onEdit: painting ? (row, column, value) => dab(row, column, true, 1, value) : undefined,
      onPaint: painting ? (row, column, lifted) => dab(row, column, lifted) : undefined,
    });
    one.pane.element.classList.toggle("pad", painting);
    put(one.slot, one.pane.element);
  }

  /** Paint on x after the step that is shown: a dab of five pixels, or one pixel of a value.
   * @param {number} row @param {number} column @param {boolean} lifted @param {number} count @param {number} value */
  function dab(row, column, lifted, count = 5, value = state.get("sample_brush") === "ink" ? dark : paper) {
    const k = shown();
    const bytes = state.get("sample_paint_at") === k ? Uint8Array.from(state.get("sample_paint")) : new Uint8Array(SIDE * SIDE);
    const byte = 1 + Math.round((254 * (value - paper)) / (dark - paper));
    for (const [down, across] of [[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]].slice(0, count)) {
      const [r, c] = [row + down, column + across];
      if (r >= 0 && c >= 0 && r < rows && c < columns) bytes[under([1, rows, columns], r * columns + c)] = byte;
    }
    state.set({sample_paint: bytes, sample_paint_at: k, sample_at: k}, {keep: !lifted});
  }

  // the step of one pixel

  /** The operands of step k, whole pictures; Heun's second look is asked for and drawn when it is there. @param {number} k */
  function operands(k) {
    const {path, times, solver, seed, index, label, guidance} = walk.asked;
    const first = k === 1 || k - 1 === walk.edit?.at;
    const [frame, before] = [walk.frames[k], walk.frames[k - 1]];
    const sum = factors(solver, path, times, k, first);
    const x0 = /** @type {Tensor} */ (frame.x0);
    if (sum.some(([name]) => name === "ahead") && !frame.asked) {
      frame.asked = true;
      const [dx0, deps] = TARGETS.v(path(times[k - 1]));
      const velocity = mixed(dx0, x0, deps, noiseIn(before.x, x0, path(times[k - 1])));
      const ahead = {x: mixed(1, before.x, times[k] - times[k - 1], velocity), t: times[k], label, guidance, seed, index};
      engine.denoise(model, ahead).then((answer) => { frame.ahead = answer; draw(); }, failed);
    }
    const z = solver === "ancestral" ? {shape: x0.shape, data: normal(seed, "sample", index, x0.data.length, k)} : null;
    const pictures = {x: before.x, x0, old: before.x0, ahead: frame.ahead, z};
    return {sum, ready: sum.every(([name]) => pictures[name]), of: (/** @type {number} */ i) =>
      Object.fromEntries(sum.map(([name]) => [name, /** @type {Tensor} */ (pictures[name])?.data[i]]))};
  }

  /** @param {string} kind @param {number} i */
  async function openReceipt(kind, i) {
    const k = shown();
    const about = {t, k, i, row: Math.floor(i / columns), column: i % columns, walk, model, file};
    if (kind === "x" && k === 0) return lab.receipt(noiseReceipt(about, state.get("drawing")));
    if (k === 0) return;
    if (kind === "x0") return lab.receipt(netReceipt(about));
    if (kind !== "x") return lab.receipt(partReceipt(about, kind, part(kind, k)?.data[i] ?? 0));
    const step = operands(k);
    if (step.ready) lab.receipt(stepReceipt(about, step.sum, step.of(i)));
  }

  const line = noiseLine(t);
  const sum = h("p", {class: "formula"});
  const amounts = h("span", {});
  const opener = button(t("open_receipt"), () => void openReceipt("x", pixel()));
  function drawStep(/** @type {number} */ k) {
    const {path, times, steps} = walk.asked;
    const c = path(times[k]);
    const told = t("line", {n: steps, from: short(times[0]), k, t: short(times[k]), a: short(c.a), s: short(c.s)});
    line.draw(times, path, k, told);
    if (k === steps) lab.say(told);
    put(amounts, t("amounts", {t: short(times[k]), a: short(c.a), s: short(c.s)}));
    const [row, column] = [Math.floor(pixel() / columns), pixel() % columns];
    const name = t("pixel", {row, column});
    if (k === 0) return put(sum, `${name}: x = ${short(walk.frames[0].x.data[pixel()])}`);
    const step = operands(k);
    const values = step.of(pixel());
    const signs = {x: "x", x0: "x̂0", old: "x̂0⁻", ahead: "x̂0⁺", z: "z"};
    const added = (/** @type {(name: any) => string} */ value) => step.sum.map(([each, factor], i) =>
      `${i || factor < 0 ? (factor < 0 ? "− " : "+ ") : ""}${short(Math.abs(factor))}·${value(each)}`).join(" ");
    const result = (walk.frames[k].raw ?? walk.frames[k].x).data[pixel()];
    const valued = (/** @type {string} */ each) => (values[each] < 0 ? `(${short(values[each])})` : short(values[each]));
    put(sum, `${name}: x′ = ${added((each) => signs[/** @type {keyof typeof signs} */ (each)])} = `,
      step.ready ? `${added(valued)} = ${short(result)}` : t("waits"));
  }

  // costs

  const facts = h("dl", {class: "facts"});
  const chart = bars();
  const terminal = h("div", {class: "terminal"});
  function drawCosts(/** @type {number} */ k) {
    const times = walk.frames.slice(1, k + 1).map(({ms}) => ms);
    const median = [...times].sort((one, other) => one - other)[Math.floor(times.length / 2)];
    const guesses = /** @type {Tensor[]} */ (walk.frames.slice(1).map(({x0}) => x0));
    const moves = guesses.slice(1).map((x0, j) => moved(x0, guesses[j]));
    const ms = (/** @type {number} */ value) => (value ? t("ms", {ms: short(value)}) : "–");
    const rows = /** @type {[string, any][]} */ ([
      [t("evaluations"), `${spent(walk.asked, k)} / ${spent(walk.asked, walk.steps)}`], [t("per_step"), ms(median)],
      [t("total"), ms(total(walk, k))], [t("change_now"), moves[k - 2] === undefined ? "–" : short(moves[k - 2])]]);
    put(facts, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
    const most = Math.max(0, ...moves);
    chart.draw(moves, k - 2, walk.steps - 1, moves.length ? t("chart", {most: short(most), at: moves.indexOf(most) + 2}) : "");
    const text = state.get("sample_from") || walk.edit ? "" : told();
    if (terminal.dataset.text === text) return;
    terminal.dataset.text = text;
    put(terminal, h("p", {}, t(text ? "same" : "no_command")),
      text ? h("div", {class: "row"}, h("code", {}, text), copyButton(text, words, "shell")) : null);
  }
  /** The command that draws the same picture. */
  function told() {
    const {label, seed, index} = walk.asked;
    const name = label === null ? "" : sampling.classes[label];
    const quoted = /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
    const given = (/** @type {"steps" | "solver" | "spacing" | "guidance"} */ field) => // what differs from the recipe
      (fields[`sample_${field}`].default === state.get(`sample_${field}`) ? [] : [`--${field}`, walk.asked[field]]);
    const classless = label === null && sampling.classes.length > 0;
    return ["inkbloom sample", ...(file ? [file] : []), "--seed", seed, "--count", index + 1,
      ...(label === null ? [] : ["--label", quoted]),
      ...given("steps"), ...given("solver"), ...given("spacing"),
      ...(classless ? ["--guidance 0"] : sampling.conditions ? given("guidance") : [])].join(" ");
  }

  // controls

  const names = (/** @type {string[]} */ all) => all.map((value) => ({value, label: t(value)}));
  const {solvers, spacings} = suited(sampling);
  const play = player({words, keys: el, count: walk.steps + 1, at: at(), perSecond: () => Math.max(8, walk.steps / 3),
    ready: () => done() >= at(), show: (k, of) => `${k} / ${of - 1}`,
    onMove: (k, lifted) => { set("sample_at")(k, lifted); draw(); }});
  const counted = (/** @type {"seed" | "index"} */ name, /** @type {number} */ high) => typed({label: t(name),
    value: walk.asked[name], low: 0, high, onChange: (value) => set(`sample_${name}`)(Math.floor(value))});
  const [seed, index] = [counted("seed", 9999999), counted("index", 9999)];
  const offered = sampling.trained.map((each) => ({value: String(each), label: sampling.classes[each]}));
  const classes = sampling.classes.length ? choose({label: t("class"), value: String(walk.asked.label ?? "none"),
    options: [...offered, {value: "none", label: t("class_none")}], onChange: set("sample_class")}) : null;
  const solver = choose({label: t("solver"), value: walk.asked.solver, options: names(solvers), onChange: set("sample_solver")});
  const spacing = choose({label: t("spacing"), value: walk.asked.spacing, options: names(spacings),
    onChange: set("sample_spacing")});
  const steps = slider({label: t("steps"), low: 1, high: 200, value: walk.steps, onChange: (value, lifted) =>
    state.set({sample_steps: value, sample_at: at() === walk.steps ? value : Math.min(at(), value)}, {keep: !lifted})});
  const guidance = slider({label: t("guidance"), low: 0, high: 5, step: 0.1, value: walk.asked.guidance, show: short,
    onChange: set("sample_guidance")});
  const level = slider({label: t("level"), low: 0.02, high: 1, step: 0.02, value: state.get("sample_level"), show: short,
    onChange: set("sample_level")});
  const from = toggle({label: t("from"), on: state.get("sample_from"), onChange: set("sample_from")});
  const brush = choose({label: t("brush"), value: state.get("sample_brush"), onChange: set("sample_brush"),
    options: BRUSHES.map((value) => ({value, label: t(`brush_${value}`)}))});
  const status = h("p", {class: "status"});
  const stopper = button(t("cancel"), cancel);
  const unpaint = h("div", {class: "row"});
  const pad = drawingPad(lab);
  const drawing = h("div", {class: "from"}, level.element, pad.element);
  const duel = race(lab, t, {engine, model, names: names(solvers), colours, redraw: () => draw()});
  const sixteen = grid(lab, t, {engine, model, colours});

  let painting = brushOn();
  const draw = eachFrame(() => {
    if (!el.isConnected) return;
    if (at() > done()) walk.go();
    const k = shown();
    if (painting !== brushOn()) {
      painting = brushOn();
      makePane(panes[0]);
    }
    play.set(at(), walk.steps + 1);
    for (const one of panes) {
      one.shows = part(one.kind, k);
      one.colour = one.shows ? colourOf(one.kind, one.shows) : () => diverging(0);
      one.pane?.mark([{row: Math.floor(pixel() / columns), column: pixel() % columns, rows: 1, columns: 1}]);
    }
    put(status, at() > done() ? t("computing", {done: done(), n: walk.steps}) : k ? "" : t("start_here"));
    stopper.hidden = !walk.busy() && !duel.busy();
    opener.disabled = k > 0 && !operands(k).ready;
    drawStep(k);
    drawCosts(k);
    Object.entries({solver, spacing, steps, guidance, seed, index})
      .forEach(([name, control]) => control.set(/** @type {any} */ (walk.asked)[name]));
    Object.entries({level, from, brush}).forEach(([name, control]) => control.set(state.get(`sample_${name}`)));
    classes?.set(String(walk.asked.label ?? "none"));
    drawing.hidden = !state.get("sample_from");
    put(unpaint, ...(walk.edit ? [h("span", {}, t("painted", {at: walk.edit.at})),
      button(t("unpaint"), () => state.set({sample_paint: fields.sample_paint.default}))] : []),
    state.get("sample_brush") !== "off" && k === walk.steps ? h("span", {}, t("at_end")) : null);
    duel.draw(walk, k);
  });

  panes.forEach(makePane);
  const named = (/** @type {string} */ name, /** @type {HTMLElement} */ input) =>
    h("label", {class: "control"}, h("span", {}, name), input);
  const another = button("⟳", () => state.set({sample_seed: Math.floor(Math.random() * 10000)}),
    {"aria-label": t("another"), title: t("another")});
  put(el,
    h("section", {class: "panel"},
      h("div", {class: "row stage"}, classes?.element, named(t("seed"), seed.element), another, play.element, brush.element),
      h("div", {class: "panes"}, ...panes.map(({slot}) => slot)),
      line.element, h("div", {class: "row now"}, lab.badge("computed"), amounts, status, stopper),
      h("div", {class: "equation"}, sum, opener), channels === 3 ? h("p", {class: "small"}, t("red")) : null),
    h("div", {class: "halves"},
      h("section", {class: "panel"}, h("h2", {}, t("walk")), h("div", {class: "controls"}, solver.element, steps.element,
        spacing.element, sampling.conditions ? guidance.element : null, named(t("index"), index.element)),
      sampling.conditions ? h("p", {}, t("guidance_about")) : null),
      h("section", {class: "panel"}, h("h2", {}, t("cost")), facts, chart.element, terminal)),
    h("div", {class: "halves"},
      h("section", {class: "panel"}, h("h2", {}, t("hand")), h("p", {}, t("brush_about")), unpaint,
        from.element, drawing), duel.element),
    sixteen.element);
  draw();
  const offs = [state.on(ASKED, restart),
    state.on(["drawing"], () => { if (state.get("sample_from")) restart(); }),
    state.on(["sample_at", "sample_pixel", "sample_brush", "sample_rival"], draw)];
  return () => {
    for (const each of [play, walk, duel, sixteen, pad]) each.stop();
    offs.forEach((off) => off());
  };
}
