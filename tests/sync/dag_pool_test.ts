import {
  Collision,
  CycleError,
  DAGPool,
  type DagResults,
  local,
  PropagateError,
  Semaphore,
  spawn,
} from "@aiohub/aiohub";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 0));
};
const sum = (_key: string, results: DagResults<number>) => {
  let sum = 1;
  for (const [, value] of results) sum += value;
  return sum;
};
const hold = (key: string, _results: DagResults<unknown>, gate: Semaphore) => {
  gate.acquire();
  return key;
};

Deno.test("P117 DAGPool.waitEach() of an empty pool ends at once (both sides)", async () => {
  const pool = new DAGPool();
  assertEquals(await Array.fromAsync(pool.waitEachAsync()), []);
  assertEquals(await spawn((pool: DAGPool) => [...pool.waitEach()], pool), []);
});

Deno.test("P118 P119 P120 DAGPool gives what is there first, then what is posted (both sides)", async () => {
  const pool = new DAGPool<number>({ a: 1, b: 2 });
  const each = pool.waitEachAsync(["a", "b", "c", "d"]);
  assertEquals([(await each.next()).value, (await each.next()).value], [["a", 1], ["b", 2]]);
  const green = spawn(
    (pool: DAGPool<number>) => [...pool.waitEach(["d", "c", "a"])],
    pool,
  );
  pool.post("d", 4);
  pool.post("c", 3);
  assertEquals([(await each.next()).value, (await each.next()).value], [["d", 4], ["c", 3]]);
  assertEquals(new Map(await green), new Map([["a", 1], ["d", 4], ["c", 3]]));
  assertEquals(
    await pool.waitAsync(),
    new Map(Object.entries({ a: 1, b: 2, d: 4, c: 3 })),
  );
});

Deno.test("P121 P122 DAGPool refuses a key that it has, in every state", async () => {
  const pool = new DAGPool<unknown>({ preloaded: 1 });
  const gate = new Semaphore(0);
  pool.post("posted", 2);
  pool.spawn("waiting", ["missing"], hold, gate);
  pool.spawn("running", [], hold, gate);
  for (const key of ["preloaded", "posted", "waiting", "running"]) {
    assertThrows(() => pool.spawn(key, [], hold, gate), Collision);
  }
  for (const key of ["preloaded", "posted", "waiting"]) {
    assertThrows(() => pool.post(key, 0), Collision);
  }
  const name = await spawn((pool: DAGPool) => {
    try {
      pool.post("posted", 0);
    } catch (error) {
      return (error as Error).name;
    }
  }, pool as DAGPool);
  assertEquals(name, "Collision");
  gate.release();
  assertEquals(await pool.atAsync("running"), "running");
});

Deno.test("P123 P125 DAGPool starts tasks as their needs are met, link by link", async () => {
  const pool = new DAGPool<unknown>();
  const gates = { a: new Semaphore(0), b: new Semaphore(0), c: new Semaphore(0) };
  pool.spawn("a", [], hold, gates.a);
  pool.spawn("b", ["a"], hold, gates.b);
  pool.spawn("c", ["b", "unknown"], hold, gates.c);
  assertEquals([pool.keys(), pool.runningKeys(), pool.waitingKeys()], [[], ["a"], ["b", "c"]]);
  assertEquals(pool.waitingFor("c"), ["b", "unknown"]);
  assertThrows(() => pool.waitingFor("nothing"), RangeError);
  gates.a.release();
  await until(() => pool.has("a"));
  assertEquals([pool.runningKeys(), pool.waitingFor("c")], [["b"], ["b", "unknown"]]);
  pool.post("unknown", 0);
  gates.b.release();
  gates.c.release();
  assertEquals([...(await pool.waitAsync()).keys()], ["a", "unknown", "b", "c"]);
});

Deno.test("P126 DAGPool.kill() forgets a task that waits, and fails one that runs", async () => {
  const pool = new DAGPool<unknown>({ done: 1 });
  const gate = new Semaphore(0);
  assertThrows(() => pool.kill("unknown"), RangeError);
  assertThrows(() => pool.kill("done"), RangeError);
  pool.spawn("waits", ["never"], hold, gate);
  pool.kill("waits");
  pool.spawn("waits", [], hold, gate);
  await until(() => gate.waiting === 1);
  pool.kill("waits");
  await assertRejects(() => pool.atAsync("waits"), PropagateError);
});

Deno.test("P127 DAGPool.post() with replace gives another value", async () => {
  const pool = new DAGPool<number>({ a: 1 });
  pool.post("a", 2, { replace: true });
  assertEquals([pool.get("a"), await pool.atAsync("a")], [2, 2]);
  assertEquals(pool.get("b"), undefined);
});

Deno.test("P128 DAGPool.at() waits for a key that is spawned later (both sides)", async () => {
  const pool = new DAGPool<number>({ a: 1 });
  const green = spawn((pool: DAGPool<number>) => pool.at("late"), pool);
  const hub = pool.atAsync("late");
  pool.spawn("late", ["a"], sum);
  assertEquals([await green, await hub], [2, 2]);
});

Deno.test("P129 P131 DAGPool passes errors on, and tells them from values", async () => {
  const pool = new DAGPool<unknown>({ error: new Error("a value") });
  pool.spawn("fails", [], () => {
    throw new RangeError("no");
  });
  pool.spawn("needs", ["fails"], (_key, results: DagResults) => [...results].length);
  const error = await assertRejects(() => pool.waitAsync(), PropagateError);
  assert(error.cause instanceof RangeError);
  const chained = await assertRejects(() => pool.atAsync("needs"), PropagateError);
  assertInstanceOf(chained.cause, PropagateError);
  assertEquals((await Array.fromAsync(pool.waitEachSuccessAsync())).map(([key]) => key), ["error"]);
  const failed = await Array.fromAsync(pool.waitEachErrorAsync());
  assertEquals(failed.map(([key]) => key), ["fails", "needs"]);
  assertEquals((pool.get("error") as Error).message, "a value");
});

Deno.test("P319 DAGPool.spawn() refuses a circle", () => {
  const pool = new DAGPool<number>();
  pool.spawn("a", ["b"], sum);
  pool.spawn("b", ["c"], sum);
  const error = assertThrows(() => pool.spawn("c", ["a"], sum), CycleError);
  assertEquals(error.cycle, ["c", "a", "b"]);
});

Deno.test("DAGPool made and filled in green code is awaited on the hub", async () => {
  const pool = await spawn(() => {
    const pool = new DAGPool<number>({ a: 1 });
    pool.spawn("b", ["a"], (_key, results: DagResults<number>) => results.toObject().a + 1);
    return pool;
  });
  assertEquals(await pool.atAsync("b"), 2);
});

Deno.test("P142 local() has a value for each thread, made when it is asked for", async () => {
  const count = () => {
    const value = local(() => [0]);
    value.get()[0]++;
    value.get()[0]++;
    const before = value.get()[0];
    value.set([9]);
    const after = value.get()[0];
    value.clear();
    return [before, after, value.get()[0]];
  };
  assertEquals(await Promise.all([spawn(count), spawn(count)]), [[2, 9, 0], [2, 9, 0]]);
  assertThrows(() => local(() => 1).get(), Error, "AsyncLocalStorage");
});
