// Stand-in until the room is built.
export const fields = {};
/** @param {HTMLElement} el @param {import("../main.js").Lab} lab */
export function mount(el, lab) { el.textContent = lab.words("loading"); return {}; }
