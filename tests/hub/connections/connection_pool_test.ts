import {
  BlockingCallError,
  ConnectionPool,
  type ConnectionPoolOptions,
  GreenletExit,
  type GreenThread,
  spawn,
  Timeout,
  WorkerCrashedError,
} from "@aiohub/aiohub";
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { delay } from "@std/async/delay";
import * as green from "../../fixtures/connections.ts";
import { Fake, type pool as modulePool } from "../../fixtures/connections.ts";
import { rejection, TestHub, until } from "../../support/mod.ts";

TestHub.shared();

/** A pool of fakes, all that it opened, and what its errors were. */
function fakes(options: Partial<ConnectionPoolOptions<Fake>> = {}) {
  const opened: Fake[] = [];
  const errors: unknown[] = [];
  const pool = new ConnectionPool<Fake>({
    connect: () => {
      const made = new Fake(opened.length + 1);
      opened.push(made);
      return Promise.resolve(made);
    },
    onError: (error) => errors.push(error),
    ...options,
  });
  return { pool, opened, errors };
}

Deno.test("P96 ConnectionPool opens in order, and free counts those that are not open (both sides)", async () => {
  const { pool } = fakes({ maxSize: 4 });
  assertEquals({ free: pool.free, open: pool.open }, { free: 4, open: 0 });
  assertEquals(await green.take(pool, 2), [1, 2, 2, 4]);
  const all = [await pool.getAsync(), await pool.getAsync(), await pool.getAsync()];
  assertEquals(all.map(({ number }) => number).sort(), [1, 2, 3]);
  assertEquals({ free: pool.free, open: pool.open, maxSize: pool.maxSize }, {
    free: 1,
    open: 3,
    maxSize: 4,
  });
  for (const connection of all) await pool.putAsync(connection);
  assertEquals(await green.take(pool, 1), [3, 3, 4]);
});

Deno.test("P97 P98 ConnectionPool.get() of an empty pool waits for the very one that comes back (both sides)", async () => {
  await using _hub = new TestHub();
  const { pool, opened } = fakes({ maxSize: 1 });
  for (const isGreen of [true, false]) {
    const connection = await pool.getAsync();
    const greedy = isGreen ? green.take(pool, 1) : pool.getAsync();
    await until(() => pool.waiting === 1);
    assertEquals(pool.free, 0);
    await connection.close();
    const got = await greedy;
    if (Array.isArray(got)) assertEquals(got, [1, 0, 1]);
    else await pool.putAsync(got as Fake);
  }
  assertEquals({ opened: opened.length, waiting: pool.waiting, free: pool.free }, {
    opened: 1,
    waiting: 0,
    free: 1,
  });
});

Deno.test("`using` gives a connection back that can be disposed of at once, on the hub too", async () => {
  const disposed: number[] = [];
  const pool = new ConnectionPool({
    connect: () => {
      const it = { number: 1, [Symbol.dispose]: () => void disposed.push(1), close: () => {} };
      return Promise.resolve(it);
    },
    maxSize: 1,
  });
  for (let i = 0; i < 2; i++) {
    using connection = await pool.getAsync();
    assertEquals({ number: connection.number, free: pool.free }, { number: 1, free: 0 });
  }
  await until(() => pool.free === 1);
  assertEquals(disposed, []);
  await pool.closeAsync();
});

Deno.test("P98 a greedy get() beyond maxSize goes on only when something comes back", async () => {
  const { pool } = fakes({ maxSize: 2 });
  const greedy = green.take(pool, 3);
  await until(() => pool.waiting === 1);
  await delay(30);
  assertEquals({ dead: greedy.dead, waiting: pool.waiting, free: pool.free }, {
    dead: false,
    waiting: 1,
    free: 0,
  });
  greedy.kill();
  await rejection(greedy, GreenletExit);
  await until(() => pool.free === 2);
  assertEquals(pool.waiting, 0);
});

