import { NotCloneableError, transfer } from "@aiohub/aiohub";
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { rejection, TestHub } from "../../support/mod.ts";
import { rounds } from "../../support/rounds.ts";
import {
  growth,
  makeBytes,
  makeResizable,
  makeText,
  makeTexts,
  sizeOf,
} from "../../fixtures/big_values.ts";

/** How large the values are. */
const MB = rounds(480);
const BYTES = MB << 20;

Deno.test("J94 transfer() detaches the sender's buffer, in both directions", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const bytes = new Uint8Array(8 << 20).fill(3);
  assertEquals(await sizeOf(transfer(bytes), 5), [8 << 20, 3]);
  assertEquals(bytes.length, 0);
  const back = await makeBytes(8 << 20);
  assertEquals([back.length, back[9]], [8 << 20, 7]);
});

Deno.test("transfer() of a resizable buffer of any size, in both directions", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  for (const length of [1000, 100_000, 2_000_000]) {
    const buffer = new ArrayBuffer(length, { maxByteLength: 2 * length });
    assertEquals(await growth(transfer(buffer)), [length, 2 * length]);
    const back = await makeResizable(length);
    assertEquals([back.byteLength, back.maxByteLength], [length, 2 * length]);
  }
});

Deno.test("transfer() takes buffers and all views of them, and nothing else", () => {
  const buffer = new Uint8Array([1, 2, 3, 4]).buffer;
  const view = transfer(new DataView(buffer, 1, 2));
  assertEquals([view.byteLength, view.byteOffset, view.getUint8(0)], [2, 1, 2]);
  assertEquals(buffer.detached, true);
  assertEquals([...transfer(new Uint16Array([5, 6, 7]).subarray(1))], [6, 7]);
  assertEquals(transfer(new ArrayBuffer(3)).byteLength, 3);
  assertThrows(() => transfer("x" as never), TypeError, "expected an ArrayBuffer");
  assertThrows(() => transfer(new Uint8Array(new SharedArrayBuffer(1)) as never), TypeError);
});

Deno.test("large bytes cross without holding up the event loop", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  await sizeOf("warm", 0);
  const bytes = transfer(new Uint8Array(BYTES).fill(5));
  const up = await watchingLoop(() => sizeOf(bytes, BYTES - 1).then());
  assertEquals(up.value, [BYTES, 5]);
  const down = await watchingLoop(() => makeBytes(BYTES).then());
  assertEquals(down.value.length, BYTES);
  if (MB > 100) console.log(`stalls of ${Math.round(up.stall)} and ${Math.round(down.stall)} ms`);
  // The goal is 50 ms; a loaded machine takes its own pauses.
  assert(up.stall < 250 && down.stall < 250, `stalled for ${up.stall} and ${down.stall} ms`);
});

Deno.test("large text crosses both ways", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const length = Math.min(BYTES, 500 << 20);
  assertEquals(await sizeOf("y".repeat(length), length - 1), [length, "y"]);
  const { length: back } = await makeText(length);
  assertEquals(back, length);
});

Deno.test("the sender may change bytes that are still on their way", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  await sizeOf("warm", 0);
  const bytes = new Uint8Array(8 << 20);
  const thread = sizeOf(bytes, bytes.length - 1);
  bytes.fill(9);
  assertEquals(await thread, [8 << 20, 0]);
});

Deno.test("NotCloneableError names what is too large or cannot be sent", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const detached = new Uint8Array(8);
  transfer(detached);
  assertThrows(() => sizeOf(detached, 0), NotCloneableError, "arguments[0]");
  // Each of these stands in the text, and the text as a whole is longer than V8 allows.
  const texts = Array(8300).fill("x".repeat(65_535));
  const tooLarge = /^Cannot send (arguments|result): it is too large for one message: RangeError/;
  assertMatch(assertThrows(() => sizeOf(texts, 0), NotCloneableError).message, tooLarge);
  const error = await rejection(makeTexts(8300, 65_535), NotCloneableError);
  assertMatch(error.message, tooLarge);
  assertEquals(await sizeOf([1], 0), [1, 1]);
});

/** Runs something and says for how long the event loop stood still at the most, in milliseconds. */
async function watchingLoop<T>(run: () => Promise<T>): Promise<{ value: T; stall: number }> {
  let stall = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    stall = Math.max(stall, now - last);
    last = now;
  }, 2);
  try {
    const value = await run();
    return { value, stall: Math.max(stall, performance.now() - last) };
  } finally {
    clearInterval(timer);
  }
}
