/**
 * Types of values that cross: async code as green code sees it, and green code as async code sees it.
 *
 * @module
 */

import type { SyncBlobMethods, SyncFormDataMethods } from "./blob_types.ts";
import type { CrossesAsItself } from "./itself.ts";

/**
 * A value that crosses as a copy, or as itself, and so looks the same on both sides.
 *
 * @category Values
 */
export type CrossingValue =
  | string
  | number
  | bigint
  | boolean
  | symbol
  | null
  | undefined
  | void
  | Date
  | RegExp
  | Error
  | URL
  | URLSearchParams
  | Headers
  | AbortSignal
  | ArrayBuffer
  | SharedArrayBuffer
  | ArrayBufferView
  | CrossesAsItself;

/**
 * A blob, file or form, as green code gets it.
 *
 * @category Values
 */
export type SyncBinary<T extends Blob | FormData> = T extends Blob ? SyncBlobMethods & T
  : SyncFormDataMethods & T;

/**
 * A blob, file or form of green code, as it is on the hub: the platform's own. All other types stay as they are.
 *
 * @category Values
 */
export type AsyncBinary<T> = 0 extends (1 & T) ? T
  : T extends SyncBlobMethods & File ? File
  : T extends SyncBlobMethods & Blob ? Blob
  : T extends SyncFormDataMethods & FormData ? FormData
  : T;

/**
 * An argument that green code passes to a method of the hub: callbacks are synchronous, and get synchronous values.
 *
 * @category Values
 */
export type SyncArgument<T> = 0 extends (1 & T) ? T
  : T extends CrossingValue ? T
  : T extends (...args: infer A) => infer R
    ? (...args: { [K in keyof A]: Sync<A[K]> }) => R | Sync<Awaited<R>>
  : T | Sync<T>;

/**
 * An argument that the hub passes to a method of green code.
 *
 * @category Values
 */
export type AsyncArgument<T> = 0 extends (1 & T) ? T
  : T extends CrossingValue ? T
  : T extends Blob | FormData ? AsyncBinary<T>
  : T extends (...args: infer A) => infer R ? (...args: { [K in keyof A]: Async<A[K]> }) =>
      | R
      | Promise<R>
  : T | Async<T>;

/**
 * A function of the hub, as green code sees it; of overloads the last four.
 *
 * @category Values
 */
export type SyncFunction<F, A extends unknown[], R> = ((...args: A) => R) extends F
  ? (...args: { [K in keyof A]: SyncArgument<A[K]> }) => Sync<R>
  : F extends {
    (...args: infer A1): infer R1;
    (...args: infer A2): infer R2;
    (...args: infer A3): infer R3;
    (...args: infer A4): infer R4;
  } ? {
      (...args: { [K in keyof A1]: SyncArgument<A1[K]> }): Sync<R1>;
      (...args: { [K in keyof A2]: SyncArgument<A2[K]> }): Sync<R2>;
      (...args: { [K in keyof A3]: SyncArgument<A3[K]> }): Sync<R3>;
      (...args: { [K in keyof A4]: SyncArgument<A4[K]> }): Sync<R4>;
    }
  : (...args: { [K in keyof A]: SyncArgument<A[K]> }) => Sync<R>;

/**
 * The members of a type, as green code sees them.
 *
 * @category Values
 */
export type SyncMembers<T> =
  & { [K in Exclude<keyof T, symbol>]: Sync<T[K]> }
  & (T extends AsyncDisposable ? Disposable : unknown)
  & (T extends Disposable ? Disposable : unknown);

/**
 * A type of async code as it is in green code, all through: a promise is the value that it resolves to, an async iterable or a
 * `ReadableStream` is an iterable, a method that returns a promise is one that blocks. Values stay as they are.
 *
 * Of an overloaded method this sees the last four forms; of a generic one the bounds.
 *
 * A promise with members of its own is both its result and a handle with these members and `wait()`, as TypeScript cannot tell
 * which it will be: the run time decides. It is awaited if it is a promise by its prototype, whatever members it has. Else,
 * as a query of a database's library, it has not run: it has its own members and `wait()`, which runs it and gives the
 * result, and to use any other member is an error.
 *
 * @typeParam T The type on the hub.
 *
 * @example A function of green code that gets a database of the hub
 * ```ts
 * import type { Sync } from "@aiohub/aiohub";
 *
 * interface Database {
 *   query(sql: string): Promise<string[]>;
 *   rows(): AsyncIterable<number>;
 * }
 *
 * function report(database: Sync<Database>): number {
 *   let sum = database.query("select 1").length;
 *   for (const row of database.rows()) sum += row;
 *   return sum;
 * }
 * ```
 *
 * @category Values
 */
