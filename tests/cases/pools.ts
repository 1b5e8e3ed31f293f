import {
  GreenPile,
  GreenPool,
  type GreenThread,
  iwait,
  iwaitAsync,
  joinAllAsync,
  Pool,
  Queue,
  Semaphore,
  spawn,
  TokenPool,
} from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import { Chance } from "../support/random.ts";
import { classThrown, define, type Table, thrown, values, type World, write } from "./ways.ts";
import {
  add,
  countsInside,
  enter,
  inverse,
  maybe,
  nested,
  put,
  square,
  waitsForAll,
} from "./work.ts";

/** A thread's result, on either side. */
export async function resultOf<T>({ green }: World, thread: GreenThread<T>): Promise<T> {
  return green ? thread.wait() : await thread;
}

/** What an iterator of either side gives: values, errors by their message, and the end as "end". */
async function steps(
  { green }: World,
  blocking: () => Iterator<unknown>,
  async: () => AsyncIterator<unknown>,
  count: number,
): Promise<unknown[]> {
  const iterator = green ? blocking() : async();
  const seen: unknown[] = [];
  for (let i = 0; i < count; i++) {
    try {
      const { done, value } = await iterator.next();
      seen.push(done ? "end" : value);
    } catch (error) {
      seen.push((error as Error).message);
    }
  }
  return seen;
}

const mapped = <T>(
  world: World,
  pool: GreenPool,
  fn: (item: T) => unknown,
  items: Iterable<T>,
  count: number,
) => steps(world, () => pool.imap(fn, items), () => pool.imapAsync(fn, items), count);

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
type P = { pool: GreenPool };
type Gated = P & { gate: Semaphore };
const gated = (size: number) => () => ({ pool: new GreenPool(size), gate: new Semaphore(0) });

function* failing() {
  yield 1;
  throw new Error("source");
}

