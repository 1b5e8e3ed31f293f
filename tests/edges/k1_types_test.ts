/**
 * What promises with members of their own are by type in green code. Checked by the compiler, so there is little to run.
 *
 * @module
 */

import type { GreenThread, HubPromise, Lock, Sync } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";
import type { Database, LazyPromise, Query, Row } from "../fixtures/edges/queries.ts";

/** Holds when the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;
function holds<_T extends true>(): void {}

Deno.test("K1 Sync<T> of a plain promise, of a hub's and of what crosses as itself", () => {
  holds<Same<Sync<Promise<number>>, number>>();
  holds<Same<Sync<PromiseLike<string[]>>, string[]>>();
  holds<Same<Sync<HubPromise<Row>>, Sync<Row>>>();
  holds<Same<Sync<GreenThread<number>>, GreenThread<number>>>();
  holds<Same<Sync<{ thread: GreenThread<Row> }>["thread"], GreenThread<Row>>>();
  holds<Same<Sync<Lock>, Lock>>();
  // deno-lint-ignore no-explicit-any
  holds<Same<Sync<Promise<any>>, any>>();
  assertEquals(typeof holds, "function");
});

Deno.test("K1 Sync<T> of a promise with members is its result, and what it is, with wait()", () => {
  const use = (db: Sync<Database>, query: Sync<Query<Row>>, lazy: Sync<LazyPromise<string>>) => {
    const rows: Row[] = db.select().limit(1).wait();
    const again: Row[] = db.delete().where({} as never).limit(1).wait();
    const property: Row[] = db.all.wait();
    const text: string = query.text + lazy.simple().wait();
    const begun: boolean = lazy.begun;
    // By type it may be awaited already: the run time decides.
    const id: number = query[0].id;
    const pid: number = db.process().pid;
    const done: string = db.process().toUpperCase();
    const count: number = db.count();
    // A query is an argument where the hub's function wants one.
    const texts: string[] = db.texts(query, db.select());
    // @ts-expect-error: wait() takes no arguments
    query.wait({ timeout: 5 });
    // @ts-expect-error: a plain promise has become its value
    db.count().wait();
    // @ts-expect-error: there is no such member
    query.nothing();
    return [rows, again, property, text, begun, id, pid, done, count, texts];
  };
  assertEquals(use.length, 3);
});
