// Room 2: the transposed convolution, three ways at once. stamps.js computes; here it is shown, stepped through and accounted for.

import {flipped, padded, spread} from "../engine/conv.js";
import * as text from "../text/transposed.js";
import {cividis, diverging, ink} from "../ui/colour.js";
import {button, choose, player, slider, typed} from "../ui/controls.js";
import {eachFrame, h, put, rich} from "../ui/dom.js";
import {brief, matrix} from "../ui/matrix.js";
import {pythonMatrix} from "../ui/receipt.js";
import {choice, numbers, whole} from "../ui/state.js";
import {resized} from "./kernels.js";
import {STAMPS, apart, bench, byInserting, byMatrix, byStamping, more, overlaps, repeated, rules, terms, touching, windowed} from "./stamps.js";

const KINDS = /** @type {const} */ (["numbered", "ones", "tent", "own"]);
const BY = /** @type {const} */ (["output", "input"]);

/** Layers to start from: side, stride, padding, output padding. @type {Record<string, [number, number, number, number]>} */
const LAYERS = {baseline: [4, 2, 1, 0], uneven: [3, 2, 1, 1], holes: [2, 3, 0, 0]};

export const fields = {
  tr_size: whole(4, 4, 8),
  tr_side: whole(3, 1, 5),
  tr_stride: whole(2, 1, 3),
  tr_padding: whole(1, 0, 3),
  tr_extra: whole(1, 0, 2),
  tr_dilation: whole(1, 1, 2),
  tr_stamp: choice("numbered", KINDS),
  tr_kernel: numbers(Array(9).fill(1), -99, 99, (count) => [1, 4, 9, 16, 25].includes(count)),
  tr_by: choice("output", BY),
  tr_at: whole(27, 0, 2000),
};

const STEPS = ["tr_by", "tr_at"]; // what changes neither the operation nor the pictures below it

/** @typedef {import("./stamps.js").Tensor} Tensor */
/** @typedef {import("../ui/matrix.js").Mark} Mark */