export type Sync<T> = 0 extends (1 & T) ? T
  : unknown extends T ? T
  : T extends CrossingValue ? T
  : T extends Blob | FormData ? SyncBinary<T>
  : T extends { then: (...args: never) => unknown }
    ? [Exclude<keyof T, keyof Promise<unknown>>] extends [never] ? Sync<Awaited<T>>
    : T extends { readonly thread: CrossesAsItself } ? Sync<Awaited<T>>
    : Sync<Awaited<T>> & SyncMembers<T> & { wait(): Sync<Awaited<T>> }
  : T extends ReadableStream<infer I> ? Iterable<I> & Disposable
  : T extends WritableStream<infer I> ? SyncWriter<I>
  : T extends AsyncIterable<infer I> ? Iterable<Sync<I>> & Disposable & SyncMembers<T>
  : T extends abstract new (...args: infer A) => infer R ?
      & (new (...args: { [K in keyof A]: SyncArgument<A[K]> }) => Sync<R>)
      & SyncMembers<T>
  : T extends (...args: infer A) => infer R ?
      & SyncFunction<T, A, R>
      & SyncMembers<T>
  : T extends Iterable<unknown> ? T
  : SyncMembers<T>;

/**
 * A `WritableStream` of the hub, in green code.
 *
 * @example Write from green code
 * ```ts
 * import { call, getHub, spawn, type SyncWriter } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const { readable, writable } = new TransformStream<string, string>();
 * getHub().expose({ openLog: () => writable });
 * const thread = spawn(() => {
 *   const writer = call<SyncWriter<string>>("openLog");
 *   for (const chunk of ["a", "b"]) writer.write(chunk);
 *   writer.close();
 * });
 * assertEquals(await Array.fromAsync(readable), ["a", "b"]);
 * await thread;
 * ```
 *
 * @category Values
 */
export interface SyncWriter<T> extends Disposable {
  /**
   * Writes a chunk; blocks while the stream has more than it wants. The call after a chunk that fails throws its failure.
   *
   * @param chunk The chunk.
   * @throws What the stream failed with.
   * @throws {TypeError} If somebody else writes to the stream.
   */
  write(chunk: T): void;
  /**
   * Ends the stream, and blocks until all is written.
   *
   * @throws What the stream failed with.
   * @throws {TypeError} If the stream is closed, or somebody else writes to it.
   */
  close(): void;
  /**
   * Breaks the stream off, and blocks until its sink has heard of it.
   *
   * @param reason The reason, for whoever reads.
   * @throws {TypeError} If somebody else writes to the stream.
   */
  abort(reason?: unknown): void;
}

/**
 * A type of green code as it is on the hub: methods return promises, properties are awaited, iterables are async iterables.
 *
 * @typeParam T The type in green code.
 *
 * @example A handle to an object of green code
 * ```ts
 * import { type Async, handle, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * interface Counter {
 *   add(n: number): number;
 * }
 *
 * const thread = spawn(() => {
 *   let sum = 0;
 *   return handle({ add: (n: number) => sum += n });
 * });
 * const counter = await thread as unknown as Async<Counter>;
 * await counter.add(1);
 * assertEquals(await counter.add(2), 3);
 * ```
 *
 * @category Values
 */
export type Async<T> = 0 extends (1 & T) ? T
  : unknown extends T ? T
  : T extends CrossingValue ? T
  : T extends Blob | FormData ? AsyncBinary<T>
  : T extends abstract new (...args: infer A) => infer R ?
      & (new (...args: { [K in keyof A]: AsyncArgument<A[K]> }) => Promise<AsyncResult<R>>)
      & AsyncMembers<T>
  : T extends (...args: infer A) => infer R
    ? (...args: { [K in keyof A]: AsyncArgument<A[K]> }) => Promise<AsyncResult<Awaited<R>>>
  : AsyncMembers<T> & AsyncIteration<T>;

/**
 * The iteration of the hub over an iterable of green code.
 *
 * @category Values
 */
export type AsyncIteration<T> = T extends Iterable<infer I> ? AsyncIterable<I> & AsyncDisposable
  : unknown;

/**
 * The members of a type of green code, as the hub sees them.
 *
 * @category Values
 */
export type AsyncMembers<T> = {
  [K in Exclude<keyof T, symbol>]: T[K] extends (...args: infer A) => infer R
    ? (...args: { [K in keyof A]: AsyncArgument<A[K]> }) => Promise<AsyncResult<Awaited<R>>>
    : PromiseLike<T[K]>;
};

/**
 * The result of green code, as the hub gets it: a generator is an async iterable, a function is an async function, and all else
 * is the same.
 *
 * @category Values
 */
export type AsyncResult<R> = 0 extends (1 & R) ? R
  : R extends CrossingValue ? R
  : R extends Blob | FormData ? AsyncBinary<R>
  : R extends Iterator<infer I> ? AsyncIterable<I> & AsyncDisposable
  : R extends (...args: infer A) => infer S ? (...args: A) => Promise<AsyncResult<Awaited<S>>>
  : R;

/**
 * The result of an async function, as green code gets it: an async iterable or a stream is an iterable, a function is one that
 * blocks, and all else is the same.
 *
 * @category Values
 */
export type SyncResult<R> = 0 extends (1 & R) ? R
  : R extends CrossingValue ? R
  : R extends Blob | FormData ? SyncBinary<R>
  : R extends ReadableStream<infer I> ? Iterable<I> & Disposable
  : R extends WritableStream<infer I> ? SyncWriter<I>
  : R extends AsyncIterable<infer I> ? Iterable<I> & Disposable
  : R extends Iterator<infer I> ? Iterable<I> & Disposable
  : R extends Response | Request ? Sync<R>
  : R extends (...args: infer A) => infer S ? (...args: A) => SyncResult<Awaited<S>>
  : R;
