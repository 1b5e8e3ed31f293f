/**
 * What a killed thread leaves on a PostgreSQL server. Needs npm's registry, or the packages in Deno's cache.
 *
 * @module
 */

import { ConnectionPool, type ConnectionPoolOptions, GreenletExit } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";
import { backend, count, type PgClient } from "../packages/pooled_work.ts";
import { type Server, startPostgres } from "../support/postgres_server.ts";
import { parksInTransaction, sleepsInTransaction, writes } from "../fixtures/edges/k4_pg.ts";
import { rejection, TestHub, until } from "../support/mod.ts";

const specifier = "npm:pg@8";

/** Makes clients of a server. */
async function clientsOf(server: Server): Promise<() => Promise<PgClient>> {
  const { Client } = (await import(specifier)).default as { Client: new (o: object) => PgClient };
  return async () => {
    const client = new Client(server.options);
    // A client whose server goes away says so, and ends the process if nobody listens.
    client.on("error", () => {});
    await client.connect();
    return client;
  };
}

function poolOf(
  connect: () => Promise<PgClient>,
  options: Partial<ConnectionPoolOptions<PgClient>> = {},
): ConnectionPool<PgClient> {
  return new ConnectionPool<PgClient>({
    connect,
    maxSize: 1,
    connectTimeout: 60_000,
    maxAge: Infinity,
    maxIdle: Infinity,
    ...options,
  });
}

Deno.test("K4 the next borrower of a pg client never writes inside a killed one's transaction", async () => {
  await using server = await startPostgres();
  const isReal = server.kind === "postgres";
  await using hub = new TestHub({ maxWorkers: 2 });
  const connect = await clientsOf(server);

  // Without a word about clean-up: `rollback`, each time.
  await using pool = poolOf(connect);
  const rows = async () => {
    await using client = await pool.itemAsync();
    return (await client.query("select n from counter order by n")).rows.map(({ n }) => n);
  };
  {
    await using client = await pool.itemAsync();
    await client.query("create table counter (n int not null)");
  }
  let parked = 0;
  const park = () => {
    parked++;
    return new Promise<void>(() => {});
  };
  const before = await backend(pool);
  for (const inUsing of [true, false]) {
    parked = 0;
    const thread = parksInTransaction(pool, park, inUsing);
    await until(() => parked === 1);
    thread.kill();
    await rejection(thread, GreenletExit);
    await writes(pool, inUsing ? 1 : 2);
    assertEquals(await backend(pool), before);
  }
  // A third of what `count()` does is left open, and undone.
  assertEquals([await rows(), await count(pool, 3)], [[1, 2], 2]);
  {
    await using client = await pool.itemAsync();
    await client.query("begin");
    await client.query("insert into counter values (1000)");
  }
  assertEquals((await rows()).includes(1000), false);
  if (!isReal) return;

  // With no clean-up allowed the backend is not used again.
  await using strict = poolOf(connect, { cleanup: "none" });
  const first = await backend(strict);
  parked = 0;
  const thread = parksInTransaction(strict, park, false);
  await until(() => parked === 1);
  thread.kill();
  await rejection(thread, GreenletExit);
  assertEquals(await backend(strict) === first, false);

  // In the middle of a query: `cancel` has the server stop, and give up the locks.
  const admin = await connect();
  await using canceling = poolOf(connect, {
    cancel: (client) =>
      admin.query("select pg_cancel_backend($1)", [
        (client as PgClient & { processID: number }).processID,
      ]),
  });
  const asleep = async () => {
    const look = "select pid from pg_stat_activity where query like 'select pg_sleep(7%'" +
      " and state = 'active'";
    return (await admin.query(look)).rows.map(({ pid }) => pid);
  };
  const sleeping = sleepsInTransaction(canceling);
  let pids: unknown[] = [];
  while (pids.length === 0) pids = await asleep();
  sleeping.kill();
  await rejection(sleeping, GreenletExit);
  const started = performance.now();
  // It waits for the row that the killed one has locked, until the server has stopped that.
  await writes(canceling, 7);
  assertEquals(performance.now() - started < 60_000, true);
  assertEquals([await asleep(), (await rows()).filter((n) => n === 7)], [[], [7]]);
  assertEquals(pids.includes(await backend(canceling)), false);
  await until(() => canceling.open === 1);
  await admin.end();
  assertEquals(hub.statistics().threads, 0);
});
