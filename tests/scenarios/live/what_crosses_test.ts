/**
 * `docs/what-crosses.md`, checked row by row: a row without a value, a value without a row, and anything that arrives
 * otherwise than its row says, fails.
 *
 * @module
 */

import { NotCloneableError, spawn } from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import { TestHub } from "../../support/mod.ts";
import {
  describeArrival,
  give,
  print,
  printHere,
  receive,
  values,
} from "../../fixtures/crossing_values.ts";

const text = await Deno.readTextFile(new URL("../../../docs/what-crosses.md", import.meta.url));
// The first table: those under the headings say other things.
const rows = text.split(/^## /m)[0].split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (Type|-+) /.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, type, toGreen, toAsync]) => ({ type, toGreen, toAsync }));

Deno.test("docs/what-crosses.md has a row for each value, and the other way round", () => {
  assertEquals(rows.map(({ type }) => type), Object.keys(values));
});

for (const { type, toGreen, toAsync } of rows) {
  Deno.test(`what crosses: ${type}`, async () => {
    await using _hub = new TestHub({ maxWorkers: 1 });
    const value = values[type]();
    const [there, printed] = await sendToGreen(type, value);
    assertEquals([type, there], [type, toGreen]);
    if (there === "the value") assertEquals(printed, print(type, value));
    const { arrival, value: back } = await getFromGreen(type);
    assertEquals([type, arrival], [type, toAsync]);
    if (arrival === "the value") assertEquals(print(type, back), await printHere(type));
  });
}

Deno.test("what crosses: SharedArrayBuffer is the same memory on both sides", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const words = new Int32Array(new SharedArrayBuffer(4));
  await spawn((words: Int32Array) => void Atomics.store(words, 0, 7), words);
  assertEquals(words[0], 7);
});

Deno.test("what crosses: a refusal names the place and the fix", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const [there, printed] = await sendToGreen("", { user: { onClick: Symbol("x") } });
  assertEquals(there, "refused");
  assert(printed.includes("arguments[1].user.onClick"), printed);
});

async function sendToGreen(type: string, value: unknown): Promise<[string, string]> {
  try {
    return await receive(type, value);
  } catch (error) {
    if (!(error instanceof NotCloneableError)) throw error;
    return ["refused", error.message];
  }
}

async function getFromGreen(type: string): Promise<{ arrival: string; value?: unknown }> {
  try {
    const value = await give(type);
    return { arrival: describeArrival(value), value };
  } catch (error) {
    if (!(error instanceof NotCloneableError)) throw error;
    return { arrival: "refused" };
  }
}
