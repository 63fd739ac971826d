// Two small instruments of room 5: the line of noise levels, and the chart of how far the guess moves.

import {h, put, svg} from "../ui/dom.js";

/** The noise levels of a walk on one line, noise to the left; over it the amounts a and s. @param {(key: any) => string} t */
export function noiseLine(t) {
  const picture = svg("svg", {viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img"});
  const element = h("div", {class: "noise-line"},
    h("div", {class: "row ends small", "aria-hidden": "true"}, h("i", {class: "s"}, "s"), h("i", {class: "a"}, "a")), picture,
    h("div", {class: "row ends small"}, h("span", {}, t("noise_end")), h("span", {}, t("picture_end"))));
  return {
    element,
    /** @param {number[]} times @param {Path} path @param {number} k @param {string} told */
    draw(times, path, k, told) {
      const place = (/** @type {number} */ time) => 100 * (1 - time);
      const curve = (/** @type {"a" | "s"} */ amount) => svg("polyline", {class: amount, points: Array.from({length: 51},
        (_, i) => `${2 * i},${28 - 26 * Math.min(1, path(1 - i / 50)[amount])}`).join(" ")});
      const tick = (/** @type {number} */ time, /** @type {number} */ i) => svg("line", {x1: place(time), x2: place(time),
        y1: i === k ? 0 : 32, y2: 40, class: i === k ? "now" : i < k ? "done" : "todo"});
      picture.setAttribute("aria-label", told);
      put(picture, curve("a"), curve("s"), ...times.map(tick));
    },
  };
}

/** A chart of one bar for each number. */
export function bars() {
  const picture = svg("svg", {viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img"});
  const caption = h("figcaption", {});
  const element = h("figure", {class: "bars"}, picture, caption);
  return {
    element,
    /** @param {number[]} values @param {number} now @param {number} count @param {string} told */
    draw(values, now, count, told) {
      element.hidden = !values.length;
      const [most, wide] = [Math.max(1e-9, ...values), 100 / Math.max(1, count)];
      picture.setAttribute("aria-label", told);
      put(caption, told);
      put(picture, ...values.map((value, i) => svg("rect", {x: (i + 0.1) * wide, width: 0.8 * wide, y: 40 - (40 * value) / most,
        height: (40 * value) / most, class: i === now ? "now" : null})));
    },
  };
}
