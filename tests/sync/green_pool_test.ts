import {
  GreenEvent,
  GreenPile,
  GreenPool,
  type GreenThread,
  iwait,
  iwaitAsync,
  joinAll,
  joinAllAsync,
  killAllAsync,
  Queue,
  Semaphore,
  spawn,
} from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";

const square = (n: number) => n * n;
const odd = (n: number) => {
  if (n === 0) throw new RangeError("zero");
  return 1 / n;
};
const enter = (gate: Semaphore, n: number) => {
  gate.acquire();
  return n;
};
const tick = () => new Promise((resolve) => setTimeout(resolve, 0));
const until = async (condition: () => boolean) => {
  while (!condition()) await tick();
};

Deno.test("P33 GreenPool.spawn() gives all results of 10 calls in 4 slots (green)", async () => {
  const results = await spawn((pool: GreenPool) => {
    const threads = [];
    for (let i = 0; i < 10; i++) threads.push(pool.spawn((n: number) => n * n, i));
    return [threads.map((thread) => thread.wait()), pool.running <= 1];
  }, new GreenPool(4));
  assertEquals(results[0], [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
});

Deno.test("P33 GreenPool.spawnAsync() gives all results of 10 calls in 4 slots (hub)", async () => {
  const pool = new GreenPool(4);
  const threads = Array.from({ length: 10 }, (_, i) => pool.spawnAsync(square, i));
  assertEquals(pool.running, 4);
  assertEquals(await Promise.all(threads), [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
  await pool.waitAllAsync();
  assertEquals([pool.running, pool.free, pool.waiting], [0, 4, 0]);
});

Deno.test("P34 GreenPool.waitAll() returns when all have run (green and hub)", async () => {
  const pool = new GreenPool(3);
  const queue = new Queue<number>();
  const put = (queue: Queue<number>, n: number) => queue.put(n);
  for (let i = 0; i < 10; i++) pool.spawnNAsync(put, queue, i);
  await pool.waitAllAsync();
  assertEquals(queue.size, 10);
  const size = await spawn(
    (pool: GreenPool, queue: Queue<number>) => {
      for (let i = 0; i < 10; i++) {
        pool.spawnN((queue: Queue<number>, n: number) => queue.put(n), queue, i);
      }
      pool.waitAll();
      return queue.size;
    },
    pool,
    queue,
  );
  assertEquals(size, 20);
});

Deno.test("P35 GreenPool.waiting counts spawners, running its threads", async () => {
  const pool = new GreenPool(1);
  const gate = new Semaphore(0);
  const spawner = (pool: GreenPool, gate: Semaphore) => {
    pool.spawn((gate: Semaphore) => void gate.acquire(), gate).wait();
  };
  const spawners = [spawn(spawner, pool, gate)];
  await until(() => gate.waiting === 1);
  assertEquals([pool.waiting, pool.running], [0, 1]);
  for (const n of [1, 2]) {
    spawners.push(n === 1 ? spawn(spawner, pool, gate) : pool.spawnAsync(enter, gate, 1) as never);
    await until(() => pool.waiting === n);
    assertEquals([pool.waiting, pool.running], [n, 1]);
  }
  for (let i = 0; i < 3; i++) gate.release();
  await Promise.allSettled(spawners);
  await pool.waitAllAsync();
  assertEquals([pool.waiting, pool.running], [0, 0]);
});

Deno.test("P38 GreenPool.spawn() in a member of a full pool runs the thread before it returns", async () => {
  const pool = new GreenPool(1);
  const result = await pool.spawnAsync((pool: GreenPool) => {
    const thread = pool.spawn((pool: GreenPool) => pool.spawn(() => "innermost").wait(), pool);
    return [thread.state, thread.wait(), pool.running];
  }, pool);
  assertEquals(result, ["fulfilled", "innermost", 1]);
  const failed = await pool.spawnAsync((pool: GreenPool) => {
    const thread = pool.spawn(() => {
      throw new RangeError("inner");
    });
    const state = thread.state;
    try {
      thread.wait();
    } catch (error) {
      return [state, (error as Error).name];
    }
  }, pool);
  assertEquals(failed, ["rejected", "RangeError"]);
});

Deno.test("P39 GreenPool.resize() leaves threads alone, and free never shows less than 0", async () => {
  const pool = new GreenPool(2);
  const gate = new Semaphore(0);
  const threads = [pool.spawnAsync(enter, gate, 1), pool.spawnAsync(enter, gate, 2)];
  pool.resize(1);
  assertEquals([pool.free, pool.running], [0, 2]);
  gate.release();
  gate.release();
  await Promise.all(threads);
  await pool.waitAllAsync();
  assertEquals(pool.free, 1);
  pool.resize(2);
  assertEquals(pool.free, 2);
  const two = [pool.trySpawn(enter, gate, 1), pool.trySpawn(enter, gate, 2)];
  assert(two[0] && two[1] && pool.trySpawn(enter, gate, 3) === undefined);
  pool.resize(3);
  const third = pool.trySpawn(enter, gate, 3)!;
  for (let i = 0; i < 3; i++) gate.release();
  assertEquals(await third, 3);
  await pool.waitAllAsync();
});

Deno.test("P41 GreenPool.spawnN() of a full pool waits for a slot", async () => {
  const pool = new GreenPool(2);
  const gate = new Semaphore(0);
  const spawner = spawn(
    (pool: GreenPool, gate: Semaphore) => {
      for (let i = 0; i < 3; i++) pool.spawnN((gate: Semaphore) => void gate.acquire(), gate);
      return "spawned";
    },
    pool,
    gate,
  );
  await until(() => pool.waiting === 1 && gate.waiting === 2);
  gate.release();
  assertEquals(await spawner, "spawned");
  gate.release();
  gate.release();
  await pool.waitAllAsync();
});

Deno.test("GreenPool gives the slot of a thread that was killed back, started or not", async () => {
  const pool = new GreenPool(1);
  const gate = new Semaphore(0);
  const running = pool.spawnAsync(enter, gate, 1);
  const waiting = pool.spawnAsync(enter, gate, 2);
  await until(() => gate.waiting === 1);
  assertEquals(pool.waiting, 1);
  waiting.kill();
  await assertRejects(() => waiting.then());
  assertEquals([pool.waiting, pool.running], [0, 1]);
  running.kill();
  await assertRejects(() => running.then());
  await pool.waitAllAsync();
  assertEquals(pool.free, 1);
});

Deno.test("P43 P44 P302 GreenPool.imap() gives results in order, and the end again and again (both sides)", async () => {
  const pool = new GreenPool(3);
  const items = Array.from({ length: 10 }, (_, i) => i);
  const expected = items.map(square);
  assertEquals(await Array.fromAsync(pool.imapAsync(square, items)), expected);
  const green = await spawn(
    (pool: GreenPool, items: number[]) => {
      const results = pool.imap((n: number) => n * n, items);
      const all = [...results];
      return [all, results.next().done, [...pool.imap((n: number) => n, [] as number[])]];
    },
    pool,
    items,
  );
  assertEquals(green, [expected, true, []]);
  const iterator = pool.imapAsync(square, [1]);
  assertEquals([(await iterator.next()).value, (await iterator.next()).done], [1, true]);
  assertEquals((await iterator.next()).done, true);
});

Deno.test("P48 GreenPool.starmap() unpacks arguments (both sides)", async () => {
  const pool = new GreenPool(3);
  const pairs: [number, number][] = [[1, 2], [3, 4]];
  const add = (a: number, b: number) => a + b;
  assertEquals(await Array.fromAsync(pool.starmapAsync(add, pairs)), [3, 7]);
  const green = await spawn(
    (pool: GreenPool, pairs: [number, number][]) => [
      ...pool.starmap((a: number, b: number) => a + b, pairs),
    ],
    pool,
    pairs,
  );
  assertEquals(green, [3, 7]);
});

Deno.test("P236 GreenPool.imap() throws a call's error in its place and goes on (both sides)", async () => {
  const pool = new GreenPool(2);
  const iterator = pool.imapAsync(odd, [1, 0, 2]);
  assertEquals((await iterator.next()).value, 1);
  await assertRejects(() => iterator.next(), RangeError, "zero");
  assertEquals((await iterator.next()).value, 0.5);
  assertEquals((await iterator.next()).done, true);
  const green = await spawn((pool: GreenPool) => {
    const iterator = pool.imap((n: number) => {
      if (n === 0) throw new RangeError("zero");
      return 1 / n;
    }, [1, 0, 2]);
    const seen: unknown[] = [iterator.next().value];
    try {
      iterator.next();
    } catch (error) {
      seen.push((error as Error).message);
    }
    return [...seen, iterator.next().value, iterator.next().done];
  }, pool);
  assertEquals(green, [1, "zero", 0.5, true]);
});

Deno.test("P235 GreenPool.imap() hands an error of the source to the consumer (both sides)", async () => {
  const pool = new GreenPool(5);
  const iterator = pool.imapAsync(square, source());
  assertEquals((await iterator.next()).value, 1);
  await assertRejects(() => iterator.next(), Error, "source");
  assertEquals((await iterator.next()).done, true);
  const green = await spawn((pool: GreenPool) => {
    const iterator = pool.imapUnordered((n: number) => n, {
      *[Symbol.iterator]() {
        yield 1;
        throw new Error("source");
      },
    });
    const first = iterator.next().value;
    try {
      iterator.next();
    } catch (error) {
      return [first, (error as Error).message, iterator.next().done];
    }
  }, pool);
  assertEquals(green, [1, "source", true]);
});

function* source() {
  yield 1;
  throw new Error("source");
}

Deno.test("GreenPool.imap() is lazy and bounded, and an early end kills what runs", async () => {
  const pool = new GreenPool(2);
  const gate = new Semaphore(0);
  let taken = 0;
  const calls: [Semaphore, number][] = Array.from({ length: 10 }, (_, i) => [gate, i]);
  const counted = function* () {
    for (const call of calls) {
      taken++;
      yield call;
    }
  };
  const iterator = pool.starmapAsync(enter, counted());
  assertEquals([taken, pool.running], [0, 0]);
  gate.release();
  gate.release();
  await iterator.next();
  assert(taken <= 3, `${taken} taken`);
  await iterator.return!();
  await pool.waitAllAsync();
  assertEquals(pool.free, 2);
});

Deno.test("GreenPool.imapUnordered() gives results as calls end (both sides)", async () => {
  const pool = new GreenPool(2);
  const gate = new Semaphore(0);
  const calls = [[gate, 1] as const, [undefined, 2] as const];
  const call = ([gate, n]: readonly [Semaphore | undefined, number]) => {
    gate?.acquire();
    return n;
  };
  const seen: number[] = [];
  for await (const n of pool.imapUnorderedAsync(call, calls)) {
    seen.push(n);
    gate.release();
  }
  assertEquals(seen, [2, 1]);
  gate.tryAcquire();
  const green = await spawn(
    (pool: GreenPool, gate: Semaphore) => {
      const seen: number[] = [];
      const call = ([gate, n]: readonly [Semaphore | undefined, number]) => {
        gate?.acquire();
        return n;
      };
      for (const n of pool.imapUnordered(call, [[gate, 1], [undefined, 2]])) {
        seen.push(n);
        gate.release();
      }
      return seen;
    },
    pool,
    gate,
  );
  assertEquals(green, [2, 1]);
});

Deno.test("P49 GreenPool.waitAll() of nothing returns at once (both sides)", async () => {
  const pool = new GreenPool();
  await pool.waitAllAsync();
  await spawn((pool: GreenPool) => pool.waitAll(), pool);
  assertThrows(() => pool.waitAll(), Error, "waitAllAsync");
});

Deno.test("P50 GreenPool.waitAll() in a member is a DeadlockError", async () => {
  const pool = new GreenPool(2);
  await assertRejects(
    () => pool.spawnAsync((pool: GreenPool) => pool.waitAll(), pool).then(),
    Error,
    "it would never end",
  );
});

Deno.test("P51 P53 GreenPile gives results in the order of the spawns (both sides)", async () => {
  const pile = new GreenPile<number>(4);
  assertEquals(await Array.fromAsync(pile), []);
  for (let i = 0; i < 10; i++) pile.spawnAsync(square, i);
  assertEquals(await Array.fromAsync(pile), [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
  const green = await spawn((pool: GreenPool) => {
    const pile = new GreenPile<number>(pool);
    const empty = [...pile];
    for (let i = 0; i < 10; i++) pile.spawn((n: number) => n * n, i);
    return [empty, [...pile], [...pile]];
  }, pile.pool);
  assertEquals(green, [[], [0, 1, 4, 9, 16, 25, 36, 49, 64, 81], []]);
});

Deno.test("P55 P71 new GreenPool() and new Semaphore() check their sizes", () => {
  for (const Class of [GreenPool, Semaphore]) {
    new Class(0);
    new Class(1);
    new Class(1e3);
    assertThrows(() => new Class("foo" as never), TypeError);
    assertThrows(() => new Class(-1), RangeError);
    assertThrows(() => new Class(1.5), RangeError);
  }
});

Deno.test("P237 GreenPool of size 0 is full", () => {
  const pool = new GreenPool(0);
  assertEquals([pool.free, pool.trySpawn(square, 1)], [0, undefined]);
});

Deno.test("P219 P238 joinAll() returns those that have ended, by count and by time (both sides)", async () => {
  const gate = new Semaphore(0);
  const slow = spawn(enter, gate, 1);
  const fast = spawn(square, 3);
  const first = await joinAllAsync([slow, fast], { count: 1 });
  assertEquals(first.map(({ id }) => id), [fast.id]);
  assertEquals((await joinAllAsync([slow], { timeout: 5 })).length, 0);
  const green = await spawn(
    (...threads: GreenThread<number>[]) => {
      const counts = [
        joinAll(threads, { count: 1 }).length,
        joinAll(threads, { timeout: 5 }).length,
      ];
      return counts;
    },
    slow,
    fast,
  );
  assertEquals(green, [1, 1]);
  gate.release();
  assertEquals((await joinAllAsync([slow, fast])).length, 2);
});

Deno.test("joinAll() with throwOnError throws what the first thread that failed threw", async () => {
  const failing = spawn(odd, 0);
  await assertRejects(() => joinAllAsync([failing], { throwOnError: true }), RangeError, "zero");
});

Deno.test("P243 P244 iwait() gives threads as they end, and leaves nothing behind (both sides)", async () => {
  const gates = [new Semaphore(0), new Semaphore(0), new Semaphore(0)];
  const threads = gates.map((gate, i) => spawn(enter, gate, i));
  const ids: number[] = [];
  gates[2].release();
  for await (const [thread] of iwaitAsync(threads, { count: 2 })) {
    ids.push(threads.indexOf(thread));
    gates[0].release();
  }
  assertEquals(ids, [2, 0]);
  const green = await spawn(
    (gate: Semaphore, ...threads: GreenThread<number>[]) => {
      const seen: number[] = [];
      for (const thread of iwait(threads)) {
        seen.push(thread.wait());
        if (seen.length === 2) gate.release();
      }
      return seen;
    },
    gates[1],
    ...threads,
  );
  assertEquals(green.toSorted(), [0, 1, 2]);
  assertEquals(green[2], 1);
});

Deno.test("P226 killAllAsync() ends all threads", async () => {
  const gate = new Semaphore(0);
  const threads = [1, 2, 3].map((n) => spawn(enter, gate, n));
  await until(() => gate.waiting === 3);
  await killAllAsync(threads);
  assert(threads.every(({ dead }) => dead));
  assertEquals(gate.waiting, 0);
});

Deno.test("P213 one thread linked to several events, before and after its end", async () => {
  const thread = spawn(() => {
    sleep(1);
    return "result";
  });
  const events = [new GreenEvent<string>(), new GreenEvent<string>(), new GreenEvent<string>()];
  const link = (event: GreenEvent<string>) =>
    thread.link((thread) => event.settle(thread.outcome()!));
  link(events[0]);
  link(events[1]);
  await thread;
  link(events[2]);
  assertEquals(await Promise.all(events.map((event) => event.waitAsync())), [
    "result",
    "result",
    "result",
  ]);
});

Deno.test("P214 finished threads arrive in a queue, and in a rendezvous", async () => {
  for (const size of [Infinity, 0]) {
    const queue = new Queue<number>(size);
    const threads = [1, 2, 3].map((n) => spawn(square, n));
    for (const thread of threads) thread.link(({ id }) => void queue.putAsync(id));
    const ids = [await queue.getAsync(), await queue.getAsync(), await queue.getAsync()];
    assertEquals(ids.toSorted(), threads.map(({ id }) => id).toSorted());
  }
});

Deno.test("P56 GreenPile keeps the order of each of three producers", async () => {
  const produce = (pool: GreenPool, seed: number) => {
    const pile = new GreenPile<number>(pool);
    let state = seed;
    const random = () => (state = state * 48271 % 2147483647) / 2147483647;
    const seen: number[] = [];
    for (let i = 0; i < 60; i++) {
      pile.spawn(
        (n: number, fails: boolean) => {
          if (fails) throw n;
          return n;
        },
        i,
        random() < 0.2,
      );
    }
    while (pile.size > 0) {
      try {
        seen.push(pile.next().value!);
      } catch (error) {
        seen.push(error as number);
      }
    }
    return seen;
  };
  const pool = new GreenPool(5);
  const expected = Array.from({ length: 60 }, (_, i) => i);
  const producers = [1, 2, 3].map((seed) => spawn(produce, pool, seed));
  for (const seen of await Promise.all(producers)) assertEquals(seen, expected);
});
