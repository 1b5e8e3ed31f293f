import {
  Barrier,
  Condition,
  ConnectionPool,
  DAGPool,
  GreenEvent,
  GreenPile,
  GreenPool,
  type GreenThread,
  iwaitAsync,
  joinAllAsync,
  Lock,
  Pool,
  Queue,
  RLock,
  Semaphore,
  spawn,
  Timeout,
  updateAsync,
  withTimeoutAsync,
} from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import { Limit } from "../../bridge/side/limit.ts";
import { rejection, TestHub, until } from "../support/mod.ts";
import * as limits from "../fixtures/edges/limits.ts";

/** A limit that is over soon, and what it leaves behind. */
async function leave(fn: () => unknown): Promise<void> {
  const error = await rejection(withTimeoutAsync(10, fn), Timeout);
  assertEquals(error.ms, 10);
}

Deno.test("K3 Queue.getAsync() left by a limit keeps its item for the next one who asks", async () => {
  const queue = new Queue<number>();
  await leave(() => queue.getAsync());
  assertEquals(queue.getting, 0);
  queue.tryPut(1);
  assertEquals(await queue.getAsync(), 1);
});

Deno.test("K3 an iteration over a Queue goes on after a limit on next()", async () => {
  const queue = new Queue<number>();
  const each = queue[Symbol.asyncIterator]();
  await leave(() => each.next());
  queue.tryPut(1);
  assertEquals(await each.next(), { done: false, value: 1 });
});

Deno.test("K3 a limit goes with the async context, also after an await and through helpers", async () => {
  const queue = new Queue<number>();
  const helper = async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return await queue.getAsync();
  };
  await leave(async () => await Promise.all([helper(), helper()]));
  assertEquals(queue.getting, 0);
});

Deno.test("K3 what a function begins to take when its limit is over it does not get", async () => {
  const queue = new Queue<number>();
  const semaphore = new Semaphore(1);
  const failed: unknown[] = [];
  const { promise: over, resolve } = Promise.withResolvers<void>();
  await leave(async (/* goes on */) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    for (const take of [() => queue.getAsync(), () => semaphore.acquireAsync()]) {
      failed.push(await rejection(take(), Timeout));
    }
    resolve();
  });
  queue.tryPut(1);
  await over;
  assertEquals(failed.length, 2);
  assertEquals([queue.size, semaphore.value], [1, 1]);
});

Deno.test("K3 what is granted in the moment in which a limit ends is handed back", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const semaphore = new Semaphore(0);
  const queue = new Queue<number>();
  const limit = new Limit(0);
  const left = limit.run(() => [semaphore.acquireAsync(), queue.getAsync()]);
  const go = new Int32Array(new SharedArrayBuffer(8));
  const thread = limits.grant(semaphore, queue, go);
  await until(() => Atomics.load(go, 1) === 1);
  Atomics.store(go, 0, 1);
  // The Worker grants both while the event loop has no turn, so that nobody hears of it here before the limit ends.
  while (semaphore.waiting + queue.getting > 0);
  limit.abort(new RangeError("over"));
  for (const promise of left) await rejection(promise, RangeError);
  assertEquals([semaphore.value, queue.size], [1, 1]);
  await thread;
});

Deno.test("K3 acquireAsync(), waitAsync(), joinAsync(), updateAsync() leave the line when a limit ends", async () => {
  const semaphore = new Semaphore(0);
  await leave(() => semaphore.acquireAsync());
  assertEquals(semaphore.waiting, 0);
  const lock = new Lock();
  const rlock = new RLock();
  const object = {};
  {
    using _held = await lock.acquireAsync();
    await leave(() => lock.acquireAsync());
    await leave(() => updateAsync(object, () => updateAsync(object, () => {})));
  }
  assertEquals(lock.locked, false);
  {
    using _held = await rlock.acquireAsync();
  }
  const queue = new Queue<number>(1);
  queue.tryPut(1);
  await leave(() => queue.joinAsync());
  await leave(() => queue.putAsync(2));
  assertEquals([queue.size, queue.putting], [1, 0]);
  await leave(() => new GreenEvent().waitAsync());
  const barrier = new Barrier(2);
  await leave(() => barrier.waitAsync());
  const condition = new Condition();
  using _held = await condition.acquireAsync();
  await leave(() => condition.waitAsync());
  await leave(() => condition.waitForAsync(() => false));
  assertEquals(condition.lock.locked, true, "who leaves a condition leaves with its lock");
});

Deno.test("K3 pools: a resource that was being made for one whose limit ended is the next one's", async () => {
  let made = 0;
  const { promise, resolve } = Promise.withResolvers<number>();
  const pool = new Pool({ create: () => (made++, promise), maxSize: 1 });
  await leave(() => pool.itemAsync());
  assertEquals(pool.free, 0, "its place is taken until it is made");
  resolve(5);
  using lease = await pool.itemAsync();
  assertEquals([lease.value, made], [5, 1]);
  await leave(() => pool.getAsync());
  assertEquals(pool.waiting, 0);
});

Deno.test("K3 ConnectionPool.getAsync() left by a limit loses neither place nor connection", async () => {
  let opened = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  await using pool = new ConnectionPool({
    connect: async () => (await promise, { id: ++opened, close() {} }),
    maxSize: 1,
  });
  await leave(() => pool.getAsync());
  resolve();
  const connection = await pool.getAsync();
  assertEquals([connection.id, opened], [1, 1]);
  await leave(() => pool.itemAsync());
  assertEquals(pool.waiting, 0);
  await pool.putAsync(connection);
});

