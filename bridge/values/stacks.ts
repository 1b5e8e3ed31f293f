/**
 * Stacks that people can read: one story of both sides, without what this library and the runtime have below people's code.
 *
 * @module
 */

import { isError } from "./error_values.ts";
import { ownModules } from "../own_modules.ts";
import { LINES_BEFORE_SOURCE } from "./stack_here.ts";

const FRAME = /^\s+at /;

/**
 * Makes one stack of two, that reads as one story: the frames of the far side, a line that says
 * where it crossed, and the frames of the near side. On both sides this library's own frames are left out, with what
 * the runtime has between and below them.
 *
 * Never throws: what has no stack, or does not let it be set, is left as it is.
 *
 * @param error What arrived. Anything but an error is left as it is.
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
 * Adds the caller's frames to a stack that has been joined already, when nobody had asked for it yet.
 *
 * @param error What arrived.
 * @param nearStack The stack of an error made on the near side.
 */
export function addCaller(error: unknown, nearStack: string): void {
  changeStack(error, (stack) => [stack, ...callerFrames(nearStack)].join("\n"));
}

/**
 * Adds a line to the stack of an error that people's code has thrown, once.
 *
 * @param error What was thrown. An error whose stack has no frame of people's code is left as it is.
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

/** A place in people's code. */
interface Site {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The first place in people's code that an error's stack names; none if it has no stack, or that names none. */
export function siteOf(error: unknown): Site | undefined {
  for (const line of userFrames(stackOf(error) ?? "").split("\n")) {
    if (!FRAME.test(line) || isRuntimes(line) || isOwn(line)) continue;
    const [, file, at, column] = SITE.exec(line) ?? [];
    if (file !== undefined) return { file, line: Number(at), column: Number(column) };
  }
  return undefined;
}

/** The file, line and column at the end of a frame. */
const SITE = /(?:\(| at (?:async )?)([^()]+):(\d+):(\d+)\)?$/;

/** The lines of a stack after its first, which may be several, without frames that are not the caller's. */
function callerFrames(stack: string): string[] {
  const lines = stack.split("\n");
  const first = lines.findIndex((line) => FRAME.test(line));
  if (first < 0) return [];
  return lines.slice(first).filter((line) => !isRuntimes(line) && !isOwn(line));
}

/**
 * A stack without what called the user's function: frames of this library, and those of the runtime under them. The
 * runtime's at the top stay: they say what was being done. A frame of an inline function says which line of its source it is.
 *
 * @param stack The stack of an error, in one piece.
 */
export function userFrames(stack: string): string {
  if (!ownModules.some((url) => stack.includes(url))) return stack;
  try {
    return withoutOwn(stack);
  } catch {
    // Where there is hardly any room left on the engine's stack it cannot compile a pattern, and calls that a SyntaxError.
    return stack;
  }
}

function withoutOwn(stack: string): string {
  let below = false;
  return stack.split("\n").filter((line) => {
    if (isOwn(line)) return !(below = true);
    // Above this line it crossed before, and below it are frames of another side.
    if (!FRAME.test(line)) return !(below = false);
    return !(below && isRuntimes(line));
  }).map((line) => line.replace(INLINE, inlineSite)).join("\n");
}

/** Where a frame of an inline function is, as the engine says it. */
const INLINE =
  /\(eval at make \(\S*\/green\/worker\/inline_functions\.ts:\d+:\d+\), <anonymous>:(\d+):(\d+)\)$/;

function inlineSite(_: string, line: string, column: string): string {
  return `(inline function:${Number(line) - LINES_BEFORE_SOURCE}:${column})`;
}

/** Whether a frame is of this library; those of inline functions only have their origin there. */
function isOwn(line: string): boolean {
  return FRAME.test(line) && !line.includes("(eval at ") &&
    ownModules.some((url) => line.includes(url));
}

function isRuntimes(line: string): boolean {
  return FRAME.test(line) && line.includes("ext:");
}
