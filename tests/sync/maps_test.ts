/** Maps over green threads, as to what becomes of an item that is on its way when something comes in between. */

import { GreenPool, Hub, Semaphore, Timeout } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";

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
