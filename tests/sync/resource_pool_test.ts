import { Hub, Pool, Semaphore, spawn } from "@aiohub/aiohub";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 0));
};

function integers(options: { maxSize?: number; minSize?: number; lifo?: boolean } = {}) {
  let last = 0;
  const gone: number[] = [];
  const pool = new Pool<number>({ create: () => ++last, destroy: (n) => gone.push(n), ...options });
  return { pool, gone };
}

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

Deno.test("P102 Pool.resize() drops what is too many when it is put back", async () => {
  const { pool, gone } = integers({ maxSize: 3 });
  const items = [await pool.getAsync(), await pool.getAsync(), await pool.getAsync()];
  pool.resize(1);
  for (const item of items) pool.put(item);
  assertEquals([gone, pool.free], [[1, 2], 1]);
  pool.resize(3);
  assertEquals(pool.free, 3);
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

Deno.test("new Pool() checks its sizes, and that create for minSize is not async", () => {
  const create = () => 1;
  assertThrows(() => new Pool({ create, minSize: 5, maxSize: 4 }), RangeError);
  assertThrows(() => new Pool({ create, maxSize: -1 }), RangeError);
  assertThrows(() => new Pool({ create, maxSize: "4" as never }), TypeError);
  assertThrows(() => new Pool({ create: () => Promise.resolve(1), minSize: 1 }), TypeError);
});
