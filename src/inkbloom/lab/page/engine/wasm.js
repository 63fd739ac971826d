// The sums of conv.js by WebAssembly, some ten times as fast: conv.wat has the loop, conv_wasm.js the same as bytes.

import { CONV } from "./conv_wasm.js";

const FEW = 20_000; // multiplications below which bringing the numbers over costs more than it saves

/** The fast sums; null where WebAssembly or its vectors are missing.
 * @param {Sums} plain what does the small ones @returns {Sums | null} */
export function wasmSums(plain) {
  /** @type {any} */
  let made;
  try {
    const bytes = Uint8Array.from(atob(CONV), (letter) => letter.charCodeAt(0));
    made = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  } catch {
    return null;
  }
  return (x, weight, bias, taps, starts, out) => {
    const [count, outputs] = [taps.length, out.length / starts.length];
    if (out.length * count < FEW) return plain(x, weight, bias, taps, starts, out);
    const [blocks, places] = [Math.ceil(outputs / 8), Math.ceil(starts.length / 4) * 4];
    const sizes = [blocks * count * 8, blocks * 8, count, places, x.length, blocks * places * 8];
    const [at, end] = laidOut(sizes);
    const missing = end - made.memory.buffer.byteLength;
    if (missing > 0) made.memory.grow(Math.ceil(missing / 65536));
    const floats = new Float32Array(made.memory.buffer);
    const whole = new Int32Array(made.memory.buffer);
    const [w, b, t, s, from, to] = at.map((bytes) => bytes / 4);
    for (let o = 0; o < blocks * 8; o++) {
      const begin = w + (o >> 3) * count * 8 + (o & 7);
      for (let n = 0; n < count; n++) floats[begin + n * 8] = o < outputs ? weight[o * count + n] : 0;
      floats[b + o] = bias && o < outputs ? bias[o] : 0;
    }
    for (let n = 0; n < count; n++) whole[t + n] = 4 * taps[n];
    for (let p = 0; p < places; p++) whole[s + p] = 4 * starts[Math.min(p, starts.length - 1)];
    floats.set(x, from);
    made.sums(at[4], at[0], at[1], at[2], at[3], at[5], count, places, blocks);
    for (let o = 0, i = 0; o < outputs; o++) {
      const begin = to + (o >> 3) * places * 8 + (o & 7);
      for (let p = 0; p < starts.length; p++) out[i++] = floats[begin + p * 8];
    }
  };
}

/** Addresses in bytes of arrays of so many 4-byte numbers, one after the other, each at a multiple of 16; and their end.
 * @param {number[]} sizes @returns {[number[], number]} */
function laidOut(sizes) {
  let end = 0;
  const at = sizes.map((size) => {
    const begin = end;
    end += Math.ceil(size / 4) * 16;
    return begin;
  });
  return [at, end];
}
