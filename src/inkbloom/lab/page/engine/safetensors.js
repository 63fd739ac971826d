// Reads a safetensors file and believes nothing of it: 8 bytes say how long the header is, the header is JSON that says
// where each tensor lies, and the tensors follow one after the other. What is wrong is thrown as a FileProblem, which the
// page puts into words.

/** What is wrong with a file: a code that the page words in both languages, and the values that belong into the sentence. */
export class FileProblem extends Error {
  /** @param {string} code @param {Record<string, string | number>} values */
  constructor(code, values = {}) {
    super(`${code} ${JSON.stringify(values)}`);
    this.name = "FileProblem";
    this.code = code;
    this.values = values;
  }
}

/** @typedef {{shape: number[], data: Float32Array, dtype: string}} Stored */

const MOST_HEADER = 4_000_000;

/** What each half-precision number is worth: sign, 5 bits of exponent, 10 of fraction. */
const HALVES = Float32Array.from({ length: 65536 }, (_, half) => {
  const [sign, exponent, fraction] = [half >>> 15 ? -1 : 1, (half >>> 10) & 31, half & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : (fraction / 1024) * 2 ** -14);
});

/** dtype -> bytes of a number, and what makes floats of a tensor's bytes.
 * @type {Record<string, {size: number, read: (bytes: ArrayBuffer) => Float32Array}>} */
const TYPES = {
  F32: { size: 4, read: (bytes) => new Float32Array(bytes) },
  F16: { size: 2, read: (bytes) => new Float32Array(new Uint16Array(bytes)).map((half) => HALVES[half]) },
  BF16: {
    size: 2,
    read: (bytes) => new Float32Array(new Uint32Array(new Uint16Array(bytes)).map((half) => half << 16).buffer),
  },
  I32: { size: 4, read: (bytes) => new Float32Array(new Int32Array(bytes)) },
  I64: { size: 8, read: (bytes) => Float32Array.from(new BigInt64Array(bytes), Number) },
  U8: { size: 1, read: (bytes) => new Float32Array(new Uint8Array(bytes)) },
};

/** The tensors by name, as floats, and the texts of the file's metadata. Throws FileProblem.
 * @param {Uint8Array} bytes @returns {{tensors: Map<string, Stored>, metadata: Record<string, string>}} */
export function readSafetensors(bytes) {
  const { __metadata__: metadata = {}, ...entries } = headerOf(bytes);
  if (!isTable(metadata) || Object.values(metadata).some((text) => typeof text !== "string"))
    throw new FileProblem("header");
  const begin = 8 + lengthOf(bytes);
  const rows = Object.entries(entries).map(([name, entry]) => checkedEntry(name, entry));
  rows.sort((one, other) => one.start - other.start || one.end - other.end);
  let end = 0;
  /** @type {Map<string, Stored>} */
  const tensors = new Map();
  for (const row of rows) {
    const { name, shape, dtype } = row;
    if (row.end > bytes.length - begin) throw new FileProblem("truncated", { name });
    if (row.start < end) throw new FileProblem("overlap", { name });
    if (row.start > end) throw new FileProblem("gap", { name });
    end = row.end;
    const data = TYPES[dtype].read(bytes.slice(begin + row.start, begin + row.end).buffer);
    if (!data.every(Number.isFinite)) throw new FileProblem("not-finite", { name });
    tensors.set(name, { shape, data, dtype });
  }
  if (end < bytes.length - begin) throw new FileProblem("gap", { name: "" });
  return { tensors, metadata };
}

/** @param {Uint8Array} bytes */
function lengthOf(bytes) {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
}

/** @param {Uint8Array} bytes @returns {Record<string, any>} */
function headerOf(bytes) {
  if (bytes.length < 8) throw new FileProblem("foreign");
  const length = lengthOf(bytes);
  if (length > MOST_HEADER || bytes[8] !== 123) throw new FileProblem("foreign"); // 123 is {
  if (length > bytes.length - 8) throw new FileProblem("truncated", { name: "" });
  return tableOf(bytes.subarray(8, 8 + length));
}

/** The table of a JSON text. Throws FileProblem.
 * @param {Uint8Array | string} json @returns {Record<string, any>} */
export function tableOf(json) {
  try {
    const text = typeof json === "string" ? json : new TextDecoder("utf-8", { fatal: true }).decode(json);
    const table = JSON.parse(text);
    if (isTable(table)) return table;
  } catch {} // told below
  throw new FileProblem("header");
}

/** @param {string} name @param {any} entry */
function checkedEntry(name, entry) {
  const { dtype, shape, data_offsets: offsets } = isTable(entry) ? entry : {};
  if (!wholes(shape) || !wholes(offsets) || offsets.length !== 2) throw new FileProblem("header");
  if (!Object.hasOwn(TYPES, dtype)) throw new FileProblem("dtype", { name, dtype: String(dtype) });
  const [start, end] = offsets;
  const size = shape.reduce((/** @type {number} */ product, /** @type {number} */ n) => product * n, TYPES[dtype].size);
  if (end - start !== size) throw new FileProblem("size", { name });
  return { name, dtype, shape, start, end };
}

/** @param {any} value @returns {boolean} */
export function isTable(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {any} n */
export function whole(n) {
  return Number.isSafeInteger(n) && n >= 0;
}

/** @param {any} list */
export function wholes(list) {
  return Array.isArray(list) && list.every(whole);
}