Deno.test("P99 P100 ConnectionPool lends last in, first out; first in, first out without lifo", async () => {
  for (const [lifo, expected] of [[true, [2, 1]], [false, [1, 2]]] as const) {
    const { pool } = fakes({ lifo });
    const all = [await pool.getAsync(), await pool.getAsync()];
    for (const connection of all) await pool.putAsync(connection);
    const again = [await pool.getAsync(), await pool.getAsync()];
    assertEquals(again.map(({ number }) => number), [...expected]);
  }
});

Deno.test("P101 more users than connections, on both sides, never hang", async () => {
  const { pool, opened } = fakes({ maxSize: 3 });
  const threads = [1, 2, 3, 4].map(() => green.churn(pool, 40));
  const tasks = [1, 2].map(async () => {
    for (let i = 0; i < 40; i++) {
      await using connection = await pool.itemAsync();
      await connection.read();
    }
  });
  await Promise.all([...threads, ...tasks]);
  assertEquals({ free: pool.free, waiting: pool.waiting, isBounded: opened.length <= 3 }, {
    free: 3,
    waiting: 0,
    isBounded: true,
  });
});

Deno.test("P102 ConnectionPool.resize() closes what is too many when it comes back; growing lets waiters in", async () => {
  const { pool, opened } = fakes({ maxSize: 3 });
  const all = [await pool.getAsync(), await pool.getAsync(), await pool.getAsync()];
  pool.resize(1);
  for (const connection of all) await pool.putAsync(connection);
  assertEquals(opened.map(({ log }) => log.at(-1)), ["close", "close", "rollback"]);
  assertEquals({ free: pool.free, open: pool.open }, { free: 1, open: 1 });
  const held = await pool.getAsync();
  const waiter = green.take(pool, 1);
  await until(() => pool.waiting === 1);
  pool.resize(3);
  assertEquals(await waiter, [4, 1, 2]);
  await pool.putAsync(held);
  pool.resize(0);
  await until(() => pool.open === 0);
});

Deno.test("P105 a pool without connect is refused, and so are other options that make no sense", () => {
  assertThrows(() => new ConnectionPool({} as never), TypeError, '"connect"');
  assertThrows(() => fakes({ cleanup: "all" as never }), TypeError, '"cleanup"');
  assertThrows(() => fakes({ maxIdle: -1 }), TypeError, '"maxIdle"');
  assertThrows(() => fakes({ minSize: 5, maxSize: 4 }), RangeError);
});

Deno.test("P106 ConnectionPool with minSize has that many ready", async () => {
  const { pool, opened } = fakes({ minSize: 3, lifo: false });
  await until(() => pool.free === 4);
  assertEquals({ opened: opened.length, open: pool.open }, { opened: 3, open: 3 });
  assertEquals((await pool.getAsync()).number, 1);
  let fail = true;
  const connect = () => fail ? Promise.reject(new Error("not yet")) : new Fake(1);
  const later = fakes({ connect, minSize: 2, maxSize: 2 }).pool;
  await until(() => later.free === 2);
  fail = false;
  assertEquals((await later.getAsync()).number, 1);
});

Deno.test("P108 ConnectionPool.discard() frees the place, and the next get() connects anew (both sides)", async () => {
  const { pool, opened } = fakes({ maxSize: 1 });
  await pool.discardAsync(await pool.getAsync());
  assertEquals({ log: opened[0].log, open: pool.open, free: pool.free }, {
    log: ["close"],
    open: 0,
    free: 1,
  });
  assertEquals((await pool.getAsync().then((c) => pool.putAsync(c)), opened.length), 2);
  const more = fakes({ maxSize: 2 });
  assertEquals(await green.manage(more.pool), [0, 2, 2, 0, 1, 0, 1]);
});

Deno.test("P109 P110 close() of a connection gives it back, once, and it is of no use then (both sides)", async () => {
  const { pool, opened } = fakes({ maxSize: 2 });
  const { messages, free } = await green.misuse(pool);
  assertEquals(messages, [
    'TypeError: Cannot use "read" of a connection: the connection was given back to its pool: get another one',
    'TypeError: Cannot use "number" of a connection: the connection was given back to its pool: get another one',
    "TypeError: Cannot give back a connection: expected a connection that this pool has lent",
  ]);
  assertEquals({ free, log: opened[0].log }, { free: 2, log: ["rollback"] });

  const connection = await pool.getAsync();
  await connection.close();
  await connection.close();
  await pool.putAsync(connection);
  assertThrows(() => connection.read(), TypeError, "given back");
  assertThrows(() => connection.number, TypeError, "given back");
  assertThrows(() => (connection as { extra?: number }).extra = 1, TypeError, "given back");
  assertEquals(pool.free, 2);
  const again = await pool.getAsync();
  assertEquals(again.number, 1);
  // The old one is not the new one, although the connection is the same.
  await pool.putAsync(connection);
  assertEquals(pool.free, 1);
  await assertRejects(() => pool.putAsync(opened[0]), TypeError);
});

