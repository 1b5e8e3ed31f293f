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

Deno.test("DAGPool refuses a key that is neither a string nor a number, with one text on both sides", async () => {
  const refusals = async () => {
    // deno-lint-ignore no-explicit-any
    const keys: any[] = [undefined, null, {}, Symbol("s"), 1n, true, () => 1];
    const texts: string[] = [];
    for (const key of keys) {
      const pool = new DAGPool<number>();
      const calls = [
        () => pool.post(key, 1),
        () => pool.spawn(key, [], () => 1),
        () => pool.spawn("task", ["a", key], () => 1),
        () => pool.has(key),
        () => pool.get(key),
        () => pool.atAsync(key, { timeout: 0 }),
        () => pool.waitAsync(["a", key], { timeout: 0 }),
        () => pool.waitingFor(key),
        () => pool.kill(key),
        () => new DAGPool([[key, 1]]),
      ];
      for (const call of calls) {
        texts.push(await Promise.try<unknown, []>(call).then(() => "taken", String));
      }
      if (pool.size > 0) texts.push("has a key");
    }
    return texts;
  };
  const onHub = await refusals();
  assertEquals(
    onHub.slice(0, 10),
    [
      "post a value",
      "spawn a task",
      'spawn "task"',
      "look for a value",
      "get a value",
      "get a value",
      "wait for keys",
      "list the keys that a task waits for",
      "kill a task",
      "post a value",
    ].map((action) =>
      `TypeError: Cannot ${action}: expected a string or a number as key, found undefined`
    ),
  );
  const found = onHub.filter((_text, i) => i % 10 === 0).map((text) => text.split(", found ")[1]);
  assertEquals(found, [
    "undefined",
    "null",
    "an object of class Object",
    "Symbol(s)",
    "1n",
    "true",
    'the function ""',
  ]);
  assertEquals(await spawn(refusals), onHub);
});

Deno.test('DAGPool takes 1 and "1" as two keys', () => {
  const pool = new DAGPool<string>([[1, "number"], ["1", "string"]]);
  assertEquals([pool.get(1), pool.get("1")], ["number", "string"]);
});
