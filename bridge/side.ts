/**
 * Which side are we on?
 *
 * The one place that asks. A Worker's entry registers what green code can do under a `Symbol.for` key, so that every
 * copy of the library in that Worker finds the same one; where nothing is registered, this is the hub's side.
 *
 * @module
 */

import type { GreenRuntime } from "./green_runtime.ts";
import { BlockingCallError } from "./errors.ts";

const KEY = Symbol.for("aiohub.green");

/** What green code can do, or `undefined` on the hub. */
export function greenSide(): GreenRuntime | undefined {
  return (globalThis as { [KEY]?: GreenRuntime })[KEY];
}

/** Makes this thread a green side. For the Worker's entry; in a bundle the real runtime takes the place of a stand-in. */
export function becomeGreen(runtime: GreenRuntime): void {
  Object.defineProperty(globalThis, KEY, { value: runtime, configurable: true });
}

/** The error of a call at the top level of a module: a Worker imports that too, and must not run the app again. */
export function importingError(call: string, url: string): Error {
  return new Error(
    `Cannot call ${call} while a Worker imports ${url ? `"${url}"` : "a module"}: ` +
      "a Worker imports the module of each green function, so put code that is to run once, in the main program, " +
      "under `if (import.meta.main)`",
  );
}

/**
 * The green side, for a call that blocks.
 *
 * @param call The call as people wrote it: `sleep()`.
 * @param instead What to write on the hub: `await thread`.
 * @returns What green code can do.
 * @throws {BlockingCallError} If this is the hub.
 */
export function blocking(call: string, instead: string): GreenRuntime {
  const side = greenSide();
  if (side) return side;
  throw new BlockingCallError(
    `Cannot call ${call} on the hub as it would block the event loop: use ${instead}`,
  );
}
