/**
 * Makes values of every kind that structured clone takes, by chance but from a seed.
 *
 * @module
 */

import { BUFFER_UNITS } from "../../../bridge/values/structured.ts";
import type { Chance } from "../../support/random.ts";

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.1,
  NaN,
  Infinity,
  -Infinity,
  2 ** 31,
  2 ** 53,
  5e-324,
  1e308,
  123456789,
];
const STRINGS = [
  "",
  "a",
  "~",
  "~~",
  "~u",
  "~M",
  "~r0",
  "~bff",
  "hello",
  "žluťoučký",
  "日本語",
  "👩‍👩‍👧",
  "\ud800",
  "\udc00x",
  "a\ud83d",
  "\ufeffbom",
  "\0",
  "\u2028",
  '"\\',
  "x".repeat(300),
  "é".repeat(1100),
];
/** Longer than what stands in the text. */
const LONG_STRINGS = ["~".repeat(BUFFER_UNITS), "é".repeat(70_000), "\ud800".repeat(66_000)];
const KEYS = [
  "a",
  "b",
  "id",
  "",
  "0",
  "7",
  "-1",
  "4294967295",
  "~M",
  "~",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "toJSON",
  "length",
  "then",
  "a b",
  "\ud800",
  "clé",
];
const BIGINTS = [
  0n,
  1n,
  -1n,
  255n,
  -(2n ** 64n),
  2n ** 200n + 1n,
  -123456789012345678901234567890n,
];
const DATES = [0, 1e12, -1, NaN, 8.64e15];
const PATTERNS = [
  /a/,
  /a\/b/gi,
  /(?:)/,
  /\u{1f600}/u,
  new RegExp(String.raw`[\p{L}--[a-z]]`, "v"),
  /x/dgimsy,
];
const ERRORS = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];
type ViewClass = new (buffer: ArrayBuffer, offset: number, length?: number) => ArrayBufferView;

const VIEWS: (ViewClass & { BYTES_PER_ELEMENT?: number })[] = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  ...(typeof Float16Array === "function" ? [Float16Array] : []),
  DataView,
];

/** Makes one value, with what is in it. */
export class ValueMaker {
  readonly #chance: Chance;
  /** All objects made so far, to be referred to again: also by those that they are part of. */
  readonly #made: object[] = [];
  /** How many values may still be made. */
  #budget: number;

  constructor(chance: Chance, budget = 30) {
    this.#chance = chance;
    this.#budget = budget;
  }

  /** Makes a value. */
  make(): unknown {
    const chance = this.#chance;
    if (this.#budget-- <= 0 || chance.next() < 0.35) return this.primitive();
    if (this.#made.length > 0 && chance.next() < 0.12) return chance.pick(this.#made);
    switch (chance.below(14)) {
      case 0:
      case 1:
      case 2:
        return this.#object();
      case 3:
      case 4:
      case 5:
        return this.#array();
      case 6:
        return this.#map();
      case 7:
        return this.#set();
      case 8:
        return this.#view();
      case 9:
        return this.#keep(this.#buffer());
      case 10:
        return this.#error();
      case 11:
        return this.#keep(new Date(chance.pick(DATES)));
      case 12:
        return this.#keep(this.#pattern());
      default:
        return this.#keep(Object(this.#boxable()));
    }
  }

  /** Makes a value that is no object. */
  primitive(): unknown {
    const chance = this.#chance;
    switch (chance.below(7)) {
      case 0:
        return chance.pick(NUMBERS);
      case 1:
        return chance.below(2 ** 32) / chance.pick([1, 1, 3, 1000]);
      case 2:
        return chance.next() < 0.5;
      case 3:
        return chance.pick([null, undefined]);
      case 4:
        return chance.pick(BIGINTS);
      default:
        return chance.next() < 0.003 ? chance.pick(LONG_STRINGS) : chance.pick(STRINGS);
    }
  }

  #pattern(): RegExp {
    const pattern = new RegExp(this.#chance.pick(PATTERNS));
    pattern.lastIndex = this.#chance.pick([0, 0, 3]);
    return pattern;
  }

  #boxable(): unknown {
    return this.#chance.pick([1, -0, NaN, "", "~boxed", "\ud800", true, false, 5n]);
  }

  #keep<T extends object>(object: T): T {
    this.#made.push(object);
    return object;
  }

