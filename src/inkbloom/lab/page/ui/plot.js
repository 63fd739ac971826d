// A plot of functions and bars over one axis, as SVG. It says itself in words to those who do not see it.

import {h, put, svg} from "./dom.js";

/**
 * A layer: `bars` are [from, to, height], `line` is [x, y] by [x, y], `rule` is an upright line at each x.
 * @typedef {{kind: "bars" | "line" | "rule", colour: "seal" | "reach" | "good" | "soft", points: number[][], name?: string}} Layer
 * @typedef {{x: [number, number], y: [number, number], layers: Layer[], told?: string, scale?: boolean}} View
 * scale: whether the heights are written beside the plot.
 */

const EDGE = {left: 8, right: 8, top: 8, bottom: 22};

/** Four or five round numbers between two. @param {number} low @param {number} high */
function ticks(low, high) {
  const rough = (high - low) / 4;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * unit).find((each) => each >= rough) ?? rough;
  return Array.from({length: 12}, (_, i) => (Math.ceil(low / step) + i) * step).filter((each) => each <= high + 1e-9 * step);
}

/** @param {{label: string, height?: number, onPick?: (x: number, done: boolean) => void}} about */
export function plot({label, height = 150, onPick}) {
  /** @type {View | undefined} */ let view;
  const legend = h("div", {class: "legend", "aria-hidden": "true"});
  const area = svg("svg", {role: "img", "aria-label": label, class: "plot", height});
  const element = h("figure", {class: "matrix-figure"}, h("figcaption", {}, label), area, legend);
  let width = 300;
  const draw = () => {
    if (!view) return;
    const {x: [low, high], y: [bottom, top], layers, told, scale} = view;
    const across = (/** @type {number} */ x) =>
      (EDGE.left + ((x - low) / (high - low)) * (width - EDGE.left - EDGE.right)).toFixed(1);
    const up = (/** @type {number} */ y) => {
      const share = (Math.min(Math.max(y, bottom), top) - bottom) / (top - bottom);
      return Number((height - EDGE.bottom - share * (height - EDGE.top - EDGE.bottom)).toFixed(1));
    };
    /** @type {Record<Layer["kind"], (point: number[], i: number) => string>} */
    const shape = {
      bars: ([from, to, y]) => (y ? `M${across(from)} ${up(0)}V${up(y)}H${across(to)}V${up(0)}Z` : ""),
      line: ([x, y], i) => `${i ? "L" : "M"}${across(x)} ${up(y)}`,
      rule: ([x]) => `M${across(x)} ${EDGE.top}V${height - EDGE.bottom}`,
    };
    const level = (/** @type {number} */ y) => svg("path", {class: "axis", d: `M${EDGE.left} ${up(y)}H${width - EDGE.right}`});
    const number = (/** @type {number} */ value, /** @type {Record<string, any>} */ at) =>
      svg("text", at, String(Number(value.toPrecision(3))).replace("-", "−"));
    area.setAttribute("aria-label", told ? `${label}. ${told}` : label);
    put(area, level(Math.max(0, bottom)), ...ticks(low, high).map((at) => number(at, {x: across(at), y: height - 6, "text-anchor": "middle"})),
      ...(scale ? ticks(bottom, top) : []).flatMap((at) => [level(at), number(at, {x: width - EDGE.right - 3, y: up(at) - 3, "text-anchor": "end"})]),
      ...layers.map(({kind, colour, points}) => svg("path", {class: `${kind} ${colour}`,
        d: points.filter(([x]) => x >= low && x <= high).map(shape[kind]).join("")})));
    put(legend, ...layers.filter(({name}) => name).map(({kind, colour, name}) => h("span", {}, h("i", {class: `${kind} ${colour}`}), name)));
  };
  let held = false;
  const pick = (/** @type {any} */ event) => {
    if (!held || !view) return;
    const share = (event.clientX - area.getBoundingClientRect().left - EDGE.left) / (width - EDGE.left - EDGE.right);
    held = /down|move/.test(event.type);
    onPick?.(view.x[0] + Math.min(1, Math.max(0, share)) * (view.x[1] - view.x[0]), !held);
  };
  area.addEventListener("pointerdown", () => { held = true; });
  for (const name of ["down", "move", "up", "leave", "cancel"]) area.addEventListener(`pointer${name}`, pick);
  new ResizeObserver(() => {
    width = area.clientWidth;
    draw();
  }).observe(element);
  return {element, draw: (/** @type {View} */ now) => { view = now; draw(); }};
}
