// The digits of the package, 10,000 of 28 x 28 grey values, fetched once when a room first asks for them.

import {asset} from "../ui/assets.js";

/** @typedef {{count: number, size: number, pixels: Uint8Array, labels: Uint8Array}} Digits */
/** @type {Promise<Digits> | undefined} */ let kept;

/** @returns {Promise<Digits>} */
export function digits() {
  kept ??= Promise.all(["digits.idx.gz", "digits-labels.idx.gz"].map(unpacked)).then(([pixels, labels]) =>
    ({count: labels.length, size: pixels.length / labels.length, pixels, labels}));
  kept.catch(() => { kept = undefined; });
  return /** @type {Promise<Digits>} */ (kept);
}

/** The bytes of a gzipped idx file behind its head. @param {string} name */
async function unpacked(name) {
  const bytes = await asset(name);
  const plain = new Blob([/** @type {any} */ (bytes)]).stream().pipeThrough(new DecompressionStream("gzip"));
  const all = new Uint8Array(await new Response(plain).arrayBuffer());
  return all.subarray(4 + 4 * all[3]);
}
