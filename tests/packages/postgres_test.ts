/**
 * postgres.js, knex and kysely, whose queries are built in green code and run on the hub, with a PostgreSQL server. Needs npm's
 * registry, or the packages in Deno's cache.
 *
 * @module
 */

// deno-lint-ignore-file no-explicit-any -- green code has the libraries as ported programs have them, without their types

// @ts-types="./untyped.d.ts"
import { Kysely, PostgresDialect } from "npm:kysely@^0.29.9";
// @ts-types="./untyped.d.ts"
import makeKnex from "npm:knex@^3.3.0";
// @ts-types="./untyped.d.ts"
import PgClient from "npm:knex@^3.3.0/lib/dialects/postgres/index.js";
// @ts-types="./untyped.d.ts"
import pg from "npm:pg@8";
// @ts-types="./untyped.d.ts"
import Cursor from "npm:pg-cursor@2";
// @ts-types="./untyped.d.ts"
import QueryStream from "npm:pg-query-stream@4";
// @ts-types="./untyped.d.ts"
import postgres from "npm:postgres@^3.4.9";
import { handle, spawn } from "@aiohub/aiohub";
import { assertEquals, assertMatch } from "@std/assert";
import { startPostgres } from "../support/postgres_server.ts";

const server = await startPostgres();
const sql = postgres({ ...server.options, max: 2, onnotice: () => {} });

Deno.test.afterAll(async () => {
  await Promise.all([sql.end(), knex.destroy(), kysely.destroy()]);
  await server[Symbol.asyncDispose]();
});

/** What is in the table, whoever put it there. */
async function names(): Promise<string[]> {
  return (await sql`select name from users order by id`).map(({ name }: { name: string }) => name);
}

Deno.test.beforeEach(async () => {
  await sql`drop table if exists users`;
  await sql`create table users (id serial primary key, name text not null unique, age int)`;
  await sql`insert into users (name, age) values ('ada', 36), ('bob', 20), ('eve', 50)`;
});

Deno.test("K1 postgres.js: a query has not run before its wait(), with fragments and helpers", async () => {
  const thread = spawn((sql: any) => {
    const gone = sql`delete from users where id = ${1} returning name`;
    const before = sql`select count(*)::int as n from users`.wait()[0].n;
    const condition = sql`age > ${30}`;
    sql`insert into users ${
      sql([{ name: "joe", age: 21 }, { name: "kim", age: 70 }], "name", "age")
    }`
      .wait();
    return [
      before,
      [...gone.wait()],
      sql`select name from ${sql("users")} where ${condition} order by id`.values().wait().flat(),
    ];
  }, handle(sql) as any);
  assertEquals(await thread, [3, [{ name: "ada" }], ["eve", "kim"]]);
  assertEquals(await names(), ["bob", "eve", "joe", "kim"]);
});

Deno.test("K1 postgres.js: rows come one by one, and in parts by a cursor", async () => {
  const thread = spawn((sql: any) => {
    const each: string[] = [];
    sql`select name from users order by id`.forEach((row: any) => void each.push(row.name)).wait();
    const parts: number[] = [];
    for (const rows of sql`select n from generate_series(1, 5) n`.cursor(2)) {
      parts.push(rows.length);
    }
    return [each, parts];
  }, handle(sql) as any);
  assertEquals(await thread, [["ada", "bob", "eve"], [2, 2, 1]]);
});

Deno.test("K1 postgres.js: a transaction is committed, and rolled back by an error with its fields", async () => {
  const begin = (work: (sql: any) => unknown) => sql.begin((sql: any) => work(handle(sql)));
  const thread = spawn((begin: (work: (sql: any) => unknown) => unknown) => {
    const gone = begin((sql) =>
      sql`delete from users where name = 'eve' returning id`.wait().length
    );
    try {
      begin((sql) => {
        sql`delete from users`.wait();
        sql`insert into users (name) values ('ada'), ('ada')`.wait();
      });
    } catch (error) {
      const { name, code, constraint_name, table_name } = error as any;
      return [gone, error instanceof Error, name, code, constraint_name, table_name];
    }
  }, begin);
  assertEquals(await thread, [1, true, "PostgresError", "23505", "users_name_key", "users"]);
  assertEquals(await names(), ["ada", "bob"]);
});

Deno.test("K1 postgres.js: a query that is taken for its rows has not run", async () => {
  const uses = [
    (sql: any) => sql`delete from users`.length,
    (sql: any) => sql`delete from users`.map((row: any) => row),
    (sql: any) => sql`delete from users`,
    (sql: any) => ({ rows: sql`delete from users` }),
    (sql: any) => [...sql`delete from users`],
    (sql: any) => `${sql`delete from users`}`,
    async (sql: any) => await sql`delete from users`,
  ];
  for (const use of uses) {
    let message = "";
    try {
      await spawn(use as any, handle(sql) as any);
    } catch (error) {
      message = (error as Error).message;
    }
    assertMatch(message, /wait\(\)/, String(use));
  }
  assertEquals((await names()).length, 3);
});