  #object(): object {
    const chance = this.#chance;
    const object = this.#keep(chance.next() < 0.1 ? Object.create(null) : {});
    for (let i = chance.below(6); i > 0; i--) this.#property(object, chance.pick(KEYS));
    return object;
  }

  #property(object: object, key: string): void {
    const chance = this.#chance;
    const value = this.make();
    const kind = chance.next();
    if (kind < 0.05) {
      Object.defineProperty(object, key, {
        get: () => value,
        enumerable: true,
        configurable: true,
      });
    } else if (kind < 0.08) {
      Object.defineProperty(object, key, { value, enumerable: false, configurable: true });
    } else if (kind < 0.1) {
      Object.defineProperty(object, Symbol(key), { value, enumerable: true, configurable: true });
    } else {
      const field = { value, writable: true, enumerable: true, configurable: true };
      Object.defineProperty(object, key, field);
    }
  }

  #array(): unknown[] {
    const chance = this.#chance;
    const array: unknown[] = this.#keep([]);
    for (let i = chance.below(6); i > 0; i--) array.push(this.make());
    if (chance.next() < 0.1) array.length += chance.pick([1, 3, 5000, 20_000]);
    if (chance.next() < 0.1 && array.length > 0) delete array[chance.below(array.length)];
    if (chance.next() < 0.1) (array as unknown as Record<string, unknown>).extra = this.make();
    return array;
  }

  #map(): Map<unknown, unknown> {
    const map = this.#keep(new Map());
    for (let i = this.#chance.below(4); i > 0; i--) map.set(this.make(), this.make());
    return map;
  }

  #set(): Set<unknown> {
    const set = this.#keep(new Set());
    for (let i = this.#chance.below(4); i > 0; i--) set.add(this.make());
    return set;
  }

  #buffer(): ArrayBuffer {
    const chance = this.#chance;
    const size = chance.pick([0, 1, 8, 16, 40, 1023, 1024, 1500]);
    const buffer = chance.next() < 0.25
      ? new ArrayBuffer(size, { maxByteLength: size + chance.pick([0, 3, 8, 100]) })
      : new ArrayBuffer(size);
    const bytes = new Uint8Array(buffer);
    for (let i = 0; i < bytes.length; i++) bytes[i] = chance.below(256);
    return buffer;
  }

  #view(): ArrayBufferView {
    const chance = this.#chance;
    const buffers = this.#made.filter((object) => object instanceof ArrayBuffer);
    const buffer = buffers.length > 0 && chance.next() < 0.6
      ? chance.pick(buffers)
      : this.#keep(this.#buffer());
    const Class = chance.pick(VIEWS);
    const size = Class.BYTES_PER_ELEMENT ?? 1;
    const items = Math.floor(buffer.byteLength / size);
    const offset = chance.below(items + 1);
    if (chance.next() < 0.4 && (buffer.resizable || buffer.byteLength % size === 0)) {
      return this.#keep(new Class(buffer, offset * size));
    }
    return this.#keep(new Class(buffer, offset * size, chance.below(items - offset + 1)));
  }

  #error(): Error {
    const chance = this.#chance;
    const message = chance.pick(["", "failed", "~failed", "two\nlines"]);
    if (chance.next() < 0.15) {
      return this.#keep(
        new DOMException(message, chance.pick(["Error", "AbortError", "Own", "~"])),
      );
    }
    const Class = chance.pick(ERRORS);
    const error = this.#keep(new Class(message));
    if (chance.next() < 0.5) {
      const cause = { value: this.make(), writable: true, enumerable: false, configurable: true };
      Object.defineProperty(error, "cause", cause);
    }
    return error;
  }
}
