// The models that come with the page, or that `inkbloom lab --model` adds: each is fetched once, when a room first asks for it.

/** @typedef {{name: string, file: string, title: Record<string, string>, card?: Record<string, any>, [more: string]: any}} Listed */

/**
 * @param {(name: string) => Promise<Uint8Array>} asset
 * @param {ReturnType<typeof import("../engine/client.js").openEngine>} engine
 */
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
    /**
     * Why there is no model, in words. @param {any} problem @param {(key: string, values?: Record<string, any>) => string} words
     */
    why(problem, words) {
      const {code, values} = problem ?? {};
      const known = {foreign: "file_foreign", format: "file_foreign", operation: "file_operation", large: "file_large"};
      const why = !code ? "file_missing" : known[/** @type {keyof typeof known} */ (code)] ?? "file_broken";
      return words("model_failed", {why: words(why, {code, ...values})});
    },
  };
}
