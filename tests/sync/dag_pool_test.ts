import { DAGPool, type DagResults, local, spawn } from "@aiohub/aiohub";
import { assertEquals, assertThrows } from "@std/assert";

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
