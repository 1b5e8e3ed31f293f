/**
 * The structured form: how values that JSON does not carry by itself stand in JSON text. It is the
 * shared vocabulary of `structured_writer.ts` and `structured_reader.ts`.
 *
 * Text, and not bytes, because the platform's own `JSON.stringify` and `JSON.parse` are faster than
 * anything that walks bytes in JavaScript, and because a tree of plain JSON has few ways to be
 * malformed. The rules:
 *
 * - Finite numbers, booleans, null, plain objects and dense arrays stand for themselves. So do
 *   strings, unless they begin with `~`: then another `~` goes before.
 * - Other primitives, dates and references to objects met before are strings that begin with `~` and
 *   a small letter: the constants here.
 * - Everything else is an array whose first item is `~` and a capital letter: see {@linkcode Node}.
 *   No array of the user's begins so, for the string in it would begin with `~~`.
 * - Objects are counted in the order in which they begin in the text, from 0. `~r7` is the object
 *   that was counted as 7, so cycles and shared references are kept.
 * - Large buffers and strings go beside the text, as buffers, in the order in which they are met.
 *
 * @module
 */

import type { ClassWire } from "./own_classes.ts";

/** The character that marks everything special. */
export const MARK = "~";

/** The code of {@linkcode MARK}. */
export const MARK_CODE = 126;

/** The strings that begin with `~` and a small letter, by that letter; data follows it. */
export const Letter = {
  Undefined: "u",
  NaN: "n",
  Infinity: "i",
  NegativeInfinity: "j",
  NegativeZero: "z",
  /** Followed by the digits in base 16, as only those are read in linear time; `-` before them. */
  BigInt: "b",
  /** Followed by the milliseconds, or `NaN`. Counts as an object. */
  Date: "d",
  /** Followed by the number of an object that was met before. */
  Back: "r",
} as const;

/** The first items of arrays that are nodes. */
export const Tag = {
  SparseArray: "~A",
  Buffer: "~B",
  Class: "~C",
  Error: "~E",
  Reference: "~F",
  Headers: "~H",
  Instance: "~I",
  Map: "~M",
  Boxed: "~O",
  SearchParams: "~Q",
  RegExp: "~R",
  Set: "~S",
  Text: "~T",
  Url: "~U",
  View: "~V",
  WideText: "~W",
} as const;

/** JSON in which the arrays and strings have the meaning described above. */
export type Wire = null | boolean | number | string | Wire[] | { [key: string]: Wire };

/**
 * The wire form of every value that is neither plain nor primitive. All of them count as an object but
 * `Text` and `WideText`.
 */
export type Node =
  /** An array with holes or with properties beside its items: its length, and its items and properties by key. */
  | [tag: typeof Tag.SparseArray, length: number, items: { [key: string]: Wire }]
  /** An ArrayBuffer: in base 64, or null for the next buffer; the third item makes it resizable. */
  | [tag: typeof Tag.Buffer, bytes: string | null, maxByteLength?: number]
  /** A typed array or DataView: its class, its buffer, its offset there, its length in items; null to track. */
  | [tag: typeof Tag.View, name: string, buffer: Wire, byteOffset: number, length: number | null]
  /** An instance of a registered class; if it is an error also the error to use without that class. */
  | [tag: typeof Tag.Class, name: string, wire: Wire, error?: ErrorNode]
  | ErrorNode
  /** An instance of a class that a module exports: the class, its fields, and 1 if a few words may do without the class. */
  | [tag: typeof Tag.Instance, Class: ClassWire, fields: { [key: string]: Wire }, lenient?: 1]
  /** A reference: its place in the payload's table, and the part of it that is a value, if there is one. */
  | [tag: typeof Tag.Reference, place: number, data?: Wire]
  /** Keys and values in turn. */
  | [tag: typeof Tag.Headers, ...entries: Wire[]]
  /** Keys and values in turn. */
  | [tag: typeof Tag.Map, ...entries: Wire[]]
  | [tag: typeof Tag.Set, ...items: Wire[]]
  | [tag: typeof Tag.Boxed, primitive: Wire]
  | [tag: typeof Tag.SearchParams, text: Wire]
  | [tag: typeof Tag.RegExp, source: Wire, flags: string]
  | [tag: typeof Tag.Url, href: Wire]
  /** A long string: the next buffer, in UTF-8. */
  | [tag: typeof Tag.Text]
  /** A long string with lone surrogates: the next buffer, in UTF-16 with the low byte first. */
  | [tag: typeof Tag.WideText];

/**
 * An error: its texts, or null, then its properties, first those that are hidden, then those of its own; and its class, if that
 * is one of the application's.
 */
export type ErrorNode = [
  tag: typeof Tag.Error,
  kind: string,
  message: Wire,
  name: Wire,
  stack: Wire,
  hidden: { [key: string]: Wire },
  fields: { [key: string]: Wire },
  ...Class: ClassWire[],
];

/** The size from which a buffer goes beside the text, in bytes; a smaller one goes inside of it. */
export const BUFFER_BYTES = 1024;

/**
 * The length from which a string goes beside the text, in UTF-16 units: from here on that is as fast or
 * up to twice as fast. It is a must, too: `JSON.stringify` of V8 15 takes the process down on a flat
 * string of 2^28 units, and the text as a whole cannot have 2^29.
 */
export const BUFFER_UNITS = 1 << 16;
