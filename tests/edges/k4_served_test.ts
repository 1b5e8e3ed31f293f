/**
 * Who was killed before it was served gets nothing, and what it was handed in that moment is there for the next one: each item,
 * permit and notification of a hundred.
 *
 * The hub kills and serves in one turn, so that the killed one finds both at once; which of them it sees first is up to its
 * Worker.
 */

import {
  Barrier,
  BoundedSemaphore,
  CappedSemaphore,
  Condition,
  ConnectionPool,
  GreenEvent,
  GreenPool,
  type GreenThread,
  Hub,
  LifoQueue,
  LightQueue,
  Lock,
  Pool,
  PriorityQueue,
  Queue,
  RLock,
  Semaphore,
  spawn,
  TokenPool,
  withTimeout,
} from "@aiohub/aiohub";
import { checkpoint, shield, sleep } from "@aiohub/aiohub/green";
import { assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { ending, TestHub, until } from "../support/mod.ts";

const ROUNDS = 100;

/** Waits for something that comes soon, from one turn of the event loop to the next. */
const soon = (condition: () => boolean) => until(condition, { pause: 0 });

/** A word that says how often something was done. */
function newWords(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(16));
}

/** What a thread waits for that takes one after another, and uses nothing of it: what it has taken is gone. */
interface Line {
  /** The loop of the thread. */
  // deno-lint-ignore no-explicit-any
  takes: (object: any) => unknown;
  readonly object: unknown;
  waiting(): number;
  /** Serves the one who waits. */
  serve(): void;
  /** How much is there that nobody has; takes that away. */
  drain(): number;
}

/** Waits in any kind of queue. */
function queueLine(queue: LightQueue<number>): Line {
  return {
    object: queue,
    takes(queue: LightQueue<number>) {
      for (;;) {
        queue.get();
        checkpoint();
      }
    },
    waiting: () => queue.getting,
    serve: () => queue.tryPut(1),
    drain() {
      let count = 0;
      for (; !queue.empty; count++) queue.tryGet();
      return count;
    },
  };
}

/** Waits for any kind of permit, of which there is none. */
function permitLine(object: Semaphore | BoundedSemaphore | Lock | RLock): Line {
  object.tryAcquire();
  return {
    object,
    takes(object: Semaphore) {
      for (;;) {
        object.acquire();
        checkpoint();
      }
    },
    waiting: () => object.waiting,
    serve: () => object.release(),
    drain: () => object.tryAcquire() ? 1 : 0,
  };
}

function cappedLine(semaphore: CappedSemaphore): Line {
  return {
    ...permitLine(new Semaphore(1)),
    object: semaphore,
    waiting: () => semaphore.waiting,
    serve: () => void semaphore.releaseAsync(),
    drain: () => semaphore.tryAcquire() ? 1 : 0,
  };
}

/** Waits for the one resource of a pool. */
function poolLine(pool: Pool<number>): Line {
  let resource: number;
  const take = () => pool.getAsync().then((taken) => resource = taken);
  take();
  return {
    object: pool,
    takes(pool: Pool<number>) {
      for (;;) {
        pool.get();
        checkpoint();
      }
    },
    waiting: () => pool.waiting,
    serve: () => pool.put(resource),
    drain() {
      const { free } = pool;
      if (free > 0) take();
      return free;
    },
  };
}

const lines: Readonly<Record<string, () => Line>> = {
  "Queue.get()": () => queueLine(new Queue<number>()),
  "LightQueue.get() of a queue with room for one": () => queueLine(new LightQueue<number>(1)),
  "LifoQueue.get()": () => queueLine(new LifoQueue<number>()),
  "PriorityQueue.get()": () => queueLine(new PriorityQueue<number>()),
  "Semaphore.acquire()": () => permitLine(new Semaphore(1)),
  "BoundedSemaphore.acquire()": () => permitLine(new BoundedSemaphore(1)),
  "CappedSemaphore.acquire()": () => cappedLine(new CappedSemaphore(0, 1)),
  "Lock.acquire()": () => permitLine(new Lock()),
  "RLock.acquire()": () => permitLine(new RLock()),
  "Pool.get()": () => poolLine(new Pool<number>({ create: () => 1, maxSize: 1 })),
  "TokenPool.get()": () => poolLine(new TokenPool(1)),
};