/** @param {HTMLElement} el @param {import("../main.js").Lab} lab */
export function mount(el, lab) {
  const {state, words} = lab;
  const t = lab.wordsOf(text);
  const set = (/** @type {string} */ name) => (/** @type {any} */ value, done = true) => state.set({[name]: value}, {keep: !done});
  let now = computed();

  function computed() {
    const b = bench(state);
    return {...stepped(b), all: byInserting(b, b.y), counts: overlaps(b), ...more(b)};
  }
  /** What each step changes. @param {import("./stamps.js").Bench} b */
  function stepped(b) {
    return {b, ways: [byStamping(b, b.given, b.weight), byInserting(b, b.given), byMatrix(b, b.given)], wide: spread(b.given, [b.side, b.side], rules(b))};
  }

  /** A matrix of the room, of what `now` holds. @param {string} label @param {(n: any) => Tensor} of @param {"ink" | "signed" | "count"} colours
   * @param {Partial<import("../ui/matrix.js").About>} [rest]
   * @param {(n: any) => Tensor} [whole]  whose largest number has the strongest colour */
  function view(label, of, colours, rest = {}, whole = of) {
    const tensor = () => of(now);
    let scale = 1;
    return matrix({
      label: t(/** @type {any} */ (label)), words,
      data: () => {
        scale = Math.max(1e-6, ...whole(now).data.map(Math.abs));
        const [rows, columns] = tensor().shape.slice(-2);
        return {rows, columns, values: tensor().data};
      },
      colour: (value) => (colours === "ink" ? ink(value) : colours === "signed" ? diverging(value / scale) : cividis(value / scale)),
      ...rest,
    });
  }
  const m = {
    small: view("small", (n) => n.b.y, "ink", {onPoint: (r, c) => point("input", r * now.b.size + c)}),
    stamp: view("stamp", (n) => n.b.weight, "signed", {range: [0, 9], onEdit: (r, c, value) => edit(r * now.b.side + c, value)}),
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
  const [stamping, inserting, row] = Array.from({length: 3}, () => h("p", {class: "formula"}));
  const lines = {stamping, inserting, matrix: row};
  const [sizes, side_note, even, facts] = ["formula", "", "", "facts"].map((name) => h(name === "facts" ? "dl" : "div", {class: name || null}));
  const kernel = h("div", {class: "kernel"});
  const agree_button = button("", openAgree, {class: "number"});
  const cell_button = button(t("open_receipt"), () => openCell(now.b.row, now.b.column));
  const play = player({words, keys: el, count: 1, at: 0, perSecond: () => 4, onMove: (at, done) => {
    state.set({tr_at: at}, {keep: !done});
    if (done) requestAnimationFrame(() => lab.say(lines.stamping.textContent ?? ""));
  }});
  const by = BY.map((name) => button(t(`by_${name}`), () => state.set({tr_by: name, tr_at: 0}), {"data-by": name}));

  const go = (/** @type {number} */ at) => { if (at !== now.b.at) state.set({tr_at: at}, {keep: true}); };
  const edit = (/** @type {number} */ at, /** @type {number} */ value) =>
    state.set({tr_stamp: "own", tr_kernel: Array.from(now.b.weights, (/** @type {number} */ old, /** @type {number} */ i) => (i === at ? value : old))});

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
    const cell = (/** @type {number} */ place, /** @type {number} */ of, /** @type {Mark["kind"]} */ kind = undefined) =>
      ({row: Math.floor(place / of), column: place % of, rows: 1, columns: 1, kind});
    const box = (/** @type {number} */ place, /** @type {Mark["kind"]} */ kind = undefined) =>
      ({row: Math.floor(place / size) * stride - padding, column: (place % size) * stride - padding, rows: reach, columns: reach, kind});
    const inner = (/** @type {number} */ place) => {
      const [row, column] = [Math.floor(place / size), place % size].map((each) => each * stride + reach - 1 - padding);
      return {row, column, rows: 1, columns: 1};
    };
    const across = wide.shape[2];
    const dashed = Array.from(wide.data.keys()).filter((i) => isZero(Math.floor(i / across), i % across)).map((i) => cell(i, across, "zero"));
    const out = what === "output";
    const met = out ? touching(b, Math.floor(at / large), at % large) : [];
    const window = {row: Math.floor(at / large), column: at % large, rows: reach, columns: reach};
    const longer = b.extra ? [{row: large - b.extra, column: 0, rows: b.extra, columns: large, kind: /** @type {const} */ ("ghost")},
      {row: 0, column: large - b.extra, rows: large, columns: b.extra, kind: /** @type {const} */ ("ghost")}] : [];
    m.small.mark(out ? met.map((q) => cell(q, size, "reach")) : [cell(at, size)]);
    m.large.mark([...longer, ...(out ? [...met.map((q) => box(q, "reach")), cell(at, large)] : [box(at)])]);
    m.wide.mark([...dashed, ...(out ? [...met.map((q) => ({...inner(q), kind: /** @type {const} */ ("reach")})), window] : [inner(at)])]);
    m.tall.mark(out ? [{row: at, column: 0, rows: 1, columns: size ** 2}] : [{row: 0, column: at, rows: large ** 2, columns: 1}]);
    m.x.mark(out ? [cell(at, large, "reach")] : [box(at, "reach")]);
    m.forth.mark(out ? met.map((q) => cell(q, size)) : [cell(at, size)]);
  }

  /** The lines of Python that set the scene. @param {boolean} [withX] */
  function scene(withX = false) {
    const {b} = now;
    const lists = (/** @type {string} */ name, /** @type {Tensor} */ {data, shape}) =>
      `${name} = torch.tensor(${pythonMatrix(data, shape[shape.length - 2], shape[shape.length - 1])})[None, None].double()`;
    return `import torch
import torch.nn.functional as F

${lists("y", b.y)}
${lists("w", b.weight)}
${withX ? `${lists("x", b.x)}\n` : ""}rules = dict(stride=${b.stride}, padding=${b.padding}, dilation=${b.dilation})
`;
  }
  const back_code = (/** @type {string} */ of) => `F.conv_transpose2d(${of}, w, output_padding=${now.b.extra}, **rules).float()`;
  const printed = (/** @type {string} */ what, digits = 6) => `print(f"{${what}.item():.${digits}g}")`;

  /** @param {{title: string, formula: string, value: number, code: string, all?: import("./stamps.js").Term[], digits?: number, note?: string, numpy?: string}} about */
  function open({title, formula, value, code, all = [], ...rest}) {
    lab.receipt({title, formula, total: python(value, rest.digits), torch: code, heads: [t("place"), t("pixel"), t("weight"), t("product"), t("running")],
      rows: all.map((each) => [`${each.row}, ${each.column}`, brief(each.value), brief(each.weight), brief(each.product), brief(each.sum)]), ...rest});
  }

  /** @param {number} row @param {number} column */
  function openCell(row, column) {
    const {b, ways} = now;
    const some = b.one ? `y.view(-1)[${b.at + 1}:] = 0  # only the stamps so far\n` : "";
    const [n, d] = [(b.size - 1) * b.stride + b.reach + b.extra, b.dilation];
    open({
      title: t("receipt", {row, column}), formula: t("formula"), value: ways[1].data[row * b.large + column],
      all: terms(b, b.given, row, column), note: t("receipt_note"),
      code: `${scene()}${some}z = ${back_code("y")}\n${printed(`z[0, 0, ${row}, ${column}]`)}`,
      numpy: `import numpy as np

y = np.float64(np.float32(${pythonMatrix(b.given.data, b.size, b.size)}))
w = np.float64(np.float32(${pythonMatrix(b.weight.data, b.side, b.side)}))
z = np.zeros((${n}, ${n}))  # with the padding around
for r, c in np.ndindex(y.shape):
    z[r * ${b.stride} : r * ${b.stride} + ${b.reach} : ${d}, c * ${b.stride} : c * ${b.stride} + ${b.reach} : ${d}] += y[r, c] * w
print(f"{np.float32(z[${row + b.padding}, ${column + b.padding}]):.6g}")`,
    });
  }

  function openAgree() {
    const {b, ways} = now;
    open({
      title: t("agree"), formula: t("agree_formula"), value: apart(ways), digits: 4, note: t("agree_note"),
      code: `${scene()}${b.one ? `y.view(-1)[${b.at + 1}:] = 0\n` : ""}x = torch.zeros(1, 1, ${b.large}, ${b.large}, dtype=torch.float64)
C = torch.autograd.functional.jacobian(lambda x: F.conv2d(x, w, **rules).flatten(), x).flatten(1)
matrix = (C.T @ y.flatten()).float()
zeros = ${back_code("y")}.flatten()
stamps, s, p, d = torch.zeros(${b.large}, ${b.large}), ${b.stride}, ${b.padding}, ${b.dilation}
for r, c in torch.cartesian_prod(torch.arange(${b.size}), torch.arange(${b.size})).tolist():
    for i, j in torch.cartesian_prod(torch.arange(${b.side}), torch.arange(${b.side})).tolist():
        at = r * s + i * d - p, c * s + j * d - p
        if min(at) >= 0 and max(at) < ${b.large}:
            stamps[at] = stamps[at].item() + y[0, 0, r, c].item() * w[0, 0, i, j].item()
ways = torch.stack([stamps.flatten(), zeros, matrix]).double()
${printed("(ways.amax(0) - ways.amin(0)).max()", 4)}`,
    });
  }

  /** @param {number} row @param {number} column */
  function openCount(row, column) {
    const {b, counts} = now;
    open({title: t("count_title", {row, column}), formula: t("count_formula"), value: counts.data[row * b.large + column],
      code: `${scene()}y, w = torch.ones_like(y), torch.ones_like(w)\nz = ${back_code("y")}\n${printed(`z[0, 0, ${row}, ${column}]`)}`});
  }

  /** @param {number} row @param {number} column */
  function openResized(row, column) {
    const {b, resized: shown} = now;
    const before = Math.floor((b.reach - 1) / 2);
    const after = b.reach - 1 - before;
    open({title: t("resized_title", {row, column}), formula: t("resized_formula"), value: shown.data[row * shown.shape[2] + column],
      all: windowed(repeated(b), flipped(b.weight), row, column, b.dilation),
      code: `${scene()}u = F.interpolate(y, scale_factor=${b.stride}, mode="nearest")
z = F.conv2d(F.pad(u, (${before}, ${after}, ${before}, ${after})), w.flip(2, 3), dilation=${b.dilation}).float()
${printed(`z[0, 0, ${row}, ${column}]`)}`});
  }

  /** @param {number} row @param {number} column */
  function openForth(row, column) {
    const {b, forth} = now;
    const p = b.padding;
    open({title: t("forth_title", {row, column}), formula: t("forth_formula"), value: forth.data[row * b.size + column],
      all: windowed(padded(b.x, {left: p, right: p, top: p, bottom: p}), b.weight, row * b.stride, column * b.stride, b.dilation),
      code: `${scene(true)}z = F.conv2d(x, w, **rules).float()\n${printed(`z[0, 0, ${row}, ${column}]`)}`});
  }
  const there = () => `${scene(true)}f = F.conv2d(x, w, **rules).float().double()\ng = ${back_code("f")}.double()
a = (g * x).sum() / (g * g).sum().clamp(min=1e-30)\n`;

  /** @param {number} row @param {number} column */
  function openBack(row, column) {
    const {b, back, forth, scale} = now;
    open({title: t("back_title", {row, column}), formula: t("back_formula", {scale: brief(scale)}), value: back.data[row * b.large + column],
      all: terms(b, forth, row, column), note: t("back_note"),
      code: `${there()}z = (a * g).float()\n${printed(`z[0, 0, ${row}, ${column}]`)}`});
  }

  /** A named number that opens its receipt. @param {string} name @param {string} value @param {() => void} onClick */
  const fact = (name, value, onClick) => [h("dt", {}, name), h("dd", {}, button(value, onClick, {class: "number", "aria-label": `${name}: ${value}`}))];

  function drawLines() {
    const {b, ways} = now;
    const values = ways.map(({data}) => data[b.at]);
    const met = b.one ? [] : terms(b, b.given, b.row, b.column);
    const sum = met.map((each) => `${brief(each.value)}·${brief(each.weight).replace(/^-/, "−")}`).join(" + ");
    const taps = b.side ** 2;
    const reached = b.one ? b.matrix.filter((weight, i) => i % b.size ** 2 === b.at && weight).length : 0;
    const named = {n: b.at + 1, of: b.size ** 2, value: brief(b.y.data[b.at] ?? 0), reached};
    put(lines.stamping, b.one ? t("line_stamp", named) : met.length ? `${sum} = ${brief(values[0])}` : t("no_stamp"));
    put(lines.inserting, b.one ? t("line_places", {reached}) : t("line_window", {taps, zeros: taps - met.length, value: brief(values[1])}));
    put(lines.matrix, b.one ? t("line_column", named) : t("line_row", {n: b.at + 1, terms: b.size ** 2, value: brief(values[2])}));
    Object.values(lines).forEach((line, i) => line.setAttribute("data-value", b.one ? "" : String(values[i])));
    const worst = apart(ways);
    put(agree_button, python(worst, 4));
    agree_button.setAttribute("aria-label", `${t("agree")}: ${python(worst, 4)}`);
    agree_button.setAttribute("data-agree", String(worst));
    cell_button.hidden = b.one;
  }

  function drawFacts() {
    const {b, counts, error, small, large} = now;
    const {size, side, stride, padding, dilation, extra} = b;
    put(sizes, `(${size} − 1)·${stride} − 2·${padding} + ${dilation}·(${side} − 1) + ${extra} + 1 = ${(size - 1) * stride - 2 * padding + b.reach + extra}`);
    put(side_note, h("p", {}, t(extra ? "extra_on" : "extra_off", {extra})));
    const places = Array.from({length: side}, (_, tap) => (tap * dilation) % stride);
    const at = Array.from({length: stride}, (_, rest) => places.filter((place) => place === rest).length); // taps of a stamp, along one axis
    const kind = at.every((each) => each === at[0]) ? "even" : at.includes(0) ? "holes" : "uneven";
    const used = counts.data.reduce((total, each) => total + each, 0);
    const zeros = 100 * (1 - used / (b.large ** 2 * side ** 2));
    put(even, h("p", {"data-kind": kind}, t(`is_${kind}`, {side, stride, most: Math.max(...at) ** 2, least: Math.min(...at) ** 2})),
      h("dl", {class: "facts"}, ...fact(t("zeros"), `${python(zeros, 4)} %`, () => open({
        title: t("zeros"), formula: `100 · (1 − ${used} / (${b.large ** 2} · ${side ** 2}))`, value: zeros, digits: 4, note: t("zeros_note"),
        code: `${scene()}y, w = torch.ones_like(y), torch.ones_like(w)\nz = ${back_code("y")}
${printed("(100 * (1 - z.double().sum() / (z.numel() * w.numel())))", 4)}`}))));
    const inner = (/** @type {string} */ title, /** @type {string} */ formula, /** @type {number} */ value, /** @type {string} */ code) =>
      fact(title, python(value), () => open({title, formula, value, code, note: t("adjoint_note")}));
    put(facts,
      ...inner("⟨Cx, y⟩", "Σ Cx · y", small, `${scene(true)}${printed("(F.conv2d(x, w, **rules).float().double() * y).sum()")}`),
      ...inner("⟨x, Cᵀy⟩", "Σ x · Cᵀy", large, `${scene(true)}${printed(`(x * ${back_code("y")}.double()).sum()`)}`),
      ...fact("‖a·CᵀCx − x‖ / ‖x‖", Number.isFinite(error) ? python(error, 4) : "–", () => Number.isFinite(error) && open({title: t("error_title"),
        formula: "a = ⟨CᵀCx, x⟩ / ‖CᵀCx‖²", value: error, digits: 4, note: t("error_note"), code: `${there()}${printed("((a * g - x).norm() / x.norm())", 4)}`})));
  }

  /** @type {ReturnType<typeof typed>[]} */ let cells = [];
  function drawKernel() {
    const {side, weights} = now.b;
    if (cells.length === weights.length) return cells.forEach((each, i) => each.set(weights[i])); // the focus stays where it is
    kernel.style.setProperty("--side", String(side));
    cells = Array.from(weights, (value, i) => typed({label: t("kernel_cell", {row: Math.floor(i / side), column: i % side}),
      value: Number(brief(value)), low: -99, high: 99, onChange: (to) => edit(i, to)}));
    put(kernel, ...cells.map((each) => each.element));
  }

  const draw = eachFrame(() => {
    now = computed();
    for (const [name, each] of Object.entries(sliders)) each.set(now.b[/** @type {keyof typeof sliders} */ (name)], ends(name));
    stamps.set(state.get("tr_stamp"));
    m.tall.grid.style.maxWidth = `${(19 * now.b.size ** 2) / now.b.large ** 2}rem`;
    for (const still of [m.stamp, m.turned, m.counts, m.resized, m.back]) still.draw();
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

  const rule = (/** @type {string} */ name, /** @type {number} */ low, /** @type {number} */ high) =>
    slider({label: t(/** @type {any} */ (name)), low, high, value: state.get(`tr_${name}`), onChange: set(`tr_${name}`)});
  const ends = (/** @type {string} */ name) => (name === "extra" ? {high: now.b.stride - 1} : name === "padding" ? {high: now.b.most} : {});
  const sliders = {
    size: rule("size", 4, 8), 
    side: slider({label: t("side"), low: 1, high: 5, value: now.b.side, onChange: (value, done) =>
        state.set({tr_side: value, tr_kernel: resized(state.get("tr_kernel"), value)}, {keep: !done})}),
    stride: rule("stride", 1, 3), padding: rule("padding", 0, 3), extra: rule("extra", 0, 2), dilation: rule("dilation", 1, 2),
  };
  const stamps = choose({label: t("stamps"), value: state.get("tr_stamp"), options: KINDS.map((value) => ({value, label: t(`stamp_${value}`)})),
    onChange: (kind) => state.set(kind === "own" ? {tr_stamp: kind, tr_kernel: Array.from(now.b.weights)} : {tr_stamp: kind, tr_side: now.b.side})});
  const layers = choose({label: t("layers"), value: "", options: [{value: "", label: t("layers_choose")},
    ...Object.keys(LAYERS).map((value) => ({value, label: t(/** @type {any} */ (`layer_${value}`))}))],
    onChange: (name) => {
      const layer = LAYERS[name];
      layers.set("");
      if (!layer) return;
      const [side, stride, padding, extra] = layer;
      state.set({tr_side: side, tr_stride: stride, tr_padding: padding, tr_extra: extra, tr_dilation: 1, tr_kernel: resized(state.get("tr_kernel"), side)});
    }});
  const panel = (/** @type {string} */ title, /** @type {(Node | null)[]} */ ...children) =>
    h("section", {class: "panel"}, h("h2", {}, t(/** @type {any} */ (title))), ...children);

  put(el, h("h1", {}, words("room_transposed")), h("p", {class: "lead"}, t("lead")),
    h("section", {class: "panel ways-player"}, h("div", {class: "row", role: "group", "aria-label": t("by")}, ...by), play.element),
    h("div", {class: "ways"},
      panel("way_stamping", lines.stamping, h("div", {class: "beside"}, h("div", {}, m.small.element, m.stamp.element), m.large.element)),
      panel("way_inserting", lines.inserting, h("div", {class: "beside slim"}, m.turned.element, m.wide.element)),
      panel("way_matrix", lines.matrix, m.tall.element)),
    h("div", {class: "row"}, lab.badge("computed"), h("span", {}, t("agree"), ":"), agree_button, cell_button),
    h("section", {class: "panel"}, h("h2", {}, t("rules")), h("div", {class: "controls"}, ...Object.values(sliders).map((each) => each.element)),
      sizes, side_note, h("div", {class: "row"}, layers.element, stamps.element), kernel),
    h("div", {class: "halves"}, panel("overlaps", m.counts.element, even), panel("instead", m.resized.element, h("p", {}, t("instead_about")))),
    panel("inverse", h("p", {}, ...rich(t("inverse_about"))), h("div", {class: "thirds"}, m.x.element, m.forth.element, m.back.element), facts));
  drawKernel();
  draw();
  const offs = [state.on(["drawing", ...Object.keys(fields).filter((name) => !STEPS.includes(name))], draw), state.on(STEPS, step),
    state.on(["tr_kernel", "tr_stamp", "tr_side"], () => { now = computed(); drawKernel(); })];
  return {stop: () => { play.stop(); offs.forEach((off) => off()); }};
}

/** A number with so many digits, as Python's :.6g writes it. @param {number} value @param {number} [digits] */
export function python(value, digits = 6) {
  const short = Number(value.toPrecision(digits));
  return short !== 0 && Math.abs(short) < 1e-4 ? String(short.toExponential()).replace(/e-(\d)$/, "e-0$1") : String(short);
}
