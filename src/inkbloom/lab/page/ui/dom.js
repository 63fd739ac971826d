// Elements without a framework: h("button", {class: "key", onClick: go}, "Go").

/** @typedef {Node | string | number | null | undefined | false} Child */

/** @param {Element} element @param {Record<string, any>} props */
export function give(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2).toLowerCase(), value);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "open") /** @type {any} */ (element)[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @param {Element} element @param {Child[]} children */
function fill(element, children) {
  for (const child of children) {
    if (child || child === 0) element.append(child instanceof Node ? child : String(child));
  }
}

/** An HTML element. Properties that begin with "on" are listeners; null and false are left out, children too.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, any>} [props] @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]} */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  fill(element, children);
  give(element, props);
  return element;
}

/** An SVG element.
 * @param {string} tag @param {Record<string, any>} [props] @param {...Child} children
 * @returns {SVGElement} */
export function svg(tag, props = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  give(element, props);
  fill(element, children);
  return element;
}

/** A table of texts. @param {string[]} heads @param {(string | number)[][]} rows @param {string} [caption] */
export function table(heads, rows, caption) {
  return h("table", {}, caption && h("caption", {}, caption),
    heads.length ? h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", {scope: "col"}, head)))) : null,
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((each) => h("td", {}, each))))));
}

/** Empties an element and puts children into it. @param {Element} element @param {...Child} children */
export function put(element, ...children) {
  element.replaceChildren();
  fill(element, children);
}

/** The same, and the focus goes to what stands where it was. @param {Element} element @param {...Child} children */
export function refill(element, ...children) {
  const controls = () => /** @type {HTMLElement[]} */ ([...element.querySelectorAll("button, input, select")]);
  const at = controls().indexOf(/** @type {HTMLElement} */ (document.activeElement));
  put(element, ...children);
  if (at >= 0) (controls()[at] ?? controls().at(-1))?.focus({preventScroll: true});
}

/** Writes a text where another stands: what stays as it is need not be laid out anew. @param {Element} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Text in which `code` and *stress* are marked as such. @param {string} text @returns {Node[]} */
export function rich(text) {
  return text.split(/(`[^`]+`|\*[^*]+\*)/).filter(Boolean).map((part) => {
    if (part[0] === "`") return h("code", {}, part.slice(1, -1));
    if (part[0] === "*" && part.length > 2) return h("em", {}, part.slice(1, -1));
    return document.createTextNode(part);
  });
}

/** @type {Set<() => void>} What is to run before the next frame is shown. */
const waiting = new Set();
let asked = false;

function runWaiting() {
  try {
    for (const run of waiting) { // also what a run asks for: a room's numbers and its matrices are shown in one frame
      waiting.delete(run);
      run();
    }
  } finally {
    asked = false;
  }
}

/** A function that runs at most once a frame, however often it is called. @param {() => void} run */
export function eachFrame(run) {
  return () => {
    waiting.add(run);
    if (!asked) requestAnimationFrame(runWaiting);
    asked = true;
  };
}

/** A function that runs over and over, never twice at once, as long as it has been called since it last began.
 * @param {() => Promise<void>} run */
export function newest(run) {
  let [busy, again] = [false, false];
  return async () => {
    again = true;
    if (busy) return;
    busy = true;
    while (again) {
      again = false;
      await run();
    }
    busy = false;
  };
}
