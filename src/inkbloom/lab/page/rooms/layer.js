// Room 4, an opened layer: all its maps, one of them enlarged, the kernels behind it, and what a pixel of it is made of.

import {en} from "../text/xray.js";
import {diverging} from "../ui/colour.js";
import {button, toggle, typed} from "../ui/controls.js";
import {h, put, refill, table} from "../ui/dom.js";
import {brief, matrix} from "../ui/matrix.js";
import {digits} from "../ui/receipt.js";
import {wall} from "../ui/wall.js";
import {changed, kernelAt, sees, statistics, terms} from "./network.js";
import {receiptOf, summaryReceipt, valueAt} from "./receipts.js";

const TOP = 6; // products that are shown beside the map; the receipt has all

/** What a step does, in a word or two. @param {Step} step @param {Pass} pass @param {Words} t */
function titleOf(step, pass, t) {
  const flat = step.shape[1] > 1 && step.inputs.some((name) => pass.before[name]?.shape[1] === 1); // one number for a whole map
  if (step.op === "add") return t(flat ? "op_shift" : "op_sum");
  if (step.op === "multiply") return t(flat ? "op_gain" : "op_multiply");
  const name = `op_${step.op}`;
  return name in en ? t(name) : step.op;
}

/** Fills the place with the layer that the address names. @param {HTMLElement} place @param {Lab} lab @param {Words} t
 * @param {Net} net @param {Pass} pass @param {ReturnType<typeof import("../ui/drawing.js").coloursOf>} colours */
