/**
 * Failures that nobody waits for: as an event, in words, and on stderr.
 *
 * Among them are promises whose failure nobody handles, though nobody did wrong: an event emitter, a timer or an `EventTarget`
 * calls a listener that lives in a Worker, and drops the promise that the listener gives. Such a promise is a plain one, as one
 * with a `then()` of its own makes all promises of the process slower. So the engine itself says whether anybody handles it: the
 * runtime asks the listeners of `"unhandledrejection"` before it ends the process. The app's own listener there does not hear of
 * these promises, unless it was added before the first hub was made.
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

/** The report of each promise that has failed, to be called if nobody handles the promise. */
const reports = new WeakMap<Promise<unknown>, () => unknown>();

let listening = false;

/** Listens for unhandled rejections, from the first hub on. */
export function listenForUnhandled(): void {
  if (listening) return;
  listening = true;
  globalThis.addEventListener("unhandledrejection", (event) => {
    const report = reports.get(event.promise);
    if (!report) return;
    reports.delete(event.promise);
    const { defaultPrevented } = event;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!defaultPrevented) report();
  });
}

/**
 * Has a failure that nobody handles reported, in place of what the runtime does about it. It has to be called before the end
 * of the loop turn in which the promise fails.
 *
 * @param promise The promise.
 * @param report Called once, if nobody handles it.
 */
export function ifUnhandled(promise: Promise<unknown>, report: () => unknown): void {
  reports.set(promise, report);
}
