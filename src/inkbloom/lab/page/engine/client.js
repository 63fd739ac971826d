// The page's side of the engine: functions that ask the worker and promise an answer.

import { FileProblem } from "./safetensors.js";

/** A network that the worker holds, as the page knows it.
 * @typedef {Omit<Network, "weights"> & {id: number, name: string}} Model */

/** Promises fail with a FileProblem, whose code "broken" means the engine itself.
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
  /** @type {any} */ (port).onerror = (/** @type {any} */ event) => {
    for (const asked of waiting.values()) asked.reject(new FileProblem("broken", { message: String(event.message) }));
    waiting.clear();
  };

  return {
    /** Opens a page file, and proves it. @param {Uint8Array} bytes @returns {Promise<Model>} */
    load: (bytes) => ask("load", { bytes }),
    /** @param {Model} model @param {string} name @returns {Promise<Tensor>} */
    weight: (model, name) => ask("weight", { model: model.id, name }),
    /** The outputs of all steps. @param {Model} model @param {Seen} seen @param {Change[]} changes
     * @returns {Promise<{values: Record<string, Tensor>, ms: number}>} */
    forward: (model, seen, changes = []) => ask("forward", { model: model.id, seen, changes }),
    /** The best guess of x0. @param {Model} model @param {Seen} seen @returns {Promise<Tensor>} */
    denoise: (model, seen) => ask("denoise", { model: model.id, seen }),
    /** `done` says whether it was cancelled. @param {Model} model @param {Asked} request @param {(step: Progress) => void} onStep
     * @returns {{done: Promise<{cancelled: boolean}>, cancel: () => void}} */
    sample: (model, request, onStep) => {
      const done = ask("sample", { model: model.id, request }, onStep);
      const job = last;
      return { done, cancel: () => void ask("cancel", { job }) };
    },
    cancelAll: () => ask("cancelAll", {}),
  };
}
