/**
 * What has a `then()` and is no promise is not run behind people's backs: green code goes on building it, and says `wait()`.
 *
 * @module
 */

import {
  GreenThread,
  handle,
  Hub,
  hubImport,
  type NotCloneableError,
  Queue,
  spawn,
  type Sync,
  withTimeout,
} from "@aiohub/aiohub";
import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import { thrownBy, until } from "../support/mod.ts";
import * as queries from "../fixtures/edges/queries.ts";
import { type Database, database, ran, reset, rows } from "../fixtures/edges/queries.ts";

type Db = Sync<Database>;
const module = import.meta.resolve("../fixtures/edges/queries.ts");

/** What a spawned function threw, and what had been run by then. */
async function refused(thread: PromiseLike<unknown>): Promise<{ message: string; ran: string[] }> {
  const error = await thrownBy(thread) as Error;
  return { message: error.message, ran: [...ran] };
}

Deno.test("K1 a query is built in green code, and runs once at its wait()", async () => {
  reset();
  const removed = await spawn(
    (db: Db, condition: queries.Condition) => {
      const all = db.delete();
      const some = all.where(condition);
      return [some === all, some.wait()] as const;
    },
    handle(database),
    handle(queries.eq(2)) as never,
  );
  assertEquals(removed, [true, [{ id: 2, name: "bob" }]]);
  assertEquals(ran, ["delete where id = 2"]);
  assertEquals(rows.map(({ id }) => id), [1, 3]);
});

Deno.test("K1 wait() throws what the query throws, with its class and fields", async () => {
  reset();
  const seen = await spawn((db: Db) => {
    const seen: unknown[] = [];
    for (const query of [() => db.select().limit(-1), () => db.failing()]) {
      try {
        query().wait();
      } catch (error) {
        const { name, message, code } = error as Error & { code: unknown };
        seen.push([error instanceof Error, name, message, code]);
      }
    }
    return seen;
  }, handle(database));
  assertEquals(seen, [
    [true, "RangeError", "a negative limit", "2201W"],
    [true, "TypeError", "no", 7],
  ]);
});

Deno.test("K1 queries of all kinds, from methods, properties and modules, wait for wait()", async () => {
  reset();
  const seen = await spawn(
    (db: Db, module: string) => {
      const m = hubImport<typeof queries>(module);
      const made = [
        db.select().limit(1),
        db.all.limit(1),
        db.lazy().simple(),
        db.pending.simple(),
        db.plain("x"),
        m.select().limit(1),
        m.lazy(),
        m.query.limit(1),
        m.database.select().limit(1),
      ] as { wait(): unknown }[];
      const before = m.ran;
      return [before, made.map((query) => query.wait())];
    },
    handle(database),
    module,
  );
  const one = [{ id: 1, name: "ada" }];
  assertEquals(seen, [[], [one, one, "lazy", "pending", "X", one, "lazy", one, one]]);
  assertEquals(ran.length, 9);
});

Deno.test("K1 promises are awaited, with properties of their own too", async () => {
  reset();
  const seen = await spawn(
    (db: Db, module: string) => {
      const m = hubImport<typeof queries>(module);
      return [
        db.ready,
        db.count(),
        db.process(),
        m.opening,
        typeof m.select,
        Object.keys(m).includes("never"),
      ];
    },
    handle(database),
    module,
  );
  assertEquals(seen, ["ready", 3, "done", "open", "function", true]);
});

Deno.test("K1 a promise of whatever stands in globalThis.Promise is awaited", async () => {
  class Zone<T> extends Promise<T> {}
  const Before = globalThis.Promise;
  globalThis.Promise = Zone as PromiseConstructor;
  let thread: GreenThread<unknown>;
  try {
    const library = {
      zoned: () => new Zone((resolve) => resolve("zoned")),
      engine: async () => await "engine",
    };
    thread = spawn(
      (library: { zoned(): unknown; engine(): unknown }) => [library.zoned(), library.engine()],
      handle(library) as never,
    );
    assertEquals(await thread, ["zoned", "engine"]);
  } finally {
    globalThis.Promise = Before;
  }
});

