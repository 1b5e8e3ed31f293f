import { assert } from "@std/assert";
import { decode, encode } from "../../bridge/codec.ts";
import { difference } from "./codec_isomorphism.ts";
import { carry, noReferrer } from "./codec_support.ts";
import { Chance, ValueMaker } from "./codec_values.ts";

// AIOHUB_CODEC_CASES=100000 AIOHUB_CODEC_SEED=7 deno test -A tests/bridge/codec_property_test.ts
const CASES = Number(Deno.env.get("AIOHUB_CODEC_CASES") ?? 100_000);
const SEED = Number(Deno.env.get("AIOHUB_CODEC_SEED") ?? Date.now() % 1e9);

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
  const got = decode(carry(encode(value, "value", noReferrer)), noReferrer);
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
    assert(found === undefined, `AIOHUB_CODEC_SEED=${seed} AIOHUB_CODEC_CASES=1: ${found}`);
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
