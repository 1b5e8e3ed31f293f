/**
 * Pools of connections. They live on the hub, where `make` makes them: a party in green code has a handle, and what is an async
 * method elsewhere blocks there. What such a party has when it ends comes back.
 */

import {
  ConnectionPool,
  type ConnectionPoolOptions,
  GreenletExit,
  Semaphore,
} from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import { define, type Table, thrown, values, type World, write } from "./ways.ts";

const CLEANED = 100;
const CLOSED = 200;

const newLog = () => new Int32Array(new SharedArrayBuffer(4 * 64));
const entries = (log: Int32Array) => [...log.slice(1, 1 + log[0])];

/** A connection to a database of one list. */
class Connection {
  readonly number: number;
  readonly #log: Int32Array;
  readonly #committed: string[] = [];
  #written: string[] = [];

  constructor(number: number, log: Int32Array) {
    this.number = number;
    this.#log = log;
  }

  async write(text: string): Promise<void> {
    await null;
    this.#written.push(text);
  }

  async commit(): Promise<void> {
    await null;
    this.#committed.push(...this.#written.splice(0));
  }

  async read(): Promise<string[]> {
    await null;
    return [...this.#committed, ...this.#written];
  }

  async rollback(): Promise<void> {
    await null;
    write(this.#log, CLEANED + this.number);
    this.#written = [];
  }

  async close(): Promise<void> {
    await null;
    write(this.#log, CLOSED + this.number);
  }
}

type Objects = { pool: ConnectionPool<Connection>; log: Int32Array };

/** A pool, and what was done with its connections. */
const made = (options: Partial<ConnectionPoolOptions<Connection>> = {}) => (): Objects => {
  const log = newLog();
  let count = 0;
  const connect = () => Promise.resolve(new Connection(++count, log));
  return { pool: new ConnectionPool({ connect, onError() {}, ...options }), log };
};

/** One after another: who comes second waits until the first has this many connections. */
const hasTaken = ({ pool }: Objects, { until }: World, count: number) =>
  until(() => pool.maxSize - pool.free === count);

export const connections: Table = {
  "P96 ConnectionPool opens in order, and free counts those that are not open": define({
    make: () => ({ ...made({ maxSize: 4 })(), gate: new Semaphore(0) }),
    parties: [
      async ({ pool, gate }) => {
        const all = [await pool.getAsync(), await pool.getAsync()];
        const numbers = [await all[0].number, await all[1].number];
        await gate.acquireAsync();
        return numbers;
      },
      async (objects, world) => {
        await hasTaken(objects, world, 2);
        const { pool, gate } = objects;
        const all = [await pool.getAsync(), await pool.getAsync()];
        const numbers = [await all[0].number, await all[1].number];
        const free = await pool.free;
        gate.release();
        return { numbers, free };
      },
    ],
    check: (endings) => assertEquals(values(endings), [[1, 2], { numbers: [3, 4], free: 0 }]),
  }),
  "P97 P98 ConnectionPool.get() of an empty pool waits for the very one that comes back": define({
    make: made({ maxSize: 1 }),
    parties: [
      async ({ pool }, { until }) => {
        const connection = await pool.getAsync();
        await until(() => pool.waiting === 1);
        await pool.putAsync(connection);
      },
      async (objects, world) => {
        await hasTaken(objects, world, 1);
        return await (await objects.pool.getAsync()).number;
      },
    ],
    check: (endings) => assertEquals(values(endings), [undefined, 1]),
  }),
  ...Object.fromEntries([true, false].map((lifo) => [
    lifo
      ? "P100 ConnectionPool lends the one that came back last"
      : "P99 ConnectionPool without lifo lends the one that came back first",
    define({
      make: made({ lifo }),
      parties: [async ({ pool }: Objects) => {
        const all = [await pool.getAsync(), await pool.getAsync()];
        for (const connection of all) await pool.putAsync(connection);
        return (await pool.getAsync()).number;
      }],
      check: (endings) => assertEquals(values(endings), [lifo ? 2 : 1]),
    }),
  ])),
  "P101 ConnectionPool.item() by more than there are never hangs": define({
    make: made({ maxSize: 3 }),
    parties: [0, 1, 2, 3].map(() => async ({ pool }: Objects) => {
      for (let i = 0; i < 20; i++) {
        await using connection = await pool.itemAsync();
        await connection.read();
      }
    }),
    check(endings, { pool }) {
      values(endings);
      assertEquals({ free: pool.free, waiting: pool.waiting }, { free: 3, waiting: 0 });
      assert(pool.open <= 3);
    },
  }),
  "P102 ConnectionPool.resize() closes what is too many when it comes back": define({
    make: made({ maxSize: 3 }),
    parties: [async ({ pool }) => {
      const all = [await pool.getAsync(), await pool.getAsync(), await pool.getAsync()];
      pool.resize(1);
      for (const connection of all) await pool.putAsync(connection);
      const ofOne = { free: await pool.free, open: await pool.open };
      pool.resize(3);
      return { ofOne, free: await pool.free, next: (await pool.getAsync()).number };
    }],
    check(endings, { log }) {
      assertEquals(values(endings), [{ ofOne: { free: 1, open: 1 }, free: 3, next: 3 }]);
      assertEquals(entries(log).slice(0, 3), [CLOSED + 1, CLOSED + 2, CLEANED + 3]);
    },
  }),
  "P105 ConnectionPool without connect is refused; green code makes none at all": define({
    make: () => ({}),
    parties: [(_, { green }) => {
      try {
        new ConnectionPool({} as never);
      } catch (error) {
        return (error as Error).name === (green ? "BlockingCallError" : "TypeError");
      }
    }],
    check: (endings) => assertEquals(values(endings), [true]),
  }),
  "P106 ConnectionPool with minSize has that many ready": define({
    make: made({ minSize: 3, lifo: false, maxIdle: Infinity, maxAge: Infinity }),
    parties: [async ({ pool }, { until }) => {
      await until(() => pool.open === 3 && pool.free === 4);
      return (await pool.getAsync()).number;
    }],
    check(endings, { pool }) {
      assertEquals(values(endings), [1]);
      assertEquals(pool.open, 3);
    },
  }),
  "P108 ConnectionPool.discard() frees the place, and the next get() connects anew": define({
    make: made({ maxSize: 1 }),
    parties: [
      async ({ pool }, { until }) => {
        const connection = await pool.getAsync();
        await until(() => pool.waiting === 1);
        await pool.discardAsync(connection);
      },
      async (objects, world) => {
        await hasTaken(objects, world, 1);
        return await (await objects.pool.getAsync()).number;
      },
    ],
    check(endings, { log }) {
      assertEquals(values(endings), [undefined, 2]);
      assertEquals(entries(log)[0], CLOSED + 1);
    },
  }),
  "P109 P110 close() of a connection gives it back, once, and it is of no use then": define({
    make: made({ maxSize: 2 }),
    parties: [async ({ pool }) => {
      const connection = await pool.getAsync();
      await connection.close();
      await connection.close();
      await pool.putAsync(connection);
      let message = "nothing";
      try {
        await connection.read();
      } catch (error) {
        message = (error as Error).message;
      }
      const again = await pool.getAsync();
      return { refused: /given back/.test(message), free: await pool.free, next: again.number };
    }],
    check(endings, { log }) {
      assertEquals(values(endings), [{ refused: true, free: 1, next: 1 }]);
      // Once by the thread's end, if that was green.
      const cleaned = entries(log);
      assertEquals(cleaned, cleaned.length === 1 ? [CLEANED + 1] : [CLEANED + 1, CLEANED + 1]);
    },
  }),
  "P111 ConnectionPool rolls back what was not committed": define({
    make: made({ maxSize: 1 }),
    parties: [
      async ({ pool }, { until }) => {
        {
          await using connection = await pool.itemAsync();
          await connection.write("kept");
          await connection.commit();
          await connection.write("lost");
          await until(() => pool.waiting === 1);
        }
      },
      async (objects, world) => {
        await hasTaken(objects, world, 1);
        await using connection = await objects.pool.itemAsync();
        return await connection.read();
      },
    ],
    check: (endings) => assertEquals(values(endings), [undefined, ["kept"]]),
  }),
  "P112 ConnectionPool.clear() closes those that nobody uses, and others are opened": define({
    make: made(),
    parties: [async ({ pool }) => {
      const [_kept, put] = [await pool.getAsync(), await pool.getAsync()];
      await pool.putAsync(put);
      await pool.clearAsync();
      return { open: await pool.open, next: (await pool.getAsync()).number };
    }],
    check(endings, { log }) {
      assertEquals(values(endings), [{ open: 1, next: 3 }]);
      assertEquals(entries(log).slice(0, 2), [CLEANED + 2, CLOSED + 2]);
    },
  }),
  ...Object.fromEntries([{ maxIdle: 0 }, { maxAge: 0 }].map((options) => [
    `P113 ConnectionPool with ${Object.keys(options)[0]} 0 keeps nothing`,
    define({
      make: made(options),
      parties: [async ({ pool }: Objects) => {
        await pool.putAsync(await pool.getAsync());
        const { open, free } = { open: await pool.open, free: await pool.free };
        return { open, free, next: (await pool.getAsync()).number };
      }],
      check: (endings) => assertEquals(values(endings), [{ open: 0, free: 4, next: 2 }]),
    }),
  ])),
  "P115 ConnectionPool.get() whose connect throws gives the place back": define({
    make: made({ connect: () => Promise.reject(new RangeError("no")), maxSize: 1 }),
    parties: [0, 1].map(() => ({ pool }: Objects) => pool.getAsync()),
    check(endings, { pool }) {
      assertEquals(endings.map(thrown), ["RangeError", "RangeError"]);
      const { free, waiting, open } = pool;
      assertEquals({ free, waiting, open }, { free: 1, waiting: 0, open: 0 });
    },
  }),
  "P116 ConnectionPool cleans up each time; an error closes the connection, and goes to nobody else":
    define({
      make() {
        const log = newLog();
        let count = 0;
        const pool = new ConnectionPool<Connection>({
          connect: () => new Connection(++count, log),
          cleanup({ number }) {
            write(log, CLEANED + number);
            if (number > 1 || log[0] > 2) throw new Error("unclean");
          },
          onError() {},
          maxSize: 1,
        });
        return { pool, log };
      },
      parties: [async ({ pool }) => {
        await pool.putAsync(await pool.getAsync());
        {
          await using _connection = await pool.itemAsync();
        }
        await pool.putAsync(await pool.getAsync());
        return { free: await pool.free, open: await pool.open };
      }],
      check(endings, { log }) {
        assertEquals(values(endings), [{ free: 1, open: 0 }]);
        assertEquals(entries(log), [CLEANED + 1, CLEANED + 1, CLEANED + 1, CLOSED + 1]);
      },
    }),
  "P116 ConnectionPool throws what is there to end things to the one who gives back": define({
    make: made({
      cleanup: () => Promise.reject(new GreenletExit("the end")),
      maxSize: 1,
    }),
    parties: [async ({ pool }) => {
      await pool.putAsync(await pool.getAsync());
    }],
    check([ending], { pool, log }) {
      assertEquals(thrown(ending), "GreenletExit");
      assertEquals({ log: entries(log), free: pool.free }, { log: [CLOSED + 1], free: 1 });
    },
  }),
};
