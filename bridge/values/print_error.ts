/**
 * Printing a failure that nobody has asked about.
 *
 * @module
 */

import { show } from "../checks.ts";

/**
 * Prints what was thrown to stderr; a few words about it, if it does not let itself be looked at.
 *
 * @param heading What it is about.
 * @param thrown What was thrown.
 */
export function printError(heading: string, thrown: unknown): void {
  try {
    console.error(heading, thrown);
  } catch {
    console.error(heading, show(thrown));
  }
}
