import {
  ConnectionPool,
  type ConnectionPoolOptions,
  currentCall,
  GreenletExit,
  type GreenThread,
  WorkerCrashedError,
} from "@aiohub/aiohub";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { borrows, type Ending, looks, Plain } from "../fixtures/edges/k4_borrowers.ts";
import { rejection, TestHub, thrownBy, until } from "../support/mod.ts";

const hub = TestHub.shared({ maxWorkers: 2 });

/** A pool of plain connections, all that it opened, and what failed. */
function plains(options: Partial<ConnectionPoolOptions<Plain>> = {}) {
  const opened: Plain[] = [];
  const errors: unknown[] = [];
  const pool = new ConnectionPool<Plain>({
    connect: () => {
      const made = new Plain(opened.length + 1);
      opened.push(made);
      return made;
    },
    onError: (error) => errors.push(error),
    maxSize: 1,
    ...options,
  });
  return { pool, opened, errors };
}

/** Something that never ends, and how often it was begun. */
function parking() {
  const park = () => {
    park.count++;
    return new Promise<void>(() => {});
  };
  park.count = 0;
  return park;
}

/** Kills a borrower once it is where it is to be. */
async function cutShort(
  pool: ConnectionPool<Plain>,
  ending: Ending,
  kill: (thread: GreenThread<unknown>) => void = (thread) => thread.kill(),
) {
  const park = parking();
  const thread = borrows(pool, ending, park);
  await until(() => park.count === 1);
  kill(thread);
  await rejection(thread, Error);
  assertEquals(thread.state, "killed");
}

Deno.test("K4 ConnectionPool closes a connection whose borrower was killed, if it knows no clean-up", async () => {
  const { pool, opened, errors } = plains();
  let round = 0;
  for (
    const ending of ["parks", "parks in using", "parks, and gives back as it goes"] as const
  ) {
    await cutShort(pool, ending);
    assertEquals(await looks(pool), [++round + 1, 0]);
    await until(() => opened[round - 1].log.includes("close"));
  }
  assertEquals(errors, []);
  await pool.closeAsync();
});

Deno.test('K4 `cleanup: "none"` is no clean-up: what a killed borrower had is closed', async () => {
  const { pool, opened } = plains({ cleanup: "none" });
  await cutShort(pool, "parks");
  assertEquals(await looks(pool), [2, 0]);
  await until(() => opened[0].log.includes("close"));
  await pool.closeAsync();
});

Deno.test("K4 ConnectionPool closes a connection whose borrower has crashed with its Worker", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 }, { crashed: 1 });
  const { pool, opened } = plains();
  await rejection(borrows(pool, "exits", parking()), WorkerCrashedError);
  assertEquals(await looks(pool), [2, 0]);
  await until(() => opened[0].log.includes("close"));
  await pool.closeAsync();
});

Deno.test("K4 ConnectionPool closes a connection on which a call was ended by a limit, though it is over by now", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const { pool, opened } = plains();
  // It settles when it is given up, and so before the thread gives the connection back.
  const untilAborted = () =>
    new Promise<void>((resolve) => {
      const { signal } = currentCall()!;
      signal.addEventListener("abort", () => resolve());
      if (signal.aborted) resolve();
    });
  await borrows(pool, "limits a call", untilAborted);
  assertEquals(opened[0].log.slice(0, 2), ["slow", "settled"]);
  assertEquals(await looks(pool), [2, 0]);
  await until(() => opened[0].log.includes("close"));
  await pool.closeAsync();
});

Deno.test("K4 ConnectionPool keeps the connection of a borrower that only throws", async () => {
  const { pool, opened } = plains();
  for (const ending of ["throws", "throws in using"] as const) {
    assertEquals(
      (await rejection(borrows(pool, ending, parking()), RangeError)).message,
      "in the middle",
    );
    await until(() => pool.free === 1);
  }
  // The one that threw is taken to know what it does: there is no clean-up that could undo it.
  assertEquals(await looks(pool), [1, 2]);
  assertEquals(opened.length, 1);
  await pool.closeAsync();
});

Deno.test("K4 `cleanup` makes a killed borrower's connection clean, and it is kept", async () => {
  const { pool, opened } = plains({ cleanup: (connection) => connection.open = 0 });
  for (const ending of ["parks", "parks in using"] as const) {
    await cutShort(pool, ending);
    assertEquals(await looks(pool), [1, 0]);
  }
  assertEquals(opened.length, 1);
  await pool.closeAsync();
});

