/**
 * Promises whose failure nobody looks at, though nobody did wrong: an event emitter, a timer or an `EventTarget` calls a
 * listener that lives in a Worker, and drops the promise that it gets.
 *
 * Such a promise is a plain one, as one with a `then()` of its own makes all promises of the process slower. So the engine itself
 * says whether anybody handles it: the runtime asks the listeners of `"unhandledrejection"` before it ends the process. Whoever
 * listens there too hears nothing of these, unless he was there before the first hub.
 *
 * @module
 */

/** The report of each promise that has failed, to be called if nobody looks. */
const reports = new WeakMap<Promise<unknown>, () => unknown>();

let listening = false;

/** Listens, from the first hub on. */
export function listenForStrays(): void {
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
 * Has a failure reported that nobody looks at, in place of what the runtime does about it. To be called before the end of the
 * turn in which the promise fails.
 *
 * @param promise The promise.
 * @param report Called once, if nobody handles it.
 */
export function ifUnobserved(promise: Promise<unknown>, report: () => unknown): void {
  reports.set(promise, report);
}