Deno.test("P111 a connection is clean when it comes back: what was not committed is gone (both sides)", async () => {
  const { pool } = fakes({ maxSize: 1 });
  assertEquals(await green.write(pool, 1, true), [1, 1]);
  assertEquals(await green.write(pool, 2, false), [1, 1, 2, 2]);
  {
    await using connection = await pool.itemAsync();
    assertEquals(await connection.read(), [1, 1]);
    assertStrictEquals(await connection.write(3) instanceof Fake, true);
  }
  const error = await rejection(
    (async () => {
      await using connection = await pool.itemAsync();
      await connection.write(4);
      throw new RangeError("in the middle");
    })(),
    RangeError,
  );
  assertEquals(error.message, "in the middle");
  assertEquals(await (await pool.getAsync()).read(), [1, 1]);
});

Deno.test("P112 ConnectionPool.clearAsync() closes those that nobody uses, and others are opened", async () => {
  const { pool, opened } = fakes();
  const [kept, put] = [await pool.getAsync(), await pool.getAsync()];
  await pool.putAsync(put);
  await pool.clearAsync();
  assertEquals({ log: opened[0].log, secondLog: opened[1].log, open: pool.open }, {
    log: [],
    secondLog: ["rollback", "close"],
    open: 1,
  });
  assertEquals((await pool.getAsync()).number, 3);
  await pool.putAsync(kept);
  assertEquals({ open: pool.open, free: pool.free }, { open: 2, free: 3 });
});

Deno.test("P113 with maxIdle or maxAge 0 nothing is kept", async () => {
  for (const options of [{ maxIdle: 0 }, { maxAge: 0 }]) {
    const { pool, opened } = fakes(options);
    await pool.putAsync(await pool.getAsync());
    assertEquals({ last: opened[0].log.at(-1), open: pool.open, free: pool.free }, {
      last: "close",
      open: 0,
      free: 4,
    });
    assertEquals((await pool.getAsync()).number, 2);
  }
});

Deno.test("P113 a connection that lies idle for maxIdle, or is older than maxAge, is closed", async () => {
  for (const options of [{ maxIdle: 400 }, { maxAge: 400 }]) {
    const { pool, opened } = fakes(options);
    const keepsRunning = setInterval(() => {}, 10);
    await pool.putAsync(await pool.getAsync());
    assertEquals(pool.open, 1);
    await until(() => pool.open === 0);
    clearInterval(keepsRunning);
    assertEquals(opened[0].log, ["rollback", "close"]);
  }
  const { pool, opened } = fakes({ maxAge: 30, maxIdle: Infinity });
  const old = await pool.getAsync();
  await delay(40);
  await pool.putAsync(old);
  assertEquals(opened[0].log, ["close"]);
});

Deno.test("P115 a connect that throws, or takes too long, gives the place back (both sides)", async () => {
  await using _hub = new TestHub();
  const failing = fakes({ connect: () => Promise.reject(new RangeError("no")), maxSize: 1 });
  await rejection(failing.pool.getAsync(), RangeError);
  assertEquals(failing.pool.free, 1);
  await rejection(green.take(failing.pool, 1), RangeError);
  assertEquals(failing.pool.free, 1);

  const { promise: late, resolve } = Promise.withResolvers<Fake>();
  let aborted: unknown;
  const connect = ({ signal }: { signal: AbortSignal }) => {
    signal.addEventListener("abort", () => aborted = signal.reason);
    return late;
  };
  const slow = fakes({ connect, connectTimeout: 20, maxSize: 1 });
  const error = await rejection(slow.pool.getAsync(), Timeout);
  assertEquals({ free: slow.pool.free, isAborted: aborted === error }, {
    free: 1,
    isAborted: true,
  });
  await rejection(green.take(slow.pool, 1), Timeout);
  const fake = new Fake(1);
  resolve(fake);
  await until(() => fake.log.includes("close"));
  assertEquals({ isClosed: slow.pool.open <= 0, free: slow.pool.free }, {
    isClosed: true,
    free: 1,
  });
});

