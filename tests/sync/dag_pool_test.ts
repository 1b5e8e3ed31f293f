import { DAGPool, type DagResults, spawn } from "@aiohub/aiohub";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";

Deno.test("DAGPool made and filled in green code is awaited on the hub", async () => {
  const pool = await spawn(() => {
    const pool = new DAGPool<number>({ a: 1 });
    pool.spawn("b", ["a"], (_key, results: DagResults<number>) => results.toObject().a + 1);
    return pool;
  });
  assertEquals(await pool.atAsync("b"), 2);
});

Deno.test("DAGPool and its results give their keys in the same way, in the order in which the values came", async () => {
  const pool = new DAGPool<unknown>({ b: 2 });
  pool.post("a", 1);
  pool.spawn("task", ["a", "b"], (_key, results: DagResults<unknown>) => {
    const shown = (source: DagResults<unknown> | DAGPool<unknown>) => ({
      keys: source.keys().toArray(),
      isIterator: source.keys() instanceof Iterator,
      size: source.size,
      has: { a: source.has("a"), missing: source.has("missing") },
      get: { a: source.get("a"), missing: source.get("missing") },
    });
    return {
      results: shown(results),
      pool: shown(results.pool),
      values: results.values().toArray(),
      entries: results.entries().toArray(),
      pairs: [...results],
    };
  });
  const same = {
    keys: ["b", "a"],
    isIterator: true,
    size: 2,
    has: { a: true, missing: false },
    get: { a: 1, missing: undefined },
  };
  assertEquals(await pool.atAsync("task"), {
    results: same,
    pool: same,
    values: [2, 1],
    entries: [["b", 2], ["a", 1]],
    pairs: [["b", 2], ["a", 1]],
  });
});

Deno.test("DAGPool.keys(), runningKeys(), waitingKeys(), waitingFor() give iterators that later changes do not touch", () => {
  const pool = new DAGPool<number>({ a: 1 });
  pool.spawn("task", ["missing"], () => 2);
  const [keys, waiting, needs] = [pool.keys(), pool.waitingKeys(), pool.waitingFor("task")];
  pool.post("b", 2);
  pool.kill("task");
  assertEquals(
    { keys: [...keys], waiting: [...waiting], needs: [...needs], running: [...pool.runningKeys()] },
    { keys: ["a"], waiting: ["task"], needs: ["missing"], running: [] },
  );
  assertThrows(() => pool.waitingFor("task"), RangeError, "has no task of that key");
});

Deno.test("DagResults throws a PropagateError in place of a value, and the iteration is over", async () => {
  const pool = new DAGPool<unknown>({ a: 1 });
  pool.spawn("fails", ["a"], () => {
    throw new RangeError("no");
  });
  pool.spawn("task", ["a", "fails"], (_key, results: DagResults<unknown>) => {
    const [values, seen]: [Iterator<unknown>, unknown[]] = [results.values(), []];
    for (let i = 0; i < 3; i++) {
      try {
        seen.push(values.next());
      } catch (error) {
        seen.push((error as Error).name);
      }
    }
    return seen;
  });
  assertEquals(await pool.atAsync("task"), [
    { done: false, value: 1 },
    "PropagateError",
    { done: true, value: undefined },
  ]);
});

Deno.test("DAGPool.wait() and waitAsync() refuse keys that are none in words, such as options", async () => {
  const text =
    "Cannot wait for keys: expected an iterable of them, found an object of class Object";
  // deno-lint-ignore no-explicit-any
  const options = { timeout: 1000 } as any;
  await assertRejects(() => new DAGPool({ a: 1 }).waitAsync(options), TypeError, text);
  await assertRejects(
    // deno-lint-ignore no-explicit-any
    async () => await spawn((keys: any) => void new DAGPool({ a: 1 }).wait(keys), options),
    TypeError,
    text,
  );
});
