/**
 * The side on which this thread of execution is: the hub, or a Worker.
 *
 * A Worker's entry registers its runtime, so that every copy of the library in that Worker finds the same one; where nothing is
 * registered, this is the hub.
 *
 * A copy with another protocol (`state.ts`) finds nothing, but is not on the hub for that: each call that asks for the side is
 * refused there. Such a copy can be loaded all the same, as it comes with the modules of the application.
 *
 * @module
 */

import { MAKER, ONE_VERSION, SELF, SELF_NAME, stranger } from "../brand.ts";
import { BlockingCallError } from "../errors.ts";
import { state } from "../state.ts";
import type { Green } from "./green.ts";

const side = state("green", (): { runtime: Green | undefined } => ({ runtime: undefined }));

/** The name of the copy that runs this Worker, if it has another protocol. Known at once: the Worker's entry is loaded first. */
const foreign = stranger((globalThis as { [MAKER]?: unknown })[MAKER]);

/**
 * The runtime of this Worker, or `undefined` on the hub.
 *
 * @throws {Error} If a copy of the library with another protocol runs this Worker.
 */
export function greenSide(): Green | undefined {
  if (foreign !== undefined) throw refusal(foreign);
  return side.runtime;
}

/** Whether this is a Worker, be it one that a copy with another protocol runs. */
export function isGreen(): boolean {
  return foreign !== undefined || side.runtime !== undefined;
}

/** Registers the runtime of this Worker. For the Worker's entry; in a bundle the real runtime replaces a stub. */
export function becomeGreen(runtime: Green): void {
  side.runtime = runtime;
  Object.defineProperty(globalThis, MAKER, { value: SELF });
}

/** The error of a call at the top level of a module: a Worker imports that too, and must not run the app again. */
export function importingError(call: string, url: string): Error {
  return new Error(
    `Cannot call ${call} while a Worker imports ${url ? `"${url}"` : "a module"}: ` +
      "a Worker imports the module of each green function. Put the code that must run only once under " +
      "`if (import.meta.main)`",
  );
}

/**
 * The runtime of this Worker, for a call that blocks.
 *
 * @param call The call as people wrote it: `sleep()`.
 * @param instead The twin to write on the hub: `await thread`.
 * @returns The runtime.
 * @throws {BlockingCallError} If this is the hub.
 */
export function blocking(call: string, instead: string): Green {
  const side = greenSide();
  if (side) return side;
  throw new BlockingCallError(
    `Cannot call ${call} on the hub as it would block the event loop: use ${instead}`,
  );
}

function refusal(maker: string): Error {
  return new Error(
    `Cannot use ${SELF_NAME} in this green thread: another copy of the library, ${maker}, runs the thread: ${ONE_VERSION}, ` +
      `or use ${SELF_NAME} only in functions of the hub`,
  );
}
