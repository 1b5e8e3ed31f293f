/**
 * Promises whose failure nobody handles, though nobody did wrong: an event emitter, a timer or an `EventTarget` calls a listener
 * that lives in a Worker, and drops the promise that the listener gives.
 *
 * Such a promise is a plain one, as one with a `then()` of its own makes all promises of the process slower. So the engine
 * itself says whether anybody handles it: the runtime asks the listeners of `"unhandledrejection"` before it ends the process.
 * The app's own listener there does not hear of these promises, unless it was added before the first hub was made.
 *
 * @module
 */

/** The report of each promise that has failed, to be called if nobody handles the promise. */
const reports = new WeakMap<Promise<unknown>, () => unknown>();

let listening = false;

/** Listens for unhandled rejections, from the first hub on. */
export function listenForUnhandled(): void {
  if (listening) return;
  listening = true;
  globalThis.addEventListener("unhandledrejection", (event) => {
    const report = reports.get(event.promise);
    if (!report) return;
    reports.delete(event.promise);
    const { defaultPrevented } = event;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!defaultPrevented) report();
  });
}

/**
 * Has a failure that nobody handles reported, in place of what the runtime does about it. It has to be called before the end
 * of the loop turn in which the promise fails.
 *
 * @param promise The promise.
 * @param report Called once, if nobody handles it.
 */
export function ifUnhandled(promise: Promise<unknown>, report: () => unknown): void {
  reports.set(promise, report);
}
