import { Collision, CycleError, DAGPool, PropagateError, Semaphore } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";
import { define, type Table, thrown, values, type World } from "./ways.ts";
import { failTask, holdTask, oneMore } from "./work.ts";

type Each = { pool: DAGPool<unknown>; gate: Semaphore };
const made = (values: Record<string, unknown> = {}) => () => ({
  pool: new DAGPool<unknown>(values),
  gate: new Semaphore(0),
});

/** All pairs of keys, each as it comes. */
async function pairs({ green }: World, pool: DAGPool<unknown>, keys?: string[]) {
  if (green) return [...pool.waitEach(keys)];
  return await Array.fromAsync(pool.waitEachAsync(keys));
}

/** The class of what is thrown, or "nothing". */
function attempt(fn: () => unknown): string {
  try {
    fn();
    return "nothing";
  } catch (error) {
    for (const Class of [Collision, CycleError, PropagateError, RangeError]) {
      if (error instanceof Class) return Class.name;
    }
    throw error;
  }
}

export const dags: Table = {
  "P117 DAGPool.waitEach() of an empty pool ends at once": define({
    make: made(),
    parties: [({ pool }, world) => pairs(world, pool)],
    check: (endings) => assertEquals(values(endings), [[]]),
  }),
  "P118 P119 DAGPool.waitEach() gives what is there first, then what is posted, in that order":
    define({
      make: made({ a: 1, b: 2 }),
      parties: [
        async ({ pool, gate }, { green }) => {
          const keys = ["d", "c", "b", "a"];
          const iterator = green ? pool.waitEach(keys) : pool.waitEachAsync(keys);
          const seen = [];
          for (let i = 0; i < 4; i++) {
            seen.push((await iterator.next()).value);
            if (i === 1) gate.release();
          }
          return seen;
        },
        async ({ pool, gate }) => {
          await gate.acquireAsync();
          pool.post("d", 4);
          pool.post("c", 3);
        },
      ],
      check: (endings) =>
        assertEquals(values(endings)[0], [["a", 1], ["b", 2], ["d", 4], ["c", 3]]),
    }),
  "P120 DAGPool.wait() gives all values after the last post": define({
    make: made({ a: 1 }),
    parties: [
      async ({ pool, gate }) => {
        gate.release();
        return [...await pool.waitAsync(["a", "b"])];
      },
      async ({ pool, gate }) => {
        await gate.acquireAsync();
        pool.post("b", 2);
      },
    ],
    check: (endings) => assertEquals(values(endings)[0], [["a", 1], ["b", 2]]),
  }),
  "P121 P122 DAGPool refuses a key that it has, in every state": define({
    make: made({ preloaded: 1 }),
    parties: [async ({ pool, gate }) => {
      pool.post("posted", 2);
      pool.spawn("waiting", ["missing"], holdTask, gate);
      pool.spawn("running", [], holdTask, gate);
      const keys = ["preloaded", "posted", "waiting", "running"];
      const refused = keys.map((key) => attempt(() => pool.spawn(key, [], holdTask, gate)));
      refused.push(...keys.slice(0, 3).map((key) => attempt(() => pool.post(key, 0))));
      gate.release();
      return { refused: new Set(refused), running: await pool.atAsync("running") };
    }],
    check: (endings) =>
      assertEquals(values(endings), [{ refused: new Set(["Collision"]), running: "running" }]),
  }),
  "P123 P125 DAGPool starts tasks as their needs are met, link by link": define({
    make: () => ({
      pool: new DAGPool<unknown>(),
      a: new Semaphore(0),
      b: new Semaphore(0),
      c: new Semaphore(0),
    }),
    parties: [async ({ pool, a, b, c }, { until }) => {
      pool.spawn("a", [], holdTask, a);
      pool.spawn("b", ["a"], holdTask, b);
      pool.spawn("c", ["b", "unknown"], holdTask, c);
      const seen = () => ({
        ended: [...pool.keys()],
        running: [...pool.runningKeys()],
        waiting: [...pool.waitingKeys()],
        cWaitsFor: [...pool.waitingFor("c")],
      });
      const before = seen();
      const ofNothing = attempt(() => pool.waitingFor("nothing"));
      a.release();
      await until(() => pool.has("a"));
      const after = seen();
      pool.post("unknown", 0);
      b.release();
      c.release();
      const order = [...(await pool.waitAsync()).keys()];
      return { before, ofNothing, after, order, atTheEnd: seen() };
    }],
    check(endings) {
      const needs = ["b", "unknown"];
      assertEquals(values(endings), [{
        before: { ended: [], running: ["a"], waiting: ["b", "c"], cWaitsFor: needs },
        ofNothing: "RangeError",
        after: { ended: ["a"], running: ["b"], waiting: ["c"], cWaitsFor: needs },
        order: ["a", "unknown", "b", "c"],
        atTheEnd: { ended: ["a", "unknown", "b", "c"], running: [], waiting: [], cWaitsFor: [] },
      }]);
    },
  }),
  "P126 DAGPool.kill() forgets a task that waits, and fails one that runs": define({
    make: made({ done: 1 }),
    parties: [async ({ pool, gate }, { until }) => {
      const refused = {
        unknown: attempt(() => pool.kill("unknown")),
        done: attempt(() => pool.kill("done")),
      };
      pool.spawn("task", ["never"], holdTask, gate);
      pool.kill("task");
      pool.spawn("task", [], holdTask, gate);
      await until(() => gate.waiting === 1);
      pool.kill("task");
      const running = await pool.atAsync("task").catch((error: Error) => error.name);
      return { ...refused, running };
    }],
    check: (endings) =>
      assertEquals(values(endings), [
        { unknown: "RangeError", done: "RangeError", running: "PropagateError" },
      ]),
  }),
  "P127 DAGPool.post() with replace gives another value": define({
    make: made({ a: 1 }),
    parties: [async ({ pool }, world) => {
      pool.post("a", 2, { replace: true });
      const [pair] = await pairs(world, pool);
      return { now: pool.get("a"), awaited: await pool.atAsync("a"), pair, none: pool.get("b") };
    }],
    check: (endings) =>
      assertEquals(values(endings), [{ now: 2, awaited: 2, pair: ["a", 2], none: undefined }]),
  }),
  "P128 DAGPool.at() waits for a key that is spawned later": define({
    make: made({ a: 1 }),
    parties: [
      ({ pool, gate }) => {
        gate.release();
        return pool.atAsync("late");
      },
      async ({ pool, gate }) => {
        await gate.acquireAsync();
        (pool as DAGPool<number>).spawn("late", ["a"], oneMore);
        return await pool.atAsync("late");
      },
    ],
    check: (endings) => assertEquals(values(endings), [2, 2]),
  }),
  "P129 P131 DAGPool throws errors of tasks, passes them on, and tells them from values": define({
    make: made({ error: new Error("a value") }),
    parties: [async ({ pool }: Each, { green }: World) => {
      const numbers = pool as DAGPool<number>;
      numbers.spawn("fails", [], failTask);
      numbers.spawn("needs", ["fails"], oneMore);
      const caught = async (promise: Promise<unknown>) => {
        const error = await promise.then(() => undefined, (error: Error) => error);
        return { error: error?.name, cause: (error?.cause as Error).name };
      };
      const fails = await caught(pool.waitAsync());
      const needs = await caught(pool.atAsync("needs"));
      const good = green
        ? [...pool.waitEachSuccess()]
        : await Array.fromAsync(pool.waitEachSuccessAsync());
      const bad = green
        ? [...pool.waitEachError()]
        : await Array.fromAsync(pool.waitEachErrorAsync());
      return { fails, needs, good: good.map(([key]) => key), bad: bad.map(([key]) => key) };
    }],
    check(endings) {
      assertEquals(values(endings), [{
        fails: { error: "PropagateError", cause: "RangeError" },
        needs: { error: "PropagateError", cause: "PropagateError" },
        good: ["error"],
        bad: ["fails", "needs"],
      }]);
    },
  }),
  "P319 DAGPool.spawn() refuses a circle": define({
    make: () => ({ pool: new DAGPool<number>() }),
    parties: [({ pool }) => {
      pool.spawn("a", ["b"], oneMore);
      pool.spawn("b", ["c"], oneMore);
      try {
        pool.spawn("c", ["a"], oneMore);
      } catch (error) {
        return (error as CycleError).cycle;
      }
    }],
    check: ([ending]) =>
      assertEquals([thrown(ending), values([ending])], [undefined, [["c", "a", "b"]]]),
  }),
};
