/** Queues at the level of their memory: two cores on one memory are two sides, each with its own view of it. */

import { LifoQueue, LightQueue, PriorityQueue } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";
import { FIRST_WORD } from "../../bridge/memory/core.ts";
import { CORE } from "../../bridge/memory/objects.ts";
import { COUNT, GETTERS, QueueCore } from "../../sync/queue_core.ts";

const SEQUENCE = FIRST_WORD + 6;

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

/** Getters who have begun to wait, as sides that nobody runs: by their nodes. */
function getters(core: QueueCore, count: number): number[] {
  core.enter();
  const nodes = Array.from({ length: count }, () => {
    const node = core.here.nodes.take(core.id, GETTERS, 0, 0);
    core.lists[GETTERS].push(node);
    return node;
  });
  core.leave();
  return nodes;
}

/** They are gone, one after another. */
function leave(core: QueueCore, nodes: number[]): void {
  core.enter();
  for (const node of nodes) {
    core.settleFor(GETTERS, node);
    core.here.nodes.free(node);
  }
  core.leave();
}

function rest(core: QueueCore): unknown[] {
  return Array.from({ length: core.read(COUNT) }, () => core.tryGet());
}

for (const leaving of [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2], [0, 2, 1]]) {
  const order = leaving.map((i) => i + 1).join(", ");
  for (
    const [Kind, expected] of [[LightQueue, [1, 2, 3, 4, 5]], [LifoQueue, [3, 2, 1, 5, 4]]] as const
  ) {
    Deno.test(`${Kind.name} has items that come back in the order ${order} in the order of their turns`, () => {
      const core = new Kind<number>()[CORE];
      // The numbers come round between them.
      core.words[SEQUENCE] = 2 ** 31 - 2;
      const nodes = getters(core, 3);
      for (const n of [1, 2, 3, 4, 5]) core.tryPut(n, 0);
      leave(core, leaving.map((i) => nodes[i]));
      // What is put after that goes where it always does.
      core.tryPut(6, 0);
      assertEquals(rest(core), Kind === LifoQueue ? [6, ...expected] : [...expected, 6]);
      core.tryPut(7, 0);
      assertEquals(rest(core), [7]);
    });
  }
}
