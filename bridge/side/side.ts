/**
 * Which side are we on?
 *
 * The one place that asks. A Worker's entry registers what green code can do, so that every copy of the library in that Worker
 * finds the same one; where nothing is registered, this is the hub's side.
 *
 * A copy with another protocol (`state.ts`) finds nothing, but is not on the hub for that: whatever asks which side this is
 * is refused there. It can be loaded all the same, as it comes with the modules of the application.
 *
 * @module
 */

import { MAKER, ONE_VERSION, SELF, SELF_NAME, stranger } from "../brand.ts";
import { BlockingCallError } from "../errors.ts";
import { state } from "../state.ts";
import type { Green } from "./green.ts";

const side = state("green", (): { runtime: Green | undefined } => ({ runtime: undefined }));

/** The copy that runs this Worker, if it has another protocol. Known when this is loaded: the Worker's entry comes first. */
const foreign = stranger((globalThis as { [MAKER]?: unknown })[MAKER]);

/**
 * What green code can do, or `undefined` on the hub.
 *
 * @throws {Error} If a copy of the library with another protocol runs this Worker.
 */
export function greenSide(): Green | undefined {
  if (foreign !== undefined) throw refusal(foreign);
  return side.runtime;
}

/** Whether this is a green side, be it that of a copy with another protocol. */
export function isGreen(): boolean {
  return foreign !== undefined || side.runtime !== undefined;
}

/** Makes this thread a green side. For the Worker's entry; in a bundle the real runtime takes the place of a stand-in. */
export function becomeGreen(runtime: Green): void {
  side.runtime = runtime;
  Object.defineProperty(globalThis, MAKER, { value: SELF });
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
export function blocking(call: string, instead: string): Green {
  const side = greenSide();
  if (side) return side;
  throw new BlockingCallError(
    `Cannot call ${call} on the hub as it would block the event loop: use ${instead}`,
  );
}

function refusal(maker: string): Error {
  return new Error(
    `Cannot use ${SELF_NAME} in this green thread, which ${maker} runs: ${ONE_VERSION}, or have a function of the ` +
      "hub use it",
  );
}
