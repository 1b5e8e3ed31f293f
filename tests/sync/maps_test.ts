/** Maps over green threads, as to what becomes of an item that is on its way when something comes in between. */

import { GreenEvent, GreenPile, GreenPool, Hub, Semaphore, spawn, Timeout } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";
import { until } from "../support/mod.ts";

type Way = "imap" | "starmap" | "imapUnordered" | "imapAsync";

/** Asks for a result while somebody else has the only slot, for some time; then for all. */
const asksTooEarly = async (pool: GreenPool, gate: Semaphore, way: Way) => {
  const other = pool.spawn((gate: Semaphore) => void gate.acquire(), gate);
  const tenfold = (n: number) => n * 10;
  const results = way === "starmap"
    ? pool.starmap(tenfold, [[1], [2], [3]])
    : pool[way](tenfold, [1, 2, 3]);
  const seen: unknown[] = [];
  for (let ms: number | undefined = 50;; ms = undefined) {
    using _limit = new Timeout(ms);
    try {
      const step = results.next();
      const { done, value } = way === "imapAsync"
        ? await step
        : step as IteratorResult<number, undefined>;
      if (done) return seen;
      seen.push(value);
    } catch (error) {
      seen.push((error as Error).name);
      gate.release();
      other.wait();
    }
  }
};

for (const way of ["imap", "starmap", "imapUnordered", "imapAsync"] as const) {
  Deno.test(`GreenPool.${way}() keeps the item for which there was no slot in time`, async () => {
    await using hub = new Hub({ maxWorkers: 3 });
    const pool = new GreenPool(1);
    assertEquals(await hub.spawn(asksTooEarly, pool, new Semaphore(0), way), [
      "Timeout",
      10,
      20,
      30,
    ]);
    assertEquals(pool.running, 0);
  });
}

Deno.test("GreenPool.imap() in a member begins a call once that it was not allowed to wait for", async () => {
  const [gate, begun] = [new Semaphore(0), new Semaphore(0)];
  const member = (pool: GreenPool, gate: Semaphore, begun: Semaphore) => {
    const call = ([n, begun, gate]: [number, Semaphore, Semaphore]) => {
      begun.release();
      gate.acquire();
      return n * 10;
    };
    const results = pool.imap(
      call,
      [1, 2].map((n) => [n, begun, gate] as [number, Semaphore, Semaphore]),
    );
    const seen: unknown[] = [];
    try {
      using _limit = new Timeout(50);
      results.next();
    } catch (error) {
      seen.push((error as Error).name);
    }
    gate.release();
    gate.release();
    return [...seen, ...results];
  };
  const pool = new GreenPool(1);
  const results = await pool.spawnAsync(member, pool, gate, begun);
  assertEquals(results, ["Timeout", 10, 20]);
  assertEquals(begun.value, 2);
});

for (const way of ["imapAsync", "imapUnorderedAsync"] as const) {
  Deno.test(`GreenPool.${way}() ends the steps that are pending when it is left, and kills all calls`, async () => {
    const pool = new GreenPool(2);
    const [gate, killed] = [new Semaphore(0), new Semaphore(0)];
    const call = ({ gate, killed }: { gate: Semaphore; killed: Semaphore }) => {
      try {
        gate.acquire();
      } finally {
        killed.release();
      }
    };
    const results = pool[way](call, [1, 2, 3].map(() => ({ gate, killed })));
    const steps = [results.next(), results.next()];
    await until(() => gate.waiting === 2);
    const end = { done: true, value: undefined } as const;
    assertEquals(await results.return!(), end);
    await until(() => killed.value === 2);
    assertEquals(await Promise.all([...steps, results.next()]), [end, end, end]);
    await pool.waitAllAsync();
  });

  Deno.test(`GreenPool.${way}() has nothing more when it was left, results that were there included`, async () => {
    const pool = new GreenPool(2);
    const results = pool[way]((n: number) => n, [1, 2, 3]);
    await results.next();
    await until(() => pool.running === 0);
    await results.return!();
    assertEquals(await results.next(), { done: true, value: undefined });
  });
}

Deno.test("imapAsync() and GreenPile.spawnAsync() in an async green function do not wait for calls that are ahead", async () => {
  const gate = new GreenEvent<void>();
  const first = await spawn(async (gate: GreenEvent<void>) => {
    const late = (gate: GreenEvent<void>, n: number) => {
      if (n > 0) gate.wait();
      return n;
    };
    const pool = new GreenPool(2);
    const seen: number[] = [];
    const pairs: [GreenEvent<void>, number][] = [[gate, 0], [gate, 1]];
    for await (const n of pool.starmapAsync(late, pairs)) {
      seen.push(n);
      break; // the second call is killed, and has not ended by itself
    }
    const pile = new GreenPile<number>(2);
    for (const n of [0, 1]) pile.spawnAsync(late, gate, n);
    for await (const n of pile) {
      seen.push(n);
      break;
    }
    gate.send(); // the call that is left in the pile ends
    for await (const n of pile) seen.push(n);
    return seen;
  }, gate);
  assertEquals(first, [0, 0, 1]);
});
