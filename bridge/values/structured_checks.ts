/**
 * Checks of the parts that the structured reader reads. Each returns its argument, or throws.
 *
 * @module
 */

import { BridgeProtocolError } from "../errors.ts";
import { isArray, isSafeInteger } from "../primordials.ts";

/** The properties of a plain object. */
export type Fields = { [key: string]: unknown };

/** Says what is wrong with a message: never returns. */
export function fail(why: string, cause?: unknown): never {
  throw new BridgeProtocolError(
    `Cannot read a message: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}

/** The errors that were thrown for classes: mistakes of the application, and no reason to distrust the other side. */
const mistakes = new WeakSet<object>();

/** Says what is wrong with an instance of a class of the application: never returns. */
export function failForClass(why: string, cause?: unknown): never {
  try {
    return fail(why, cause);
  } catch (error) {
    mistakes.add(error as Error);
    throw error;
  }
}

/** Whether an error means that the other side wrote what this library never writes, so that it cannot be trusted. */
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
