/**
 * What `Sync`, `Async` and the results' types make of types: checked by the compiler, so there is little to run.
 *
 * @module
 */

import {
  type Async,
  asyncToSync,
  handle,
  hubImport,
  spawn,
  type Sync,
  type SyncBlob,
  type SyncByteStream,
  type SyncFile,
  type SyncFormData,
  syncToAsync,
} from "@aiohub/aiohub";
import type {
  AsyncArgument,
  AsyncResult,
  Passed,
  SyncArgument,
  SyncResult,
} from "@aiohub/aiohub/types";
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

interface Attachments {
  readonly first: File;
  add(blob: Blob, form?: FormData): Promise<number>;
  get(name: string): Promise<Blob | undefined>;
  form(): Promise<FormData>;
  each(visit: (file: File) => Promise<boolean>): Promise<void>;
  // Reading these takes the event loop, as ever.
  response(): Promise<Response>;
}

Deno.test("Sync<T> makes blobs, files and forms what they are in green code, in results too", () => {
  holds<Same<Sync<Blob>, SyncBlob>>();
  holds<Same<Sync<File>, SyncFile>>();
  holds<Same<Sync<FormData>, SyncFormData>>();
  holds<Same<SyncResult<Blob | string>, SyncBlob | string>>();
  holds<Same<SyncResult<File>, SyncFile>>();
  holds<Same<SyncResult<FormData>, SyncFormData>>();
  holds<Same<Sync<Attachments>["first"], SyncFile>>();
  const use = (green: Sync<Attachments>) => {
    const blob = green.get("a")!;
    holds<Same<typeof blob, SyncBlob>>();
    const text = blob.text();
    holds<Same<typeof text, string>>();
    const bytes = blob.bytes();
    holds<Same<typeof bytes, Uint8Array<ArrayBuffer>>>();
    const buffer = blob.arrayBuffer();
    holds<Same<typeof buffer, ArrayBuffer>>();
    const part = blob.slice(1);
    holds<Same<typeof part, SyncBlob>>();
    const stream = blob.stream();
    holds<Same<typeof stream, SyncByteStream>>();
    for (const chunk of stream) holds<Same<typeof chunk, Uint8Array<ArrayBuffer>>>();
    const { name, size }: { name: string; size: number } = green.first;
    for (const [, value] of green.form().entries()) holds<Same<typeof value, SyncFile | string>>();
    const file = green.form().get("file");
    holds<Same<typeof file, SyncFile | string | null>>();
    green.each((file) => file.text().length > 0);
    const json: unknown = green.response().json();
    // The platform takes it, and so do functions of the hub.
    const form = new FormData();
    form.append("file", blob);
    const count: number = green.add(blob, green.form()) + green.add(new Blob([blob]), form);
    const body: Promise<string> = new Response(blob.stream() ?? green.form()).text();
    return [name, size, json, count, body];
  };
  assertEquals(typeof use, "function");
});

Deno.test("the hub passes and gets the platform's blobs, files and forms", () => {
  holds<Same<Async<SyncBlob>, Blob>>();
  holds<Same<Async<SyncFormData>, FormData>>();
  holds<Same<AsyncResult<SyncFile>, File>>();
  holds<Same<AsyncResult<SyncBlob | undefined>, Blob | undefined>>();
  holds<Same<AsyncResult<Blob>, Blob>>();
  holds<Same<AsyncResult<FormData>, FormData>>();
  holds<Same<AsyncArgument<SyncBlob>, Blob>>();
  holds<Same<SyncArgument<Blob>, Blob | SyncBlob>>();
  holds<Same<Passed<[SyncBlob | string, SyncFile?]>, [Blob | string, (File | undefined)?]>>();
  const sizeOf = syncToAsync(import.meta, function sizeOf(blob: SyncBlob, file?: SyncFile | null) {
    return blob.text().length + (file?.bytes().length ?? 0);
  });
  const same = syncToAsync(import.meta, function same(blob: SyncBlob) {
    return blob;
  });
  const open = asyncToSync(import.meta, async function open(name: string) {
    return await Promise.resolve(new File([], name));
  });
  const use = async () => {
    const size: number = await sizeOf(new Blob([]), new File([], "a"));
    const spawned: number = await spawn((form: SyncFormData) => [...form].length, new FormData());
    const blob = await same(new Blob([]));
    holds<Same<typeof blob, Blob>>();
    holds<Same<Awaited<ReturnType<typeof blob.text>>, string>>();
    // @ts-expect-error: on the hub reading takes a promise
    const text: string = blob.text();
    // @ts-expect-error: it is no blob
    await sizeOf("a");
    return [size, spawned, text];
  };
  const inGreenCode = () => {
    holds<Same<ReturnType<typeof open>, SyncFile>>();
    const module = hubImport<{ read(): Promise<Blob> }>("app:module");
    holds<Same<ReturnType<typeof module.read>, SyncBlob>>();
  };
  assertEquals([typeof use, typeof inGreenCode], ["function", "function"]);
});