Deno.test("K4 a kill by a signal leaves a connection as `kill()` does", async () => {
  const { pool } = plains();
  const park = parking();
  const controller = new AbortController();
  const { signal } = controller;
  const thread = hub.with({ signal }).spawn(borrows, pool, "parks" as Ending, park);
  await until(() => park.count === 1);
  controller.abort();
  await thrownBy(thread);
  assertEquals([thread.state, await looks(pool)], ["killed", [2, 0]]);
  await pool.closeAsync();
});

Deno.test("K4 a clean-up that throws or hangs closes the connection, and is reported", async () => {
  const cleanups = [
    () => Promise.reject(new Error("unclean")),
    () => new Promise<void>(() => {}),
  ];
  for (const cleanup of cleanups) {
    const { pool, opened, errors } = plains({ cleanup, connectTimeout: 50 });
    await cutShort(pool, "parks");
    assertEquals((await looks(pool) as number[])[1], 0);
    await until(() => opened[0].log.includes("close") && pool.open === 0);
    assertEquals(errors.length, 2);
    await pool.closeAsync();
  }
});

Deno.test("K4 who waits gets a fresh connection at once, however long it takes to close the killed one's", async () => {
  await using _hub = new TestHub({ maxWorkers: 3 });
  const closing = Promise.withResolvers<void>();
  const { pool, opened } = plains({ close: () => closing.promise, connectTimeout: 60_000 });
  const park = parking();
  const thread = borrows(pool, "parks", park);
  await until(() => park.count === 1);
  const green = looks(pool);
  await until(() => pool.waiting === 1);
  const async = pool.getAsync();
  thread.kill();
  await rejection(thread, GreenletExit);
  assertEquals(await green, [2, 0]);
  const got = await async;
  assertEquals([got.number, pool.open, opened.length], [2, 2, 2]);
  closing.resolve();
  await pool.putAsync(got);
  await until(() => pool.open === 1);
  await pool.closeAsync();
  await until(() => pool.open === 0);
});

Deno.test("K4 `cancel` is called for a connection that is closed in the middle of an operation, and only then", async () => {
  const canceled: number[] = [];
  const { pool, opened, errors } = plains({
    cancel: ({ number, log }) => {
      log.push("cancel");
      canceled.push(number);
      return number === 1 ? undefined : Promise.reject(new Error("no such backend"));
    },
    cleanup: (connection) => connection.open = 0,
  });
  await cutShort(pool, "parks");
  assertEquals([await looks(pool), canceled], [[1, 0], []]);
  for (const number of [1, 2]) {
    // On the hub, and in the middle of an operation.
    const connection = await pool.getAsync();
    assertEquals(connection.number, number);
    connection.slow(() => new Promise<void>(() => {}));
    await pool.putAsync(connection);
    assertEquals(opened[number - 1].log, ["slow", "cancel", "close"]);
  }
  assertEquals([canceled, errors.map(String)], [[1, 2], ["Error: no such backend"]]);
  assertThrows(() => plains({ cancel: "query" as never }), TypeError, '"cancel"');
  await pool.closeAsync();
});

Deno.test("K4 a pool that is closed during a clean-up closes the connection after it", async () => {
  const cleaning = Promise.withResolvers<void>();
  let begun = 0;
  const { pool, opened, errors } = plains({
    cleanup: () => {
      begun++;
      return cleaning.promise;
    },
  });
  await cutShort(pool, "parks");
  await until(() => begun === 1);
  const waiting = rejection(pool.getAsync(), Error);
  await pool.closeAsync();
  assertEquals((await waiting).message, "Cannot get a connection: the pool is closed");
  assertEquals([opened[0].log, pool.open], [[], 1]);
  cleaning.resolve();
  await until(() => pool.open === 0);
  assertEquals([opened[0].log, errors], [["close"], []]);
});

Deno.test("K4 async borrowers: one that ends in the middle of an operation leaves nothing behind", async () => {
  const { pool, opened } = plains();
  const error = await rejection(
    (async () => {
      await using connection = await pool.itemAsync();
      await connection.begin();
      connection.slow(() => new Promise<void>(() => {}));
      throw new RangeError("left it running");
    })(),
    RangeError,
  );
  assertInstanceOf(error, RangeError);
  const next = await pool.getAsync();
  assertEquals([next.number, next.open, opened[0].log], [2, 0, ["slow", "close"]]);
  await pool.putAsync(next);
  await pool.closeAsync();
});
