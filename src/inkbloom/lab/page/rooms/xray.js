// Room 4: a network laid open. The drawing, noisy, goes through it; each convolution is a card of a U; any of them opens, each
// number in it has its receipt, and surgery shows what a part is good for.

import {NOISES, PATHS, clipped, mixed, split} from "../engine/diffusion.js";
import * as text from "../text/xray.js";
import {cividis, diverging, paint} from "../ui/colour.js";
import {button, choose, slider, toggle} from "../ui/controls.js";
import {eachFrame, h, newest, put, refill} from "../ui/dom.js";
import {coloursOf, pictureOf} from "../ui/drawing.js";
import {modelRoom} from "../ui/models.js";
import {flag, number, text as word, whole} from "../ui/state.js";
import {openLayer} from "./layer.js";
import {CUT, changesOf, netOf, statistics} from "./network.js";
import {errorReceipt} from "./receipts.js";

const MOST_CUTS = 80;

export const fields = {
  xray_t: number(0.6, 0.02, 0.98),
  xray_seed: whole(7, 0, 4294967),
  xray_class: whole(-1, -1, 999),
  xray_layer: whole(1, 1, 200),
  xray_step: word("", /^\w{1,60}$/),
  xray_map: whole(0, 0, 9999),
  xray_at: whole(90, 0, 99999),
  xray_in: whole(0, 0, 9999),
  xray_delta: flag(false),
  xray_cuts: {
    default: /** @type {string[]} */ ([]),
    read: (/** @type {string} */ text) => {
      const cuts = text.split("_");
      return cuts.length <= MOST_CUTS && cuts.every((cut) => CUT.test(cut)) ? cuts : undefined;
    },
    write: (/** @type {string[]} */ cuts) => cuts.slice(-MOST_CUTS).join("_"),
  },
};

/** @param {HTMLElement} el @param {Lab} lab */
export function mount(el, lab) {
  const t = lab.wordsOf(text);
  return modelRoom(el, lab, "xray", t("lead"), async (model) => {
    const names = [...new Set(model.steps.flatMap(({weights}) => weights))];
    return new Map(await Promise.all(names.map(async (name) =>
      /** @type {const} */ ([name, await lab.models.engine.weight(model, name)]))));
  }, (place, model, weights) => show(place, lab, t, model, netOf(model, weights)));
}

