/** Green threads that wait for others keep their Workers: those that they wait for must get one all the same. */

import { DAGPool, GreenEvent, GreenPool, iwait, joinAll, Queue, spawn } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";
import { TestHub, until } from "../support/mod.ts";

const waits: Readonly<Record<string, () => PromiseLike<unknown>>> = {
  "joinAll()": () => spawn(() => joinAll([spawn(() => 1), spawn(() => 2)]).length + 1),
  "iwait()": () =>
    spawn(() => {
      let sum = 0;
      for (const thread of iwait([spawn(() => 1), spawn(() => 2)])) sum += thread.wait();
      return sum;
    }),
  "GreenPool.imapUnordered()": () =>
    spawn(
      (pool: GreenPool) => [...pool.imapUnordered((n: number) => n + 1, [1, 1])].length + 1,
      new GreenPool(2),
    ),
  "GreenPool.waitAll()": () =>
    spawn((pool: GreenPool) => {
      pool.spawnN(() => {});
      pool.waitAll();
      return 3;
    }, new GreenPool(2)),
  "GreenPool.spawn() of a full pool": () =>
    spawn((pool: GreenPool) => {
      pool.spawnN(() => {});
      return pool.spawn(() => 3).wait();
    }, new GreenPool(1)),
  "DAGPool.at()": () =>
    spawn((pool: DAGPool<number>) => {
      pool.spawn("three", [], () => 3);
      return pool.at("three");
    }, new DAGPool<number>()),
  "Queue.get()": () =>
    spawn((queue: Queue<number>) => {
      spawn((queue: Queue<number>) => queue.put(3), queue);
      return queue.get();
    }, new Queue<number>()),
  "GreenEvent.wait()": () =>
    spawn((event: GreenEvent<number>) => {
      spawn((event: GreenEvent<number>) => event.send(3), event);
      return event.wait();
    }, new GreenEvent<number>()),
};

for (const [name, begin] of Object.entries(waits)) {
  Deno.test(`P260 ${name} ends though the only Worker is the one that waits`, async () => {
    await using _hub = new TestHub({ maxWorkers: 1 });
    assertEquals(await begin(), 3);
  });
}

Deno.test("consumers that take all Workers do not keep their producer from starting", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const queue = new Queue<number>();
  const get = (queue: Queue<number>) => queue.get();
  const consumers = [1, 2, 3, 4].map(() => spawn(get, queue));
  await until(() => queue.getting === 4);
  spawn((queue: Queue<number>) => {
    for (const item of [1, 2, 3, 4]) queue.put(item);
  }, queue);
  assertEquals((await Promise.all(consumers)).toSorted(), [1, 2, 3, 4]);
  // Those beyond maxWorkers are gone again soon.
  await until(() => hub.statistics().workers <= 2);
});