Deno.test("K1 a query used as if it were its result is an error that says wait(), and has not run", async () => {
  reset();
  // deno-lint-ignore no-explicit-any
  type Any = any;
  const uses: ((query: Any) => unknown)[] = [
    (query) => query.length,
    (query) => query.map((row: unknown) => row),
    (query) => query[0],
    (query) => query.id,
    (query) => [...query],
    (query) => {
      for (const row of query) return row;
    },
    (query) => {
      const [first] = query;
      return first;
    },
    (query) => {
      const { id } = query;
      return id;
    },
    (query) => ({ ...query }),
    (query) => Object.keys(query),
    (query) => `${query}`,
    (query) => query + 1,
    (query) => query * 2,
    (query) => query > 1,
    (query) => String(query),
    (query) => query.toString(),
    (query) => JSON.stringify(query),
    (query) => JSON.stringify({ query }),
    (query) => new Map(query),
    (query) => query.then((rows: unknown) => rows),
    (query) => query,
    (query) => ({ query }),
    (query) => [[{ deep: query }]],
    (query) => new Map([["query", query]]),
    function* (query) {
      yield query;
    },
    // deno-lint-ignore require-await
    async (query) => query,
    async (query) => (await query).length,
    async (query) => ({ query: await Promise.all([query]) }),
  ];
  for (const use of uses) {
    for (const kind of ["select", "lazy", "plain"]) {
      const thread = spawn(
        use as (query: unknown) => unknown,
        handle(Object(database[kind as "select"]())) as never,
      );
      const found = use.constructor.name === "GeneratorFunction"
        ? Array.fromAsync(await thread as AsyncIterable<unknown>)
        : thread;
      const { message, ran } = await refused(found);
      assertMatch(message, /wait\(\)/, `${use} of ${kind}`);
      assertEquals(ran, [], `${use} of ${kind}`);
    }
  }
});

Deno.test("K1 the refusal of a returned query names its path", async () => {
  reset();
  const error = await thrownBy(spawn((db: Db) => ({ found: [1, db.select()] }), handle(database)));
  assertEquals((error as NotCloneableError).path, "result.found[1]");
  assertMatch((error as Error).message, /^Cannot send result\.found\[1\]: .*call query\.wait\(\)/);
  assertEquals(ran, []);
});

Deno.test("K1 what has not run has its own members still: undefined ones, and what is set", async () => {
  reset();
  const seen = await spawn((db: Db) => {
    const query = db.select();
    const before = query.hint;
    query.hint = "index";
    return [
      before,
      query.hint,
      query.text,
      "limit" in query,
      "length" in query,
      Object.hasOwn(query, "hint"),
    ];
  }, handle(database));
  assertEquals(seen, [undefined, "index", "select", true, false, true]);
  assertEquals(ran, []);
});

Deno.test("K1 wait() takes no arguments, and an own wait() wins", async () => {
  reset();
  const { message } = await refused(
    spawn(
      (db: Db) => (db.select() as { wait(options: unknown): unknown }).wait({ timeout: 5 }),
      handle(database),
    ),
  );
  assertMatch(message, /withTimeout\(ms, \(\) => query\.wait\(\)\)/);
  const own = { wait: (n: number) => n + 1, then: () => ran.push("own") };
  assertEquals(
    await spawn((own: { wait(n: number): number }) => own.wait(4), handle(own) as never),
    5,
  );
  assertEquals(ran, []);
});

Deno.test("K1 a query in a result is a handle there, in a list, an object and an iteration", async () => {
  reset();
  const seen = await spawn((db: Db) => {
    const { query, list, plain } = db.nested() as unknown as Record<string, { wait(): unknown }> & {
      list: { wait(): unknown }[];
    };
    const each = [...db.each()] as unknown as { wait(): unknown[] }[];
    const before = db.count();
    return [
      before,
      query.wait(),
      list[0].wait(),
      plain.wait(),
      each.map((query) => query.wait().length),
    ];
  }, handle(database));
  const [ada, bob, eve] = rows;
  assertEquals(seen, [3, [ada, bob, eve], [ada], "INNER", [1, 2]]);
});

Deno.test("K1 a query is passed on: as an argument it is the query itself", async () => {
  reset();
  const seen = await spawn(
    (db: Db, module: string) => {
      const { eq, nameIn } = hubImport<typeof queries>(module);
      const inner = db.select().where(eq(3));
      const texts = db.texts(inner, db.select());
      const outer = db.delete().where(nameIn(inner as never));
      return [texts, outer.wait()];
    },
    handle(database),
    module,
  );
  assertEquals(seen, [["select where id = 3", "select"], [{ id: 3, name: "eve" }]]);
  assertEquals(ran, ["delete where name in (select where id = 3)"]);
});

Deno.test("K1 a query goes on to another thread, as an argument and in an item", async () => {
  reset();
  const seen = await spawn((db: Db) => {
    const query = db.select().limit(1);
    const first = spawn((query: { wait(): unknown }) => query.wait(), query as never).wait();
    const queue = new Queue<{ query: { limit(n: number): { wait(): unknown[] } } }>();
    queue.put({ query } as never);
    const second = spawn((q: typeof queue) => q.get().query.limit(2).wait(), queue).wait();
    let message = "";
    try {
      new Queue<unknown>().put(query);
    } catch (error) {
      message = (error as Error).message;
    }
    return [first, second, message] as [unknown, unknown, string];
  }, handle(database));
  const [first, second, message] = seen;
  assertEquals([first, second], [rows.slice(0, 1), rows.slice(0, 2)]);
  assertMatch(message, /wait\(\)/);
  assertEquals(ran, ["select limit 1", "select limit 2"]);
});

