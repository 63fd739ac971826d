// Room 2: the transposed convolution, three ways at once. stamps.js computes; here it is shown, stepped through and accounted for.

import {flipped, padded, spread} from "../engine/conv.js";
import * as text from "../text/transposed.js";
import {cividis, diverging, ink} from "../ui/colour.js";
import {button, player} from "../ui/controls.js";
import {eachFrame, h, put} from "../ui/dom.js";
import {facts, printed, total} from "../ui/facts.js";
import {brief, matrix} from "../ui/matrix.js";
import {pythonMatrix} from "../ui/receipt.js";
import {choice, numbers, whole} from "../ui/state.js";
import {bound, paragraphs, sumTable, weightFields} from "./bound.js";
import {windowed} from "./kernels.js";
import {apart, bench, byInserting, byMatrix, byStamping, more, overlaps, repeated, rules, terms, touching} from "./stamps.js";

const KINDS = /** @type {const} */ (["numbered", "ones", "own"]);
const BY = /** @type {const} */ (["output", "input"]);

export const fields = {
  tr_size: whole(4, 4, 8),
  tr_side: whole(3, 1, 5),
  tr_stride: whole(2, 1, 3),
  tr_padding: whole(1, 0, 3),
  tr_extra: whole(1, 0, 2),
  tr_dilation: whole(1, 1, 2),
  tr_stamp: choice("numbered", KINDS),
  tr_kernel: numbers([1, 2, 1, 2, 4, 2, 1, 2, 1], -99, 99, (count) => [1, 4, 9, 16, 25].includes(count)),
  tr_by: choice("output", BY),
  tr_at: whole(27, 0, 2000),
};

const STEPS = ["tr_by", "tr_at"]; // what changes neither the operation nor the pictures below it

/** @typedef {import("./stamps.js").Term} Term */
/** @typedef {import("../ui/matrix.js").Mark} Mark */

/** All numbers of the room. @param {State} state */
function computed(state) {
  const b = bench(state);
  return {...stepped(b), all: byInserting(b, b.y), counts: overlaps(b), ...more(b)};
}

/** What each step changes. @param {import("./stamps.js").Bench} b */
function stepped(b) {
  return {b, ways: [byStamping(b, b.given, b.weight), byInserting(b, b.given), byMatrix(b, b.given)], wide: spread(b.given, [b.side, b.side], rules(b))};
}