/** Has the one who waits killed and served, again and again; says how much is there after that. */
async function servesKilled(
  hub: Hub,
  { takes, object, waiting, serve, drain }: Line,
  rounds: number,
): Promise<number> {
  let there = 0;
  for (let i = 0; i < rounds; i++) {
    const victim = hub.spawn(takes as (object: unknown) => unknown, object);
    await soon(() => waiting() === 1);
    victim.kill();
    serve();
    assertEquals((await ending(victim)).status, "killed");
    there += drain();
  }
  return there;
}

function killAndPut(victim: GreenThread, queue: Queue<number>): void {
  victim.kill();
  queue.tryPut(1);
}

function killAndRelease(victim: GreenThread, lock: Lock): void {
  victim.kill();
  lock.release();
}

/** Has a green thread kill and serve the one who waits, a thread of this hub or of another one; says how much is there after that. */
async function greenServesKilled<O>(
  hub: Hub,
  hubOfVictims: Hub,
  { takes, object, waiting, drain }: Line,
  killAndServe: (victim: GreenThread, object: O) => void,
): Promise<number> {
  let there = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const victim = hubOfVictims.spawn(takes as (object: unknown) => unknown, object);
    await soon(() => waiting() === 1);
    await hub.spawn(killAndServe, victim, object as O);
    await ending(victim);
    there += drain();
  }
  return there;
}

