/**
 * Functions that the library itself serves on the hub to its green code, by name.
 *
 * Not by URL, as those of the application do: what a Worker's copy of the library asks for is not to hang on where that copy
 * was loaded from, and needs no permission.
 *
 * @module
 */

import { intern, type Target } from "./messages.ts";
import { state } from "../state.ts";

// deno-lint-ignore no-explicit-any
type Served = (...args: any[]) => unknown;

const served = state("served", () => new Map<string, Served>());

/** The target by which green code calls the function of this name on the hub. */
export function servedTarget(name: string): Target {
  return intern({ kind: "library", name });
}

/**
 * Serves a function. Copies of the library serve the same under a name, so the first one stays.
 *
 * @returns What green code calls.
 */
export function serve(name: string, fn: Served): Target {
  if (!served.has(name)) served.set(name, fn);
  return servedTarget(name);
}

/** The function that is served under a name, if there is one. */
export function servedBy(name: string): Served | undefined {
  return served.get(name);
}