/** @param {HTMLElement} el @param {Lab} lab */
export function mount(el, lab) {
  const {state, words} = lab;
  const t = /** @type {Words} */ (lab.wordsOf(text));
  const {dial, pick, sync} = bound(lab, t);
  let now = computed(state);
  /** @typedef {typeof now} Now */

  /**
   * A matrix of the room.
   * @param {string} label @param {(n: Now) => Tensor} of @param {"ink" | "signed" | "count"} colours
   * @param {Partial<import("../ui/matrix.js").About>} [rest]
   * @param {(n: Now) => Tensor} [whole]  whose largest number has the strongest colour
   */
  function view(label, of, colours, rest = {}, whole = of) {
    let scale = 1;
    return matrix({
      label: t(label), words,
      data: () => {
        scale = Math.max(1e-6, ...whole(now).data.map(Math.abs));
        const {shape, data} = of(now);
        const [rows, columns] = shape.slice(-2);
        return {rows, columns, values: data};
      },
      colour: (value) => (colours === "ink" ? ink(value) : colours === "signed" ? diverging(value / scale) : cividis(value / scale)),
      ...rest,
    });
  }

  const lines = Array.from({length: 3}, () => h("p", {class: "formula"}));
  const [sizes, side_note, even] = ["formula", "", ""].map((name) => h("div", {class: name || null}));
  const weights = weightFields(t, (kernel) => state.set({tr_stamp: "own", tr_kernel: kernel}));
  const cell_button = button(t("open_receipt"), () => openCell(now.b.row, now.b.column));
  const play = player({words, keys: el, count: 1, at: 0, perSecond: () => 4, onMove: (at, done) => {
    state.set({tr_at: at}, {keep: !done});
    if (done) requestAnimationFrame(() => lab.say(lines[0].textContent ?? ""));
  }});
  const by = BY.map((name) => button(t(`by_${name}`), () => state.set({tr_by: name, tr_at: 0}), {"data-by": name}));
  const go = (/** @type {number} */ at) => { if (at !== now.b.at) state.set({tr_at: at}, {keep: true}); };

  /** The pixel under the pointer: where one steps along it is gone to; elsewhere it only shows what belongs to it. @param {"output" | "input"} what @param {number} at */
  function point(what, at) {
    if (what === state.get("tr_by")) go(at);
    else markAll(what, at);
  }

  /** Whether a cell of the second way is a zero that was put in. @param {number} row @param {number} column */
  function isZero(row, column) {
    const {reach, padding, stride, size} = now.b;
    return [row, column].some((place) => {
      const inner = place - (reach - 1 - padding);
      return inner < 0 || inner % stride || inner / stride >= size;
    });
  }

  /** Frames what belongs together in all views. @param {"output" | "input"} what @param {number} at */
  function markAll(what, at) {
    const {b, wide} = now;
    const {size, large, stride, padding, reach} = b;
    /** @param {number} row @param {number} column @param {number} side @param {Mark["kind"]} kind @returns {Mark} */
    const square = (row, column, side, kind) => ({row, column, rows: side, columns: side, kind});
    /** @param {number} place @param {number} of @param {Mark["kind"]} [kind] */
    const cell = (place, of, kind) => square(Math.floor(place / of), place % of, 1, kind);
    /** What belongs to a pixel of y, in a picture with the stride's distances. @param {number} q @param {number} shift @param {number} side @param {Mark["kind"]} [kind] */
    const strided = (q, shift, side, kind) => square(Math.floor(q / size) * stride + shift, (q % size) * stride + shift, side, kind);
    const stamp = (/** @type {number} */ q, /** @type {Mark["kind"]} */ kind = undefined) => strided(q, -padding, reach, kind);
    const inner = (/** @type {number} */ q, /** @type {Mark["kind"]} */ kind = undefined) => strided(q, reach - 1 - padding, 1, kind);
    const across = wide.shape[2];
    const dashed = [...wide.data.keys()].filter((i) => isZero(Math.floor(i / across), i % across)).map((i) => cell(i, across, "zero"));
    const [row, column] = [Math.floor(at / large), at % large];
    const out = what === "output";
    const met = out ? touching(b, row, column) : [];
    /** @type {Mark[]} */ const longer = b.extra ? [{row: large - b.extra, column: 0, rows: b.extra, columns: large, kind: "ghost"},
      {row: 0, column: large - b.extra, rows: large, columns: b.extra, kind: "ghost"}] : [];
    m.small.mark(out ? met.map((q) => cell(q, size, "reach")) : [cell(at, size)]);
    m.large.mark([...longer, ...(out ? [...met.map((q) => stamp(q, "reach")), cell(at, large)] : [stamp(at)])]);
    m.wide.mark([...dashed, ...(out ? [...met.map((q) => inner(q, "reach")), square(row, column, reach, "window")] : [inner(at)])]);
    m.tall.mark(out ? [{row: at, column: 0, rows: 1, columns: size ** 2}] : [{row: 0, column: at, rows: large ** 2, columns: 1}]);
    m.x.mark(out ? [cell(at, large, "reach")] : [stamp(at, "reach")]);
    m.forth.mark(out ? met.map((q) => cell(q, size)) : [cell(at, size)]);
  }

  /** The lines of Python that set the scene. @param {boolean} [withX] */
  function scene(withX = false) {
    const {b} = now;
    const list = (/** @type {string} */ name, /** @type {Tensor} */ {data, shape}) =>
      `${name} = torch.tensor(${pythonMatrix(data, shape[shape.length - 2], shape[shape.length - 1])})[None, None].double()\n`;
    return `import torch
import torch.nn.functional as F

${list("y", b.y)}${list("w", b.weight)}${withX ? list("x", b.x) : ""}rules = dict(stride=${b.stride}, padding=${b.padding}, dilation=${b.dilation})
`;
  }
  const back_code = (/** @type {string} */ of) => `F.conv_transpose2d(${of}, w, output_padding=${now.b.extra}, **rules).float()`;
  const some = () => (now.b.one ? `y.view(-1)[${now.b.at + 1}:] = 0  # only the stamps so far\n` : "");
  const ones = "y, w = torch.ones_like(y), torch.ones_like(w)\n";
  const there = () => `${scene(true)}f = F.conv2d(x, w, **rules).float().double()\ng = ${back_code("f")}.double()
a = (g * x).sum() / (g * g).sum().clamp(min=1e-30)\n`;

  /**
   * Opens the receipts of a matrix: `code` makes z.
   * @param {string} key
   * @param {(row: number, column: number) => {of: Tensor, code: string, all?: Term[], note?: string, scale?: string}} about
   */
  const opener = (key, about) => (/** @type {number} */ row, /** @type {number} */ column) => {
    const {of, code, all = [], note, scale} = about(row, column);
    lab.receipt({
      title: t("place_at", {what: t(key), row, column}), formula: t(`${key}_formula`, {scale}), note,
      total: total(of.data[row * of.shape[2] + column]), torch: `${code}${printed(`z[0, 0, ${row}, ${column}]`)}`, ...sumTable(all, words),
    });
  };
  const openCell = opener("large", (row, column) => ({of: now.ways[1], all: terms(now.b, now.b.given, row, column), note: t("large_note"),
    code: `${scene()}${some()}z = ${back_code("y")}\n`}));
  const openCount = opener("counts", () => ({of: now.counts, code: `${scene()}${ones}z = ${back_code("y")}\n`}));
  const openResized = opener("resized", (row, column) => {
    const {b} = now;
    const before = Math.floor((b.reach - 1) / 2);
    const after = b.reach - 1 - before;
    return {of: now.resized, all: windowed(repeated(b), flipped(b.weight), row, column, b.dilation),
      code: `${scene()}u = F.interpolate(y, scale_factor=${b.stride}, mode="nearest")
z = F.conv2d(F.pad(u, (${before}, ${after}, ${before}, ${after})), w.flip(2, 3), dilation=${b.dilation}).float()\n`};
  });
  const openForth = opener("forth", (row, column) => {
    const {x, weight, stride, padding: p, dilation} = now.b;
    const around = padded(x, {left: p, right: p, top: p, bottom: p});
    return {of: now.forth, all: windowed(around, weight, row * stride, column * stride, dilation),
      code: `${scene(true)}z = F.conv2d(x, w, **rules).float()\n`};
  });
  const openBack = opener("back", (row, column) => ({of: now.back, scale: brief(now.scale), all: terms(now.b, now.forth, row, column),
    note: t("back_note"), code: `${there()}z = (a * g).float()\n`}));

  const m = {
    small: view("small", (n) => n.b.y, "ink", {onPoint: (r, c) => point("input", r * now.b.size + c)}),
    stamp: view("stamp", (n) => n.b.weight, "signed"),
    large: view("large", (n) => n.ways[0], "signed", {onPoint: (r, c) => point("output", r * now.b.large + c), onOpen: openCell}, (n) => n.all),
    wide: view("wide", (n) => n.wide, "ink", {tell: (r, c) => (isZero(r, c) ? t("is_zero") : "")}),
    turned: view("turned", (n) => flipped(n.b.weight), "signed"),
    tall: view("tall", ({b}) => ({shape: [b.large ** 2, b.size ** 2], data: b.matrix}), "signed",
      {onPoint: (row, column) => go(now.b.one ? column : row)}, (n) => n.b.weight),
    counts: view("counts", (n) => n.counts, "count", {onOpen: openCount}),
    resized: view("resized", (n) => n.resized, "signed", {onOpen: openResized}),
    x: view("x", (n) => n.b.x, "ink"),
    forth: view("forth", (n) => n.forth, "signed", {onOpen: openForth}),
    back: view("back", (n) => n.back, "signed", {onOpen: openBack}),
  };

  /** @param {string} name @param {() => number | undefined} value @param {() => string} code  of which the last line is an expression
   * @param {() => Partial<Receipt>} more @param {(value: number) => string} [show] */
  const fact = (name, value, code, more, show = total) => {
    const python = () => {
      const made = code().split("\n");
      return [...made.slice(0, -1), printed(made[made.length - 1])].join("\n");
    };
    return {name, value, code: python, more, show};
  };
  const products = () => now.b.large ** 2 * now.b.side ** 2;
  const used = () => now.counts.data.reduce((sum, each) => sum + each, 0);
  const agreeing = facts(lab, {agree: fact(t("agree"), () => apart(now.ways), () => {
    const {b} = now;
    const around = (b.size - 1) * b.stride + b.reach + b.extra;
    return `${scene()}${some()}x = torch.zeros(1, 1, ${b.large}, ${b.large}, dtype=torch.float64)
C = torch.autograd.functional.jacobian(lambda x: F.conv2d(x, w, **rules).flatten(), x).flatten(1)
matrix = (C.T @ y.flatten()).float()
zeros = ${back_code("y")}.flatten()
around, s, p, d = torch.zeros(${around}, ${around}), ${b.stride}, ${b.padding}, ${b.dilation}
for r, c in torch.cartesian_prod(torch.arange(${b.size}), torch.arange(${b.size})).tolist():
    around[r * s : r * s + ${b.reach} : d, c * s : c * s + ${b.reach} : d] += y[0, 0, r, c] * w[0, 0]
stamps = around[p : p + ${b.large}, p : p + ${b.large}].flatten()
ways = torch.stack([stamps, zeros, matrix]).double()
(ways.amax(0) - ways.amin(0)).max()`;
  }, () => ({formula: t("agree_formula"), note: t("agree_note")}))});
  const wasted = facts(lab, {zeros: fact(t("zeros"), () => 100 * (1 - used() / products()),
    () => `${scene()}${ones}z = ${back_code("y")}\n100 * (1 - z.double().sum() / (z.numel() * w.numel()))`,
    () => ({formula: `100 · (1 − ${used()} / ${products()})`, note: t("zeros_note")}), (value) => `${lab.number(value)} %`)});
  const adjoint = () => ({note: t("adjoint_note")});
  const inverse = facts(lab, {
    small: fact("⟨Cx, y⟩", () => now.inner[0], () => `${scene(true)}(F.conv2d(x, w, **rules).float().double() * y).sum()`, adjoint),
    large: fact("⟨x, Cᵀy⟩", () => now.inner[1], () => `${scene(true)}(x * ${back_code("y")}.double()).sum()`, adjoint),
    error: fact("‖a·CᵀCx − x‖ / ‖x‖", () => (Number.isFinite(now.error) ? now.error : undefined),
      () => `${there()}(a * g - x).norm() / x.norm()`, () => ({formula: "a = ⟨CᵀCx, x⟩ / ‖CᵀCx‖²", note: t("error_note")})),
  });

  function drawLines() {
    const {b, ways} = now;
    const values = ways.map(({data}) => data[b.at]);
    const met = b.one ? [] : terms(b, b.given, b.row, b.column);
    const sum = met.map((each) => `${brief(each.value)}·${brief(each.weight).replace(/^-/, "−")}`).join(" + ");
    const taps = b.side ** 2;
    const reached = b.one ? b.matrix.filter((weight, i) => i % b.size ** 2 === b.at && weight).length : 0;
    const named = {n: b.at + 1, of: b.size ** 2, value: brief(b.y.data[b.at] ?? 0), reached};
    const told = b.one ? [t("line_stamp", named), t("line_places", named), t("line_column", named)]
      : [met.length ? `${sum} = ${brief(values[0])}` : t("no_stamp"), t("line_window", {taps, zeros: taps - met.length, value: brief(values[1])}),
        t("line_row", {...named, value: brief(values[2])})];
    lines.forEach((line, i) => {
      put(line, told[i]);
      line.setAttribute("data-value", b.one ? "" : String(values[i]));
    });
    agreeing.show();
    cell_button.hidden = b.one;
  }

  function drawFacts() {
    const {size, side, stride, padding, dilation, extra, large} = now.b;
    put(sizes, `(${size} − 1)·${stride} − 2·${padding} + ${dilation}·(${side} − 1) + ${extra} + 1 = ${large}`);
    put(side_note, h("p", {}, t(extra ? "extra_on" : "extra_off", {extra})));
    const places = Array.from({length: side}, (_, tap) => (tap * dilation) % stride);
    const at = Array.from({length: stride}, (_, rest) => places.filter((place) => place === rest).length); // taps of a stamp, along one axis
    const kind = at.every((each) => each === at[0]) ? "even" : at.includes(0) ? "holes" : "uneven";
    put(even, h("p", {"data-kind": kind}, t(`is_${kind}`, {side, stride, most: Math.max(...at) ** 2, least: Math.min(...at) ** 2})));
    [wasted, inverse].forEach((each) => each.show());
  }

  const draw = eachFrame(() => {
    now = computed(state);
    sync();
    sliders.padding.set(now.b.padding, {high: now.b.most});
    sliders.extra.set(now.b.extra, {high: now.b.stride - 1});
    m.tall.grid.style.maxWidth = `${(19 * now.b.size ** 2) / now.b.large ** 2}rem`;
    for (const still of [m.stamp, m.turned, m.counts, m.resized, m.back]) still.draw();
    weights.set(now.b.weights);
    drawFacts();
    drawStep();
  });
  const step = eachFrame(() => {
    now = {...now, ...stepped(bench(state))};
    drawStep();
  });
  function drawStep() {
    const {b} = now;
    by.forEach((each) => each.setAttribute("aria-pressed", String(each.dataset.by === state.get("tr_by"))));
    play.set(b.at, (b.one ? b.size : b.large) ** 2);
    markAll(state.get("tr_by"), b.at);
    m[b.one ? "small" : "large"].point(b.row, b.column);
    drawLines();
  }

  const sliders = {
    size: dial("tr_size", 4, 8), side: dial("tr_side", 1, 5), stride: dial("tr_stride", 1, 3), padding: dial("tr_padding", 0, 3),
    extra: dial("tr_extra", 0, 2), dilation: dial("tr_dilation", 1, 2),
    stamp: pick("tr_stamp", KINDS, (kind) => t(`stamp_${kind}`)),
  };
  const baseline = button(t("baseline"), () => state.set({tr_side: 4, tr_stride: 2, tr_padding: 1, tr_extra: 0, tr_dilation: 1}));
  const panel = (/** @type {string} */ title, /** @type {(Node | null)[]} */ ...children) =>
    h("section", {class: "panel"}, h("h2", {}, t(title)), ...children);

  put(el, h("h1", {}, words("room_transposed")), h("p", {class: "lead"}, t("lead")),
    h("section", {class: "panel ways-player"}, h("div", {class: "row", role: "group", "aria-label": t("by")}, ...by), play.element),
    h("div", {class: "ways"},
      panel("way_stamping", lines[0], h("div", {class: "beside"}, h("div", {}, m.small.element, m.stamp.element), m.large.element)),
      panel("way_inserting", lines[1], h("div", {class: "beside slim"}, m.turned.element, m.wide.element)),
      panel("way_matrix", lines[2], m.tall.element)),
    h("div", {class: "row"}, lab.badge("computed"), cell_button, agreeing.element),
    panel("rules", h("div", {class: "controls"}, ...Object.values(sliders).map((each) => each.element)), weights.element, baseline, sizes, side_note),
    h("div", {class: "halves"}, panel("overlaps", m.counts.element, even, wasted.element),
      panel("instead", m.resized.element, ...paragraphs(t, ["instead_about"]))),
    panel("inverse", ...paragraphs(t, ["inverse_about"]), h("div", {class: "trio"}, m.x.element, m.forth.element, m.back.element), inverse.element));
  draw();
  const offs = [state.on(["drawing", ...Object.keys(fields).filter((name) => !STEPS.includes(name))], draw), state.on(STEPS, step)];
  return {stop: () => { play.stop(); offs.forEach((off) => off()); }};
}
