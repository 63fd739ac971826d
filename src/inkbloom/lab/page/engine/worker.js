// The engine's side of a worker: answers {id, call, given} with {id, result}, {id, problem} or, on the way, {id, step}.
// Between two steps of a sampling it listens, so that what is asked meanwhile is answered, and a cancel heard.

import { engine, sums } from "./conv.js";
import { play } from "./net.js";
import { openNetwork } from "./page_file.js";
import { denoiser, givenTo, trajectory } from "./sampling.js";
import { FileProblem } from "./safetensors.js";
import { wasmSums } from "./wasm.js";

/** Answers what comes through a port.
 * @param {Port} port */
export function serve(port) {
  engine.sums = wasmSums(sums);
  /** @type {Map<number, Network>} */
  const networks = new Map();
  /** @type {Map<number, {key: string, values: Map<string, Tensor>}>} the last pass without changes, by network */
  const passes = new Map();
  const running = new Set();

  /** @param {number} model */
  const network = (model) => {
    const found = networks.get(model);
    if (!found) throw new FileProblem("no-model");
    return found;
  };

  /** @type {Record<string, (id: number, given: any) => any>} */
  const calls = {
    load: (id, { bytes }) => {
      const { weights, ...told } = openNetwork(bytes);
      networks.set(id, { weights, ...told });
      return { id, name: String(told.about.recipe?.net ?? ""), ...told };
    },
    weight: (_, { model, name }) => network(model).weights.get(name),
    forward: (_, { model, seen, changes }) => {
      const begin = performance.now();
      const { steps, weights } = network(model);
      const given = givenTo(network(model), seen);
      const key = `${given.t} ${given.y} ${given.x.data.join()}`;
      const last = passes.get(model);
      const values = last?.key === key ? last.values : play(steps, weights, given);
      passes.set(model, { key, values });
      const result = changes.length ? play(steps, weights, given, changes, values) : values;
      return { values: Object.fromEntries(result), ms: performance.now() - begin };
    },
    denoise: (_, { model, seen }) => denoiser(network(model), seen)(seen.x, seen.t),
    sample: async (id, { model, request }) => {
      running.add(id);
      for (const step of trajectory(network(model), request)) {
        port.postMessage({ id, step });
        await breath();
        if (!running.has(id)) return { cancelled: true };
      }
      running.delete(id);
      return { cancelled: false };
    },
    cancel: (_, { job }) => running.delete(job),
    cancelAll: () => running.clear(),
  };

  port.onmessage = async ({ data: { id, call, given } }) => {
    try {
      port.postMessage({ id, result: await calls[call](id, given) });
    } catch (problem) {
      const { code = "broken", values = { message: String(problem) } } = problem instanceof FileProblem ? problem : {};
      port.postMessage({ id, problem: { code, values } });
    }
  };
}

/** Resolves after what waits in the queue of messages has been heard. (A timer would wait 4 ms.) */
function breath() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(null);
  });
}

if (typeof window === "undefined") serve(/** @type {any} */ (self));
