import { Empty, Full, LifoQueue, LightQueue, PriorityQueue, Queue } from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import { define, type Table, thrown, values, write } from "./ways.ts";

const newLog = () => new Int32Array(new SharedArrayBuffer(4 * 64));
const entries = (log: Int32Array) => [...log.slice(1, 1 + log[0])];
type Q = { queue: Queue<unknown> };
type Turn = { turn: Int32Array };
type Until = { until(condition: () => boolean): Promise<void> };

function attempt(fn: () => unknown): unknown {
  try {
    return fn();
  } catch (error) {
    if (error instanceof Empty || error instanceof Full) return error.name;
    throw error;
  }
}

export const queues: Table = {
  "P72 Queue.put() then get()": define({
    make: () => ({ queue: new Queue() }),
    parties: [async ({ queue }) => {
      await queue.putAsync("hi");
      return await queue.getAsync();
    }],
    check: (endings) => assertEquals(values(endings), ["hi"]),
  }),
  "P73 P80 Queue.get() waits for a later put()": define({
    make: () => ({ queue: new Queue() }),
    parties: [
      ({ queue }) => queue.getAsync(),
      async ({ queue }, { until }) => {
        await until(() => queue.getting === 1);
        await queue.putAsync("hi2");
      },
    ],
    check: (endings) => assertEquals(values(endings)[0], "hi2"),
  }),
  "P74 Queue.put() waits while there is no room": define({
    make: () => ({ queue: new Queue<string>(2), log: newLog() }),
    parties: [
      async ({ queue, log }) => {
        for (const [i, item] of ["a", "b", "c"].entries()) {
          await queue.putAsync(item);
          write(log, i);
        }
      },
      async ({ queue, log }, { until }) => {
        await until(() => queue.putting === 1);
        write(log, 10);
        const items = [await queue.getAsync(), await queue.getAsync(), await queue.getAsync()];
        return items;
      },
    ],
    check(endings, { log }) {
      assertEquals(values(endings)[1], ["a", "b", "c"]);
      assertEquals(entries(log), [0, 1, 10, 2]);
    },
  }),
  "P75 Queue.put() of a queue of size 0 ends when somebody takes the item": define({
    make: () => ({ queue: new Queue<string>(0), log: newLog() }),
    parties: [
      async ({ queue, log }) => {
        await queue.putAsync("a");
        write(log, 2);
      },
      async ({ queue, log }, { until }) => {
        await until(() => queue.putting === 1);
        const { size, empty, full } = queue;
        assertEquals({ size, empty, full }, { size: 0, empty: true, full: true });
        write(log, 1);
        return await queue.getAsync();
      },
    ],
    check(endings, { log }) {
      assertEquals(values(endings)[1], "a");
      assertEquals(entries(log), [1, 2]);
    },
  }),
  ...Object.fromEntries([1, Infinity].map((size) => [
    `P76 Queue.resize(${size}) lets one go on who waits for room`,
    define({
      make: () => ({ queue: new Queue<string>(0) }),
      parties: [
        ({ queue }) => queue.putAsync("a"),
        async ({ queue }, { until }) => {
          await until(() => queue.putting === 1);
          queue.resize(size);
          await until(() => queue.putting === 0);
          return [queue.size, await queue.getAsync()];
        },
      ],
      check: (endings) => assertEquals(values(endings)[1], [1, "a"]),
    }),
  ])),
  "P77 Queue.resize() to less drops nothing": define({
    make: () => ({ queue: new Queue<number>() }),
    parties: [async ({ queue }) => {
      for (let i = 0; i < 5; i++) await queue.putAsync(i);
      queue.resize(1);
      assert(queue.full);
      const items = [];
      while (!queue.empty) items.push(await queue.getAsync());
      return items;
    }],
    check: (endings) => assertEquals(values(endings), [[0, 1, 2, 3, 4]]),
  }),
  "P78 Queue.get() serves four who wait in the order of their arrival": define({
    make: () => ({ queue: new Queue<number>() }),
    parties: [
      ...[0, 1, 2, 3].map(
        (i) => async ({ queue }: Q, { until }: { until(c: () => boolean): Promise<void> }) => {
          await until(() => queue.getting === i);
          return await queue.getAsync();
        },
      ),
      async ({ queue }, { until }) => {
        await until(() => queue.getting === 4);
        for (let i = 0; i < 4; i++) await queue.putAsync(i);
      },
    ],
    check: (endings) => assertEquals(values(endings).slice(0, 4), [0, 1, 2, 3]),
  }),
  "P83 Queue.getting is 1 while somebody waits, and 0 after a put()": define({
    make: () => ({ queue: new Queue<number>() }),
    parties: [
      ({ queue }) => queue.getAsync(),
      async ({ queue }, { until }) => {
        await until(() => queue.getting === 1);
        await queue.putAsync(1);
        return queue.getting;
      },
    ],
    check: (endings) => assertEquals(values(endings), [1, 0]),
  }),
  "P86 Queue of size 0 matches three getters and three putters in order": define({
    make: () => ({ queue: new Queue<number>(0), turn: newLog() }),
    parties: [
      ...[0, 1, 2].map((i) => async ({ queue }: Q, { until }: Until) => {
        await until(() => queue.getting === i);
        return await queue.getAsync();
      }),
      ...[0, 1, 2].map((i) => async ({ queue, turn }: Q & Turn, { until }: Until) => {
        await until(() => i === 0 ? queue.getting === 3 : Atomics.load(turn, 0) === i);
        await queue.putAsync(i);
        Atomics.store(turn, 0, i + 1);
      }),
    ],
    check: (endings) => assertEquals(values(endings).slice(0, 3), [0, 1, 2]),
  }),
  "P87 P247 Queue.put() that times out takes its item back": define({
    make: () => ({ queue: new Queue<number>(0) }),
    parties: [async ({ queue }) => {
      const late = await queue.putAsync(1, { timeout: 5 }).catch((error: Error) => error.name);
      return { late, item: attempt(() => queue.tryGet()), putting: queue.putting };
    }],
    check: (endings) =>
      assertEquals(values(endings), [{ late: "Full", item: "Empty", putting: 0 }]),
  }),
  "P88 Queue.unfinished is 1 after a rendezvous, and 0 after taskDone()": define({
    make: () => ({ queue: new Queue<number>(0) }),
    parties: [
      ({ queue }) => queue.putAsync(1),
      async ({ queue }) => {
        await queue.getAsync();
        const before = queue.unfinished;
        queue.taskDone();
        const after = queue.unfinished;
        return { before, after, tooMany: attempt2(() => queue.taskDone()) };
      },
    ],
    check: (endings) =>
      assertEquals(values(endings)[1], { before: 1, after: 0, tooMany: "RangeError" }),
  }),
  "P89 Queue.join() waits for nothing when all is done": define({
    make: () => ({ queue: new Queue<number>() }),
    parties: [({ queue }) => queue.joinAsync()],
    check: (endings) => assertEquals(values(endings), [undefined]),
  }),
  "Queue.join() waits until each item is reported done": define({
    make: () => ({ queue: new Queue<number>(), log: newLog() }),
    parties: [
      async ({ queue, log }) => {
        await queue.putAsync(1);
        await queue.putAsync(2);
        await queue.joinAsync();
        write(log, 3);
      },
      async ({ queue, log }) => {
        for (const i of [1, 2]) {
          await queue.getAsync();
          write(log, i);
          queue.taskDone();
        }
      },
    ],
    check(endings, { log }) {
      values(endings);
      assertEquals(entries(log), [1, 2, 3]);
    },
  }),
  "P91 Queue.tryPut() of a full queue throws Full": define({
    make: () => ({ queue: new Queue<number>(1) }),
    parties: [({ queue }) => ({
      first: attempt(() => queue.tryPut(1)),
      second: attempt(() => queue.tryPut(2)),
    })],
    check: (endings) => assertEquals(values(endings), [{ first: undefined, second: "Full" }]),
  }),
  "P92 Queue.tryGet() of an empty queue throws Empty": define({
    make: () => ({ queue: new Queue<number>(1) }),
    parties: [async ({ queue }) => {
      await queue.putAsync(4);
      return { first: attempt(() => queue.tryGet()), second: attempt(() => queue.tryGet()) };
    }],
    check: (endings) => assertEquals(values(endings), [{ first: 4, second: "Empty" }]),
  }),
  "P93 Queue.tryGet() of size 0 takes the item of one who waits": define({
    make: () => ({ queue: new Queue<number>(0) }),
    parties: [
      ({ queue }) => queue.putAsync(5),
      async ({ queue }, { until }) => {
        await until(() => queue.putting === 1);
        return queue.tryGet();
      },
    ],
    check: (endings) => assertEquals(values(endings), [undefined, 5]),
  }),
  "P94 Queue.tryPut() of size 0 gives the item to one who waits": define({
    make: () => ({ queue: new Queue<number>(0) }),
    parties: [
      ({ queue }) => queue.getAsync(),
      async ({ queue }, { until }) => {
        await until(() => queue.getting === 1);
        queue.tryPut(6);
      },
    ],
    check: (endings) => assertEquals(values(endings), [6, undefined]),
  }),
  "P247 Queue.get() that times out leaves no waiter": define({
    make: () => ({ queue: new Queue<number>() }),
    parties: [({ queue }) => queue.getAsync({ timeout: 5 })],
    check([ending], { queue }) {
      assertEquals(thrown(ending), "Empty");
      assertEquals(queue.getting, 0);
      queue.tryPut(1);
      assertEquals(queue.size, 1);
    },
  }),
  "Queue.get() of one who is stopped loses no item": define({
    make: () => ({ queue: new Queue<number>() }),
    parties: [({ queue }, { signal }) => queue.getAsync({ signal })],
    async drive({ queue }, { until, stop }) {
      await until(() => queue.getting === 1);
      // The item is handed over and the stop comes before its getter has looked.
      stop(0);
      queue.tryPut(1);
    },
    check([ending], { queue }) {
      assertEquals(ending.status === "fulfilled" ? ending.value : queue.tryGet(), 1);
      assert(queue.empty);
    },
  }),
  "Queue.put() of one who is stopped takes the item back": define({
    make: () => ({ queue: new Queue<number>(1) }),
    parties: [async ({ queue }, { signal }) => {
      await queue.putAsync(1);
      await queue.putAsync(2, { signal });
    }],
    async drive({ queue }, { until, stop, ending }) {
      await until(() => queue.putting === 1);
      stop(0);
      await ending(0);
    },
    check([ending], { queue }) {
      assertEquals(thrown(ending), "stopped");
      const item = queue.tryGet();
      const { empty, putting } = queue;
      assertEquals({ item, empty, putting }, { item: 1, empty: true, putting: 0 });
    },
  }),
  "P245 Queue.close() refuses to put, and gives what is there": define({
    make: () => ({ queue: new Queue<number>() }),
    parties: [async ({ queue }) => {
      await queue.putAsync(1);
      await queue.putAsync(2);
      queue.close();
      const put = attempt2(() => queue.tryPut(3));
      const items = [await queue.getAsync(), queue.tryGet()];
      return { put, items, end: attempt2(() => queue.tryGet()) };
    }],
    check: (endings) =>
      assertEquals(values(endings), [
        { put: "QueueClosedError", items: [1, 2], end: "QueueClosedError" },
      ]),
  }),
  "P245 Queue.close({ immediate: true }) drops the items and wakes everybody": define({
    make: () => ({ queue: new Queue<number>(1), other: new Queue<number>() }),
    parties: [
      async ({ queue }) => {
        await queue.putAsync(1);
        await queue.putAsync(2);
      },
      ({ other }) => other.getAsync(),
      ({ queue }) => queue.joinAsync(),
      async ({ queue, other }, { until }) => {
        await until(() => queue.putting === 1 && other.getting === 1);
        queue.close({ immediate: true });
        other.close({ immediate: true });
        return queue.size;
      },
    ],
    check([putter, getter, joiner, closer]) {
      assertEquals(thrown(putter), "QueueClosedError");
      assertEquals(thrown(getter), "QueueClosedError");
      assertEquals(values([closer]), [0]);
      values([joiner]);
    },
  }),
  "Queue iterates until it is closed and empty": define({
    make: () => ({ queue: new Queue<number>(2) }),
    parties: [
      async ({ queue }) => {
        for (let i = 0; i < 10; i++) await queue.putAsync(i);
        queue.close();
      },
      async ({ queue }, { green }) => {
        const items = [];
        if (green) { for (const item of queue) items.push(item); }
        else for await (const item of queue) items.push(item);
        return items;
      },
    ],
    check: (endings) => assertEquals(values(endings)[1], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
  }),
  "J87 Queue delivers what is put before its getter comes, and after that": define({
    make: () => ({ queue: new Queue<number>() }),
    parties: [
      async ({ queue }, { until }) => {
        await queue.putAsync(1);
        await until(() => queue.getting === 1);
        await queue.putAsync(2);
      },
      async ({ queue }, { until }) => {
        await until(() => queue.size === 1);
        return [await queue.getAsync(), await queue.getAsync()];
      },
    ],
    check: (endings) => assertEquals(values(endings)[1], [1, 2]),
  }),
  "J89 Queue carries fifty rounds of ping-pong in which both sides wait": define({
    make: () => ({ ping: new Queue<number>(), pong: new Queue<number>() }),
    parties: [
      async ({ ping, pong }) => {
        let n = 0;
        for (let round = 0; round < 50; round++) {
          await ping.putAsync(n + 1);
          n = await pong.getAsync();
        }
        return n;
      },
      async ({ ping, pong }) => {
        for (let round = 0; round < 50; round++) await pong.putAsync(await ping.getAsync() + 1);
      },
    ],
    check: (endings) => assertEquals(values(endings)[0], 100),
  }),
  "J93 Queue gives what was put before the other side closed it, then says so": define({
    make: () => ({ queue: new Queue<number>() }),
    parties: [
      async ({ queue }) => {
        for (const item of [1, 2, 3]) await queue.putAsync(item);
        queue.close();
      },
      async ({ queue }, { until }) => {
        await until(() => queue.closed);
        const items = [];
        for (let i = 0; i < 3; i++) items.push(await queue.getAsync());
        return [items, await queue.getAsync().catch((error: Error) => error.name)];
      },
    ],
    check: (endings) => assertEquals(values(endings)[1], [[1, 2, 3], "QueueClosedError"]),
  }),
  "LifoQueue.get() gives the last item first": define({
    make: () => ({ queue: new LifoQueue<number>() }),
    parties: [
      async ({ queue }) => {
        for (const i of [1, 2, 3]) await queue.putAsync(i);
      },
      async ({ queue }, { until }) => {
        await until(() => queue.size === 3);
        return [await queue.getAsync(), await queue.getAsync(), await queue.getAsync()];
      },
    ],
    check: (endings) => assertEquals(values(endings)[1], [3, 2, 1]),
  }),
  "PriorityQueue.get() gives the lowest first, and of equals the first": define({
    make: () => ({ queue: new PriorityQueue<[number, string]>() }),
    parties: [
      async ({ queue }) => {
        for (const [i, name] of [[3, "c"], [1, "a"], [2, "b"], [1, "A"], [2, "B"]] as const) {
          await queue.putAsync([i, name]);
        }
      },
      async ({ queue }, { until }) => {
        await until(() => queue.size === 5);
        let names = "";
        for (let i = 0; i < 5; i++) names += (await queue.getAsync())[1];
        return names;
      },
    ],
    check: (endings) => assertEquals(values(endings)[1], "aAbBc"),
  }),
  "J87 Queue.get() gets what was put before it waited, and what is put after": define({
    make: () => ({ before: new Queue<string>(), after: new Queue<string>() }),
    parties: [
      async ({ before, after }, { until }) => {
        await until(() => before.size === 1);
        return [await before.getAsync(), await after.getAsync()];
      },
      async ({ before, after }, { until }) => {
        await before.putAsync("early");
        await until(() => after.getting === 1);
        await after.putAsync("late");
      },
    ],
    check: (endings) => assertEquals(values(endings)[0], ["early", "late"]),
  }),
  "J90 J91 Queue.tryGet() tells an item that is undefined from none, and none from the end": define(
    {
      make: () => ({ queue: new Queue<unknown>() }),
      parties: [
        async ({ queue }) => {
          const none = attempt2(() => queue.tryGet());
          await queue.putAsync(undefined);
          const item = attempt2(() => [queue.tryGet()]);
          queue.close();
          return { none, item, end: attempt2(() => queue.tryGet()) };
        },
      ],
      check: (endings) =>
        assertEquals(values(endings), [
          { none: "Empty", item: [undefined], end: "QueueClosedError" },
        ]),
    },
  ),
  "LightQueue carries large items, bytes, and other queues": define({
    make: () => ({ queue: new LightQueue<unknown>(), back: new LightQueue<unknown>() }),
    parties: [
      async ({ queue, back }) => {
        await queue.putAsync("x".repeat(50_000));
        await queue.putAsync(new Uint8Array([1, 2, 3]));
        await queue.putAsync({ back, when: new Date(5), big: 7n });
        return await back.getAsync();
      },
      async ({ queue }) => {
        const text = await queue.getAsync() as string;
        const bytes = await queue.getAsync() as Uint8Array;
        const last = await queue.getAsync() as { back: LightQueue; when: Date; big: bigint };
        await last.back.putAsync([text.length, [...bytes], last.when.getTime(), String(last.big)]);
      },
    ],
    check: (endings) => assertEquals(values(endings)[0], [50_000, [1, 2, 3], 5, "7"]),
  }),
};

function attempt2(fn: () => unknown): unknown {
  try {
    return fn();
  } catch (error) {
    return (error as Error).name;
  }
}
