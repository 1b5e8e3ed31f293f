/**
 * Stacks that people can read: one story of both sides, without the stack frames that this library and the runtime have below
 * people's code.
 *
 * **The call site of a blocked thread** is the line of people's code in which it is blocked. A blocked thread tells its site on
 * top of its own stack, so a stack that is captured there tells it. When several threads are on that stack, each waits
 * for the one above it, which was begun by `ThreadRunner.runNested`.
 *
 * @module
 */

import { isError } from "./error_values.ts";
import { asEngineWrites, captureStackTrace } from "../primordials.ts";
import { ownModules } from "../own_modules.ts";

const FRAME = /^\s+at /;

/**
 * Makes one stack of two, that reads as one story: the stack frames of the far side, a line that says where the error crossed,
 * and the stack frames of the near side. On both sides this library's own frames are left out, and the runtime's between and
 * below them.
 *
 * Never throws: a value that has no stack, or does not let it be set, is left as it is.
 *
 * @param error The value that arrived. Anything but an error is left as it is.
 * @param crossing The line between, for example `    --- called by green thread "x" ---`.
 * @param nearStack The stack of an error made on the near side. Its first line is left out.
 */
export function joinStacks(error: unknown, crossing: string, nearStack: string): void {
  changeStack(error, (far) => [userFrames(far), crossing, ...callerFrames(nearStack)].join("\n"));
}

/** As {@linkcode joinStacks}, unless the stack has the line between already. */
export function joinStacksOnce(error: unknown, crossing: string, nearStack: string): void {
  changeStack(
    error,
    (far) =>
      far.includes(crossing)
        ? far
        : [userFrames(far), crossing, ...callerFrames(nearStack)].join("\n"),
  );
}

/**
 * Adds the caller's stack frames to a stack that was joined before anybody had asked for the result.
 *
 * @param error The value that arrived.
 * @param nearStack The stack of an error made on the near side.
 */
export function addCaller(error: unknown, nearStack: string): void {
  changeStack(error, (stack) => [stack, ...callerFrames(nearStack)].join("\n"));
}

/**
 * Adds a line to the stack of an error that people's code has thrown, once.
 *
 * @param error The thrown value. An error whose stack has no frame of people's code is left as it is.
 * @param line The line.
 */
export function addLine(error: unknown, line: string): void {
  changeStack(error, (stack) => {
    const frames = userFrames(stack);
    const isPeoples = frames.split("\n").some((line) => FRAME.test(line) && !isRuntimes(line));
    return !isPeoples || stack.includes(line) ? stack : `${frames}\n${line}`;
  });
}

function changeStack(error: unknown, change: (stack: string) => string): void {
  try {
    if (typeof error !== "object" || error === null || !isError(error)) return;
    // V8 would let the stack of a frozen error be set all the same.
    if (Object.isFrozen(error)) return;
    const { stack } = error;
    if (typeof stack === "string") error.stack = change(stack);
  } catch {
    // Its stack cannot be read or set: it is still the error.
  }
}

/** The stack of an error as text; none if it is no error, or its stack cannot be read. */
export function stackOf(error: unknown): string | undefined {
  try {
    const stack = typeof error === "object" && error !== null && isError(error) && error.stack;
    return typeof stack === "string" ? stack : undefined;
  } catch {
    return undefined;
  }
}

