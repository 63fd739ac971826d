// Every random number of the page, as in inkbloom/philox.py: a pure function of (seed, purpose, image, draw).
//
// Philox4x32-10 turns a counter of four 32-bit words and a key of two into four random words.
//
//   key     = (seed, number of the purpose)
//   counter = (block, draw, low and high half of the image's index)

/** What the page draws for. Of `sample`, draw 0 is the starting noise, draw k the new noise of step k.
 * @type {Record<string, number>} */
export const PURPOSES = { order: 0, noise: 2, sample: 5, cluster: 11 };

const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57];
const WEYL = [0x9e3779b9, 0xbb67ae85];

/** The high word of a product of two 32-bit words.
 * @param {number} a @param {number} b */
function high(a, b) {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = a1 * b0 + ((a0 * b0) >>> 16); // each sum stays below 2^53
  return Math.floor((a1 * b1 * 65536 + a0 * b1 + middle) / 65536);
}

/** Four random words for a counter of four words and a key of two.
 * @param {number[]} counter @param {number[]} key @returns {[number, number, number, number]} */
export function philox(counter, key) {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let turn = 0; turn < 10; turn++) {
    const left = high(MULTIPLIERS[0], c0);
    const right = high(MULTIPLIERS[1], c2);
    const [low0, low1] = [Math.imul(MULTIPLIERS[0], c0), Math.imul(MULTIPLIERS[1], c2)];
    [c0, c1, c2, c3] = [(right ^ c1 ^ k0) >>> 0, low1 >>> 0, (left ^ c3 ^ k1) >>> 0, low0 >>> 0];
    [k0, k1] = [(k0 + WEYL[0]) >>> 0, (k1 + WEYL[1]) >>> 0];
  }
  return [c0, c1, c2, c3];
}

/** `count` random words of one image, whose index may be up to 2^53.
 * @param {number} seed @param {string} purpose @param {number} index @param {number} count @param {number} draw */
export function words(seed, purpose, index, count, draw = 0) {
  const out = new Uint32Array(Math.ceil(count / 4) * 4);
  const [low, top] = [index % 2 ** 32, Math.floor(index / 2 ** 32)];
  for (let block = 0; 4 * block < count; block++) {
    out.set(philox([block, draw, low, top], [seed, PURPOSES[purpose]]), 4 * block);
  }
  return out.subarray(0, count);
}

/** Numbers in [0, 1): multiples of 2^-24. @type {Noise} */
export const uniform = (seed, purpose, index, count, draw = 0) =>
  Float32Array.from(words(seed, purpose, index, count, draw), (word) => (word >>> 8) * 2 ** -24);

/** Standard Gaussians by Box-Muller: words 2k and 2k + 1 give values 2k (cos) and 2k + 1 (sin). @type {Noise} */
export const normal = (seed, purpose, index, count, draw = 0) => {
  const pairs = words(seed, purpose, index, count + (count % 2), draw);
  const out = new Float32Array(pairs.length);
  for (let k = 0; k < pairs.length; k += 2) {
    const radius = Math.sqrt(-2 * Math.log(((pairs[k] >>> 8) + 1) * 2 ** -24));
    const angle = (pairs[k + 1] >>> 8) * 2 * Math.PI * 2 ** -24;
    out[k] = radius * Math.cos(angle);
    out[k + 1] = radius * Math.sin(angle);
  }
  return out.subarray(0, count);
};
