import { handle, NotCloneableError, Pool, Semaphore, spawn } from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { until } from "../support/mod.ts";

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

Deno.test("Pool.item() goes back when its thread is killed, a handle too", async () => {
  type Log = Pick<string[], "push" | "length">;
  const log: string[] = [];
  const pool = new Pool<Log>({ create: () => handle(log) as never, maxSize: 1 });
  const busy = new Semaphore(0);
  const thread = spawn(
    (pool: Pool<Log>, busy: Semaphore) => {
      using lease = pool.item();
      lease.value.push("used");
      busy.release();
      sleep(60_000);
    },
    pool,
    busy,
  );
  await busy.acquireAsync();
  thread.kill();
  await thread.then(undefined, () => {});
  assertEquals([thread.state, pool.free], ["killed", 1]);
  const again = spawn((pool: Pool<Log>) => pool.get().push("used again"), pool);
  assertEquals(await again, 2);
  assertEquals(log, ["used", "used again"]);
});

Deno.test("Pool.put() frees the place of what cannot be sent", async () => {
  const pool = new Pool({ create: () => ({ promise: Promise.resolve() }), maxSize: 1 });
  const resource = await pool.getAsync();
  assertThrows(() => pool.put(resource), NotCloneableError);
  assertEquals(pool.free, 1);
});
