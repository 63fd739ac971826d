// Stand-in until the part is built.
export const fields = {};
/** @param {HTMLElement} el @param {import("../main.js").Lab} lab @param {import("./spreading.js").Words} t */
export function mount(el, lab, t) { el.textContent = lab.words("loading") + t("lead").slice(0, 0); return {}; }
