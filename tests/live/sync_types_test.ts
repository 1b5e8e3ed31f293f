/**
 * What `Sync`, `Async` and the results' types make of types: checked by the compiler, so there is little to run.
 *
 * @module
 */

import { type Async, handle, spawn, type Sync, syncToAsync } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";

/** Holds when the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;
function holds<_T extends true>(): void {}

interface Cursor extends AsyncDisposable {
  read(n: number): Promise<{ id: number; at: Date }[]>;
}
interface Database {
  readonly name: string;
  ready: Promise<boolean>;
  query(sql: string): Promise<string[]>;
  query(sql: string, values: unknown[]): Promise<number>;
  cursor(): Promise<Cursor>;
  rows(): AsyncIterable<{ id: number }>;
  body(): ReadableStream<Uint8Array>;
  sink(): WritableStream<string>;
  transaction(fn: (database: Database) => Promise<number>): Promise<number>;
  nested: { deep: { get(): Promise<bigint> } };
  // deno-lint-ignore no-explicit-any
  untyped(): Promise<any>;
}
type Green = Sync<Database>;
declare const green: Green;

Deno.test("Sync<T> maps promises, iterables, streams, methods and what they give, deep", () => {
  holds<Same<Green["name"], string>>();
  holds<Same<Green["ready"], boolean>>();
  holds<Same<ReturnType<Green["nested"]["deep"]["get"]>, bigint>>();
  const use = () => {
    const texts: string[] = green.query("select");
    const count: number = green.query("select", [1]);
    using cursor = green.cursor();
    const at: Date = cursor.read(1)[0].at;
    for (const { id } of green.rows()) holds<Same<typeof id, number>>();
    for (const chunk of green.body()) holds<Same<typeof chunk, Uint8Array>>();
    green.sink().write("x");
    const n: number = green.transaction((database) => database.query("x").length);
    const anything: string = green.untyped().of.any.kind;
    // @ts-expect-error: there is no such method
    green.nothing();
    return [texts, count, at, n, anything];
  };
  assertEquals(typeof use, "function");
});

interface Account {
  balance: number;
  deposit(amount: number): number;
  history(): Generator<Date>;
}

Deno.test("Async<T> maps methods to promises and properties to what can be awaited", () => {
  holds<Same<ReturnType<Async<Account>["deposit"]>, Promise<number>>>();
  const use = async (account: Async<Account>) => {
    const balance: number = await account.balance;
    for await (const date of await account.history()) holds<Same<typeof date, Date>>();
    return balance;
  };
  assertEquals(typeof use, "function");
});

Deno.test("handle() fits where either side's type is expected, and results are mapped", () => {
  const use = () => {
    const ask = (database: Sync<Database>) => database.query("x").length;
    return spawn(ask, handle({} as Database));
  };
  const numbers = syncToAsync(import.meta, function* numbers() {
    yield 1;
  });
  const iterate = async () => {
    for await (const n of await numbers()) holds<Same<typeof n, number>>();
  };
  const adder = syncToAsync(import.meta, function adder() {
    return (n: number) => n + 1;
  });
  const add = async () => {
    const fn = await adder();
    holds<Same<ReturnType<typeof fn>, Promise<number>>>();
  };
  assertEquals([use, iterate, add].map((fn) => typeof fn), ["function", "function", "function"]);
});
