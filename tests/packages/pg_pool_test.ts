/**
 * `ConnectionPool` over `npm:pg`, against a PostgreSQL server. Needs npm's registry, or the packages in Deno's cache.
 *
 * @module
 */

import { ConnectionPool, GreenletExit } from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import { rejection, TestHub, until } from "../support/mod.ts";
import * as work from "./pooled_work.ts";
import type { PgClient } from "./pooled_work.ts";
import { type Server, startPostgres } from "../support/postgres_server.ts";

const specifier = "npm:pg@8";

/** A pool of clients; PGlite takes one connection at a time. */
async function pgPool(server: Server, maxSize: number): Promise<ConnectionPool<PgClient>> {
  const { Client } = (await import(specifier)).default as {
    Client: new (options: object) => PgClient;
  };
  return new ConnectionPool<PgClient>({
    async connect() {
      const client = new Client(server.options);
      // A client whose server goes away says so, and ends the process if nobody listens.
      client.on("error", () => {});
      await client.connect();
      return client;
    },
    cleanup: (client) => client.query("rollback"),
    maxSize,
    // The test is about who gets which connection, however long that takes here.
    connectTimeout: 60_000,
    maxAge: Infinity,
    maxIdle: Infinity,
  });
}

Deno.test("P111 P116 green threads and async code share pg clients, each of them clean", async () => {
  await using server = await startPostgres();
  const isReal = server.kind === "postgres";
  await using hub = new TestHub({ maxWorkers: 4 });
  await using pool = await pgPool(server, isReal ? 3 : 1);
  const query = async (sql: string) => {
    await using client = await pool.itemAsync();
    return (await client.query(sql)).rows;
  };
  await query("create table counter (n int not null)");
  await query("insert into counter values (0)");

  const threads = [1, 2, 3, 4].map(() => work.count(pool, 15));
  const asyncWork = Array.from({ length: 10 }, () => query("update counter set n = n + 1"));
  const counted = (await Promise.all(threads)).reduce((sum, n) => sum + n, 0);
  await Promise.all(asyncWork);
  assertEquals([counted, await query("select n from counter")], [40, [{ n: 50 }]]);
  assert(pool.open <= pool.maxSize);

  // The same backend serves on after an error, and nothing is left of it.
  const before = await work.backend(pool);
  assertEquals((await rejection(work.fail(pool), Error)).message, "division by zero");
  assertEquals(await work.backend(pool), before);
  assertEquals(await query("select n from counter"), [{ n: 50 }]);

  if (isReal) {
    // Killed in the middle of a query: that backend is not used again, and its transaction is gone.
    const sleeping = work.sleepInside(pool);
    await until(() => hub.threads().some(({ parkedOn }) => parkedOn?.includes("query") === true));
    let asleep: { pid: number }[] = [];
    const look = "select pid from pg_stat_activity where query like 'select pg_sleep(6%'";
    while (asleep.length === 0) asleep = await query(look) as typeof asleep;
    sleeping.kill();
    await rejection(sleeping, GreenletExit);
    await until(() => pool.free === pool.maxSize);
    const pids = await Promise.all([1, 2, 3, 4].map(() => work.backend(pool)));
    assert(!pids.includes(asleep[0].pid));
    await query(`select pg_terminate_backend(${asleep[0].pid})`);
    assertEquals(await query("select n from counter"), [{ n: 50 }]);
  }
  assertEquals([pool.free, pool.waiting], [pool.maxSize, 0]);
});
