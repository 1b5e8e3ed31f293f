/**
 * drizzle-orm and kysely, whose queries are built in green code and run on the hub, in a PGlite database. Needs npm's registry,
 * or the packages in Deno's cache.
 *
 * @module
 */

// deno-lint-ignore-file no-explicit-any -- green code has the libraries as ported programs have them, without their types

// @ts-types="./untyped.d.ts"
import { PGlite } from "npm:@electric-sql/pglite@^0.5.16";
// @ts-types="./untyped.d.ts"
import * as pg from "npm:drizzle-orm@^0.45.4/pg-core";
// @ts-types="./untyped.d.ts"
import { drizzle } from "npm:drizzle-orm@^0.45.4/pglite";
// @ts-types="./untyped.d.ts"
import { Kysely, PGliteDialect } from "npm:kysely@^0.29.9";
import { handle, hubImport, spawn } from "@aiohub/aiohub";
import { assertEquals, assertMatch } from "@std/assert";

const pglite = await PGlite.create();
Deno.test.afterAll(() => pglite.close());

/** What is in the table, whoever put it there. */
async function names(): Promise<string[]> {
  const { rows } = await pglite.query("select name from users order by id");
  return rows.map(({ name }: { name: string }) => name);
}

Deno.test.beforeEach(async () => {
  await pglite.exec(`
    drop table if exists users;
    create table users (id serial primary key, name text not null unique, age int);
    insert into users (name, age) values ('ada', 36), ('bob', 20), ('eve', 50);
  `);
});

const users = pg.pgTable("users", {
  id: pg.serial().primaryKey(),
  name: pg.text().notNull(),
  age: pg.integer(),
});
const db = drizzle(pglite);
const ORM = "npm:drizzle-orm@^0.45.4";

Deno.test("K1 drizzle-orm: a delete with a condition deletes no more than that", async () => {
  const thread = spawn(
    (db: any, users: any, orm: string) => {
      const { eq } = hubImport<any>(orm) as any;
      return db.delete(users).where(eq(users.id, 1)).returning().wait();
    },
    handle(db) as any,
    handle(users) as any,
    ORM,
  );
  assertEquals(await thread, [{ id: 1, name: "ada", age: 36 }]);
  assertEquals(await names(), ["bob", "eve"]);
});

Deno.test("K1 drizzle-orm: queries are built step by step, with subqueries, and run at wait()", async () => {
  const thread = spawn(
    (db: any, users: any, orm: string) => {
      const { and, desc, eq, gt, inArray, sql } = hubImport<any>(orm) as any;
      db.insert(users).values([{ name: "joe", age: 21 }, { name: "kim", age: 70 }]).wait();
      db.update(users).set({ age: 37 }).where(eq(users.name, "ada")).wait();
      const old = db.select({ id: users.id }).from(users).where(gt(users.age, 36));
      const query = db.select().from(users);
      query.where(and(inArray(users.id, old), sql`${users.name} <> 'eve'`));
      query.orderBy(desc(users.age));
      return {
        found: query.limit(5).wait().map((row: any) => row.name),
        again: query.wait().length,
        count: db.$count(users).wait(),
        text: query.toSQL().sql.slice(0, 6),
      };
    },
    handle(db) as any,
    handle(users) as any,
    ORM,
  );
  assertEquals(await thread, { found: ["kim", "ada"], again: 2, count: 5, text: "select" });
});