/** Knex's client for PostgreSQL, with a driver that knex would not find by itself. */
class KnexClient extends PgClient {
  _driver() {
    return pg;
  }
  /** As the original, which asks for the package by `require()`. */
  _stream(connection: any, { sql, bindings }: any, stream: any, options: any): Promise<void> {
    return new Promise((resolve, reject) => {
      const rows = connection.query(new QueryStream(sql, bindings, options));
      rows.on("error", (error: unknown) => {
        reject(error);
        stream.emit("error", error);
      });
      rows.on("end", resolve);
      rows.pipe(stream);
    });
  }
}
const knex = makeKnex({
  client: KnexClient,
  connection: server.options,
  pool: { min: 0, max: 2 },
});

Deno.test("K1 knex: queries are built step by step, with subqueries, and run at wait()", async () => {
  const thread = spawn((db: any) => {
    const all = db("users");
    const gone = all.where("id", 1).del();
    const before = db("users").count("* as n").wait()[0].n;
    const id = db("users").insert({ name: "joe", age: 21 }, "id").wait()[0].id;
    const old = db("users").select("id").where("age", ">", 30);
    return [
      before,
      gone.wait(),
      id,
      db("users").whereIn("id", old).orWhere({ name: "joe" }).orderBy("id").pluck("name").wait(),
      db("users").where({ name: "bob" }).first().wait().age,
      db("users").where("id", 2).update({ age: 22 }).wait(),
      db("users").where("id", 2).toString(),
    ];
  }, handle(knex) as any);
  assertEquals(await thread, [
    "3",
    1,
    4,
    ["eve", "joe"],
    20,
    1,
    'select * from "users" where "id" = 2',
  ]);
  assertEquals(await names(), ["bob", "eve", "joe"]);
});

Deno.test("K1 knex: rows are iterated over as they come", async () => {
  const thread = spawn((db: any) => {
    const names: string[] = [];
    for (const row of db("users").orderBy("id").stream()) names.push(row.name);
    return names;
  }, handle(knex) as any);
  assertEquals(await thread, ["ada", "bob", "eve"]);
});

Deno.test("K1 knex: a transaction is committed, and rolled back by an error with its fields", async () => {
  const thread = spawn((db: any) => {
    const count = db.transaction((trx: any) => {
      trx("users").where("name", "eve").del().wait();
      return trx("users").wait().length;
    }).wait();
    try {
      db.transaction((trx: any) => {
        trx("users").del().wait();
        trx("users").insert([{ name: "ada" }, { name: "ada" }]).wait();
      }).wait();
    } catch (error) {
      const { code, constraint, table, detail } = error as any;
      return [count, error instanceof Error, code, constraint, table, detail];
    }
  }, handle(knex) as any);
  assertEquals(await thread, [
    2,
    true,
    "23505",
    "users_name_key",
    "users",
    "Key (name)=(ada) already exists.",
  ]);
  assertEquals(await names(), ["ada", "bob"]);
});

Deno.test("K1 knex: a query that is taken for its rows has not run", async () => {
  const uses = [
    (db: any) => db("users").del().length,
    (db: any) => db("users").del(),
    (db: any) => [db("users").del()],
    (db: any) => `${db("users").del()}`,
    (db: any) => db("users").del() + 1,
    async (db: any) => await db("users").del(),
    // Knex sends what has been built when the callback returns.
    (db: any) => db("users").where((query: any) => void query.where("id", 1)).del().wait(),
  ];
  for (const use of uses) {
    let message = "";
    try {
      await spawn(use as any, handle(knex) as any);
    } catch (error) {
      message = (error as Error).message;
    }
    assertMatch(message, /wait\(\)|build the query without a callback/, String(use));
  }
  assertEquals((await names()).length, 3);
});

const kysely = new Kysely({
  dialect: new PostgresDialect({
    pool: new pg.Pool({ ...server.options, max: 2 }),
    cursor: Cursor,
  }),
});

Deno.test("K1 kysely: rows are streamed, and the stream is left early", async () => {
  const thread = spawn((db: any) => {
    const names: string[] = [];
    const query = db.selectFrom("users").select("name").orderBy("id");
    for (const row of query.stream(1)) {
      names.push(row.name);
      if (names.length === 2) break;
    }
    return [names, query.where("age", ">", 30).execute().length];
  }, handle(kysely) as any);
  assertEquals(await thread, [["ada", "bob"], 2]);
});
