// The files that the page reads: over the wire from where the page lies, or out of the page itself where it is a single file.

/** @type {any} */ const here = globalThis;

/** The bytes of a file of the page. @param {string} name @returns {Promise<Uint8Array>} */
export async function asset(name) {
  const kept = here.INKBLOOM_FILES?.[name];
  if (kept !== undefined) return Uint8Array.from(atob(kept), (byte) => byte.charCodeAt(0));
  const answer = await fetch(new URL(name, document.baseURI));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** The worker in which the engine runs. @returns {Worker} */
export function openWorker() {
  if (here.INKBLOOM_WORKER === undefined) return new Worker(new URL("engine/worker.js", document.baseURI), {type: "module"});
  return new Worker(URL.createObjectURL(new Blob([here.INKBLOOM_WORKER], {type: "text/javascript"})));
}
