// The whole state of the page lives behind the # of its address: a link shows what its sender saw, and back is undo.

/** @template T
 * @typedef {{default: T, read: (text: string) => T | undefined, write: (value: T) => string}} Field
 * `read` gives undefined for what it cannot take: the default is used then, and `state.problem` names the field. */

const LONGEST = 20_000; // characters of a hash that are looked at

/** A number within a range. @param {number} standard @param {number} low @param {number} high @returns {Field<number>} */
export function number(standard, low, high) {
  return {
    default: standard,
    read: (text) => (/^-?\d{1,7}(\.\d{1,9})?$/.test(text) && Number(text) >= low && Number(text) <= high ? Number(text) : undefined),
    write: (value) => String(Number(value.toFixed(6))),
  };
}

/** A whole number within a range. @param {number} standard @param {number} low @param {number} high @returns {Field<number>} */
export function whole(standard, low, high) {
  const inner = number(standard, low, high);
  return {...inner, read: (text) => (Number.isInteger(Number(text)) ? inner.read(text) : undefined)};
}

/** One of some words. @template {string} T @param {T} standard @param {readonly T[]} words @returns {Field<T>} */
export function choice(standard, words) {
  return {default: standard, read: (text) => words.find((word) => word === text), write: (value) => value};
}

/** On or off. @param {boolean} standard @returns {Field<boolean>} */
export function flag(standard) {
  return {default: standard, read: (text) => (text === "1" ? true : text === "0" ? false : undefined), write: (on) => (on ? "1" : "0")};
}

/** A list of numbers.
 * @param {number[]} standard @param {number} low @param {number} high @param {(count: number) => boolean} fits
 * @returns {Field<number[]>} */
export function numbers(standard, low, high, fits) {
  const one = number(0, low, high);
  return {
    default: standard,
    read: (text) => {
      const values = text === "" ? [] : text.split("_").map(one.read);
      return fits(values.length) && values.every((value) => value !== undefined) ? /** @type {number[]} */ (values) : undefined;
    },
    write: (values) => values.map(one.write).join("_"),
  };
}

/** A short text of some form. @param {string} standard @param {RegExp} form @returns {Field<string>} */
export function text(standard, form) {
  return {default: standard, read: (given) => (form.test(given) ? given : undefined), write: (value) => value};
}

/** Bytes of a picture, as base64url. @param {Uint8Array} standard @returns {Field<Uint8Array>} */
export function pixels(standard) {
  return {
    default: standard,
    read: (text) => {
      if (!/^[\w-]*$/.test(text)) return undefined;
      const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
      return binary.length === standard.length ? Uint8Array.from(binary, (byte) => byte.charCodeAt(0)) : undefined;
    },
    write: (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""),
  };
}

/** The state of the page, kept in `location.hash`.
 * @param {Record<string, Field<any>>} fields */
export function createState(fields) {
  const defaults = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.default]));
  let values = defaults;
  /** @type {Record<string, any>} what drags have changed since the last step of undo, as it was before them */ let held = {};
  /** @type {Set<{names: string[], run: () => void}>} */ const listeners = new Set();
  /** @type {string[]} */ let unread = [];

  const read = () => {
    unread = [];
    const hash = location.hash.slice(1);
    const given = new URLSearchParams(hash.length > LONGEST ? "" : hash);
    if (hash.length > LONGEST) unread.push("#");
    values = {...defaults};
    for (const [name, text] of given) {
      const value = Object.hasOwn(fields, name) ? attempt(() => fields[name].read(text)) : undefined;
      if (value === undefined) unread.push(name.slice(0, 20));
      else values[name] = value;
    }
  };
  /** The names of the fields that differ. @param {Record<string, any>} one @param {Record<string, any>} other */
  const differing = (one, other) => Object.keys(fields).filter((name) =>
    one[name] !== other[name] && fields[name].write(one[name]) !== fields[name].write(other[name]));
  /** The address of values: what differs from its default. @param {Record<string, any>} all */
  const address = (all) => "#" + differing(all, defaults)
    .map((name) => `${name}=${encodeURIComponent(fields[name].write(all[name]))}`).join("&");
  /** @param {Record<string, any>} before */
  const tell = (before) => {
    const changed = differing(values, before);
    for (const each of [...listeners]) if (listeners.has(each) && each.names.some((name) => changed.includes(name))) each.run();
  };

  read();
  history.replaceState(history.state ?? {first: true}, "");
  addEventListener("popstate", () => {
    if (!history.state) history.replaceState({}, ""); // an address that was typed or followed: what was shown lies before it
    const before = values;
    held = {};
    read();
    tell(before);
  });

  /** @type {number | undefined} */ let timer;
  const later = () => { // browsers refuse more than some hundred changes in a few seconds
    timer ??= window.setTimeout(() => {
      timer = undefined;
      history.replaceState(history.state, "", address(values));
    }, 60);
  };
  return {
    /** The value of a field. @param {string} name @returns {any} */
    get: (name) => values[name],
    /** Sets fields. Each call is one step of undo; `keep` changes the present step instead, as a drag does: the call that ends
     * the drag makes it one step. @param {Record<string, any>} changes @param {{keep?: boolean}} [how] */
    set(changes, {keep = false} = {}) {
      const before = values;
      values = {...values, ...changes};
      const names = Object.keys(changes);
      if (keep) {
        for (const name of names) if (!(name in held)) held[name] = before[name];
        later();
      } else {
        const start = {...before, ...Object.fromEntries(names.filter((name) => name in held).map((name) => [name, held[name]]))};
        if (differing(start, values).length) {
          history.replaceState(history.state, "", address(start));
          history.pushState({}, "", address(values));
          held = {};
        }
      }
      tell(before);
    },
    /** One step back, but never out of the page. */
    undo: () => { if (!history.state.first) history.back(); },
    /** Runs when one of the fields changes; gives a function that ends it. @param {string[]} names @param {() => void} run */
    on(names, run) {
      const listener = {names, run};
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    /** The names in the address that could not be read. */
    get problem() {
      return unread;
    },
  };
}

/** @template T @param {() => T} run @returns {T | undefined} */
function attempt(run) {
  try {
    return run();
  } catch {
    return undefined;
  }
}

/** @typedef {ReturnType<typeof createState>} State */
