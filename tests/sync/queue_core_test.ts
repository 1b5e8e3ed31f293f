/** Queues at the level of their memory: two cores on one memory are two sides, each with its own view of it. */

import { PriorityQueue } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";
import { FIRST_WORD } from "../../bridge/sync/core.ts";
import { CORE } from "../../bridge/sync/objects.ts";
import { QueueCore } from "../../sync/queue_core.ts";

/** Another side of a queue, which has seen its memory as it is now. */
function otherSide({ wireName, order, buffer }: QueueCore): QueueCore {
  return new QueueCore(wireName, order, buffer, undefined);
}

Deno.test("PriorityQueue keeps the order of those that waited for room in memory that another side has added", async () => {
  const wide = new PriorityQueue<number>(60)[CORE];
  const narrow = otherSide(wide);
  // The memory that it begins with has no room for all of them.
  const puts = Array.from({ length: 80 }, (_, i) => wide.putAsync(i, 1, undefined));
  const got = puts.map(() => narrow.tryGet());
  await Promise.all(puts);
  assertEquals(got, puts.map((_, i) => i));
});

Deno.test("PriorityQueue stays balanced when a side takes an item whose neighbours it has not seen", () => {
  const [byOne, byTwo] = [false, true].map((two) => {
    const wide = new PriorityQueue<number | string>()[CORE];
    const other = two ? otherSide(wide) : wide;
    for (const n of [0, 1, 2]) wide.tryPut(n, n);
    // What comes after that lies beyond the memory that the queue began with.
    wide.tryPut("x".repeat(4000), -1);
    wide.tryGet();
    for (const n of [3, 4, 5]) wide.tryPut(n, n);
    assertEquals(other.tryGet(), 0);
    return new Int32Array(wide.buffer).slice(FIRST_WORD);
  });
  assertEquals(byTwo, byOne);
});
