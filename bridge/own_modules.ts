/**
 * The folders of the library's own modules. Their frames are left out of stacks.
 *
 * @module
 */

import { state } from "./state.ts";

const ROOT = new URL("../", import.meta.url).href;

/** The folders of all copies of the library in this thread, and their entries. */
export const ownModules: readonly string[] = addOwn(state<string[]>("modules", () => []));

function addOwn(known: string[]): string[] {
  for (const name of ["bridge/", "green/", "hub/", "sync/", "mod.ts"]) {
    if (!known.includes(ROOT + name)) known.push(ROOT + name);
  }
  return known;
}
