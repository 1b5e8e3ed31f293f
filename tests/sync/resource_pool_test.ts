import { Hub, Pool, Semaphore, spawn, TokenPool } from "@aiohub/aiohub";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 0));
};

function integers(options: { maxSize?: number; minSize?: number; lifo?: boolean } = {}) {
  let last = 0;
  const gone: number[] = [];
  const pool = new Pool<number>({ create: () => ++last, destroy: (n) => gone.push(n), ...options });
  return { pool, gone };
}

Deno.test("P96 Pool makes resources in order, and free counts those that were not made (both sides)", async () => {
  const { pool } = integers({ maxSize: 4 });
  assertEquals(await pool.getAsync(), 1);
  const green = await spawn((pool: Pool<number>) => [pool.get(), pool.get(), pool.free], pool);
  assertEquals(green, [2, 3, 1]);
  assertEquals([await pool.getAsync(), pool.free], [4, 0]);
});

Deno.test("P97 P98 Pool.get() of an empty pool waits for the very item that is put back", async () => {
  const { pool } = integers({ maxSize: 1 });
  const item = await pool.getAsync();
  const greedy = spawn((pool: Pool<number>) => pool.get(), pool);
  await until(() => pool.waiting === 1);
  pool.put(item + 100);
  assertEquals(await greedy, 101);
});

Deno.test("P98 Pool.get() beyond maxSize goes on only when something is put back (both sides)", async () => {
  const { pool } = integers({ maxSize: 4 });
  const go = new Semaphore(0);
  const greedy = spawn(
    (pool: Pool<number>, go: Semaphore) => {
      const items = [1, 2, 3, 4].map(() => pool.get());
      go.acquire();
      return [...items, pool.get()];
    },
    pool,
    go,
  );
  await until(() => go.waiting === 1);
  assertEquals([pool.free, pool.waiting], [0, 0]);
  await assertRejects(() => pool.getAsync({ timeout: 1 }), Error, "Timed out");
  go.release();
  await until(() => pool.waiting === 1);
  assertEquals([greedy.dead, pool.free], [false, 0]);
  pool.put(7);
  assertEquals(await greedy, [1, 2, 3, 4, 7]);
});

Deno.test("P110 Pool.item() gives its resource back once, however often it is disposed of", async () => {
  const { pool } = integers({ maxSize: 2 });
  const lease = await pool.itemAsync();
  lease[Symbol.dispose]();
  lease[Symbol.dispose]();
  assertEquals([pool.free, await pool.getAsync(), await pool.getAsync()], [2, 1, 2]);
});

Deno.test("Pool has its places back when the Worker of those who had them dies", async () => {
  await using hub = new Hub({ maxWorkers: 1 });
  const { pool } = integers({ maxSize: 2 });
  const die = (pool: Pool<number>) => {
    pool.get();
    pool.get();
    Deno.exit(3);
  };
  await assertRejects(() => hub.spawn(die, pool).then());
  assertEquals([pool.free, await pool.getAsync()], [2, 3]);
});

Deno.test("P99 P100 Pool reuses first in, first out, and the other way round with lifo", async () => {
  for (const [lifo, expected] of [[false, [1, 2]], [true, [2, 1]]] as const) {
    const { pool } = integers({ maxSize: 2, lifo });
    const items = [await pool.getAsync(), await pool.getAsync()];
    for (const item of items) pool.put(item);
    assertEquals([await pool.getAsync(), await pool.getAsync()], [...expected]);
  }
});

Deno.test("P101 Pool.get() and put() by more than there are never hang", async () => {
  const { pool } = integers({ maxSize: 3 });
  const work = (pool: Pool<number>) => {
    for (let i = 0; i < 50; i++) {
      using _item = pool.item();
    }
  };
  const threads = [1, 2, 3, 4].map(() => spawn(work, pool));
  for (let i = 0; i < 50; i++) {
    using _item = await pool.itemAsync();
  }
  await Promise.all(threads);
  assertEquals(pool.free, 3);
});

Deno.test("P102 Pool.resize() drops what is too many when it is put back", async () => {
  const { pool, gone } = integers({ maxSize: 3 });
  const items = [await pool.getAsync(), await pool.getAsync(), await pool.getAsync()];
  pool.resize(1);
  for (const item of items) pool.put(item);
  assertEquals([gone, pool.free], [[1, 2], 1]);
  pool.resize(3);
  assertEquals(pool.free, 3);
});

Deno.test("P105 Pool without create fails on get", async () => {
  const pool = new Pool({} as never);
  await assertRejects(() => pool.getAsync(), TypeError);
  assertEquals(pool.free, 4);
});

Deno.test("P106 Pool with minSize makes that many at once", async () => {
  const { pool } = integers({ minSize: 3 });
  assertEquals(await pool.getAsync(), 1);
  assertThrows(() => integers({ minSize: 5, maxSize: 4 }), RangeError);
});

Deno.test("P108 Pool.put(undefined) frees the place, and the next get makes anew", async () => {
  const { pool } = integers({ maxSize: 1 });
  await pool.getAsync();
  pool.put(undefined);
  assertEquals(await pool.getAsync(), 2);
});

Deno.test("P112 Pool.clear() does away with those that nobody uses", async () => {
  const { pool, gone } = integers({ minSize: 2 });
  pool.clear();
  assertEquals([gone, await pool.getAsync()], [[1, 2], 3]);
});

Deno.test("P115 Pool.get() whose create throws gives the place back (both sides)", async () => {
  const pool = new Pool<number>({
    create: () => Promise.reject(new RangeError("no")),
    maxSize: 1,
  });
  await assertRejects(() => pool.getAsync(), RangeError);
  await assertRejects(() => spawn((pool: Pool<number>) => pool.get(), pool).then(), RangeError);
  assertEquals(pool.free, 1);
});

Deno.test("Pool.get() in green code runs an async create on the hub", async () => {
  const pool = new Pool({ create: () => Promise.resolve({ made: "on the hub" }), maxSize: 1 });
  const made = await spawn((pool: Pool<{ made: string }>) => pool.get(), pool);
  assertEquals(made, { made: "on the hub" });
});

Deno.test("TokenPool lends so many tokens", async () => {
  const pool = new TokenPool(1);
  const gate = new Semaphore(0);
  const thread = spawn(
    (pool: TokenPool, gate: Semaphore) => {
      using token = pool.item();
      gate.acquire();
      return token.value;
    },
    pool,
    gate,
  );
  await until(() => gate.waiting === 1);
  await assertRejects(() => pool.getAsync({ timeout: 1 }), Error, "Timed out");
  gate.release();
  assertEquals([await thread, pool.free], [1, 1]);
  assert(pool instanceof Pool);
});