Deno.test("P116 cleanup runs each time; an error closes the connection and is reported", async () => {
  const cleaned: number[] = [];
  const good = fakes({ cleanup: ({ number }) => cleaned.push(number), maxSize: 1 });
  await good.pool.putAsync(await good.pool.getAsync());
  await green.getAndClose(good.pool);
  {
    await using _connection = await good.pool.itemAsync();
  }
  assertEquals({ cleaned, log: good.opened[0].log }, { cleaned: [1, 1, 1], log: [] });

  const bad = fakes({
    cleanup: () => Promise.reject(new Error("unclean")),
    maxSize: 1,
  });
  await bad.pool.putAsync(await bad.pool.getAsync());
  await green.getAndClose(bad.pool);
  assertEquals(bad.errors.map(String), ["Error: unclean", "Error: unclean"]);
  assertEquals({ logs: bad.opened.map(({ log }) => log), free: bad.pool.free }, {
    logs: [["close"], ["close"]],
    free: 1,
  });

  const slow = fakes({ cleanup: () => new Promise(() => {}), connectTimeout: 20, maxSize: 1 });
  await slow.pool.putAsync(await slow.pool.getAsync());
  assertEquals({ isTimeout: slow.errors[0] instanceof Timeout, log: slow.opened[0].log }, {
    isTimeout: true,
    log: ["close"],
  });

  const none = fakes({ cleanup: "none" });
  await none.pool.putAsync(await none.pool.getAsync());
  assertEquals(none.opened[0].log, []);
});

Deno.test("P116 what is there to end things is thrown to the one who gives back (both sides)", async () => {
  const { pool, opened, errors } = fakes({
    cleanup: () => Promise.reject(new GreenletExit("the end")),
    maxSize: 1,
  });
  const connection = await pool.getAsync();
  await rejection(pool.putAsync(connection), GreenletExit);
  await rejection(green.getAndClose(pool), GreenletExit);
  assertEquals({ errors, logs: opened.map(({ log }) => log), free: pool.free }, {
    errors: [],
    logs: [["close"], ["close"]],
    free: 1,
  });
});

Deno.test("a close that throws is reported, and its place is free", async () => {
  const { pool, errors } = fakes({ close: () => Promise.reject(new Error("stuck")) });
  await pool.discardAsync(await pool.getAsync());
  assertEquals({ errors: errors.map(String), open: pool.open, free: pool.free }, {
    errors: ["Error: stuck"],
    open: 0,
    free: 4,
  });
});

Deno.test("what a thread has when it ends comes back: killed, crashed, or forgotten", async () => {
  await using _hub = new TestHub({}, { crashed: 1 });
  const { pool, opened } = fakes({ maxSize: 1 });
  let parked = 0;
  const never = () => {
    parked++;
    return new Promise<void>(() => {});
  };
  const clean = async () => {
    await until(() => pool.free === 1);
    await using connection = await pool.itemAsync();
    assertEquals(await connection.read(), []);
    return [connection.number, opened.length];
  };
  const kill = async (thread: GreenThread<unknown>, isBlocked: () => boolean) => {
    await until(isBlocked);
    assertEquals(pool.free, 0);
    thread.kill();
    await rejection(thread, GreenletExit);
  };
  await kill(green.hold(pool, "park", never), () => parked === 1);
  assertEquals(await clean(), [1, 1]);
  await kill(green.hold(pool, "using", never), () => parked === 2);
  assertEquals(await clean(), [1, 1]);
  await green.hold(pool, "return", never);
  assertEquals(await clean(), [1, 1]);
  await rejection(green.hold(pool, "exit", never), WorkerCrashedError);
  assertEquals(await clean(), [1, 1]);
  // In the middle of an operation nobody knows what a clean-up would do.
  await kill(green.hold(pool, "call", never), () => opened[0].log.at(-1) === "blocked");
  assertEquals(await clean(), [2, 2]);
  assertEquals(opened[0].log.slice(-2), ["blocked", "close"]);
});

