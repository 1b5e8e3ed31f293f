/**
 * The call site of a blocked thread: the line of people's code in which it is blocked.
 *
 * A blocked thread is asked for its site on top of its own stack, so a stack that is captured there tells it. When several
 * threads are on that stack, each waits for the one above it, which was begun by `ThreadRunner.runNested`.
 *
 * @module
 */

import { ownModules } from "../own_modules.ts";
import { LINES_BEFORE_SOURCE, stackHere } from "./stack_here.ts";

/** Part of the stack line that begins a thread on top of another one. It names no class, as a minifier renames those. */
const BEGINS = ".runNested (";

/** The most lines of a stack that are looked at. */
const DEPTH = 200;

/** The site of a stack line: a URL with line and column, or a line and column in a function that was sent as source. */
const SITE = /(\w+:[^\s()]+:\d+:\d+|<anonymous>:\d+:\d+)\)?$/;

/**
 * The site of the call in which a thread on this stack is blocked.
 *
 * @param above The count of threads above it.
 * @returns The site, as stacks have it; `undefined` if it cannot be told.
 */
export function callSite(above: number): string | undefined {
  return siteIn(wholeStack(), above);
}

/**
 * Part of the stack line in which an iterator is asked for the hub. Minified code has another name: then no generator is named.
 */
const ASKS = "GreenIterator.";

/** The stack line of a generator's own method, which is the engine's. */
const GENERATOR = /^\s+at (\S+)\.(?:next|return) \(<anonymous>\)$/;

/** The name of the generator function that makes the item of the innermost iteration on this stack. */
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

/** As {@linkcode callSite}, in a stack that was captured before. */
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

/** A site in words. An inline function has no URL: it is the source with which its thread was spawned. */
function readable(site: string): string {
  const inline = /^<anonymous>:(\d+):\d+$/.exec(site);
  return inline ? `line ${Number(inline[1]) - LINES_BEFORE_SOURCE} of its source` : site;
}