/** A site in people's code. */
interface Site {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The first site in people's code that an error's stack names; none if the error has no stack, or its stack names none. */
export function siteOf(error: unknown): Site | undefined {
  for (const line of userFrames(stackOf(error) ?? "").split("\n")) {
    if (!FRAME.test(line) || isRuntimes(line) || isOwn(line)) continue;
    const [, file, at, column] = SITE.exec(line) ?? [];
    if (file !== undefined) return { file, line: Number(at), column: Number(column) };
  }
  return undefined;
}

/** The file, line and column at the end of a stack frame. */
const SITE = /(?:\(| at (?:async )?)([^()]+):(\d+):(\d+)\)?$/;

/** The stack frames of the caller in a stack: without its message, and without frames of this library and the runtime. */
function callerFrames(stack: string): string[] {
  const lines = stack.split("\n");
  const first = lines.findIndex((line) => FRAME.test(line));
  if (first < 0) return [];
  return lines.slice(first).filter((line) => !isRuntimes(line) && !isOwn(line));
}

/**
 * A stack without the callers of the user's function: the stack frames of this library, and those of the runtime under them. The
 * runtime's frames at the top stay: they name the operation that failed. A frame of an inline function gets the line in its
 * source.
 *
 * @param stack The stack of an error, in one piece.
 */
export function userFrames(stack: string): string {
  if (!ownModules.some((url) => stack.includes(url))) return stack;
  try {
    return withoutOwn(stack);
  } catch {
    // With hardly any room left on its stack, the engine cannot compile a pattern, and calls that a SyntaxError.
    return stack;
  }
}

function withoutOwn(stack: string): string {
  let below = false;
  return stack.split("\n").filter((line) => {
    if (isOwn(line)) return !(below = true);
    // A line between: the frames below it are of another side.
    if (!FRAME.test(line)) return !(below = false);
    return !(below && isRuntimes(line));
  }).map((line) => line.replace(INLINE, inlineSite)).join("\n");
}

/** The site in a stack frame of an inline function, as the engine writes it. */
const INLINE =
  /\(eval at make \(\S*\/green\/worker\/loader\.ts:\d+:\d+\), <anonymous>:(\d+):(\d+)\)$/;

function inlineSite(_: string, line: string, column: string): string {
  return `(inline function:${Number(line) - LINES_BEFORE_SOURCE}:${column})`;
}

/** Whether a stack frame is of this library. Those of inline functions are not, though the engine names it as their origin. */
function isOwn(line: string): boolean {
  return FRAME.test(line) && !line.includes("(eval at ") &&
    ownModules.some((url) => line.includes(url));
}

function isRuntimes(line: string): boolean {
  return FRAME.test(line) && line.includes("ext:");
}

/** The count of lines that the engine and the library put before the source of an inline function. */
const LINES_BEFORE_SOURCE = 2;

/** The stack of the caller, as the engine writes it. */
export function stackHere(): string {
  return asEngineWrites(capture);
}

function capture(): string {
  const error = new Error();
  captureStackTrace(error, stackHere);
  return error.stack ?? "";
}

/** Part of the stack line that begins a thread on top of another one. It names no class, as a minifier renames those. */
const BEGINS = ".runNested (";

/** The most lines of a stack that are looked at. */
const DEPTH = 200;

/** The site of a stack line: a URL with line and column, or a line and column in a function that was sent as source. */
const PLACE = /(\w+:[^\s()]+:\d+:\d+|<anonymous>:\d+:\d+)\)?$/;

/**
 * The sites of the calls in which the threads on this stack are blocked.
 *
 * @param threads The count of threads.
 * @returns The sites as stacks have them, that of the innermost thread last; an empty text where one cannot be told.
 */
export function callSites(threads: number): string[] {
  const sites = new Array<string>(threads).fill("");
  let at = threads - 1;
  for (const line of wholeStack().split("\n")) {
    if (line.includes(BEGINS)) at--;
    if (at < 0) break;
    const site = sites[at] === "" ? PLACE.exec(line)?.[1] : undefined;
    if (site && !ownModules.some((own) => site.startsWith(own))) sites[at] = readable(site);
  }
  return sites;
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

/** A site in words. An inline function has no URL: it is the source with which its thread was spawned. */
function readable(site: string): string {
  const inline = /^<anonymous>:(\d+):\d+$/.exec(site);
  return inline ? `line ${Number(inline[1]) - LINES_BEFORE_SOURCE} of its source` : site;
}