Deno.test("K3 a limit on next() loses nothing: GreenPile, imapAsync, imapUnorderedAsync, iwaitAsync, DAGPool", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const gate = new GreenEvent<void>();
  const pool = new GreenPool(2);
  const pile = new GreenPile<number>(pool);
  pile.spawnAsync(limits.after, gate, 1);
  pile.spawnAsync(limits.after, gate, 2);
  const piled = pile[Symbol.asyncIterator]();
  const mapped = pool.imapAsync((n: number) => n * 10, [1, 2, 3]);
  const unordered = pool.imapUnorderedAsync((n: number) => n * 10, [1]);
  const threads: GreenThread<number>[] = [1, 2].map((n) => pool.spawnAsync(limits.after, gate, n));
  const ending = iwaitAsync(threads);
  const dag = new DAGPool<number>();
  const each = dag.waitEachAsync(["a", "b"]);
  for (const it of [piled, mapped, unordered, ending, each]) {
    for (let i = 0; i < 2; i++) await leave(() => it.next());
  }
  assertEquals(pile.size, 2);
  await leave(() => dag.atAsync("a"));
  await leave(() => joinAllAsync(threads));
  await leave(() => dag.waitAsync(["a"]));
  await leave(() => pool.waitAllAsync());
  gate.send();
  assertEquals(await Array.fromAsync(pile), [1, 2]);
  assertEquals(pile.size, 0);
  assertEquals(await Array.fromAsync(mapped), [10, 20, 30]);
  assertEquals(await Array.fromAsync(unordered), [10]);
  assertEquals((await Array.fromAsync(ending)).length, 2);
  dag.post("b", 2);
  assertEquals(await each.next(), { done: false, value: ["b", 2] });
  dag.post("a", 1);
  assertEquals(await Array.fromAsync(each), [["a", 1]]);
  pile.spawnAsync(() => 3);
  assertEquals(await Array.fromAsync(pile), [3], "a pile can be used again");
});

Deno.test("K3 a call that a limited next() has begun is not lost with the limit", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const gate = new GreenEvent<void>();
  const pool = new GreenPool(1);
  pool.spawnAsync(limits.after, gate, 0);
  const queue = new Queue<number>();
  const mapped = pool.imapAsync((n: number) => n + 1, queue);
  // First for an item, then for a slot.
  await leave(() => mapped.next());
  queue.tryPut(1);
  queue.close();
  await leave(() => mapped.next());
  gate.send();
  assertEquals(await Array.fromAsync(mapped), [2]);
});

Deno.test("K3 two who ask one iteration at once get an item each, in order, whoever leaves", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const gate = new GreenEvent<void>();
  const pile = new GreenPile<number>(2);
  for (const n of [1, 2, 3]) pile.spawnAsync(limits.after, gate, n);
  const it = pile[Symbol.asyncIterator]();
  const first = rejection(withTimeoutAsync(10, () => it.next()), Timeout);
  const second = it.next();
  const third = it.next();
  await first;
  gate.send();
  assertEquals([(await second).value, (await third).value, (await it.next()).value], [1, 2, 3]);
});

Deno.test("K3 an outer limit ends the waits of an inner one, and the inner one ends with its function", async () => {
  const queue = new Queue<number>();
  await leave(() => withTimeoutAsync(60_000, () => queue.getAsync()));
  assertEquals(queue.getting, 0);
  let later: Promise<number> | undefined;
  await withTimeoutAsync(20, () => {
    later = new Promise((resolve) => setTimeout(resolve, 40)).then(() => queue.getAsync());
  });
  queue.tryPut(1);
  assertEquals(await later, 1, "what a function has left running has no limit any more");
});

Deno.test("K3 a hub that is begun within a limit is not limited by it", async () => {
  const queue = new Queue<number>();
  let hub: TestHub | undefined;
  await leave(async () => {
    hub = new TestHub({ maxWorkers: 1 });
    await hub.spawn(() => 1);
    await queue.getAsync();
  });
  await using _hub = hub;
  const thread = limits.getOnHub(queue);
  await until(() => queue.getting === 1);
  queue.tryPut(3);
  assertEquals(await thread, 3);
});

Deno.test("K3 awaiting a thread, and killAsync(), end with a limit; the thread goes on", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const gate = new GreenEvent<void>();
  const thread = spawn(limits.after, gate, 4);
  let cleaned = false;
  await leave(async () => {
    try {
      await thread;
    } finally {
      cleaned = true;
    }
  });
  assert(cleaned);
  gate.send();
  assertEquals(await thread, 4);
});

for (const cooperative of [false, true]) {
  const where = cooperative ? "in a cooperative hub" : "in green code";
  Deno.test(`K3 a limit on next() ${where} loses nothing: iwait, imap, GreenPile, Queue`, async () => {
    await using _hub = new TestHub({ maxWorkers: 4, cooperative });
    const gate = new GreenEvent<void>();
    const thread = limits.limitedInGreen(gate);
    assertEquals(await thread, {
      ended: 2,
      mapped: [10, 20, 30],
      unordered: [10],
      piled: [1, 2],
      queued: [1],
    });
  });

  Deno.test(`K3 withTimeoutAsync() in an async green function ${where} reaches what blocks`, async () => {
    await using _hub = new TestHub({ maxWorkers: 2, cooperative });
    const queue = new Queue<number>();
    assertEquals(await limits.asyncLimited(queue), ["Timeout", "Timeout", "late", "slept"]);
    assertEquals(queue.getting, 0);
    queue.tryPut(1);
    assertEquals(await queue.getAsync(), 1);
  });
}