for (const cooperative of [false, true]) {
  const kind = cooperative ? "cooperative" : "ordinary";
  Deno.test(`K4 who was killed before it was served gets nothing: ${kind} hub`, async (t) => {
    await using hub = new TestHub({ maxWorkers: 2, cooperative });
    for (const [name, make] of Object.entries(lines)) {
      // What stands on the same code as these is tried less often.
      const rounds = name === "Queue.get()" || name === "Lock.acquire()" ? ROUNDS : ROUNDS / 4;
      await t.step(name, async () => {
        assertEquals(await servesKilled(hub, make(), rounds), rounds);
      });
    }
  });

  Deno.test(`K4 a green thread that kills one and serves it: the next one gets that: ${kind} hub`, async (t) => {
    await using hub = new TestHub({ maxWorkers: 3, cooperative });
    await t.step("Queue.get()", async () => {
      const line = queueLine(new Queue<number>());
      assertEquals(await greenServesKilled(hub, hub, line, killAndPut), ROUNDS);
    });
    await t.step("Lock.acquire()", async () => {
      const line = permitLine(new Lock());
      assertEquals(await greenServesKilled(hub, hub, line, killAndRelease), ROUNDS);
    });
  });

  Deno.test(`K4 q.get({ signal }) aborted before the put leaves the item: ${kind} hub`, async () => {
    await using hub = new TestHub({ maxWorkers: 1, cooperative });
    const queue = new Queue<number>();
    for (let i = 0; i < ROUNDS; i++) {
      const controller = new AbortController();
      const thread = hub.spawn(
        (queue: Queue<number>, signal: AbortSignal) => {
          try {
            return `got ${queue.get({ signal })}`;
          } catch (error) {
            return (error as Error).name;
          }
        },
        queue,
        controller.signal,
      );
      await soon(() => queue.getting === 1);
      controller.abort();
      queue.tryPut(i);
      assertEquals([await thread, queue.size, queue.tryGet()], ["AbortError", 1, i]);
    }
  });

  Deno.test(`K4 the notification of one who was killed before it goes to the next one: ${kind} hub`, async () => {
    await using hub = new TestHub({ maxWorkers: 1, cooperative });
    const condition = new Condition();
    for (let i = 0; i < ROUNDS; i++) {
      const victim = hub.spawn((condition: Condition) => {
        using _permit = condition.acquire();
        for (;;) {
          condition.wait();
          checkpoint();
        }
      }, condition);
      await soon(() => condition.waiting === 1);
      const first = await condition.acquireAsync();
      const other = condition.waitAsync({ timeout: 20_000 }).then(() => condition.release());
      first.release();
      await soon(() => condition.waiting === 2);
      {
        using _permit = await condition.acquireAsync();
        victim.kill();
        condition.notify(1);
      }
      // It would time out.
      await other;
      await ending(victim);
    }
    assertEquals(condition.waiting, 0);
  });

  Deno.test(`K4 what is done for a killed one that waits counts, or does not, and never half: ${kind} hub`, async (t) => {
    await using hub = new TestHub({ maxWorkers: 2, cooperative });
    await t.step("put(): an item that was taken is put, one that was not is not", async () => {
      const puts = (queue: Queue<string>, words: Int32Array) => {
        queue.put("late");
        Atomics.add(words, 0, 1);
        checkpoint();
      };
      for (let i = 0; i < ROUNDS; i++) {
        const [queue, words] = [new Queue<string>(1), newWords()];
        queue.tryPut("first");
        const victim = hub.spawn(puts, queue, words);
        await soon(() => queue.putting === 1);
        victim.kill();
        const takes = i % 2 === 0;
        if (takes) assertEquals(queue.tryGet(), "first");
        assertEquals((await ending(victim)).status, "killed");
        if (!takes) assertEquals(queue.tryGet(), "first");
        // If the kill was heard before the item was taken, it is not there, and the call has failed.
        const isPut = queue.size === 1;
        if (isPut) assertEquals(queue.tryGet(), "late");
        assertEquals([isPut, isPut && !takes], [words[0] === 1, false]);
        assertEquals([queue.size, queue.putting], [0, 0]);
      }
    });
    await t.step("a thread that waits for a slot of a GreenPool spawns nothing", async () => {
      const words = newWords();
      for (let i = 0; i < ROUNDS; i++) {
        const pool = new GreenPool(0);
        const victim = hub.spawn(
          (pool: GreenPool, words: Int32Array) => {
            pool.spawn((words: Int32Array) => void Atomics.add(words, 0, 1), words);
          },
          pool,
          words,
        );
        await soon(() => pool.waiting === 1);
        victim.kill();
        pool.resize(1);
        assertEquals((await ending(victim)).status, "killed");
        await pool.waitAllAsync();
        assertEquals([pool.free, pool.waiting], [1, 0]);
      }
      assertEquals(words[0], 0);
    });
    await t.step("GreenEvent.wait() and Barrier.wait() do not return", async () => {
      const words = newWords();
      const waits = (object: { wait(): unknown }, words: Int32Array) => {
        object.wait();
        Atomics.add(words, 0, 1);
      };
      for (let i = 0; i < ROUNDS; i++) {
        const [event, barrier] = [new GreenEvent<number>(), new Barrier(2)];
        const atEvent = hub.spawn(waits, event, words);
        const atBarrier = hub.spawn(waits, barrier, words);
        await soon(() => event.waiting + barrier.waiting === 2);
        atEvent.kill();
        event.send(3);
        atBarrier.kill();
        const passes = Promise.allSettled([barrier.waitAsync()]);
        assertEquals((await ending(atEvent)).status, "killed");
        assertEquals((await ending(atBarrier)).status, "killed");
        assertEquals(event.poll(), 3);
        // If the kill was not heard before all had come, the others have passed: a round passes, or is broken, as a whole.
        const [{ status }] = await passes;
        assertEquals(status === "rejected", barrier.broken);
      }
      assertEquals(words[0], 0);
    });
    await t.step("a queue that is closed does not end the loop of one who is killed", async () => {
      const words = newWords();
      for (let i = 0; i < ROUNDS; i++) {
        const queue = new Queue<number>();
        const victim = hub.spawn(
          (queue: Queue<number>, words: Int32Array) => {
            for (const _item of queue);
            Atomics.add(words, 0, 1);
          },
          queue,
          words,
        );
        await soon(() => queue.getting === 1);
        victim.kill();
        queue.close();
        assertEquals((await ending(victim)).status, "killed");
      }
      assertEquals(words[0], 0);
    });
    await t.step("a connection that comes free is there for the next one", async () => {
      await using pool = new ConnectionPool<object>({ connect: () => ({}), maxSize: 1 });
      for (let i = 0; i < ROUNDS; i++) {
        const connection = await pool.getAsync({ timeout: 20_000 });
        const victim = hub.spawn((pool: ConnectionPool<object>) => {
          for (;;) {
            pool.get();
            checkpoint();
          }
        }, pool);
        await soon(() => pool.waiting === 1);
        victim.kill();
        await pool.putAsync(connection);
        assertEquals((await ending(victim)).status, "killed");
      }
      await soon(() => pool.free === 1);
    });
  });

  Deno.test(`K4 a thread that serves a callback as it waits gets nothing once it is killed: ${kind} hub`, async () => {
    await using hub = new TestHub({ maxWorkers: 1, cooperative });
    // What the callback does while the thread is killed: it is hit by that, or goes on to its end.
    for (const isShielded of [false, true]) {
      const queue = new Queue<number>();
      let there = 0;
      for (let i = 0; i < ROUNDS; i++) {
        const words = newWords();
        let callBack!: () => Promise<void>;
        const give = (fn: () => Promise<void>) => void (callBack = fn);
        const victim = hub.spawn(
          (queue: Queue<number>, words: Int32Array, give: unknown, isShielded: boolean) => {
            const block = () => {
              Atomics.store(words, 0, 1);
              while (Atomics.load(words, 1) === 0) sleep(1);
            };
            (give as (fn: () => void) => void)(() => isShielded ? shield(block) : block());
            for (;;) {
              queue.get();
              checkpoint();
            }
          },
          queue,
          words,
          give as unknown,
          isShielded,
        );
        await soon(() => queue.getting === 1);
        const called = callBack().then(() => {}, () => {});
        await soon(() => Atomics.load(words, 0) === 1);
        victim.kill();
        queue.tryPut(1);
        Atomics.store(words, 1, 1);
        await called;
        assertEquals((await ending(victim)).status, "killed");
        there += queue.size;
        while (!queue.empty) queue.tryGet();
      }
      assertEquals(there, ROUNDS);
    }
  });

  Deno.test(`K4 a limit that was due before the item was put leaves it, one that was not does not: ${kind} hub`, async () => {
    await using hub = new TestHub({ maxWorkers: 1, cooperative });
    for (const how of ["timeout", "Timeout"] as const) {
      const error = how === "timeout" ? "Empty" : "Timeout";
      assertEquals(await inDoubt(hub, how, true), [error, 1]);
      assertEquals(await inDoubt(hub, how, false), [5, 0]);
    }
  });
}