/** @param {HTMLElement} place @param {Lab} lab @param {Words} t @param {Model} model @param {Net} net */
function show(place, lab, t, model, net) {
  const {state} = lab;
  const {sampling} = model;
  const [low, high] = sampling.range;
  const colours = coloursOf(sampling);
  /** @type {Pass} */
  const pass = {x: {shape: [], data: new Float32Array(0)}, before: {}, after: {}, changes: []};
  /** @type {ReturnType<typeof openLayer> | undefined} */ let opened;
  let stopped = false;

  /** The drawing in the model's range of pixels, and mixed with noise. */
  const given = () => {
    const x0 = pictureOf(state.get("drawing"), sampling);
    const eps = NOISES[sampling.noise](state.get("xray_seed"), "noise", 0, x0.data.length);
    const coef = PATHS[sampling.path](state.get("xray_t"));
    return {x0, coef, x: mixed(coef.a, x0, coef.s, {shape: x0.shape, data: eps})};
  };
  /** The network's best guess of the drawing. @param {Record<string, Tensor>} values @param {ReturnType<typeof given>} from */
  const guessOf = (values, {x, coef}) => {
    const guess = () => split(values[net.steps[net.steps.length - 1].name], x, coef, sampling.target)[0];
    return (sampling.clip_x0 ? clipped(guess, low, high) : guess)(x, 0);
  };

  const pictures = h("div", {class: "glimpses"});
  const surgery = h("div", {class: "row surgery"});
  const layer = h("section", {class: "panel layer"});
  const u = h("div", {class: "u", role: "group", "aria-label": t("u")});
  u.style.setProperty("--columns", net.stages.map(({cards}) => `minmax(0, ${cards.length}fr)`).join(" "));
  const cards = net.cards.map((card) => {
    const canvas = h("canvas", {"aria-hidden": "true"});
    const label = t("card", {layer: card.number, shape: card.step.shape.join(" × "), kernel: card.kernel.join(" × ")});
    const element = h("button", {type: "button", class: "net-card", onClick: () => go(card.number), title: card.step.layer},
      h("span", {class: "unseen"}, label), h("b", {"aria-hidden": "true"}, card.number), canvas,
      h("span", {"aria-hidden": "true"}, `${card.step.shape[0]} ${card.kernel.join("×")}`));
    return {card, canvas, element};
  });
  const skips = net.skips.map((skip) => {
    const cut = `c${skip.index}.${skip.input}`;
    const element = button("", () => turn(cut), {class: "skip-wire"});
    element.style.setProperty("--row", String(net.stages[skip.from].depth + 1));
    element.style.setProperty("--span", `${skip.from + 2} / ${skip.to + 1}`);
    return {...skip, cut, element};
  });
  put(u, ...net.stages.flatMap((stage, i) => {
    const size = stage.size.join(" × ");
    const group = h("div", {class: "stage", role: "group", "aria-label": size}, h("span", {class: "size"}, size),
      h("div", {class: "net-cards"}, ...cards.filter(({card}) => card.stage === i).map(({element}) => element)));
    group.style.setProperty("--row", String(stage.depth + 1));
    group.style.setProperty("--column", String(i + 1));
    return [group, ...skips.filter(({from}) => from === i).map(({element}) => element)];
  }));

  /** @param {number} number  of the convolution to open */
  function go(number) {
    state.set({xray_layer: number, xray_step: ""});
    layer.scrollIntoView({block: "nearest"});
    layer.querySelector("h2")?.focus({preventScroll: true});
  }

  /** @param {string} cut */
  function turn(cut) {
    const cuts = state.get("xray_cuts");
    state.set({xray_cuts: cuts.includes(cut) ? cuts.filter((/** @type {string} */ each) => each !== cut) : [...cuts, cut]});
  }

  /** The passage without surgery, as long as what goes in stays the same. @type {ReturnType<Engine["forward"]> | null} */
  let plain = null;
  /** One passage through the network, and one more with surgery; the engine computes only what comes after it. */
  const compute = newest(async () => {
    const from = given();
    const changes = changesOf(state.get("xray_cuts"), net);
    const label = sampling.classes[state.get("xray_class")] === undefined ? null : state.get("xray_class");
    const seen = {x: from.x, t: sampling.timed ? state.get("xray_t") : 0, label};
    try {
      const before = await (plain ??= lab.models.engine.forward(model, seen));
      const after = changes.length ? await lab.models.engine.forward(model, seen, changes) : before;
      if (stopped) return;
      Object.assign(pass, {x: from.x, before: before.values, after: after.values, changes});
      draw(from, before.ms, after.ms);
      if (opened) opened.draw();
      else reopen();
    } catch (problem) {
      plain = null;
      if (!stopped) lab.say(lab.models.why(problem, lab.words), true);
    }
  });

  /** @param {ReturnType<typeof given>} from @param {number} ms @param {number} msAfter */
  function draw(from, ms, msAfter) {
    const [before, after] = [guessOf(pass.before, from), guessOf(pass.after, from)];
    const unit = (/** @type {Tensor} */ picture) => picture.data.map((value) => (value - low) / (high - low));
    const difference = mixed(1 / (high - low), after, -1 / (high - low), before);
    const error = (/** @type {Tensor} */ guess) => {
      const receipt = errorReceipt(unit(guess), unit(from.x0), t);
      return button(t("error", {error: lab.number(Number(receipt.total))}), () => lab.receipt(receipt),
        {class: "quiet", "data-error": receipt.total, "aria-haspopup": "dialog"});
    };
    /** @param {string} name @param {Tensor} picture @param {HTMLElement | string} below */
    const figure = (name, picture, below, colour = colours(picture)) => {
      const caption = t(name, {t: lab.number(state.get("xray_t"))});
      const canvas = h("canvas", {class: "thumb", role: "img", "aria-label": caption});
      paint(canvas, picture.data, from.x.shape[1], from.x.shape[2], colour);
      return h("figure", {"data-picture": name}, h("figcaption", {}, caption), canvas, h("div", {class: "small"}, below));
    };
    refill(pictures,
      figure("clean", from.x0, button(t("to_lobby"), () => state.set({room: "lobby"}), {class: "quiet"})),
      figure("noisy", from.x, `${lab.number(from.coef.a)}·x0 + ${lab.number(from.coef.s)}·ε`),
      figure("guess", before, error(before)),
      ...(pass.changes.length ? [figure("after", after, error(after)),
        figure("difference", difference, t("largest", {value: lab.number(statistics(difference.data).scale)}), diverging)] : []));
    const times = {ms: lab.number(ms, 2), after: lab.number(msAfter, 2), steps: net.steps.length};
    put(took, t(pass.changes.length ? "took_both" : "took", times));
    drawCards();
    drawSurgery();
  }

  const took = h("p", {class: "small"});

  function drawCards() {
    const marked = new Set(state.get("xray_cuts").map((/** @type {string} */ cut) => net.steps[parseInt(cut.slice(1), 10)]));
    for (const {card, canvas, element} of cards) {
      const {shape: [maps, rows, columns], data} = pass.after[card.step.name];
      const strength = Float32Array.from({length: rows * columns}, (_, i) => {
        let sum = 0;
        for (let map = 0; map < maps; map++) sum += data[map * rows * columns + i] ** 2;
        return Math.sqrt(sum / maps);
      });
      const {max} = statistics(strength);
      paint(canvas, strength, rows, columns, (value) => cividis(value / (max || 1)));
      element.classList.toggle("operated", card.steps.some((step) => marked.has(step)));
      element.setAttribute("aria-current", String(card.number === state.get("xray_layer")));
    }
    for (const {element, cut, channels, to} of skips) {
      const on = state.get("xray_cuts").includes(cut);
      element.setAttribute("aria-pressed", String(on));
      put(element, h("span", {}, t(on ? "skip_cut" : "skip", {channels, layer: net.stages[to].cards[0].number})));
    }
  }

  function drawSurgery() {
    const cuts = state.get("xray_cuts");
    const part = (/** @type {number} */ index, /** @type {string} */ label) =>
      (index < 0 ? null : toggle({label: t(label), on: cuts.includes(`z${index}`), onChange: () => turn(`z${index}`)}).element);
    refill(surgery, h("h2", {}, t("surgery")), sampling.timed ? part(net.time, "zero_time") : null, part(net.label, "zero_label"),
      h("span", {class: "small"}, t(cuts.length ? "cuts" : "surgery_about", {count: cuts.length})),
      cuts.length ? button(t("reset"), () => state.set({xray_cuts: [], xray_delta: false})) : null);
  }

  function reopen() {
    opened?.stop();
    opened = openLayer(layer, lab, t, net, pass, colours);
    drawCards();
  }

  const classes = choose({label: t("class"), value: String(state.get("xray_class")),
    onChange: (value) => state.set({xray_class: Number(value)}),
    options: [{value: "-1", label: t("class_none")}, ...sampling.classes.map((label, i) => ({value: String(i), label}))]});
  const level = slider({label: t("t"), low: 0.02, high: 0.98, step: 0.01, value: state.get("xray_t"),
    show: (value) => lab.number(value, 2), onChange: (value, done) => state.set({xray_t: value}, {keep: !done})});
  const reroll = button(t("reroll"), () => state.set({xray_seed: (state.get("xray_seed") + 1) % 4294967}));
  const bends = new Intl.ListFormat(lab.language).format(net.stages.slice(1).map(({cards}) => String(cards[0].number)));
  put(place,
    h("section", {class: "panel passage"}, pictures, h("div", {class: "knobs"}, level.element, h("div", {class: "row"},
      sampling.conditions ? classes.element : null, reroll), took)),
    sampling.timed ? null : h("section", {class: "panel"}, h("p", {}, t("blind"))),
    h("section", {class: "panel"}, h("div", {class: "row"}, h("h2", {}, t("u_title", {count: net.cards.length})),
      lab.badge("computed"), h("p", {class: "small wide"}, t("u_about"))), u,
      net.stages.length > 1 ? h("p", {class: "small wide"}, t("sizes", {layers: bends})) : null, surgery),
    layer);
  void compute();
  const inputs = ["drawing", "xray_t", "xray_seed", "xray_class"];
  const offs = [
    state.on(inputs, () => {
      plain = null;
      level.set(state.get("xray_t"));
      classes.set(String(state.get("xray_class")));
    }),
    state.on([...inputs, "xray_cuts"], eachFrame(() => !stopped && void compute())),
    state.on(["xray_layer", "xray_step"], () => opened && reopen()),
  ];
  return () => {
    stopped = true;
    opened?.stop();
    offs.forEach((off) => off());
  };
}
