/**
 * The library inside a bundle: one file, or a few, in which the library's modules have no URLs of their own.
 *
 * Elsewhere a Worker starts from `green/worker/entry.ts`, by its URL. A bundle has no such file: its Workers import the bundle
 * itself. There `mod.ts` says at its end where it is and what loads the rest ({@linkcode takeAlong}), and that begins the
 * Worker:
 *
 * 1. at once, before the app's modules are run: the board, where we are, and a stand-in for the runtime that refuses all calls,
 *    so that a queue or a `shared()` at the top level of a module is what it is in any Worker;
 * 2. a microtask later: the Worker's entry, which puts the runtime in the stand-in's place.
 *
 * `mod.ts` says the same elsewhere too: so what is reached by URL is in the module graph, for `deno cache`, `vendor` and
 * `deno compile`.
 *
 * @module
 */

import { workerData } from "node:worker_threads";
import { Board } from "../wire/board.ts";
import { becomeGreen, type greenSide, importingError, isGreen } from "../side/side.ts";
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

/**
 * Takes along what no static import reaches. In a Worker of a bundle this begins the Worker.
 *
 * @param url Where the library is.
 * @param parts What loads the rest of it.
 */
export function takeAlong(url: string, parts: Parts): void {
  if (!BUNDLED) return;
  taken = { url, parts };
  const start = workerData as Partial<WorkerStart> | null;
  // A bundle may hold two copies of the library: the first one runs the Worker.
  if (start?.bundle !== url || isGreen()) return;
  boardOf(start as WorkerStart);
  becomeGreen(standIn(url));
  parts.entry();
}

/** The file of the bundle that the library is in, if it is in one. */
export function bundleUrl(): string | undefined {
  if (BUNDLED && !taken) {
    throw new TypeError(
      "Cannot start a Worker: the library is in a bundle without its mod.ts; import what you need from the package's own " +
        "entries, and none of its files",
    );
  }
  return taken?.url;
}

/** The exports in scope of inline functions, if this is a bundle. */
export function bundledScope(): Promise<readonly object[]> | undefined {
  return taken?.parts.scope();
}

let board: Board | undefined;

/** The Worker's board. The first time this says where the Worker is, for coordination objects. */
export function boardOf(start: WorkerStart): Board {
  if (board) return board;
  board = new Board(start.slots, start.board);
  becomeWorker(new HereInWorker(start.here, board, start.slot));
  return board;
}

/** In place of the runtime while the bundle is run: its modules may make things, and call nothing. */
function standIn(url: string): NonNullable<ReturnType<typeof greenSide>> {
  return new Proxy({}, {
    get(_, key) {
      if (key === "checkHeard") return () => {};
      throw importingError(`${String(key)}()`, url);
    },
  }) as never;
}
