/**
 * The test for plain data: data that `JSON.stringify` carries so faithfully that `JSON.parse` gives
 * back the same as `structuredClone` would. Every value that crosses is tested, so it is one tight
 * walk that allocates nothing for small data.
 *
 * @module
 */

import { getPrototypeOf, isArray, values } from "../primordials.ts";
import { BUFFER_UNITS } from "./structured.ts";

/**
 * The most levels to which values may be nested. `structuredClone` of Deno 2.9.6 gives up between
 * 2,000 and 3,000; the recursive walks of the codec reach this on half a Worker's stack.
 */
export const MAX_DEPTH = 1_000;

/** The count of objects up to which a linear search is faster than a Set. */
const FEW = 16;

const arrayPrototype: unknown = Array.prototype;
const objectPrototype: unknown = Object.prototype;

// The objects that the walk has met, to find those that are referred to twice. They are held here, and
// not in an object, because that makes the walk of small data a quarter faster.

/** The first objects met. */
const few: (object | undefined)[] = new Array(FEW).fill(undefined);
/** The count of objects met. */
let count = 0;
/** All objects met, once they are more than a few. */
let many: Set<object> | undefined;
let walking = false;

/**
 * Tells whether an object or array is plain data all through: finite numbers, strings, booleans,
 * null, and plain objects and dense arrays of them, each referred to once, without very long strings. Getters are read, as
 * structured clone reads them; symbol keys and hidden properties are passed over, as there.
 *
 * @param value The object or array.
 * @returns Whether JSON carries it faithfully. False also when it is nested deeper than
 * {@linkcode MAX_DEPTH}.
 */
export function isPlain(value: object): boolean {
  if (walking) return isPlainMeanwhile(value);
  walking = true;
  try {
    return walk(value, MAX_DEPTH);
  } finally {
    forget();
    walking = false;
  }
}

/** The same for a value that a getter sends while another is walked. */
function isPlainMeanwhile(value: object): boolean {
  const before = { first: few.slice(), count, many };
  count = 0;
  many = undefined;
  try {
    return walk(value, MAX_DEPTH);
  } finally {
    before.first.forEach((object, i) => few[i] = object);
    ({ count, many } = before);
  }
}

/** Forgets all objects, so that none is kept alive from here. */
function forget(): void {
  const used = Math.min(count, FEW);
  for (let i = 0; i < used; i++) few[i] = undefined;
  count = 0;
  many = undefined;
}

/** Notes an object; false when it was noted before. */
function note(object: object): boolean {
  if (many !== undefined) {
    many.add(object);
    return many.size === ++count;
  }
  for (let i = 0; i < count; i++) {
    if (few[i] === object) return false;
  }
  if (count < FEW) few[count] = object;
  else many = new Set(few as object[]).add(object);
  count++;
  return true;
}

/**
 * The walk: one stack frame a level. The checks of the items are inline, twice: as a function of their
 * own they make it a fifth slower.
 */
function walk(object: object, depth: number): boolean {
  if (depth === 0 || !note(object)) return false;
  const prototype = getPrototypeOf(object);
  if (prototype === arrayPrototype) {
    if (!isArray(object)) return false;
    const { length } = object;
    for (let i = 0; i < length; i++) {
      const item: unknown = object[i];
      if (typeof item === "string") {
        if (item.length >= BUFFER_UNITS) return false;
        continue;
      }
      if (typeof item === "object") {
        if (item !== null && !walk(item, depth - 1)) return false;
      } else if (typeof item === "number") {
        if (item - item !== 0 || (item === 0 && 1 / item < 0)) return false;
      } else if (typeof item !== "boolean") return false;
    }
    // Somebody may have given a toJSON() to all arrays, or to all objects.
    if ((object as { toJSON?: unknown }).toJSON !== undefined) return false;
    // One value each for the indices, and more for properties beside them. Nothing else in the
    // language counts those without making a string of every index.
    return values(object).length === length;
  }
  if (prototype !== objectPrototype && (prototype !== null || isArray(object))) return false;
  // Inherited properties are seen too when someone has put any on Object.prototype: then plain data may
  // be taken for other data, which only costs time.
  for (const key in object) {
    const item: unknown = (object as Record<string, unknown>)[key];
    if (typeof item === "string") {
      if (item.length >= BUFFER_UNITS) return false;
      continue;
    }
    if (typeof item === "object") {
      if (item !== null && !walk(item, depth - 1)) return false;
    } else if (typeof item === "number") {
      if (item - item !== 0 || (item === 0 && 1 / item < 0)) return false;
    } else if (typeof item !== "boolean") return false;
  }
  return typeof (object as { toJSON?: unknown }).toJSON !== "function";
}

/** Whether JSON carries a number: a finite one that is not -0. */
export function isPlainNumber(value: number): boolean {
  return value - value === 0 && (value !== 0 || 1 / value > 0);
}

/**
 * Tells whether JSON that arrived is nested too deeply.
 *
 * @param value The result of `JSON.parse`.
 * @param depth The most levels that are allowed.
 * @returns Whether there are more.
 */
export function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depth === 0) return true;
  if (isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i];
      if (typeof item === "object" && isDeeperThan(item, depth - 1)) return true;
    }
    return false;
  }
  for (const key in value) {
    const item: unknown = (value as Record<string, unknown>)[key];
    if (typeof item === "object" && isDeeperThan(item, depth - 1)) return true;
  }
  return false;
}