Deno.test("K1 drizzle-orm: a transaction is committed, and rolled back by a throw", async () => {
  const thread = spawn(
    (db: any, users: any, orm: string) => {
      const { eq } = hubImport<any>(orm) as any;
      const count = db.transaction((tx: any) => {
        tx.insert(users).values({ name: "joe" }).wait();
        tx.delete(users).where(eq(users.name, "bob")).wait();
        return tx.select().from(users).wait().length;
      });
      const messages = [() => {
        db.transaction((tx: any) => {
          tx.delete(users).wait();
          throw new RangeError("no, not all");
        });
      }, () => {
        // It would have run after the callback, in plain async code. Here it has to say so.
        db.transaction((tx: any) => tx.delete(users));
      }].map((fn) => {
        try {
          return fn();
        } catch (error) {
          return (error as Error).message;
        }
      });
      return [count, ...messages];
    },
    handle(db) as any,
    handle(users) as any,
    ORM,
  );
  const [count, thrown, returned] = await thread;
  assertEquals([count, thrown], [3, "no, not all"]);
  assertMatch(returned, /call query\.wait\(\)/);
  assertEquals(await names(), ["ada", "eve", "joe"]);
});

Deno.test("K1 drizzle-orm: an error comes with what the database says", async () => {
  const thread = spawn(
    (db: any, users: any) => {
      try {
        return db.insert(users).values({ name: "ada" }).wait();
      } catch (error) {
        const { name, query, cause } = error as any;
        const { code, constraint, detail, table } = cause;
        return [error instanceof Error, name, typeof query, code, constraint, detail, table];
      }
    },
    handle(db) as any,
    handle(users) as any,
  );
  const [isError, , ...fields] = await thread;
  assertEquals([isError, ...fields], [
    true,
    "string",
    "23505",
    "users_name_key",
    "Key (name)=(ada) already exists.",
    "users",
  ]);
  assertEquals((await names()).length, 3);
});

Deno.test("K1 drizzle-orm: a query that is taken for its rows has not run", async () => {
  const uses = [
    (db: any, users: any) => db.delete(users).length,
    (db: any, users: any) => db.delete(users),
    (db: any, users: any) => ({ rows: db.delete(users) }),
    (db: any, users: any) => [...db.delete(users)],
    (db: any, users: any) => `${db.delete(users)}`,
    (db: any, users: any) => JSON.stringify(db.delete(users)),
    (db: any, users: any) => db.delete(users).returning().map((row: any) => row.id),
  ];
  for (const use of uses) {
    let message = "";
    try {
      await spawn(use, handle(db) as any, handle(users) as any);
    } catch (error) {
      message = (error as Error).message;
    }
    assertMatch(message, /wait\(\)/, String(use));
  }
  assertEquals((await names()).length, 3);
});

const kysely = new Kysely({ dialect: new PGliteDialect({ pglite }) });

Deno.test("K1 kysely: insert, select, delete, subqueries and results by execute()", async () => {
  const thread = spawn((db: any) => {
    const added = db.insertInto("users").values({ name: "joe", age: 21 }).returning("id")
      .executeTakeFirstOrThrow();
    const old = db.selectFrom("users").select("id").where("age", ">", 30);
    const found = db.selectFrom("users").selectAll().where("id", "in", old).orderBy("id").execute();
    const gone = db.deleteFrom("users").where("name", "=", "bob").executeTakeFirst();
    return [added.id, found.map((row: any) => row.name), gone.numDeletedRows];
  }, handle(kysely) as any);
  assertEquals(await thread, [4, ["ada", "eve"], 1n]);
  assertEquals(await names(), ["ada", "eve", "joe"]);
});

Deno.test("K1 kysely: a transaction is committed, and rolled back by an error with its fields", async () => {
  const thread = spawn((db: any) => {
    const count = db.transaction().execute((trx: any) => {
      trx.deleteFrom("users").where("name", "=", "eve").execute();
      return trx.selectFrom("users").selectAll().execute().length;
    });
    try {
      db.transaction().execute((trx: any) => {
        trx.deleteFrom("users").where("name", "=", "bob").execute();
        trx.insertInto("users").values({ name: "ada" }).execute();
      });
    } catch (error) {
      const { code, constraint } = error as any;
      return [count, code, constraint];
    }
  }, handle(kysely) as any);
  assertEquals(await thread, [2, "23505", "users_name_key"]);
  assertEquals(await names(), ["ada", "bob"]);
});
