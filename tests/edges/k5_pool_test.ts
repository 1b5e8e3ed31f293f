/** `GreenPool.startAsync()`: what a loop on the hub awaits is the slot, and not the thread. */

import {
  GreenPool,
  type GreenThread,
  Semaphore,
  syncToAsync,
  Timeout,
  withTimeoutAsync,
} from "@aiohub/aiohub";
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { rejection, TestHub, until } from "../support/mod.ts";

const hold = (begun: Semaphore, go: Semaphore, n: number): number => {
  begun.release();
  go.acquire();
  return n;
};

Deno.test("K5 GreenPool.startAsync() waits for a slot, and not for the thread", async () => {
  await using _hub = new TestHub({ maxWorkers: 4 });
  const pool = new GreenPool(2);
  const [begun, go] = [new Semaphore(0), new Semaphore(0)];
  const threads: GreenThread<number>[] = [];
  const loop = (async () => {
    for (let n = 0; n < 4; n++) {
      const started = await pool.startAsync(hold, begun, go, n);
      threads.push(started.thread);
    }
  })();
  await begun.acquireAsync();
  await begun.acquireAsync();
  await until(() => pool.waiting === 1);
  // Two run, the third waits for its slot, and the fourth was not asked for.
  assertEquals([threads.length, pool.running, threads.map(({ dead }) => dead)], [2, 2, [
    false,
    false,
  ]]);
  go.release();
  await begun.acquireAsync();
  await until(() => threads.length === 3 && pool.waiting === 1);
  for (let i = 0; i < 3; i++) go.release();
  await loop;
  assertEquals(await Promise.all(threads), [0, 1, 2, 3]);
  await pool.waitAllAsync();
  assertEquals([pool.running, pool.free], [0, 2]);
});

Deno.test("K5 GreenPool.startAsync() takes its arguments at once, and gives a slot back that is not used", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const pool = new GreenPool(1);
  const [begun, go] = [new Semaphore(0), new Semaphore(0)];
  const { thread: first } = await pool.startAsync(hold, begun, go, 1);
  const list = [1];
  const second = pool.startAsync((list: number[]) => list.length, list);
  list.push(2);
  const third = pool.startAsync(() => 3);
  await until(() => pool.waiting === 2);
  go.release();
  assertEquals(await (await second).thread, 1);
  assertEquals([await first, await (await third).thread], [1, 3]);
  await assertRejects(() => pool.startAsync((_: unknown) => 1, new WeakMap() as never));
  // A slot that was not used is free again.
  assertEquals([pool.free, pool.waiting, hub.statistics().queued], [1, 0, 0]);
});

Deno.test("K5 GreenPool.startAsync() that a limit ends starts no thread, and its slot goes to the next one", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const pool = new GreenPool(1);
  const [begun, go, late] = [new Semaphore(0), new Semaphore(0), new Semaphore(0)];
  const { thread: first } = await pool.startAsync(hold, begun, go, 1);
  const startLate = () => pool.startAsync((late: Semaphore) => late.release(), late);
  // It hears of the limit itself, and does not merely lose a race.
  let heard: unknown;
  const left = withTimeoutAsync(20, () => startLate().catch((error) => heard = error));
  const limit = await rejection(left, Timeout);
  assertEquals([heard, pool.waiting], [limit, 0]);
  const after = pool.startAsync(hold, begun, go, 2);
  go.release();
  go.release();
  assertEquals([await first, await (await after).thread], [1, 2]);
  // What begins after the limit takes no slot, though there is one.
  let begin: Promise<unknown> | undefined;
  const gate = Promise.withResolvers<void>();
  const begins = withTimeoutAsync(20, async () => {
    await gate.promise;
    begin = startLate();
    await begin;
  });
  await rejection(begins, Timeout);
  gate.resolve();
  await until(() => begin !== undefined);
  await rejection(begin!, Timeout);
  assertEquals([pool.free, late.value, hub.statistics().totalThreads], [1, 0, 3]);
});

Deno.test("K5 GreenPool.startAsync() settles when its hub closes, and its thread tells why", async () => {
  const pool = new GreenPool(0);
  let waiting: ReturnType<typeof pool.startAsync> | undefined;
  {
    await using _hub = new TestHub({ maxWorkers: 1 });
    waiting = pool.startAsync(() => 1);
    waiting.then(({ thread }) => thread.then(undefined, () => {}));
    await until(() => pool.waiting === 1);
  }
  const { thread } = await waiting;
  const error = await assertRejects(async () => await thread);
  assertInstanceOf(error, Error);
  assertEquals([error.name, pool.waiting], ["HubClosedError", 0]);
});

export const startsInGreen = syncToAsync(
  import.meta,
  async function startsInGreen(pool: GreenPool): Promise<number> {
    const { thread } = await pool.startAsync((n: number) => n + 1, 1);
    return thread.wait();
  },
);

Deno.test("K5 GreenPool.startAsync() blocks for the slot in an async green function", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  assertEquals(await startsInGreen(new GreenPool(1)), 2);
});
