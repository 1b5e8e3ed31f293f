/**
 * The library inside a bundle: one file, or a few, in which the library's modules have no URLs of their own.
 *
 * Elsewhere a Worker starts from `green/worker/entry.ts`, by its URL. A bundle has no such file: its Workers import the bundle
 * itself, and begin so:
 *
 * 1. before the app's modules are run: the board, the Worker's {@linkcode HereInWorker}, and a stub for the runtime that refuses
 *    all calls, so that a queue or a `shared()` at the top level of a module is the same as in any Worker. This file does that
 *    when it is loaded. `sync/mod.ts` and `mod.ts` import it, so an app's module that imports either of them comes later;
 * 2. a microtask after `mod.ts`: the Worker's entry, which replaces the stub by the runtime. `mod.ts` calls {@linkcode takeAlong}
 *    at its end, with its own URL and the functions that load the other parts.
 *
 * `mod.ts` makes the call outside of bundles too: so modules that are reached by URL are in the module graph, for `deno cache`,
 * `vendor` and `deno compile`.
 *
 * @module
 */

import { workerData } from "node:worker_threads";
import { Board } from "../wire/board.ts";
import { becomeGreen, type greenSide, importingError, isGreen } from "../side/side.ts";
import { state } from "../state.ts";
import { becomeWorker, HereInWorker } from "./process_side.ts";
import type { WorkerStart } from "./worker_start.ts";

/** Parts of the library that no static import reaches. */
export interface Parts {
  /** The entry of Workers. */
  entry(): Promise<unknown>;
  /** The modules whose exports are in scope of inline functions. */
  scope(): Promise<readonly object[]>;
}

/** Whether this module is a part of another file. */
const BUNDLED = !/\/bridge\/memory\/in_bundle\.[cm]?[jt]s$/.test(new URL(import.meta.url).pathname);

let taken: { readonly url: string; readonly parts: Parts } | undefined;

/** How far this Worker has begun. A bundle may hold two copies of the library, of which the first one runs the Worker. */
const begun = state("begun", () => ({ board: undefined as Board | undefined, entry: false }));

const start = workerData as Partial<WorkerStart> | null;
if (BUNDLED && start?.bundle !== undefined && !isGreen()) {
  boardOf(start as WorkerStart);
  becomeGreen(stubFor(start.bundle));
}

/**
 * Takes the parts along that no static import reaches. In a Worker of a bundle this begins the Worker.
 *
 * @param url The URL of the library.
 * @param parts The functions that load its other parts.
 */
export function takeAlong(url: string, parts: Parts): void {
  if (!BUNDLED) return;
  taken = { url, parts };
  // No board: a copy with another protocol runs this Worker.
  if (start?.bundle !== url || !begun.board || begun.entry) return;
  begun.entry = true;
  parts.entry();
}

/** The URL of the bundle that the library is in, if it is in one. */
export function bundleUrl(): string | undefined {
  if (BUNDLED && !taken) {
    throw new TypeError(
      "Cannot start a Worker: the bundle has parts of the library, but not its mod.ts: import from the entries of the " +
        "package, and never from a single file inside the package",
    );
  }
  return taken?.url;
}

/** The exports in scope of inline functions, if this is a bundle. */
export function bundledScope(): Promise<readonly object[]> | undefined {
  return taken?.parts.scope();
}

/** The Worker's board. The first call also makes the Worker's {@linkcode HereInWorker}, for coordination objects. */
export function boardOf(start: WorkerStart): Board {
  if (begun.board) return begun.board;
  const board = begun.board = new Board(start.slots, start.board);
  becomeWorker(new HereInWorker(start.here, board, start.slot));
  return board;
}

/** The stub for the runtime while the bundle is run: its modules may make objects, and call nothing. */
function stubFor(url: string): NonNullable<ReturnType<typeof greenSide>> {
  return new Proxy({}, {
    get(_, key) {
      if (key === "checkHeard") return () => {};
      throw importingError(`${String(key)}()`, url);
    },
  }) as never;
}