/**
 * An item is put, and the limit of the one who waits for it is due, while that one is busy with a callback: when it looks it
 * finds both.
 *
 * @param how Which limit.
 * @param isLate Whether the limit is due before the item is put.
 * @returns What the thread got, and how many items are left.
 */
async function inDoubt(
  hub: Hub,
  how: "timeout" | "Timeout",
  isLate: boolean,
  ms: number = 50,
): Promise<unknown[]> {
  const [queue, words] = [new Queue<number>(), newWords()];
  let callBack!: () => Promise<void>;
  const give = (fn: () => Promise<void>) => void (callBack = fn);
  const since = performance.now();
  const thread = hub.spawn(
    (queue: Queue<number>, words: Int32Array, give: unknown, how: string, ms: number) => {
      (give as (fn: () => void) => void)(() => {
        Atomics.store(words, 0, 1);
        Atomics.wait(words, 1, 0);
      });
      try {
        if (how === "timeout") return queue.get({ timeout: ms });
        return withTimeout(ms, () => queue.get());
      } catch (error) {
        return (error as Error).name;
      }
    },
    queue,
    words,
    give as unknown,
    how,
    ms,
  );
  await soon(() => queue.getting === 1 || thread.dead);
  const called = callBack().then(() => {}, () => {});
  await soon(() => Atomics.load(words, 0) === 1 || thread.dead);
  const isBusy = Atomics.load(words, 0) === 1;
  if (isLate) await delay(2 * ms);
  queue.tryPut(5);
  const isInTime = performance.now() - since < ms;
  if (!isLate) await delay(2 * ms);
  Atomics.store(words, 1, 1);
  Atomics.notify(words, 1);
  await called;
  const outcome = [await thread, queue.size];
  // The machine was too slow for it to come to that.
  if (!isBusy || !isLate && !isInTime) return await inDoubt(hub, how, isLate, 2 * ms);
  return outcome;
}

