/**
 * The end of a program that has hubs.
 *
 * `deno run --watch` starts a program anew in the same process: it dispatches `unload` and drops the main thread, but not
 * the Workers, which would go on with what they did, each in 20 MB and a thread of its own. So the first hub listens, and at
 * `unload` each Worker of each hub is told to end. A Worker that is blocked unwinds at once; one that computes goes on until its
 * code blocks or returns.
 *
 * @module
 */

/** The stop functions of all hubs. */
const hubs = new Set<() => void>();

/**
 * Has a hub's Workers stopped when the program ends.
 *
 * @param stopWorkers Tells all Workers of a hub to end.
 * @returns Takes that back.
 */
export function onUnload(stopWorkers: () => void): () => void {
  if (hubs.size === 0) globalThis.addEventListener("unload", unload);
  hubs.add(stopWorkers);
  return () => {
    hubs.delete(stopWorkers);
    if (hubs.size === 0) globalThis.removeEventListener("unload", unload);
  };
}

function unload(): void {
  for (const stopWorkers of hubs) stopWorkers();
}
