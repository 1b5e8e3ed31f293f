/**
 * Checks of the parts that the structured reader reads. Each returns its argument, or throws.
 *
 * Also limits on objects that cost far more to make than to ask for. The reader needs the limits, as it does
 * not trust the text; the writer keeps to them too, so that a sender gets an error with the path.
 *
 * @module
 */

import { BridgeProtocolError } from "../errors.ts";
import { isArray, isSafeInteger } from "../primordials.ts";

/** The properties of a plain object. */
export type Fields = { [key: string]: unknown };

/** Throws the error of a malformed message. */
export function fail(why: string, cause?: unknown): never {
  throw new BridgeProtocolError(
    `Cannot read a message: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}

/** The errors that were thrown for classes: mistakes of the application, and no reason to distrust the other side. */
const mistakes = new WeakSet<object>();

/** Throws the error of an instance of the app's class that cannot be made. */
export function failForClass(why: string, cause?: unknown): never {
  try {
    return fail(why, cause);
  } catch (error) {
    mistakes.add(error as Error);
    throw error;
  }
}

/** Whether an error means that the other side wrote a message that this library never writes: then it cannot be trusted. */
export function isBreach(error: unknown): error is BridgeProtocolError {
  return error instanceof BridgeProtocolError && !mistakes.has(error);
}

/** Carries the error of a `ReferenceKinds` past the checks, which would take it for a sign of malformed bytes. */
export class ForeignError {
  /** The thrown value. */
  readonly thrown: unknown;

  /** Wraps a thrown value. */
  constructor(thrown: unknown) {
    this.thrown = thrown;
  }
}

/** Takes only text. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : fail("a text is missing");
}

/** Takes only text, or null in place of none. */
export function textOrNull(value: unknown): string | null {
  return value === null ? null : text(value);
}

/** Whether a value is a number to count with: an integer from 0. */
export function isCount(value: unknown): value is number {
  return isSafeInteger(value) && (value as number) >= 0;
}

/** Takes only a list. */
export function list(value: unknown): unknown[] {
  return isArray(value) ? value : fail("a list is missing");
}

/** Takes only the properties of an object. */
export function fields(value: unknown): Fields {
  if (typeof value !== "object" || value === null || isArray(value)) {
    fail("fields are missing");
  }
  return value as Fields;
}

/** The beginning of a text that may be anything, for a message. */
export function excerpt(value: unknown): string {
  return String(value).slice(0, 50);
}

/**
 * More headers than this are not made: `Headers` looks through all it has for each one that is
 * added, so a few megabytes of them would keep the event loop for minutes.
 */
const MAX_HEADERS = 4096;

/**
 * More classes of characters than this are not made in the Unicode patterns of one message: V8 takes
 * up to a millisecond for each `\w` in `/[\w\w]/iu`, 21 seconds for 40 KB of it.
 */
const MAX_CLASSES = 1000;

/** The most resizable buffers of one message: each takes a mapping, and a process has 65,530. */
const MAX_RESIZABLE = 1000;

/** The most memory that these buffers may reserve together. */
const MAX_RESERVED = 2 ** 36;

const CLASSES = /\\[wp]/gi;

/** Counts the limited objects of one message. Each method returns the problem in words, if there is one. */
export class Limits {
  #classes = 0;
  #resizable = 0;
  #reserved = 0;

  /** Counts the classes of characters in a pattern. */
  pattern(source: string, flags: string): string | undefined {
    if (!/[uv]/.test(flags)) return undefined;
    this.#classes += source.match(CLASSES)?.length ?? 0;
    if (this.#classes <= MAX_CLASSES) return undefined;
    return `the Unicode patterns of one message may have at most ${MAX_CLASSES} classes such as \\w`;
  }

  /** Counts a resizable buffer. */
  resizable(maxByteLength: number): string | undefined {
    this.#reserved += maxByteLength;
    this.#resizable += 1;
    if (this.#resizable <= MAX_RESIZABLE && this.#reserved <= MAX_RESERVED) return undefined;
    return `one message may have at most ${MAX_RESIZABLE} resizable buffers, of 64 GiB in all`;
  }

  /** Counts the entries of headers; these are limited one by one. */
  headers(entries: number): string | undefined {
    if (entries <= MAX_HEADERS) return undefined;
    return `headers may have at most ${MAX_HEADERS} entries`;
  }
}
