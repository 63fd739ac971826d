// A wall of small pictures, one of which is chosen. One tab stop; the arrow keys go about. Only those in view are drawn.

import {paint} from "./colour.js";
import {h} from "./dom.js";

/** @param {{label: string, count: number, chosen: number, name: (i: number) => string, onChoose: (i: number) => void,
 *   picture: (i: number) => {values: ArrayLike<number>, rows: number, columns: number},
 *   colour: (value: number) => Rgb}} about */
export function wall({label, count, chosen, name, onChoose, picture, colour}) {
  const seen = new Set();
  const tiles = Array.from({length: count}, (_, i) => h("div", {
    class: "tile", role: "radio", "aria-label": name(i), title: name(i), "aria-checked": "false", tabindex: "-1",
    onClick: () => onChoose(i),
  }, h("canvas", {"aria-hidden": "true"})));
  const element = h("div", {class: "wall", role: "radiogroup", "aria-label": label, onKeydown}, ...tiles);
  const show = (/** @type {number} */ i) => {
    const {values, rows, columns} = picture(i);
    paint(/** @type {HTMLCanvasElement} */ (tiles[i].firstChild), values, rows, columns, colour);
  };
  const watch = new IntersectionObserver((entries) => {
    for (const {target, isIntersecting} of entries) {
      const i = tiles.indexOf(/** @type {HTMLDivElement} */ (target));
      if (isIntersecting) seen.add(i);
      else seen.delete(i);
      if (isIntersecting) show(i);
    }
  });
  tiles.forEach((tile) => watch.observe(tile));

  /** @param {KeyboardEvent} event */
  function onKeydown(event) {
    const across = Math.max(1, tiles.filter(({offsetTop}) => offsetTop === tiles[0].offsetTop).length);
    /** @type {Record<string, number>} */
    const to = {ArrowLeft: chosen - 1, ArrowRight: chosen + 1, ArrowUp: chosen - across, ArrowDown: chosen + across,
      Home: 0, End: count - 1};
    if (!(event.key in to) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    onChoose(Math.min(count - 1, Math.max(0, to[event.key])));
    tiles[chosen].focus();
  }

  /** @param {number} i */
  function choose(i) {
    [[chosen, false], [i, true]].forEach(([tile, on]) => {
      tiles[Number(tile)]?.setAttribute("aria-checked", String(on));
      tiles[Number(tile)]?.setAttribute("tabindex", on ? "0" : "-1");
    });
    chosen = i;
  }
  choose(chosen);
  return {element, choose, draw: () => seen.forEach(show), stop: () => watch.disconnect()};
}
