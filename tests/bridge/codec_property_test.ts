import { assert } from "@std/assert";
import { decode, encode } from "../../bridge/codec.ts";
import { difference } from "./codec_isomorphism.ts";
import { carry, noReferrer } from "./codec_support.ts";
import { Chance, ValueMaker } from "./codec_values.ts";

// AIOHUB_CODEC_CASES=100000 AIOHUB_CODEC_SEED=7 deno test -A tests/bridge/codec_property_test.ts
const CASES = Number(Deno.env.get("AIOHUB_CODEC_CASES") ?? 5_000);
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