Deno.test("K1 a transaction's callback gets what builds queries, and cannot return one that has not run", async () => {
  reset();
  const seen = await spawn((db: Db) => {
    const run = db.transaction as unknown as <R>(work: (db: Db) => R) => R;
    const count = run((db) => db.delete().limit(1).wait().length);
    let message = "";
    try {
      run((db) => db.delete());
    } catch (error) {
      message = (error as Error).message;
    }
    return [count, message] as [number, string];
  }, handle(database));
  assertEquals(seen[0], 1);
  assertMatch(seen[1], /wait\(\)/);
  assertEquals(ran, ["begin", "delete limit 1", "commit", "begin", "rollback"]);
  assertEquals(rows.length, 2);
});

Deno.test("K1 what a function of the hub gives that green code was passed is a query still", async () => {
  reset();
  const seen = await spawn(
    (find: (id: number) => { limit(n: number): { wait(): unknown } }) => find(2).limit(1).wait(),
    ((id: number) => database.select().where(queries.eq(id))) as never,
  );
  assertEquals(seen, [{ id: 2, name: "bob" }]);
  assertEquals(ran, ["select where id = 2 limit 1"]);
});

Deno.test("K1 green threads, locks and promises cross as they are, from methods and properties", async () => {
  const threads = {
    thread: spawn(() => 5),
    started: () => spawn(() => 6),
  };
  await threads.thread;
  const seen = await spawn((there: typeof threads) => {
    const { thread } = there;
    return [thread instanceof GreenThread, there.started().wait(), thread.wait(), thread.state];
  }, handle(threads) as never);
  assertEquals(seen, [true, 6, 5, "fulfilled"]);
});

Deno.test("K1 a handle to a query is no promise on the hub, awaited or not", async () => {
  reset();
  const passed = handle(database.delete());
  assertStrictEquals(await passed, passed);
  assertEquals(ran, []);
  assert(rows.length === 3);
});

Deno.test("K1 a wait() that is given up by a limit or a kill leaves the thread at once", async () => {
  reset();
  let settle!: (value: string) => void;
  let asked = 0;
  const slow = {
    then(onFulfilled: (value: string) => void): void {
      asked++;
      settle = onFulfilled;
    },
  };
  const seen = await spawn((slow: { wait(): string }) => {
    try {
      return withTimeout(20, () => slow.wait());
    } catch (error) {
      return (error as Error).name;
    }
  }, handle(slow) as never);
  assertEquals(seen, "Timeout");
  const thread = spawn((slow: { wait(): string }) => slow.wait(), handle(slow) as never);
  await until(() => asked === 2);
  thread.kill();
  assertEquals((await thrownBy(thread) as Error).name, "GreenletExit");
  const other = spawn((slow: { wait(): string }) => slow.wait(), handle(slow) as never);
  await until(() => asked === 3);
  settle("slow");
  assertEquals(await other, "slow");
});

Deno.test("K1 a large result of a query comes whole", async () => {
  const large = { then: (give: (value: Uint8Array) => void) => give(new Uint8Array(50e6).fill(7)) };
  const seen = await spawn((large: { wait(): Uint8Array }) => {
    const bytes = large.wait();
    return [bytes.length, bytes[0], bytes.at(-1)];
  }, handle(large) as never);
  assertEquals(seen, [50e6, 7, 7]);
});

Deno.test("K1 queries are built and run from two hubs, and from a cooperative one", async () => {
  reset();
  await using first = new Hub({ maxWorkers: 1 });
  await using second = new Hub({ maxWorkers: 1, cooperative: true });
  const work = (db: Db) => db.select().limit(2).wait().length;
  const query = handle(database) as unknown as Db;
  const counts = await Promise.all([first.spawn(work, query), second.spawn(work, query)]);
  assertEquals(counts, [2, 2]);
  assertEquals(ran, ["select limit 2", "select limit 2"]);
});

Deno.test("K1 a thenable function is called, built on and waited for", async () => {
  reset();
  const make = Object.assign((n: number) => n + 1, {
    then: (give: (value: string) => void) => {
      ran.push("function");
      give("given");
    },
  });
  const library = { make: () => make };
  const seen = await spawn(
    (library: { make(): ((n: number) => number) & { wait(): string } }, fn: typeof make) => {
      const made = library.make();
      return [made(1), made.wait(), (fn as unknown as typeof made).wait()];
    },
    handle(library) as never,
    make as never,
  );
  assertEquals(seen, [2, "given", "given"]);
  assertEquals(ran, ["function", "function"]);
});

Deno.test("K1 a promise of the hub passed by handle() has wait() too", async () => {
  const promise = Promise.resolve([1, 2]);
  const seen = await spawn(
    (promise: { wait(): number[] }) => promise.wait(),
    handle(promise) as never,
  );
  assertEquals(seen, [1, 2]);
});
