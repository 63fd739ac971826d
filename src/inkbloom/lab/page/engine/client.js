// The page's side of the engine: functions that ask the worker and promise an answer.

import { FileProblem } from "./safetensors.js";

/** @typedef {import("./conv.js").Tensor} Tensor */
/** @typedef {import("./net.js").Change} Change */
/** @typedef {import("./net.js").Step} Step */
/** @typedef {import("./page_file.js").Sampling} Sampling */
/** @typedef {import("./sampling.js").Progress} Progress */
/** @typedef {import("./sampling.js").Request} Request */
/** A network that the worker holds. parity: the worst difference from PyTorch in any step; about: the table of the weights
 * file, with the recipe.
 * @typedef {{id: number, name: string, steps: Step[], sampling: Sampling, about: Record<string, any>, parity: number,
 *   macs: number, parameters: number}} Model */
/** x at the noise level t, and a class, or null for none in particular.
 * @typedef {{x: Tensor, t: number, label?: number | null}} Seen */
/** @typedef {import("./worker.js").Port} Port */

/** What a worker that runs worker.js can do. Promises fail with a FileProblem, whose code "broken" means the engine itself.
 * @param {Port} port a Worker, or an end of a channel whose other end `serve` of worker.js has */
export function openEngine(port) {
  let last = 0;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (problem: Error) => void, onStep?: (step: any) => void}>} */
  const waiting = new Map();

  /** @param {string} call @param {any} given @param {(step: any) => void} [onStep] @returns {Promise<any>} */
  const ask = (call, given, onStep) => {
    const id = ++last;
    port.postMessage({ id, call, given });
    return new Promise((resolve, reject) => waiting.set(id, { resolve, reject, onStep }));
  };

  port.onmessage = ({ data: { id, result, problem, step } }) => {
    const asked = waiting.get(id);
    if (step) return asked?.onStep?.(step);
    waiting.delete(id);
    if (problem) asked?.reject(new FileProblem(problem.code, problem.values));
    else asked?.resolve(result);
  };
  const worker = /** @type {any} */ (port);
  worker.onerror = (/** @type {any} */ event) => {
    for (const asked of waiting.values()) asked.reject(new FileProblem("broken", { message: String(event.message) }));
    waiting.clear();
  };

  return {
    /** Opens a page file, and proves it. @param {Uint8Array} bytes @returns {Promise<Model>} */
    load: (bytes) => ask("load", { bytes }),
    /** @param {Model} model */
    forget: (model) => ask("forget", { model: model.id }),
    /** One of the network's weights. @param {Model} model @param {string} name @returns {Promise<Tensor>} */
    weight: (model, name) => ask("weight", { model: model.id, name }),
    /** How far each step is from PyTorch.
     * @param {Model} model @returns {Promise<{worst: number, rows: {name: string, op: string, layer: string, worst: number}[]}>} */
    parity: (model) => ask("parity", { model: model.id }),
    /** The outputs of all steps. @param {Model} model @param {Seen} inputs @param {Change[]} changes
     * @returns {Promise<{values: Record<string, Tensor>, ms: number}>} */
    forward: (model, inputs, changes = []) => ask("forward", { model: model.id, inputs, changes }),
    /** @param {Model} model @param {Seen & {guidance?: number}} asked @param {Change[]} changes
     * @returns {Promise<{x0: Tensor, eps: Tensor, ms: number}>} */
    denoise: (model, asked, changes = []) => ask("denoise", { model: model.id, asked, changes }),
    /** `done` says whether it was cancelled.
     * @param {Model} model @param {Request} request @param {(step: Progress) => void} onStep
     * @returns {{done: Promise<{cancelled: boolean}>, cancel: () => void}} */
    sample: (model, request, onStep) => {
      const done = ask("sample", { model: model.id, request }, onStep);
      const job = last;
      return { done, cancel: () => void ask("cancel", { job }) };
    },
    cancelAll: () => ask("cancelAll", {}),
  };
}
