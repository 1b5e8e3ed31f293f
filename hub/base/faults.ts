/**
 * Failures that nobody waits for: as an event, in words, and on stderr.
 *
 * @module
 */

import { inOneLine } from "../../bridge/checks.ts";
import { printError } from "../../bridge/values/print_error.ts";
import { siteOf } from "../../bridge/values/stacks.ts";

/** Details of a failure that nobody waits for. */
export interface Fault {
  /** Name of the part of the program in which it happened, as in `hub "main"`. */
  readonly where?: string;
  /** Whether the error's message says all, so that one line is printed, without a stack. */
  readonly brief?: boolean;
  /** Whether the same failure was reported before: then there is an event, but nothing is printed. */
  readonly again?: boolean;
}

/** The event for a failure. Its file and line are those of the first stack frame in the app's code. */
export function faultEvent(error: unknown, where: string): ErrorEvent {
  const { file: filename, line: lineno, column: colno } = siteOf(error) ?? {};
  const message = `Uncaught (in ${where}) ${inOneLine(error)}`;
  return new ErrorEvent("error", { error, message, filename, lineno, colno, cancelable: true });
}

/** Prints a failure. It never throws, whatever was thrown. */
export function printFault(error: unknown, where: string, brief = false): void {
  const head = `Uncaught (in ${where})`;
  if (!brief) return printError(head, error);
  const site = siteOf(error);
  const at = site ? ` (${site.file}:${site.line}:${site.column})` : "";
  console.error(`${head} ${inOneLine(error)}${at}`);
}