Deno.test("K4 a kill that waits for room behind large values counts before the item that overtakes it", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const queue = new Queue<number>();
  // More of them than there is room for beside the ring.
  const texts = Array(64).fill("x".repeat(100_000));
  for (let i = 0; i < 5; i++) {
    let callBack!: (text: string) => Promise<void>;
    const give = (fn: (text: string) => Promise<void>) => void (callBack = fn);
    const victim = hub.spawn(
      (queue: Queue<number>, give: unknown) => {
        (give as (fn: (text: string) => void) => void)(() => {});
        for (;;) {
          queue.get();
          checkpoint();
        }
      },
      queue,
      give as unknown,
    );
    await soon(() => queue.getting === 1);
    const called = Promise.allSettled(texts.map((text) => callBack(text)));
    victim.kill();
    queue.tryPut(i);
    assertEquals((await ending(victim)).status, "killed");
    await called;
    assertEquals([queue.size, queue.tryGet()], [1, i]);
  }
});

Deno.test("K4 a green thread that aborts a signal and puts: the one that waits with it leaves the item", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const queue = new Queue<number>();
  const aborts = (queue: Queue<number>, rounds: number) => {
    const outcomes = new Set<string>();
    for (let i = 0; i < rounds; i++) {
      const controller = new AbortController();
      const other = spawn(
        (queue: Queue<number>, signal: AbortSignal) => {
          try {
            return `got ${queue.get({ signal })}`;
          } catch (error) {
            return (error as Error).name;
          }
        },
        queue,
        controller.signal,
      );
      while (queue.getting === 0) sleep(0);
      controller.abort();
      queue.tryPut(i);
      outcomes.add(`${other.wait()}, ${queue.size}`);
      if (queue.size > 0) queue.tryGet();
    }
    return [...outcomes];
  };
  assertEquals(await hub.spawn(aborts, queue, ROUNDS), ["AbortError, 1"]);
});

Deno.test("K4 a thread of another hub that was killed before it was served gets nothing", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  await using other = new Hub({ maxWorkers: 1 });
  const there = await greenServesKilled(hub, other, queueLine(new Queue<number>()), killAndPut);
  assertEquals(there, ROUNDS);
});

Deno.test("K4 what a killed one hands back goes to those who wait, in their order", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const queue = new Queue<number>();
  for (let i = 0; i < ROUNDS; i++) {
    const victims: GreenThread[] = [];
    for (let j = 0; j < 2; j++) {
      victims.push(hub.spawn((queue: Queue<number>) => {
        for (;;) {
          queue.get();
          checkpoint();
        }
      }, queue));
      await soon(() => queue.getting === j + 1);
    }
    const next = hub.spawn((queue: Queue<number>) => [queue.get(), queue.get()], queue);
    await soon(() => queue.getting === 3);
    for (const victim of victims) victim.kill();
    queue.tryPut(1);
    queue.tryPut(2);
    assertEquals((await next).toSorted(), [1, 2]);
    for (const victim of victims) await ending(victim);
    assertEquals(queue.size, 0);
  }
});

Deno.test("K4 getAsync() and acquireAsync() that are aborted in the turn in which they are served leave it", async () => {
  const [queue, semaphore] = [new Queue<number>(), new Semaphore(0)];
  for (const abortFirst of [true, false]) {
    for (let i = 0; i < ROUNDS; i++) {
      const controller = new AbortController();
      const { signal } = controller;
      const serve = () => {
        queue.tryPut(i);
        semaphore.release();
      };
      const waits = [queue.getAsync({ signal }), semaphore.acquireAsync({ signal })];
      if (abortFirst) controller.abort();
      serve();
      if (!abortFirst) controller.abort();
      const outcomes = await Promise.allSettled(waits);
      assertEquals(outcomes.map(({ status }) => status), ["rejected", "rejected"]);
      assertEquals([queue.size, queue.tryGet(), semaphore.value], [1, i, 1]);
      semaphore.tryAcquire();
    }
  }
});
