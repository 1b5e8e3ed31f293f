/**
 * Failures that nobody waits for: as an event, in words, and on stderr.
 *
 * @module
 */

import { printError } from "../../bridge/values/print_error.ts";
import { describeValue } from "../../bridge/values/refusals.ts";
import { placeOf } from "../../bridge/values/stacks.ts";

/** Details of a failure that nobody waits for. */
export interface Fault {
  /** Where it happened, as in `hub "main"`. */
  readonly where?: string;
  /** Whether the error's message says all, so that a line is enough. */
  readonly brief?: boolean;
  /** Whether the very same was told before: it is an event, but is not printed again. */
  readonly again?: boolean;
}

/** The event that says it. Its place is the first one in people's code that the error knows of. */
export function faultEvent(error: unknown, where: string): ErrorEvent {
  const { file: filename, line: lineno, column: colno } = placeOf(error) ?? {};
  const message = `Uncaught (in ${where}) ${inWords(error)}`;
  return new ErrorEvent("error", { error, message, filename, lineno, colno, cancelable: true });
}

/** Prints what nobody has caught; whatever was thrown, this does not throw. */
export function printUncaught(error: unknown, where: string, brief = false): void {
  const head = `Uncaught (in ${where})`;
  if (!brief) return printError(head, error);
  const place = placeOf(error);
  const at = place ? ` (${place.file}:${place.line}:${place.column})` : "";
  console.error(`${head} ${inWords(error)}${at}`);
}

/** An error in one line, whatever it is. */
export function inWords(error: unknown): string {
  try {
    return String(error).split("\n", 1)[0];
  } catch {
    return describeValue(error);
  }
}
