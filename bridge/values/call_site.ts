/**
 * Where in people's code a blocked thread is.
 *
 * A thread that is blocked is asked for this on top of its own stack, so the stack that is had there tells it. When several
 * threads are on that stack, each waits for the one above it, which was begun by `ThreadRunner.runNested`.
 *
 * @module
 */

import { ownModules } from "../own_modules.ts";
import { LINES_BEFORE_SOURCE, stackHere } from "./stack_here.ts";

/** Part of the stack line that begins a thread on top of another one. It names no class, as a minifier renames those. */
const BEGINS = ".runNested (";

/** How many lines of a stack are looked at. */
const DEPTH = 200;

/** Where a line of a stack is: a URL with line and column, or a place in a function that was sent as source. */
const SITE = /(\w+:[^\s()]+:\d+:\d+|<anonymous>:\d+:\d+)\)?$/;

/**
 * The place of the call that a thread on this stack is blocked in.
 *
 * @param above How many threads are above it.
 * @returns The place, as stacks have it; `undefined` if it cannot be told.
 */
export function callSite(above: number): string | undefined {
  return siteIn(wholeStack(), above);
}

/**
 * Part of the stack line in which an iterator is asked for the hub. Minified code has another name: then no generator is named.
 */
const ASKS = "GreenIterator.";

/** A line of a generator's own method, which the engine has. */
const GENERATOR = /^\s+at (\S+)\.(?:next|return) \(<anonymous>\)$/;

/** The name of the generator function whose item the innermost iteration on this stack is at. */
export function generatorName(): string {
  const lines = wholeStack().split("\n");
  const asks = lines.findIndex((line) => line.includes(ASKS));
  const name = GENERATOR.exec(lines[asks - 1] ?? "")?.[1];
  return name === undefined ? "an iterator" : name === "Generator" ? "anonymous()" : `${name}()`;
}

function wholeStack(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = DEPTH;
  const stack = stackHere();
  Error.stackTraceLimit = stackTraceLimit;
  return stack;
}

/** As {@linkcode callSite}, in a stack that was had before. */
export function siteIn(stack: string, above: number): string | undefined {
  for (const line of stack.split("\n")) {
    if (above > 0) {
      if (line.includes(BEGINS)) above--;
      continue;
    }
    const site = SITE.exec(line)?.[1];
    if (site && !ownModules.some((own) => site.startsWith(own))) return readable(site);
    if (line.includes(BEGINS)) return undefined;
  }
}

/** An inline function has no URL: it is the source that its thread was spawned with. */
function readable(site: string): string {
  const inline = /^<anonymous>:(\d+):\d+$/.exec(site);
  return inline ? `line ${Number(inline[1]) - LINES_BEFORE_SOURCE} of its source` : site;
}
