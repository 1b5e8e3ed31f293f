/**
 * The leaves of the structured form, with the writing and the reading of each side by side: values with
 * nothing inside that would have to be walked.
 *
 * @module
 */

import { fail, isCount } from "./structured_checks.ts";
import { isFinite } from "../primordials.ts";
import { Letter, MARK, MARK_CODE, type Wire } from "./structured.ts";

const HEX_DIGITS = /^(-?)([0-9a-f]+)$/;

/** Writes a string, unless it is too long to stand in the text. */
export function writeString(value: string): Wire {
  return value.charCodeAt(0) === MARK_CODE ? MARK + value : value;
}

/** Writes a number. */
export function writeNumber(value: number): Wire {
  if (isFinite(value)) {
    return value === 0 && 1 / value < 0 ? MARK + Letter.NegativeZero : value;
  }
  if (value !== value) return MARK + Letter.NaN;
  return MARK + (value > 0 ? Letter.Infinity : Letter.NegativeInfinity);
}

/**
 * Reads a primitive that is a mark and a letter and nothing more.
 *
 * @param letter The letter.
 * @returns The primitive; fails when there is none.
 */
export function readConstant(letter: string): undefined | number {
  switch (letter) {
    case Letter.Undefined:
      return undefined;
    case Letter.NaN:
      return NaN;
    case Letter.Infinity:
      return Infinity;
    case Letter.NegativeInfinity:
      return -Infinity;
    case Letter.NegativeZero:
      return -0;
    default:
      return fail("a string has an unknown mark");
  }
}

/** Writes a bigint. */
export function writeBigInt(value: bigint): Wire {
  return MARK + Letter.BigInt + value.toString(16);
}

/** Reads a bigint's digits. */
export function readBigInt(digits: string): bigint {
  const match = HEX_DIGITS.exec(digits) ?? fail("a bigint has invalid digits");
  const value = BigInt(`0x${match[2]}`);
  return match[1] === "" ? value : -value;
}

/** Writes a date. */
export function writeDate(value: Date): Wire {
  return MARK + Letter.Date + value.getTime();
}

/** Reads a date's milliseconds. */
export function readDate(digits: string): Date {
  const time = Number(digits);
  if (digits === "" || (Number.isNaN(time) && digits !== "NaN")) fail("a date has an invalid time");
  return new Date(time);
}

const unbox: Readonly<Record<string, (this: unknown) => unknown>> = {
  Number: Number.prototype.valueOf,
  String: String.prototype.valueOf,
  Boolean: Boolean.prototype.valueOf,
  BigInt: BigInt.prototype.valueOf,
};

/** Takes the primitive out of its box, whatever methods the box was given. */
export function unboxed(kind: string, box: object): unknown {
  return unbox[kind].call(box);
}

/** Puts a primitive into a box. */
export function boxed(primitive: unknown): object {
  if (typeof primitive === "object" || primitive === undefined) {
    fail("a box holds no primitive value");
  }
  return Object(primitive);
}

/** Makes headers of names and values in turn. */
export function readHeaders(entries: string[]): Headers {
  if (entries.length % 2 !== 0) fail("a header has no value");
  const headers = new Headers();
  for (let i = 0; i < entries.length; i += 2) headers.append(entries[i], entries[i + 1]);
  return headers;
}

/** Writes text as UTF-16 with the low byte first, lone surrogates and all. */
export function writeWideText(value: string): Uint8Array {
  const bytes = new Uint8Array(value.length * 2);
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    bytes[2 * i] = unit;
    bytes[2 * i + 1] = unit >> 8;
  }
  return bytes;
}

/** Reads text that {@linkcode writeWideText} wrote: a `TextDecoder` would replace lone surrogates. */
export function readWideText(bytes: Uint8Array): string {
  if (bytes.length % 2 !== 0) fail("a text has half a character");
  let whole = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    const units: number[] = [];
    const end = Math.min(i + 8192, bytes.length);
    for (let j = i; j < end; j += 2) units.push(bytes[j] | bytes[j + 1] << 8);
    whole += String.fromCharCode(...units);
  }
  return whole;
}

/**
 * Makes an array without items. Its length is a claim of the other side's, so it must cost nothing.
 *
 * @param length The length that it is to have.
 * @param items The count of items that will follow.
 */
export function emptyArray(length: unknown, items: number): unknown[] {
  if (!isCount(length) || length > 0xffffffff) fail("an array has an invalid length");
  const array: unknown[] = [];
  // V8 makes room at once for a length up to 2^25. Above that it changes to a table of the existing
  // items, and stays with that.
  if (length > 2 * items + 1024) array.length = 0xffffffff;
  array.length = length;
  return array;
}
