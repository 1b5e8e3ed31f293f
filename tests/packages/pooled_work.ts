/** Synchronous code that takes its PostgreSQL connections from a pool of the hub. */

import { type ConnectionPool, syncToAsync } from "@aiohub/aiohub";

/** What the code uses of a `pg` client, as async code has it. */
export interface PgClient {
  connect(): Promise<void>;
  query(sql: string, values?: readonly unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  on(event: "error", listener: (error: Error) => void): unknown;
  end(): Promise<void>;
}

type PgPool = ConnectionPool<PgClient>;

/** Counts up in transactions, so many times; a third of them is left open, and so is undone. */
export const count = syncToAsync(import.meta, function count(pool: PgPool, rounds: number) {
  let counted = 0;
  for (let i = 0; i < rounds; i++) {
    using client = pool.item();
    client.query("begin");
    client.query("update counter set n = n + 1");
    if (i % 3 === 2) continue;
    client.query("commit");
    counted++;
  }
  return counted;
});

export const backend = syncToAsync(import.meta, function backend(pool: PgPool) {
  using client = pool.item();
  return client.query("select pg_backend_pid() as pid").rows[0].pid as number;
});

/** Is in a transaction, and in the middle of a query, until it is killed. */
export const sleepInside = syncToAsync(import.meta, function sleepInside(pool: PgPool) {
  using client = pool.item();
  client.query("begin");
  client.query("update counter set n = n + 1000000");
  client.query("select pg_sleep(600)");
});

/** Fails in a transaction; the error is the database's. */
export const fail = syncToAsync(import.meta, function fail(pool: PgPool) {
  using client = pool.item();
  client.query("begin");
  client.query("update counter set n = n + 1000000");
  client.query("select 1 / 0");
});
