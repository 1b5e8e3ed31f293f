/**
 * The cost of the codec beside that of the platform's own: a value there and back, without any transport.
 *
 * `deno bench -A bench/codec_bench.ts`
 *
 * @module
 */

import { deserialize, serialize } from "node:v8";
import { decode, encode, type ReferenceKinds } from "../bridge/values/codec.ts";

const nothing: ReferenceKinds = {
  toRef: () => undefined,
  receive: () => [],
  resolve: () => undefined,
};

/** Rows as a database gives them. */
function rows(count: number, more: object): object[] {
  return Array.from(
    { length: count },
    (_, i) => ({ id: i, name: `row ${i}`, score: i / 3, ok: true, ...more }),
  );
}

/** The values that are sent; only plain ones can be compared with JSON. */
const shapes: [name: string, value: unknown, isPlain: boolean][] = [
  ["[1]", [1], true],
  ["url and options", ["http://127.0.0.1/", { method: "GET", timeout: 500 }], true],
  ["small object", [{ id: 7, name: "hello", ok: true, tags: ["a", "b"] }], true],
  ["small object with undefined", [{ id: 7, name: "hello", tags: undefined }], false],
  ["small object with a Date", [{ id: 7, at: new Date(0) }], false],
  ["Map of 2", [new Map([["a", 1], ["b", 2]])], false],
  ["error", [new TypeError("failed", { cause: 5 })], false],
  ["1,000 rows", [rows(1000, {})], true],
  ["1,000 rows with a Date", [rows(1000, { at: new Date(0) })], false],
  ["1,000 rows with undefined", [rows(1000, { note: undefined })], false],
  ["string of 1 MB", ["x".repeat(1e6)], true],
  ["bytes, 1 MB", [new Uint8Array(1e6)], false],
  ["numbers, 1 MB, in an object", [{ samples: new Float64Array(125_000) }], false],
];

for (const [name, value, isPlain] of shapes) {
  Deno.bench(`codec: ${name}`, { group: name, baseline: true }, () => {
    decode(encode(value, "arguments", nothing), nothing);
  });
  if (isPlain) {
    Deno.bench(`JSON: ${name}`, { group: name }, () => {
      JSON.parse(JSON.stringify(value));
    });
  }
  Deno.bench(`structuredClone: ${name}`, { group: name }, () => {
    structuredClone(value);
  });
  Deno.bench(`node:v8: ${name}`, { group: name }, () => {
    deserialize(serialize(value));
  });
}
