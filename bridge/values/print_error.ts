/**
 * Printing of unhandled failures.
 *
 * @module
 */

import { show } from "../checks.ts";

/**
 * Prints a thrown value to stderr, or a few words about it if it does not let itself be looked at.
 *
 * @param heading The words to print before it.
 * @param thrown The thrown value.
 */
export function printError(heading: string, thrown: unknown): void {
  try {
    console.error(heading, thrown);
  } catch {
    console.error(heading, show(thrown));
  }
}
