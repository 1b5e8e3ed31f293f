import { assert, assertEquals } from "@std/assert";
import { decode, encode } from "../../bridge/values/codec.ts";
import { difference } from "../bridge/values/codec_isomorphism.ts";
import { carry, noKinds } from "../bridge/values/codec_support.ts";
import { Chance, ValueMaker } from "../bridge/values/codec_values.ts";
import { anySeed, rounds } from "../support/rounds.ts";

const CASES = rounds(100_000);
const SEED = anySeed();

/** What structured clone makes of a value; nothing when it does not take it. */
function clone(value: unknown): { value: unknown } | undefined {
  try {
    return { value: structuredClone(value) };
  } catch {
    return undefined;
  }
}

function checkCase(seed: number): string | undefined {
  const value = new ValueMaker(new Chance(seed)).make();
  const wanted = clone(value);
  if (wanted === undefined) return "structuredClone does not take what the test makes";
  const got = decode(carry(encode(value, "value", noKinds)), noKinds);
  return difference(wanted.value, got);
}

Deno.test("decode() gives what structuredClone gives for what encode() was given", () => {
  for (let seed = SEED; seed < SEED + CASES; seed++) {
    let found: string | undefined;
    try {
      found = checkCase(seed);
    } catch (error) {
      found = Deno.inspect(error);
    }
    assert(found === undefined, `AIOHUB_SEED=${seed}: ${found}`);
  }
});

Deno.test("difference() finds each kind of difference, and none where there is none", () => {
  const shared = {};
  const pairs: [unknown, unknown][] = [
    [0, -0],
    [[shared, shared], [{}, {}]],
    [[{}, {}], [shared, shared]],
    [[1, , 2], [1, undefined, 2]],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }],
    [{}, Object.create(null)],
    [new Map([[1, 2]]), new Map([[1, 3]])],
    [new Set([1]), new Set([1, 2])],
    [new Date(0), new Date(1)],
    [/a/g, /a/],
    [Object(1), Object(2)],
    [new Uint8Array([1]), new Uint8Array([2])],
    [new Uint8Array(2), new Uint8Array(new ArrayBuffer(3), 0, 2)],
    [new Error("a"), new Error("b")],
    [growing(), growing(4)],
  ];
  for (const [left, right] of pairs) {
    assert(difference(left, right) !== undefined, Deno.inspect([left, right]));
    assert(difference(left, left) === undefined);
  }
});

/** A view on a buffer that can grow: one that follows it, or one of a fixed length. */
function growing(length?: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(4, { maxByteLength: 8 }), 0, length);
}

Deno.test("ValueMaker makes values of every kind that structured clone takes", () => {
  const kinds = new Set<string>();
  for (let seed = 0; seed < 4000; seed++) {
    collectKinds(new ValueMaker(new Chance(seed)).make(), kinds, new Set());
  }
  const wanted = [
    ..."undefined null boolean number string bigint -0 NaN Infinity lone-surrogate long-text".split(
      " ",
    ),
    ..."Object Array Map Set Date RegExp Number String Boolean BigInt ArrayBuffer".split(" "),
    ..."DataView Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array".split(
      " ",
    ),
    ..."Uint32Array Float16Array Float32Array Float64Array BigInt64Array BigUint64Array".split(" "),
    ..."Error EvalError RangeError ReferenceError SyntaxError TypeError URIError".split(" "),
    ..."DOMException null-prototype getter hole array-property __proto__ lastIndex".split(" "),
    ..."invalid-date resizable offset length-tracking shared cycle cause".split(" "),
  ];
  assertEquals(wanted.filter((kind) => !kinds.has(kind)), []);
});

/** Notes what kinds of values there are in one. */
function collectKinds(value: unknown, kinds: Set<string>, above: Set<unknown>): void {
  if (typeof value !== "object" || value === null) {
    kinds.add(value === null ? "null" : typeof value);
    if (typeof value === "string" && !value.isWellFormed()) kinds.add("lone-surrogate");
    if (typeof value === "string" && value.length > 1 << 16) kinds.add("long-text");
    if (Object.is(value, -0)) kinds.add("-0");
    if (typeof value === "number" && !Number.isFinite(value)) {
      kinds.add(String(value).replace("-", ""));
    }
    return;
  }
  if (above.has(value)) return void kinds.add("cycle");
  if (met.has(value)) return void kinds.add("shared");
  met.add(value);
  const prototype = Object.getPrototypeOf(value);
  kinds.add(prototype?.constructor.name ?? "null-prototype");
  const inside = new Set([...above, value]);
  if (Array.isArray(value)) {
    const keys = Object.keys(value);
    if (keys.length < value.length) kinds.add("hole");
    if (keys.at(-1) === "extra") kinds.add("array-property");
  }
  if (value instanceof RegExp && value.lastIndex > 0) kinds.add("lastIndex");
  if (value instanceof Date && Number.isNaN(value.getTime())) kinds.add("invalid-date");
  if (value instanceof ArrayBuffer && value.resizable) kinds.add("resizable");
  if (value instanceof Error && Object.hasOwn(value, "cause")) {
    kinds.add("cause");
    collectKinds(value.cause, kinds, inside);
  }
  if (ArrayBuffer.isView(value)) {
    if (value.byteOffset > 0) kinds.add("offset");
    const { buffer } = value;
    if (buffer instanceof ArrayBuffer && buffer.resizable && buffer.byteLength < 2000) {
      const before = value.byteLength;
      const size = buffer.byteLength;
      buffer.resize(buffer.maxByteLength);
      if (value.byteLength > before) kinds.add("length-tracking");
      buffer.resize(size);
    }
    return;
  }
  if (value instanceof Map) {
    for (const pair of value) pair.forEach((x) => collectKinds(x, kinds, inside));
  }
  if (value instanceof Set) { for (const item of value) collectKinds(item, kinds, inside); }
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
    if (key === "__proto__") kinds.add("__proto__");
    if (property.get) kinds.add("getter");
    collectKinds((value as Record<string, unknown>)[key], kinds, inside);
  }
}

const met = new WeakSet<object>();