Deno.test("who gives up waiting leaves the line: killed, timed out, aborted", async () => {
  const { pool } = fakes({ maxSize: 1 });
  const held = await pool.getAsync();
  assertEquals(await green.waitShortly(pool, 20), ["too late", "Timeout"]);
  const killed = green.take(pool, 1);
  await until(() => pool.waiting === 1);
  const controller = new AbortController();
  const aborted = rejection(pool.getAsync({ signal: controller.signal }), RangeError);
  const last = pool.getAsync();
  await until(() => pool.waiting === 3);
  killed.kill();
  controller.abort(new RangeError("no more"));
  await rejection(killed, GreenletExit);
  await aborted;
  await rejection(pool.getAsync({ timeout: 10 }), Timeout);
  await until(() => pool.waiting === 1);
  await pool.putAsync(held);
  assertEquals((await last).number, 1);
});

Deno.test("who gives up while a connection is being opened leaves it to the next one", async () => {
  const { promise: connecting, resolve } = Promise.withResolvers<Fake>();
  const { pool } = fakes({ connect: () => connecting, maxSize: 1 });
  const controller = new AbortController();
  const aborted = rejection(pool.getAsync({ signal: controller.signal }), RangeError);
  await until(() => pool.free === 0);
  controller.abort(new RangeError("no more"));
  await aborted;
  const next = pool.getAsync();
  assertEquals({ free: pool.free, waiting: pool.waiting }, { free: 0, waiting: 1 });
  resolve(new Fake(7));
  assertEquals({ number: (await next).number, open: pool.open }, { number: 7, open: 1 });
});

Deno.test("ConnectionPool.closeAsync() ends those who wait, and closes the lent ones when they come back", async () => {
  const { pool, opened } = fakes({ maxSize: 2 });
  const [held, idle] = [await pool.getAsync(), await pool.getAsync()];
  const waits = [green.take(pool, 1), pool.getAsync()].map((wait) =>
    rejection(wait as Promise<unknown>, Error)
  );
  await until(() => pool.waiting === 2);
  const closed = pool.closeAsync();
  for (const { message } of await Promise.all(waits)) {
    assertEquals(message, "Cannot get a connection: the pool is closed");
  }
  await closed;
  await pool.putAsync(idle);
  await pool.putAsync(held);
  assertEquals({ logs: opened.map(({ log }) => log), open: pool.open }, {
    logs: [["close"], ["close"]],
    open: 0,
  });
  await assertRejects(() => pool.getAsync(), Error, "closed");
});

Deno.test("ConnectionPool made by shared() is one for all, in a module's variable", async () => {
  await using _hub = new TestHub();
  assertEquals(await Promise.all([green.viaModule(), green.viaModule()]).then((n) => n.length), 2);
  const pool: typeof modulePool = green.pool;
  assertEquals(pool instanceof ConnectionPool, true);
  await until(() => pool.free === 2);
  assertEquals(await (pool as ConnectionPool<Fake>).open <= 2, true);
  await (pool as ConnectionPool<Fake>).clearAsync();
});

Deno.test("ConnectionPool's blocking calls name their twins on the hub; green code makes no pool", async () => {
  const { pool } = fakes();
  const connection = await pool.getAsync();
  for (
    const [call, twin] of [
      [() => pool.get(), "getAsync"],
      [() => pool.item(), "itemAsync"],
      [() => pool.put(connection), "putAsync"],
      [() => pool.discard(connection), "discardAsync"],
      [() => pool.clear(), "clearAsync"],
      [() => pool.close(), "closeAsync"],
    ] as const
  ) assertThrows(call, BlockingCallError, `use await ${twin}()`);
  await rejection(
    spawn(() => {
      new ConnectionPool({ connect: () => ({}) });
    }),
    BlockingCallError,
  );
});
