/**
 * A synchronous program on a real async driver: `npm:pg`, against a PostgreSQL server or PGlite. Needs npm's registry, or
 * the packages in Deno's cache.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { TestHub } from "../support/mod.ts";
import { keepBooks } from "./bookkeeping.ts";
import { startPostgres } from "../support/postgres_server.ts";

Deno.test("a synchronous program runs on npm:pg by hubImport() and handles", async () => {
  await using server = await startPostgres();
  console.log(`a ${server.kind} server`);
  await using _hub = new TestHub({ maxWorkers: 2 });
  const { error, types, ...report } = await keepBooks(server.options);
  assertEquals(report, {
    balances: { ada: 70, bob: 80 },
    overdrawn: "bob has too little",
    prepared: 1,
    sum: 500500,
    firsts: [1, 2, 3],
    notices: ['table "account" does not exist, skipping'],
  });
  const { message, ...fields } = error;
  assertMatch(String(message), /duplicate key value violates unique constraint/);
  assertEquals(fields, {
    isError: true,
    name: "error",
    code: "23505",
    detail: "Key (name)=(ada) already exists.",
    table: "account",
    constraint: "account_pkey",
  });
  const { bytes, ...others } = types;
  assertEquals([...bytes as Uint8Array], [0, 255]);
  assertEquals(others, {
    at: new Date("2024-02-29T12:00:00Z"),
    json: { a: [1, null] },
    nothing: null,
    big: "9007199254740993",
  });
});
