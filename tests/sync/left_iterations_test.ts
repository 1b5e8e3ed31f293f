/** Iterations that are left while a `next()` waits: the step gets the end, and no result is lost. */

import {
  DAGPool,
  GreenPile,
  GreenPool,
  iwaitAsync,
  Semaphore,
  spawn,
  withTimeoutAsync,
} from "@aiohub/aiohub";
import { assertEquals, assertRejects } from "@std/assert";

const END = { done: true, value: undefined };
const take = (gate: Semaphore, n: number) => {
  gate.acquire();
  return n;
};

/** A pile of threads that wait at a gate. */
function pileOf(gate: Semaphore, ...numbers: number[]): GreenPile<number> {
  const pile = new GreenPile<number>(1);
  for (const n of numbers) pile.spawnAsync(take, gate, n);
  return pile;
}

Deno.test("a pile keeps the result for which a loop waited that was left", async () => {
  const gate = new Semaphore(0);
  const pile = pileOf(gate, 1, 2);
  const iterator = pile[Symbol.asyncIterator]();
  const pending = [iterator.next(), iterator.next()];
  await iterator.return();
  assertEquals(await Promise.all(pending), [END, END]);
  assertEquals(pile.size, 2);
  gate.release();
  gate.release();
  assertEquals(await Array.fromAsync(pile), [1, 2]);
  assertEquals(pile.size, 0);
});

Deno.test("a pile gives the result of a loop that was left to another loop that waits", async () => {
  const gate = new Semaphore(0);
  const pile = pileOf(gate, 1);
  const [one, other] = [pile[Symbol.asyncIterator](), pile[Symbol.asyncIterator]()];
  const [first, second] = [one.next(), other.next()];
  await one.return();
  gate.release();
  assertEquals(await first, END);
  assertEquals(await second, { done: false, value: 1 });
});

Deno.test("a pile keeps the error for which a loop waited that was left, also within a limit", async () => {
  const gate = new Semaphore(0);
  const pile = new GreenPile<never>(1);
  pile.spawnAsync((gate: Semaphore) => {
    gate.acquire();
    throw new RangeError("no");
  }, gate);
  const iterator = pile[Symbol.asyncIterator]();
  await withTimeoutAsync(60_000, async () => {
    const pending = iterator.next();
    await iterator.return();
    assertEquals(await pending, END);
  });
  gate.release();
  await assertRejects(() => Array.fromAsync(pile), RangeError, "no");
});

Deno.test("iwaitAsync() that is left while it waits leaves each thread to the next iteration", async () => {
  const gate = new Semaphore(0);
  const thread = spawn(take, gate, 1);
  const iterator = iwaitAsync([thread]);
  const pending = iterator.next();
  await iterator.return();
  assertEquals(await pending, END);
  gate.release();
  for await (const [ended] of iwaitAsync([thread])) assertEquals(await ended, 1);
});

Deno.test("DAGPool.waitEachAsync() that is left while it waits leaves the value to the next iteration", async () => {
  const pool = new DAGPool<number>();
  const iterator = pool.waitEachAsync(["a"]);
  const pending = iterator.next();
  await iterator.return();
  assertEquals(await pending, END);
  pool.post("a", 1);
  assertEquals(await Array.fromAsync(pool.waitEachAsync(["a"])), [["a", 1]]);
});

Deno.test("imapAsync() that is left while it waits kills its calls, and takes no permit", async () => {
  const [pool, gate] = [new GreenPool(2), new Semaphore(0)];
  const call = ([gate, n]: [Semaphore, number]) => {
    gate.acquire();
    return n;
  };
  for (const unordered of [false, true]) {
    const items: [Semaphore, number][] = [[gate, 1], [gate, 2]];
    const iterator = unordered ? pool.imapUnorderedAsync(call, items) : pool.imapAsync(call, items);
    const pending = iterator.next();
    await iterator.return();
    assertEquals(await pending, END);
    await pool.waitAllAsync();
  }
  gate.release();
  assertEquals(gate.value, 1);
});

Deno.test("a pile and a DAGPool in an async green function keep what a loop has left", async () => {
  const kept = spawn(async () => {
    const pile = new GreenPile<number>(1);
    for (const n of [1, 2]) pile.spawn((n: number) => n, n);
    const iterator = pile[Symbol.asyncIterator]();
    const pending = iterator.next();
    await iterator.return();
    const pool = new DAGPool<number>({ a: 1, b: 2 });
    const each = pool.waitEachAsync();
    const first = each.next();
    await each.return();
    return [
      await pending,
      pile.size,
      await Array.fromAsync(pile),
      await first,
      await Array.fromAsync(pool.waitEachAsync()),
    ];
  });
  assertEquals(await kept, [
    { done: false, value: 1 },
    1,
    [2],
    END,
    [["a", 1], ["b", 2]],
  ]);
});
