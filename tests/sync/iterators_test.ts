/** The iterations of the library: all of one shape in green code, and all of one shape in async code. */

import {
  DAGPool,
  GreenletExit,
  GreenPile,
  GreenPool,
  type GreenThread,
  iterate,
  iwaitAsync,
  Queue,
  Semaphore,
  spawn,
  Timeout,
  withTimeoutAsync,
} from "@aiohub/aiohub";
import { assertEquals, assertRejects } from "@std/assert";
import { greenShapes } from "../fixtures/iterators.ts";
import { until } from "../support/mod.ts";

const greenRows = () =>
  spawn(function* () {
    for (const n of [1, 2, 3]) yield n;
  });

async function* rows() {
  for (const n of [1, 4, 9]) yield await Promise.resolve(n);
}

Deno.test("each iteration of green code has the helpers of Iterator, and take() ends it", async () => {
  const shapes = await greenShapes(rows);
  assertEquals(shapes.length, 12);
  for (const { name, items, ...shape } of shapes) {
    assertEquals({ name, ...shape }, { name, isIterator: true, after: true });
    // In the order in which the calls end.
    if (name === "GreenPool.imapUnordered()" || name === "iwait()") assertEquals(items.length, 2);
    else if (name.endsWith("Error()")) assertEquals(items, ["PropagateError", "PropagateError"]);
    else assertEquals(items, ["1", "4"]);
  }
});

Deno.test("GreenPool.imap() kills the calls that are ahead when take() has had enough", async () => {
  const [pool, gate] = [new GreenPool(2), new Semaphore(0)];
  const first = await spawn(
    (pool: GreenPool, gate: Semaphore) => {
      const call = ([n, gate]: [number, Semaphore]) => {
        if (n > 1) gate.acquire();
        return n;
      };
      return pool.imap(call, [1, 2, 3].map((n): [number, Semaphore] => [n, gate])).take(1)
        .toArray();
    },
    pool,
    gate,
  );
  assertEquals(first, [1]);
  await pool.waitAllAsync();
  assertEquals(gate.value, 0);
});

Deno.test("Queue and GreenPile keep the items that a loop has left, and so for the next loop", async () => {
  const left = await spawn(() => {
    const queue = new Queue<number>();
    const pile = new GreenPile<number>(2);
    for (const n of [1, 2, 3]) {
      queue.put(n);
      pile.spawn((n: number) => n, n);
    }
    queue.close();
    const firsts = [queue, pile].map((source) => source[Symbol.iterator]().take(1).toArray());
    return { firsts, queue: [...queue], pile: [...pile] };
  });
  assertEquals(left, { firsts: [[1], [1]], queue: [2, 3], pile: [2, 3] });
});

type Made = AsyncIteratorObject<unknown, unknown, undefined>;

/** The iterations of async code, each over three items. */
const asyncSources: Readonly<Record<string, () => Made | Promise<Made>>> = {
  "GreenPool.imapAsync()": () => new GreenPool(2).imapAsync((n: number) => n, [1, 2, 3]),
  "GreenPool.starmapAsync()": () =>
    new GreenPool(2).starmapAsync((n: number) => n, [[1], [2], [3]] as [number][]),
  "GreenPool.imapUnorderedAsync()": () =>
    new GreenPool(2).imapUnorderedAsync((n: number) => n, [1, 2, 3]),
  GreenPile: () => {
    const pile = new GreenPile<number>(2);
    for (const n of [1, 2, 3]) pile.spawnAsync((n: number) => n, n);
    return pile[Symbol.asyncIterator]();
  },
  Queue: () => {
    const queue = new Queue<number>();
    for (const n of [1, 2, 3]) queue.tryPut(n);
    return queue[Symbol.asyncIterator]();
  },
  "iwaitAsync()": () => iwaitAsync([1, 2, 3].map((n) => spawn((n: number) => n, n))),
  "DAGPool.waitEachAsync()": () => new DAGPool<number>({ a: 1, b: 2, c: 3 }).waitEachAsync(),
  "DAGPool.waitEachSuccessAsync()": () =>
    new DAGPool<number>({ a: 1, b: 2, c: 3 }).waitEachSuccessAsync(),
  "iterate()": () => iterate(rows()),
  "iterate() of a generator of green code": async () => iterate(await greenRows(), { prefetch: 2 }),
  "a generator of green code": async () => (await greenRows())[Symbol.asyncIterator]() as Made,
};

for (const [name, make] of Object.entries(asyncSources)) {
  Deno.test(`${name} is an async generator that ends when it is left, in each way`, async () => {
    const end = { done: true, value: undefined } as const;
    const leave: Record<string, (it: AsyncGenerator<unknown>) => Promise<unknown>> = {
      return: (it) => it.return(undefined),
      throw: (it) => assertRejects(() => it.throw(new Error("thrown in")), Error, "thrown in"),
      "await using": async (it) => {
        await using _left = it;
      },
      "for await": async (it) => {
        for await (const _ of it) break;
      },
    };
    for (const [way, left] of Object.entries(leave)) {
      const iterator = await make() as AsyncGenerator<unknown>;
      assertEquals(iterator[Symbol.asyncIterator](), iterator, way);
      if (way !== "for await") assertEquals((await iterator.next()).done, false, way);
      await left(iterator);
      assertEquals(await iterator.next(), end, way);
      assertEquals(await iterator.return(undefined), end, way);
    }
  });
}

Deno.test("GreenPool.imapAsync() kills its calls when the limit ends within which it was made", async () => {
  const [pool, gate] = [new GreenPool(2), new Semaphore(0)];
  await assertRejects(() =>
    withTimeoutAsync(50, async () => {
      for await (const _ of pool.imapAsync((gate: Semaphore) => void gate.acquire(), [gate, gate]));
    })
  );
  await until(() => pool.running === 0);
  assertEquals(gate.waiting, 0);
});

Deno.test("`using` a queue closes it: consumers get what is left, and end", async () => {
  const queue = new Queue<number>();
  const consumer = spawn((queue: Queue<number>) => [...queue], queue);
  {
    using input = queue;
    for (const n of [1, 2, 3]) await input.putAsync(n);
  }
  assertEquals({ items: await consumer, closed: queue.closed }, {
    items: [1, 2, 3],
    closed: true,
  });
  const byThread: GreenThread<boolean> = spawn((queue: Queue<number>) => {
    {
      using _input = queue;
    }
    return queue.closed;
  }, new Queue<number>());
  assertEquals(await byThread, true);
});

for (const way of ["imap", "imapUnordered"] as const) {
  Deno.test(`GreenPool.${way}() kills its calls when a kill ends the loop, or the limit around it`, async () => {
    const [pool, gate] = [new GreenPool(2), new Semaphore(0)];
    const loop = (pool: GreenPool, gate: Semaphore, way: "imap" | "imapUnordered", ms?: number) => {
      using _limit = new Timeout(ms);
      for (const _ of pool[way]((gate: Semaphore) => void gate.acquire(), [gate, gate]));
    };
    const killed = spawn(loop, pool, gate, way);
    await until(() => gate.waiting === 2);
    killed.kill();
    await assertRejects(async () => await killed, GreenletExit);
    await pool.waitAllAsync({ timeout: 10_000 });
    await assertRejects(async () => await spawn(loop, pool, gate, way, 50), Timeout);
    await pool.waitAllAsync({ timeout: 10_000 });
    assertEquals(gate.waiting, 0);
  });
}
