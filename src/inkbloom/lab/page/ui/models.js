// The models that come with the page, or that `inkbloom lab --model` adds: each is fetched once, when a room first asks for it.

import {h, put, rich} from "./dom.js";

/** @typedef {{name: string, file: string, title: Record<string, string>, card?: Record<string, any>, [more: string]: any}} Listed */

/** @param {(name: string) => Promise<Uint8Array>} asset
 * @param {Engine} engine */
export function createModels(asset, engine) {
  /** @type {Promise<Listed[]> | undefined} */ let listed;
  /** @type {Map<string, ReturnType<typeof engine.load>>} */ const opened = new Map();
  /** @returns {Promise<Listed[]>} */
  const list = () => (listed ??= asset("models.json").then((bytes) => JSON.parse(new TextDecoder().decode(bytes))));
  return {
    engine,
    list,
    /** The model of this name, its weights loaded and compared with PyTorch. @param {string} name */
    open(name) {
      const model = opened.get(name) ?? list().then((all) => {
        const found = all.find((each) => each.name === name) ?? all[0];
        return asset(found.file).then((bytes) => engine.load(bytes));
      });
      opened.set(name, model);
      return model;
    },
    /** Why there is no model. @param {any} problem @param {Words} words */
    why(problem, words) {
      const {code, values} = problem ?? {};
      const known = {foreign: "file_foreign", format: "file_foreign", operation: "file_operation", large: "file_large"};
      const why = !code ? "file_missing" : known[/** @type {keyof typeof known} */ (code)] ?? "file_broken";
      return words("model_failed", {why: words(why, {code, ...values})});
    },
  };
}

/** A room that needs the model: its heading, and what `build` makes of the model once all is there; else why there is none.
 * @template More
 * @param {HTMLElement} el @param {Lab} lab @param {string} room @param {string} lead
 * @param {(model: Model) => Promise<More>} more  what else must be there
 * @param {(place: HTMLElement, model: Model, more: More) => () => void} build  gives what ends it */
export function modelRoom(el, {models, state, words}, room, lead, more, build) {
  const place = h("div", {class: "room"}, h("p", {class: "panel"}, words("loading")));
  put(el, h("h1", {}, words(`room_${room}`)), h("p", {class: "lead"}, lead), place);
  let left = false;
  let stop = () => {};
  models.open(state.get("model")).then(async (model) => {
    const found = await more(model);
    if (!left) stop = build(place, model, found);
  }).catch((problem) => {
    if (!left) put(place, h("p", {class: "panel"}, ...rich(models.why(problem, words))));
  });
  return {stop: () => { left = true; stop(); }};
}
