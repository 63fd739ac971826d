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
  const wide = () => area.clientWidth || 300;
  const draw = () => {
    if (!view) return;
    const {x: [low, high], y: [bottom, top], layers, told, scale} = view;
    const width = wide();
    const across = (/** @type {number} */ x) => EDGE.left + ((x - low) / (high - low)) * (width - EDGE.left - EDGE.right);
    const up = (/** @type {number} */ y) => {
      const share = (Math.min(Math.max(y, bottom), top) - bottom) / (top - bottom);
      return height - EDGE.bottom - share * (height - EDGE.top - EDGE.bottom);
    };
    const shape = {
      bars: (/** @type {number[][]} */ points) => points.filter(([, , y]) => y).map(([from, to, y]) =>
        `M${across(from).toFixed(1)} ${up(0).toFixed(1)}V${up(y).toFixed(1)}H${across(to).toFixed(1)}V${up(0).toFixed(1)}Z`).join(""),
      line: (/** @type {number[][]} */ points) => points.map(([x, y], i) => `${i ? "L" : "M"}${across(x).toFixed(1)} ${up(y).toFixed(1)}`).join(""),
      rule: (/** @type {number[][]} */ points) => points.map(([x]) => `M${across(x).toFixed(1)} ${EDGE.top}V${height - EDGE.bottom}`).join(""),
    };
    area.setAttribute("aria-label", told ? `${label}. ${told}` : label);
    put(area, svg("path", {class: "axis", d: `M${EDGE.left} ${up(Math.max(0, bottom))}H${width - EDGE.right}`}),
      ...ticks(low, high).map((at) => svg("text", {x: across(at), y: height - 6, "text-anchor": "middle"}, String(Number(at.toPrecision(3))).replace("-", "−"))),
      ...(scale ? ticks(bottom, top) : []).flatMap((at) => [svg("path", {class: "axis", d: `M${EDGE.left} ${up(at)}H${width - EDGE.right}`}),
        svg("text", {x: width - EDGE.right - 3, y: up(at) - 3, "text-anchor": "end"}, String(Number(at.toPrecision(3))).replace("-", "−"))]),
      ...layers.map(({kind, colour, points}) => svg("path", {class: `${kind} ${colour}`, d: shape[kind](points.filter(([x]) => x >= low && x <= high))})));
    put(legend, ...layers.filter(({name}) => name).map(({kind, colour, name}) => h("span", {}, h("i", {class: `${kind} ${colour}`}), name)));
  };
  let held = false;
  const pick = (/** @type {PointerEvent} */ event, /** @type {boolean} */ done) => {
    if (!view || !onPick) return;
    const share = (event.clientX - area.getBoundingClientRect().left - EDGE.left) / (wide() - EDGE.left - EDGE.right);
    onPick(view.x[0] + Math.min(1, Math.max(0, share)) * (view.x[1] - view.x[0]), done);
  };
  area.addEventListener("pointerdown", (event) => { held = true; pick(/** @type {PointerEvent} */ (event), false); });
  area.addEventListener("pointermove", (event) => { if (held) pick(/** @type {PointerEvent} */ (event), false); });
  for (const end of ["pointerup", "pointerleave", "pointercancel"]) {
    area.addEventListener(end, (event) => { if (held) pick(/** @type {PointerEvent} */ (event), true); held = false; });
  }
  new ResizeObserver(draw).observe(element);
  return {element, draw: (/** @type {View} */ now) => { view = now; draw(); }};
}