export function openLayer(place, lab, t, net, pass, colours) {
  const {state, words} = lab;
  const card = net.cards[Math.min(state.get("xray_layer"), net.cards.length) - 1];
  const step = card.steps.find(({name}) => name === state.get("xray_step")) ?? card.step;
  const at = net.steps.indexOf(step);
  const isConvolution = step === card.step;
  const [maps, rows, columns] = step.shape;
  const size = rows * columns;
  const map = () => Math.min(state.get("xray_map"), maps - 1);
  const input = () => Math.min(state.get("xray_in"), card.inputs - 1);
  const pixel = () => {
    const place = Math.min(state.get("xray_at"), size - 1);
    return {row: Math.floor(place / columns), column: place % columns};
  };
  const named = (/** @type {Pass["after"]} */ values, /** @type {string} */ name) => (name === "x" ? pass.x : values[name]);
  const kernel = (/** @type {number} */ channel) => {
    const [begin, [high, wide]] = [kernelAt(card, map(), channel), card.kernel];
    return {values: weight.data.subarray(begin, begin + high * wide), rows: high, columns: wide};
  };
  const differs = () => state.get("xray_delta") && pass.changes.length > 0;

  // what is shown, anew after each pass
  /** @type {Float32Array} */ let values = new Float32Array(0);
  let scale = 1;
  let weight = changed(net, card.step.weights[0], []);
  let strongest = 1;
  const measure = () => {
    const [before, after] = [pass.before[step.name].data, pass.after[step.name].data];
    values = differs() ? after.map((value, i) => value - before[i]) : after;
    scale = statistics(values).scale;
    weight = changed(net, card.step.weights[0], pass.changes);
  };
  measure();

  const slice = (/** @type {number} */ i) => ({values: values.subarray(i * size, (i + 1) * size), rows, columns});
  const colour = (/** @type {number} */ value) => diverging(value / scale);
  const all = wall({label: t("maps", {count: maps}), count: maps, chosen: map(), name: (i) => t("map", {map: i + 1}), colour,
    picture: slice, onChoose: (i) => state.set({xray_map: i})});
  const large = matrix({label: t("enlarged"), words, colour, data: () => slice(map()), onOpen: openReceipt,
    show: (value) => (Math.abs(value) >= 1 ? value.toFixed(1) : brief(value)),
    onPoint: (row, column) => state.set({xray_at: row * columns + column}, {keep: true})});
  const seen = matrix({label: t("sees"), words, colour: (value, i) => colours(pass.x)(value, i),
    data: () => ({rows: pass.x.shape[1], columns: pass.x.shape[2], values: pass.x.data})});
  const kernels = isConvolution ? wall({label: t("kernels", {count: card.inputs}), count: card.inputs, chosen: input(),
    name: (i) => t("kernel_of", {channel: i + 1}), picture: kernel, colour: (value) => diverging(value / strongest),
    onChoose: (i) => state.set({xray_in: i})}) : null;
  const delta = toggle({label: t("delta"), on: state.get("xray_delta"), onChange: (on) => state.set({xray_delta: on})}).element;
  const [mapTitle, made, said, field, facts, edits] = Array.from({length: 6}, () => h("div", {}));

  /** @param {number} row @param {number} column */
  function openReceipt(row, column) {
    const place = {channel: map(), row, column};
    const title = t("receipt", {layer: card.number, map: map() + 1, row, column, what: titleOf(step, pass, t)});
    const now = valueAt(pass.after[step.name], place);
    if (differs()) {
      const before = valueAt(pass.before[step.name], place);
      return lab.receipt({title, total: digits(now - before), heads: t("heads_made").split(" | "), formula: t("delta_formula"),
        rows: [[t("after"), digits(now)], [t("before"), digits(before)]],
        torch: `import torch\n\ny = torch.tensor([${now}, ${before}], dtype=torch.float64)
print(f"{(y[0] - y[1]).item():.6g}")`});
    }
    const inputs = step.inputs.map((name, i) => {
      const tensor = named(pass.after, name);
      const cut = pass.changes.some((change) => change.kind === "cut" && change.step === step.name && change.input === i);
      return cut ? {...tensor, data: new Float32Array(tensor.data.length)} : tensor;
    });
    const silent = pass.changes.some((change) => (change.kind === "zero" && change.step === step.name) ||
      (change.kind === "mute" && change.step === step.name && change.channel === map()));
    const weights = step.weights.map((name) => changed(net, name, pass.changes));
    const receipt = receiptOf({step, at: place, value: now, inputs, weights, silent, title, t});
    if (receipt) lab.receipt(receipt);
    else lab.say(t("no_receipt"), true);
  }

  function drawPixel() {
    const {row, column} = pixel();
    large.mark([{row, column, rows: 1, columns: 1}]);
    large.point(row, column);
    const [down, across] = sees(net, step.name, row, column, pass.x.shape);
    const [tall, wide] = [down.to - down.from + 1, across.to - across.from + 1];
    seen.mark(tall > 0 && wide > 0 ? [{row: down.from, column: across.from, rows: tall, columns: wide, kind: "reach"}] : []);
    put(field, h("p", {class: "small"}, t("field", {rows: tall, columns: wide})));
    const value = values[map() * size + row * columns + column];
    const all = isConvolution && !differs() ? terms(step, named(pass.after, step.inputs[0]), weight, map(), row, column) : [];
    const top = [...all].sort((a, b) => Math.abs(b.product) - Math.abs(a.product)).slice(0, TOP);
    refill(said, h("p", {}, h("output", {"data-value": String(value)}, t("value", {row, column, value: brief(value)}))),
      button(t(all.length ? "open_terms" : "open_receipt", {count: all.length}), () => openReceipt(row, column)));
    const cells = top.map(({channel, row, column, pixel, weight, product}) =>
      [channel + 1, `${row}, ${column}`, ...[pixel, weight, product].map(brief)]);
    put(made, top.length ? h("div", {class: "scroll"},
      table(t("heads_terms").split(" | ").slice(0, 5), cells, t("top", {shown: TOP, count: all.length}))) : null);
  }

  function drawMap() {
    all.choose(map());
    const muted = `m${at}.${map()}`;
    const mute = toggle({label: t("mute"), on: state.get("xray_cuts").includes(muted),
      onChange: (on) => setCuts((cut) => cut !== muted, on ? [muted] : [])});
    refill(mapTitle, h("div", {class: "row"}, h("h3", {}, t("map", {map: map() + 1})), mute.element));
    large.draw();
    strongest = Math.max(...Array.from({length: card.inputs}, (_, i) => statistics(kernel(i).values).scale));
    kernels?.draw();
    drawPixel();
    drawKernel();
  }

  function drawKernel() {
    if (!kernels) return;
    kernels.choose(input());
    const [{values, columns: side}, begin] = [kernel(input()), kernelAt(card, map(), input())];
    const ours = (/** @type {string} */ cut) => {
      const [step, index] = cut.slice(1).split(/[.~]/).map(Number);
      return step === card.index && "ws".includes(cut[0]) && index >= begin && index < begin + values.length;
    };
    const editor = h("div", {class: "kernel"}, ...Array.from(values, (value, i) => {
      const edit = `w${card.index}.${begin + i}~`;
      return typed({label: t("weight_cell", {row: Math.floor(i / side), column: i % side}), value: Number(value.toFixed(3)),
        low: -99, high: 99, onChange: (now) => setCuts((cut) => !cut.startsWith(edit), [edit + Number(now.toFixed(6))])}).element;
    }));
    editor.style.setProperty("--side", String(side));
    refill(edits, h("h3", {}, t("kernel_of", {channel: input() + 1})), editor, h("div", {class: "row"},
      side >= 3 ? button("Sobel", () => setCuts((cut) => !ours(cut), [`s${card.index}.${begin}`])) : null,
      state.get("xray_cuts").some(ours) ? button(t("kernel_back"), () => setCuts((cut) => !ours(cut), [])) : null),
      side >= 3 ? h("p", {class: "small"}, t("sobel_about")) : null);
  }

  /** @param {(cut: string) => boolean} stays @param {string[]} more */
  const setCuts = (stays, more) => state.set({xray_cuts: [...state.get("xray_cuts").filter(stays), ...more]});

  function drawFacts() {
    const summary = statistics(values);
    const title = t("summary", {layer: card.number, what: titleOf(step, pass, t)});
    const told = /** @type {const} */ (["min", "max", "mean", "sd"]).map((key) => `${t(key)} ${brief(summary[key])}`).join("   ");
    refill(facts, button(told, () => lab.receipt(summaryReceipt({shape: step.shape, data: values}, title, t)),
      {class: "quiet facts-line", "aria-haspopup": "dialog"}));
  }

  function draw() {
    measure();
    delta.hidden = !pass.changes.length;
    all.draw();
    drawFacts();
    drawMap();
  }

  const whole = (/** @type {number} */ number) => lab.number(number, 9);
  const [, high_, wide_] = card.step.shape;
  const inner = `${card.inputs}·${card.step.shape[0]}·${card.kernel.join("·")}`;
  refill(place,
    h("div", {class: "row"}, h("h2", {tabindex: "-1"}, t("layer", {layer: card.number})), h("code", {}, card.step.layer),
      lab.badge("computed")),
    h("dl", {class: "facts layer-facts"}, ...[
      [t("kernel"),
        `${card.kernel.join(" × ")}, ${t("stride")} ${card.step.stride[0]}, ${t("padding")} ${card.step.padding[0]}`],
      [t("channels"), `${card.inputs} → ${card.step.shape[0]}`],
      [t("shape"), card.step.shape.join(" × ")],
      [t("parameters"), `${inner}${card.step.weights.length > 1 ? ` + ${card.step.shape[0]}` : ""} = ${whole(card.parameters)}`],
      [t("macs"), t("macs_value", {macs: whole(card.macs), share: lab.number((100 * card.macs) / net.macs, 2),
        inner: card.step.op === "conv2d" ? `${inner}·${high_}·${wide_} = ` : ""})],
    ].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    h("div", {class: "chips", role: "group", "aria-label": t("which")}, ...card.steps.map((each) => button(titleOf(each, pass, t),
      () => state.set({xray_step: each === card.step ? "" : each.name}), {"aria-pressed": String(each === step)}))),
    h("div", {class: "opened"},
      h("section", {}, h("h3", {}, t("maps", {count: maps})), h("p", {class: "small"}, t("maps_about")), facts, delta,
        all.element),
      h("section", {}, mapTitle, large.element, h("div", {class: "pixel"}, seen.element, h("div", {}, said, field)), made),
      h("section", {}, ...(kernels ? [h("h3", {}, t("kernels", {count: card.inputs})),
        h("p", {class: "small"}, t("kernels_about")), kernels.element, edits] : [h("p", {class: "small"}, t("no_kernels"))]))));
  draw();
  const redraws = {xray_map: drawMap, xray_at: drawPixel, xray_in: drawKernel, xray_delta: draw};
  const offs = Object.entries(redraws).map(([name, redraw]) => state.on([name], redraw));
  return {
    draw,
    stop() {
      offs.forEach((off) => off());
      all.stop();
      kernels?.stop();
    },
  };
}