export const pools: Table = {
  "P55 new GreenPool() checks its size": define({
    make: () => ({}),
    parties: [() => ({
      free: [0, 1, 1e3].map((size) => new GreenPool(size).free),
      ofText: classThrown(() => new GreenPool("foo" as never)),
      below0: classThrown(() => new GreenPool(-1)),
      fraction: classThrown(() => new GreenPool(1.5)),
    })],
    check: (endings) =>
      assertEquals(values(endings), [{
        free: [0, 1, 1e3],
        ofText: "TypeError",
        below0: "RangeError",
        fraction: "RangeError",
      }]),
  }),
  "P33 GreenPool.spawn() gives the results of ten calls of each in four slots": define({
    make: () => ({ pool: new GreenPool(4) }),
    parties: [0, 1].map(() => async ({ pool }: P, world: World) => {
      const results = [];
      const threads = upTo(10).map((n) => pool.spawnAsync(square, n));
      for (const thread of threads) results.push(await resultOf(world, thread));
      return results;
    }),
    async check(endings, { pool }) {
      const squares = upTo(10).map((n) => n * n);
      assertEquals(values(endings), [squares, squares]);
      await pool.waitAllAsync();
      const { running, free, waiting } = pool;
      assertEquals({ running, free, waiting }, { running: 0, free: 4, waiting: 0 });
    },
  }),
  "P34 GreenPool.waitAll() returns when all have run": define({
    make: () => ({ pool: new GreenPool(3), queue: new Queue<number>() }),
    parties: [0, 1].map(() => async ({ pool, queue }: P & { queue: Queue<number> }) => {
      for (let i = 0; i < 10; i++) pool.spawnNAsync(put, queue, i);
      await pool.waitAllAsync();
      return queue.size >= 10;
    }),
    check(endings, { queue }) {
      assertEquals(values(endings), [true, true]);
      assertEquals(queue.size, 20);
    },
  }),
  "P35 GreenPool.waiting counts spawners, running its threads": define({
    make: gated(1),
    parties: [
      ({ pool, gate }, world) => resultOf(world, pool.spawnAsync(enter, gate, 0)),
      ...[0, 1].map((n) => async ({ pool, gate }: Gated, world: World) => {
        await world.until(() => pool.running === 1 && pool.waiting === n);
        return await resultOf(world, pool.spawnAsync(enter, gate, 1 + n));
      }),
    ],
    async drive({ pool, gate }, { until }) {
      await until(() => pool.waiting === 2);
      assertEquals(pool.running, 1);
      for (let i = 0; i < 3; i++) gate.release();
    },
    async check(endings, { pool }) {
      assertEquals(values(endings), [0, 1, 2]);
      await pool.waitAllAsync();
      assertEquals([pool.waiting, pool.running], [0, 0]);
    },
  }),
  "P38 P249 GreenPool.spawn() in a member of its full pool runs the thread before it returns":
    define({
      make: () => ({ pool: new GreenPool(1) }),
      parties: [({ pool }, world) => resultOf(world, pool.spawnAsync(nested, pool))],
      check: (endings) =>
        assertEquals(values(endings), [["fulfilled", "rejected", 0.5, "zero", 1]]),
    }),
  "P39 P249 GreenPool.resize() leaves threads alone, down to 0, and lets spawners go on": define({
    make: gated(2),
    parties: [
      ...[1, 2].map((n) => ({ pool, gate }: Gated, world: World) =>
        resultOf(world, pool.spawnAsync(enter, gate, n))
      ),
      async ({ pool, gate }, world) => {
        await world.until(() => pool.running === 2);
        pool.resize(0);
        const busy = { free: pool.free, running: pool.running };
        gate.release();
        gate.release();
        await pool.waitAllAsync();
        const ofNone = { free: pool.free, spawns: pool.trySpawn(square, 1) !== undefined };
        pool.resize(2);
        const ofTwo = pool.free;
        const two = [pool.trySpawn(enter, gate, 1), pool.trySpawn(enter, gate, 2)];
        const spawnsTwo = two.every((thread) => thread !== undefined);
        const spawnsThree = pool.trySpawn(enter, gate, 3) !== undefined;
        gate.release();
        gate.release();
        for (const thread of two) await resultOf(world, thread!);
        return { busy, ofNone, ofTwo, spawnsTwo, spawnsThree };
      },
    ],
    check(endings) {
      assertEquals(values(endings), [1, 2, {
        busy: { free: 0, running: 2 },
        ofNone: { free: 0, spawns: false },
        ofTwo: 2,
        spawnsTwo: true,
        spawnsThree: false,
      }]);
    },
  }),
  "P41 GreenPool.spawnN() of a full pool waits for a slot": define({
    make: gated(2),
    parties: [
      async ({ pool, gate }, { green }) => {
        for (let i = 0; i < 3; i++) pool.spawnNAsync(enter, gate, i);
        const waiting = pool.waiting;
        await pool.waitAllAsync();
        return green ? waiting === 0 : waiting === 1;
      },
      async ({ pool, gate }, { until }) => {
        await until(() => pool.waiting === 1 && gate.waiting === 2);
        for (let i = 0; i < 3; i++) gate.release();
      },
    ],
    check: (endings) => assertEquals(values(endings), [true, undefined]),
  }),
  "P43 P44 P302 GreenPool.imap() gives results in order, and the end again and again": define({
    make: () => ({ pool: new GreenPool(3) }),
    parties: [
      ({ pool }, world) => mapped(world, pool, square, upTo(10), 12),
      ({ pool }, world) => mapped(world, pool, square, [], 2),
    ],
    check(endings) {
      const squares = upTo(10).map((n) => n * n);
      assertEquals(values(endings), [[...squares, "end", "end"], ["end", "end"]]);
    },
  }),
  "P46 P48 GreenPool.starmap() unpacks arguments": define({
    make: () => ({ pool: new GreenPool(3) }),
    parties: [0, 1].map(() => ({ pool }: P, world: World) => {
      const pairs: [number, number][] = [[1, 2], [3, 4]];
      return steps(
        world,
        () => pool.starmap(add, pairs),
        () => pool.starmapAsync(add, pairs),
        3,
      );
    }),
    check: (endings) => assertEquals(values(endings), [[3, 7, "end"], [3, 7, "end"]]),
  }),
  "P49 GreenPool.waitAll() of nothing returns at once": define({
    make: () => ({ pool: new GreenPool() }),
    parties: [({ pool }) => pool.waitAllAsync()],
    check: (endings) => assertEquals(values(endings), [undefined]),
  }),
  "P50 GreenPool.waitAll() in a member is a DeadlockError": define({
    make: () => ({ pool: new GreenPool(2) }),
    parties: [({ pool }, world) => resultOf(world, pool.spawnAsync(waitsForAll, pool))],
    check: ([ending]) => assertEquals(thrown(ending), "DeadlockError"),
  }),
  "P51 P53 GreenPile gives results in the order of the spawns, and one that was not used nothing":
    define({
      make: () => ({ pool: new GreenPool(4) }),
      parties: [0, 1].map(() => async ({ pool }: P, world: World) => {
        const pile = new GreenPile<number>(pool);
        const results = async (count: number) =>
          await steps(
            world,
            () => pile[Symbol.iterator](),
            () => pile[Symbol.asyncIterator](),
            count,
          );
        const before = await results(1);
        for (const n of upTo(10)) pile.spawnAsync(square, n);
        return [...before, ...await results(11)];
      }),
      check(endings) {
        const expected = ["end", ...upTo(10).map((n) => n * n), "end"];
        assertEquals(values(endings), [expected, expected]);
      },
    }),
  "P56 GreenPile keeps the order of each producer, errors included": define({
    make: () => ({ pool: new GreenPool(5) }),
    parties: [1, 2, 3].map((seed) => async ({ pool }: P, world: World) => {
      const chance = new Chance(seed);
      const pile = new GreenPile<number>(pool);
      for (const n of upTo(100)) pile.spawnAsync(maybe, n, chance.next() < 0.2);
      const iterator = world.green ? pile[Symbol.iterator]() : pile[Symbol.asyncIterator]();
      const seen: unknown[] = [];
      while (pile.size > 0) {
        try {
          seen.push((await iterator.next()).value);
        } catch (error) {
          seen.push(error);
        }
      }
      return seen;
    }),
    check: (endings) => assertEquals(values(endings), [upTo(100), upTo(100), upTo(100)]),
  }),
  "P230 GreenPool.trySpawn() of a full pool gives nothing, and waitAvailable() is late": define({
    make: gated(1),
    parties: [
      ({ pool, gate }, world) => resultOf(world, pool.spawnAsync(enter, gate, 1)),
      async ({ pool, gate }, { until }) => {
        await until(() => pool.running === 1);
        const none = pool.trySpawn(square, 1) === undefined;
        const late = await pool.waitAvailableAsync({ timeout: 5 }).catch((e: Error) => e.name);
        gate.release();
        await pool.waitAvailableAsync();
        return { none, late, waiting: pool.waiting };
      },
    ],
    check: (endings) =>
      assertEquals(values(endings), [1, { none: true, late: "Timeout", waiting: 0 }]),
  }),
  "P231 GreenPool has a slot back once: when a thread was killed, and not once more when that ends":
    define({
      make: gated(2),
      parties: [
        ({ pool, gate }, world) => resultOf(world, pool.spawnAsync(enter, gate, 1)),
        async ({ pool, gate }, { until }) => {
          await until(() => gate.waiting === 1);
          const thread = pool.spawnAsync(enter, gate, 2);
          await until(() => gate.waiting === 2);
          thread.kill();
          thread.kill();
          await until(() => pool.running === 1);
          const free = pool.free;
          gate.release();
          await pool.waitAllAsync();
          return { afterKill: free, atTheEnd: pool.free };
        },
      ],
      check: (endings) => assertEquals(values(endings), [1, { afterKill: 1, atTheEnd: 2 }]),
    }),
  "P282 GreenPool runs no more threads at a time than it has slots": define({
    make: () => ({ pool: new GreenPool(3), inside: newLog() }),
    parties: [0, 1].map(
      () => async ({ pool, inside }: P & { inside: Int32Array }, world: World) => {
        const threads = upTo(10).map(() => pool.spawnAsync(countsInside, inside));
        for (const thread of threads) await resultOf(world, thread);
      },
    ),
    check(endings, { inside }) {
      values(endings);
      assertEquals([inside[0], inside[2]], [0, 20]);
      assert(inside[1] <= 3, `${inside[1]} at a time`);
    },
  }),
  "P234 GreenPool.imap() does not end early when the source blocks before its end": define({
    make: () => ({ pool: new GreenPool(3), queue: new Queue<number>() }),
    parties: [
      ({ pool, queue }, world) =>
        steps(
          world,
          () => pool.imap(square, queue),
          () => pool.imapAsync(square, queue),
          4,
        ),
      async ({ queue }, { until }) => {
        for (const n of [1, 2, 3]) {
          await until(() => queue.getting === 1);
          await queue.putAsync(n);
        }
        await until(() => queue.getting === 1);
        queue.close();
      },
    ],
    check: ([first]) => assertEquals(values([first]), [[1, 4, 9, "end"]]),
  }),
  "P235 GreenPool.imap() hands an error of the source to the consumer, and then ends": define({
    make: () => ({ pool: new GreenPool(5) }),
    parties: [
      ({ pool }, world) => mapped(world, pool, square, failing(), 3),
      ({ pool }, world) =>
        steps(
          world,
          () => pool.imapUnordered(square, failing()),
          () => pool.imapUnorderedAsync(square, failing()),
          3,
        ),
    ],
    check: (endings) => assertEquals(values(endings), [[1, "source", "end"], [1, "source", "end"]]),
  }),
  "P236 GreenPool.imap() throws a call's error in its place and goes on": define({
    make: () => ({ pool: new GreenPool(2) }),
    parties: [({ pool }, world) => mapped(world, pool, inverse, [1, 0, 2], 4)],
    check: (endings) => assertEquals(values(endings), [[1, "zero", 0.5, "end"]]),
  }),
  "P237 GreenPool of size 0 is full, and maps wait until it is larger": define({
    make: () => ({ pool: new GreenPool(0) }),
    parties: [
      ({ pool }, world) => mapped(world, pool, square, [3], 2),
      async ({ pool }, { until }) => {
        await until(() => pool.waiting === 1);
        const full = { free: pool.free, spawns: pool.trySpawn(square, 1) !== undefined };
        pool.resize(1);
        return full;
      },
    ],
    check: (endings) => assertEquals(values(endings), [[9, "end"], { free: 0, spawns: false }]),
  }),
  "P219 P238 joinAll() returns those that have ended, by count and by time": define({
    make: () => ({ gates: [new Semaphore(0), new Semaphore(0)] }),
    parties: [0, 1].map((i) => async ({ gates }: { gates: Semaphore[] }) => {
      const gate = gates[i];
      const [slow, fast] = [spawn(enter, gate, 1), spawn(square, 3)];
      const first = await joinAllAsync([slow, fast], { count: 1 });
      const none = await joinAllAsync([slow], { timeout: 10 });
      gate.release();
      const all = await joinAllAsync([slow, fast]);
      return { isFast: first[0] === fast, late: none.length, all: all.length };
    }),
    check(endings) {
      const ofEach = { isFast: true, late: 0, all: 2 };
      assertEquals(values(endings), [ofEach, ofEach]);
    },
  }),
  "P243 P244 iwait() gives threads as they end, as many as are asked for": define({
    make: () => ({ gates: [new Semaphore(0), new Semaphore(0), new Semaphore(0)] }),
    parties: [async ({ gates }, { green }) => {
      const threads = gates.map((gate: Semaphore, n: number) => spawn(enter, gate, n));
      const seen: number[] = [];
      gates[2].release();
      const next = (thread: GreenThread<number>) => {
        seen.push(threads.indexOf(thread));
        gates[0].release();
      };
      if (green) { for (const thread of iwait(threads, { count: 2 })) next(thread); }
      else for await (const [thread] of iwaitAsync(threads, { count: 2 })) next(thread);
      gates[1].release();
      await joinAllAsync(threads);
      return seen;
    }],
    check: (endings) => assertEquals(values(endings), [[2, 0]]),
  }),

  // Pools of resources.

  "P96 Pool makes resources in order, and free counts those that were not made": define({
    make: () => ({ pool: integers({ maxSize: 4 }), first: new Semaphore(0) }),
    parties: [
      async ({ pool, first }) => {
        const items = [await pool.getAsync(), await pool.getAsync()];
        first.release();
        return items;
      },
      async ({ pool, first }) => {
        using _permit = await first.acquireAsync();
        assertEquals(pool.free, 2);
        return [await pool.getAsync(), await pool.getAsync()];
      },
    ],
    check(endings, { pool }) {
      assertEquals(values(endings), [[1, 2], [3, 4]]);
      assertEquals(pool.free, 0);
    },
  }),
  "P97 P98 Pool.get() of an empty pool waits for the very item that is put back": define({
    make: () => ({ pool: integers({ maxSize: 1 }) }),
    parties: [
      async ({ pool }, { until }) => {
        const item = await pool.getAsync();
        await until(() => pool.waiting === 1);
        pool.put(item + 100);
      },
      async ({ pool }, { until }) => {
        await until(() => pool.free === 0);
        return await pool.getAsync();
      },
    ],
    check: (endings) => assertEquals(values(endings), [undefined, 101]),
  }),
  ...Object.fromEntries([false, true].map((lifo) => [
    lifo
      ? "P100 Pool with lifo uses again what was put back last"
      : "P99 Pool uses again what was put back first",
    define({
      make: () => ({ pool: integers({ maxSize: 2, lifo }) }),
      parties: [
        async ({ pool }) => {
          const items = [await pool.getAsync(), await pool.getAsync()];
          for (const item of items) pool.put(item);
          return await pool.getAsync();
        },
      ],
      check: (endings) => assertEquals(values(endings), [lifo ? 2 : 1]),
    }),
  ])),
  "P101 Pool.get() and put() by more than there are never hang": define({
    make: () => ({ pool: integers({ maxSize: 3 }) }),
    parties: [0, 1, 2, 3].map(() => async ({ pool }: { pool: Pool<number> }) => {
      for (let i = 0; i < 40; i++) {
        using _item = await pool.itemAsync();
      }
    }),
    check(endings, { pool }) {
      values(endings);
      assertEquals(pool.free, 3);
    },
  }),
  "P102 Pool.resize() does away with what is too many when it is put back": define({
    make: () => destroyed({ maxSize: 3 }),
    parties: [async ({ pool, gone }, { until }) => {
      const items = [await pool.getAsync(), await pool.getAsync(), await pool.getAsync()];
      pool.resize(1);
      for (const item of items) pool.put(item);
      const small = pool.free;
      pool.resize(3);
      await until(() => gone[0] === 2);
      return { ofOne: small, ofThree: pool.free, next: await pool.getAsync() };
    }],
    check(endings, { gone }) {
      assertEquals(values(endings), [{ ofOne: 1, ofThree: 3, next: 3 }]);
      assertEquals(entries(gone), [1, 2]);
    },
  }),
  "P102 Pool.resize() to less does away with those that nobody uses": define({
    make: () => destroyed({ minSize: 3, maxSize: 3 }),
    parties: [async ({ pool, gone }, { until }) => {
      pool.resize(1);
      await until(() => gone[0] === 2);
      return { free: pool.free, next: await pool.getAsync() };
    }],
    check(endings, { gone }) {
      assertEquals(values(endings), [{ free: 1, next: 3 }]);
      assertEquals(entries(gone), [1, 2]);
    },
  }),
  "P108 Pool.put(undefined) frees the place, and the next get() makes anew": define({
    make: () => ({ pool: integers({ maxSize: 1 }) }),
    parties: [
      async ({ pool }, { until }) => {
        await pool.getAsync();
        await until(() => pool.waiting === 1);
        pool.put(undefined);
      },
      async ({ pool }, { until }) => {
        await until(() => pool.free === 0);
        return await pool.getAsync();
      },
    ],
    check: (endings) => assertEquals(values(endings), [undefined, 2]),
  }),
  "P110 Pool.item() gives its resource back once, however often it is disposed of": define({
    make: () => ({ pool: integers({ maxSize: 2 }) }),
    parties: [async ({ pool }) => {
      const lease = await pool.itemAsync();
      lease[Symbol.dispose]();
      lease[Symbol.dispose]();
      const { free } = pool;
      return { free, next: [await pool.getAsync(), await pool.getAsync()] };
    }],
    check: (endings) => assertEquals(values(endings), [{ free: 2, next: [1, 2] }]),
  }),
  "P112 Pool.clear() does away with those that nobody uses, and others are made": define({
    make: () => destroyed({ minSize: 2 }),
    parties: [async ({ pool, gone }, { until }) => {
      pool.clear();
      await until(() => gone[0] === 2);
      return { free: pool.free, next: await pool.getAsync() };
    }],
    check(endings, { gone }) {
      assertEquals(values(endings), [{ free: 4, next: 3 }]);
      assertEquals(entries(gone), [1, 2]);
    },
  }),
  "P115 Pool.get() whose create throws gives the place back": define({
    make: () => ({
      pool: new Pool<number>({ create: () => Promise.reject(new RangeError("no")), maxSize: 1 }),
    }),
    parties: [0, 1].map(() => ({ pool }: { pool: Pool<number> }) => pool.getAsync()),
    check(endings, { pool }) {
      assertEquals(endings.map(thrown), ["RangeError", "RangeError"]);
      assertEquals([pool.free, pool.waiting], [1, 0]);
    },
  }),
  "P105 Pool without create fails on get": define({
    make: () => ({ pool: new Pool<number>({} as never) }),
    parties: [({ pool }) => pool.getAsync()],
    check([ending], { pool }) {
      assertEquals(thrown(ending), "TypeError");
      assertEquals(pool.free, 4);
    },
  }),
  "P106 Pool with minSize makes that many at once": define({
    make: () => ({ pool: integers({ minSize: 3 }), made: () => last }),
    parties: [async ({ pool }) => await pool.getAsync()],
    check: (endings) => assertEquals([values(endings)[0], last], [1, 3]),
  }),
  "TokenPool lends so many tokens": define({
    make: () => ({ pool: new TokenPool(1), gate: new Semaphore(0) }),
    parties: [
      async ({ pool, gate }) => {
        using token = await pool.itemAsync();
        await gate.acquireAsync();
        return token.value;
      },
      async ({ pool, gate }, { until }) => {
        await until(() => gate.waiting === 1);
        const late = await pool.getAsync({ timeout: 5 }).catch((error: Error) => error.name);
        gate.release();
        using token = await pool.itemAsync();
        return { late, token: token.value };
      },
    ],
    check(endings, { pool }) {
      assertEquals(values(endings), [1, { late: "Timeout", token: 1 }]);
      assert(pool.free === 1);
    },
  }),
};

const newLog = () => new Int32Array(new SharedArrayBuffer(4 * 16));
const entries = (log: Int32Array) => [...log.slice(1, 1 + log[0])];

/** A pool of numbers, and which of them it did away with. */
function destroyed(options: { maxSize?: number; minSize?: number }) {
  last = 0;
  const gone = newLog();
  const destroy = (n: number) => write(gone, n);
  return { pool: new Pool<number>({ create: () => ++last, destroy, ...options }), gone };
}

let last = 0;

/** A pool of the numbers from 1. */
function integers(options: { maxSize?: number; minSize?: number; lifo?: boolean }): Pool<number> {
  last = 0;
  return new Pool<number>({ create: () => ++last, ...options });
}
