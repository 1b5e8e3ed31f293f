import { DAGPool, type DagResults, spawn } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";

Deno.test("DAGPool made and filled in green code is awaited on the hub", async () => {
  const pool = await spawn(() => {
    const pool = new DAGPool<number>({ a: 1 });
    pool.spawn("b", ["a"], (_key, results: DagResults<number>) => results.toObject().a + 1);
    return pool;
  });
  assertEquals(await pool.atAsync("b"), 2);
});
