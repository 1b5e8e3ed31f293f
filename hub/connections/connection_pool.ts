/**
 * A pool of connections that live on the hub, for green threads and async code at once.
 *
 * Connections are objects of async code, and so is the pool: see `connections.ts`. Green code has a handle to the pool's *green
 * face*, whose methods block there. It gets a handle to a connection as well. The connection comes back when green code gives it
 * back; when nobody there holds the handle any more, or ever got it (the answer came too late); and when the thread that asked
 * for it has ended, whichever way.
 *
 * @module
 */

import { brand } from "../../bridge/brand.ts";
import { checkOptionsObject, checkWaiting, show, type WaitOptions } from "../../bridge/checks.ts";
import { BlockingCallError } from "../../bridge/errors.ts";
import { FACE } from "../../bridge/references/live.ts";
import type { Sync } from "../../bridge/references/live_types.ts";
import { blocking, greenSide } from "../../bridge/side/side.ts";
import { checkSizes } from "../../sync/permits.ts";
import { Connections, type Lent } from "./connections.ts";
import { printFault } from "../base/faults.ts";
import { whenReleased } from "../../bridge/references/exports.ts";
import { type GreenThread, ON_END } from "../../bridge/side/green_thread.ts";
import { handle } from "../../bridge/references/handle.ts";
import { servedCall } from "../base/call_context.ts";

/**
 * Options for {@linkcode ConnectionPool}.
 *
 * @category Coordination
 */
export interface ConnectionPoolOptions<C> {
  /** Opens a connection. It gets a signal that is aborted when opening takes too long. */
  connect: (options: { readonly signal: AbortSignal }) => C | PromiseLike<C>;
  /**
   * Closes a connection that the pool does not keep. By default by the first of its methods `close()`, `end()`, `destroy()`
   * and those of `await using` and `using`.
   */
  close?: (connection: C) => unknown;
  /**
   * Makes a connection ready for its next borrower, each time it comes back: by default by its method `rollback()`, if it has
   * one, and for a client of `npm:pg` by the query `rollback`; `"none"` for nothing. If there is no clean-up, a connection whose
   * state is unknown (see {@linkcode ConnectionPool}) is closed.
   */
  cleanup?: "none" | ((connection: C) => unknown);
  /**
   * Has the server stop the operation of a connection that is about to be closed in the middle of it: to close the connection
   * may not be enough, so that a query goes on and keeps its locks. For PostgreSQL: `pg_cancel_backend`, by another connection.
   * By default nothing is done.
   */
  cancel?: (connection: C) => unknown;
  /**
   * Called with each error that `cleanup`, `cancel` or `close` throws. By default the error is printed.
   */
  onError?: (error: unknown) => void;
  /**
   * The number of connections to open before they are asked for.
   *
   * @default {0}
   */
  minSize?: number;
  /**
   * The number of connections that there may be.
   *
   * @default {4}
   */
  maxSize?: number;
  /**
   * The time for which a connection may lie idle before it is closed, in milliseconds.
   *
   * @default {10_000}
   */
  maxIdle?: number;
  /**
   * The greatest age of a connection, in milliseconds; an older one is closed when it is not lent.
   *
   * @default {30_000}
   */
  maxAge?: number;
  /**
   * The longest time that opening a connection may take, and cleaning it up, cancelling its operation and closing it, each, in
   * milliseconds.
   *
   * @default {5_000}
   */
  connectTimeout?: number;
  /**
   * Whether the connection that came back last is lent first, so that those that are too many grow old.
   *
   * @default {true}
   */
  lifo?: boolean;
}

const KEYS: readonly (keyof ConnectionPoolOptions<unknown>)[] = [
  "connect",
  "close",
  "cleanup",
  "cancel",
  "onError",
  "minSize",
  "maxSize",
  "maxIdle",
  "maxAge",
  "connectTimeout",
  "lifo",
];

/**
 * Connections that are opened when they are asked for, up to a number, and used again. Semantics: eventlet's `db_pool`.
 *
 * - **Sides**: connections live on the hub, and so does the pool: make it there, or by `shared()` in a module for both
 *   sides, and pass it to green threads as any argument. In green code a connection is a handle with blocking methods
 *   ({@linkcode Sync}), and all methods of the pool block; async code has the twins, and the connection itself, in a thin
 *   wrapper.
 * - **Order**: first come, first served, on both sides together.
 * - **Coming back**: by the end of a `using` block (`await using` on the hub), by `put()`, or by the connection's own
 *   `close()` or `end()`. After that any use of it throws; to give it back a second time does nothing. `discard()` and
 *   `destroy()` close it.
 * - **Clean-up**: each time a connection comes back. If that throws, or takes longer than `connectTimeout`, the connection is
 *   closed, and another one can be opened; the error goes to `onError`. Only a `GreenletExit` or a `Timeout` is thrown to whoever
 *   gave the connection back. A connection that comes back in the middle of an operation is closed, after `cancel`.
 * - **Ends**: when a green thread has ended, was killed, or has crashed with its Worker, its connections come back: cleaned up,
 *   or closed if they were in the middle of an operation. So a connection is for the thread that got it, and for no other one.
 * - **Unknown state**: nobody knows how far a borrower got that was killed or has crashed, also if it gives the connection back
 *   as it goes, or how far a call got that a limit has ended. Such a connection is cleaned up; if there is no clean-up, it is
 *   closed, and another one can be opened at once. A borrower that returns or throws is taken to leave a connection in order: it
 *   is cleaned up too, but kept if there is no clean-up.
 * - **Kill, timeout, abort** of a waiter: it leaves the line. After a `connect` that fails, or takes longer than
 *   `connectTimeout`, another connection can be opened; one that comes too late is closed.
 *
 * @typeParam C The connections, as async code has them.
 *
 * @example Async connections for green threads
 * ```ts
 * import { ConnectionPool, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * class Connection {
 *   async query(n: number): Promise<number> {
 *     return await Promise.resolve(2 * n);
 *   }
 *   async rollback(): Promise<void> {}
 *   async close(): Promise<void> {}
 * }
 *
 * await using pool = new ConnectionPool({ connect: () => new Connection(), maxSize: 2 });
 *
 * const thread = spawn((pool: ConnectionPool<Connection>) => {
 *   using connection = pool.item();
 *   return connection.query(21); // blocks this green thread: the hub does it
 * }, pool);
 * assertEquals(await thread, 42);
 *
 * await using connection = await pool.itemAsync();
 * assertEquals(await connection.query(1), 2);
 * ```
 *
 * @category Coordination
 */
export class ConnectionPool<C extends object> implements AsyncDisposable {
  static {
    brand(this, "ConnectionPool");
  }

  readonly #connections: Connections<C>;
  /**
   * The methods for green code.
   *
   * @ignore
   */
  readonly [FACE]: object;

  /**
   * Makes a pool, on the hub.
   *
   * @param options See {@linkcode ConnectionPoolOptions}.
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If a size is out of range.
   * @throws {BlockingCallError} If it is called in green code.
   */
  constructor(options: ConnectionPoolOptions<C>) {
    if (greenSide()) refuseInGreen();
    checkOptionsObject("create a pool", options ?? null, "{ connect: () => new Client() }", KEYS);
    const { minSize = 0, maxSize = 4, maxIdle = 10_000, maxAge = 30_000 } = options;
    const { connectTimeout = 5_000, lifo = true, connect, cleanup, cancel, close, onError } =
      options;
    checkFunction("connect", connect);
    if (cleanup !== undefined && cleanup !== "none") checkFunction("cleanup", cleanup);
    if (cancel !== undefined) checkFunction("cancel", cancel);
    checkFunction("close", close ?? closeAnyhow);
    checkFunction("onError", onError ?? print);
    for (const [name, ms] of Object.entries({ maxIdle, maxAge, connectTimeout })) {
      if (typeof ms === "number" && ms >= 0) continue;
      throw new TypeError(
        `Cannot create a pool: expected a number of milliseconds for "${name}", found ${show(ms)}`,
      );
    }
    checkSizes(minSize, maxSize);
    const connections = this.#connections = new Connections<C>({
      connect,
      cleanupOf: cleanup === undefined
        ? rollbackOf
        : () => cleanup === "none" ? undefined : cleanup,
      cancel,
      close: close ?? closeAnyhow,
      onError: onError ?? print,
      maxSize,
      maxIdle,
      maxAge,
      connectTimeout,
      lifo,
    });
    this[FACE] = new GreenFace(connections);
    connections.warm(minSize);
  }

  /** The number of connections that can be had without waiting, those included that were not opened yet. */
  get free(): number {
    return this.#connections.free;
  }

  /** The number of those who wait for a connection. */
  get waiting(): number {
    return this.#connections.waiting;
  }

  /** The number of connections that there may be. */
  get maxSize(): number {
    return this.#connections.maxSize;
  }

  /** The number of connections that are open, lent or not. */
  get open(): number {
    return this.#connections.open;
  }

  /**
   * Gets a connection; blocks the green thread until there is one.
   *
   * @param options See {@linkcode WaitOptions}; the timeout does not count the time that it takes to connect.
   * @returns The connection. It comes back by {@linkcode ConnectionPool.prototype.put | ConnectionPool.put}.
   * @throws {Timeout} If there was none in time, or connecting took too long.
   * @throws What `connect` threw.
   * @throws {BlockingCallError} If it is called on the hub: use `getAsync()` there.
   */
  get(options?: WaitOptions): Sync<C> {
    return this.#onHub("get", options);
  }

  /**
   * Gets a connection, in async code.
   *
   * @param options See {@linkcode WaitOptions}; the timeout does not count the time that it takes to connect.
   * @returns A promise of the connection, which comes back by
   * {@linkcode ConnectionPool.prototype.putAsync | ConnectionPool.putAsync}. It rejects with a `Timeout` if there was none in
   * time, or connecting took too long; with the error of `connect`; and with an `Error` if the pool is closed.
   */
  async getAsync(options?: WaitOptions): Promise<C> {
    return (await this.#connections.lend(options)).proxy;
  }

  /**
   * Gets a connection for a `using` block; blocks the green thread until there is one.
   *
   * @param options As for {@linkcode ConnectionPool.prototype.get | ConnectionPool.get}.
   * @returns The connection. It comes back at the end of the block.
   * @throws As {@linkcode ConnectionPool.prototype.get | ConnectionPool.get} does; on the hub use `itemAsync()`.
   */
  item(options?: WaitOptions): Sync<C> & Disposable {
    return this.#onHub("item", options);
  }

  /**
   * Gets a connection for an `await using` block, in async code.
   *
   * @param options As for {@linkcode ConnectionPool.prototype.getAsync | ConnectionPool.getAsync}.
   * @returns A promise of the connection, which comes back at the end of the block; it rejects as that of
   * {@linkcode ConnectionPool.prototype.getAsync | ConnectionPool.getAsync} does.
   */
  async itemAsync(options?: WaitOptions): Promise<C & AsyncDisposable> {
    return (await this.#connections.lend(options)).proxy;
  }

  /**
   * Gives a connection back, and blocks the green thread until it has been cleaned up.
   *
   * @param connection A connection of {@linkcode ConnectionPool.prototype.get | ConnectionPool.get}. Nothing is done if it has
   * come back already.
   * @throws {TypeError} If it is no connection of this pool.
   * @throws {BlockingCallError} If it is called on the hub: use `putAsync()` there.
   */
  put(connection: Sync<C> | C): void {
    this.#onHub("put", connection);
  }

  /**
   * Gives a connection back, in async code.
   *
   * @param connection As for {@linkcode ConnectionPool.prototype.put | ConnectionPool.put}.
   * @returns A promise that settles when it has been cleaned up; it rejects with a `TypeError` if it is no connection of this
   * pool.
   */
  async putAsync(connection: C): Promise<void> {
    await this.#connections.giveBack(connection);
  }

  /**
   * Closes a connection that is of no use any more: another one can be opened. It blocks the green thread.
   *
   * @param connection As for {@linkcode ConnectionPool.prototype.put | ConnectionPool.put}.
   * @throws {TypeError} If it is no connection of this pool.
   * @throws {BlockingCallError} If it is called on the hub: use `discardAsync()` there.
   */
  discard(connection: Sync<C> | C): void {
    this.#onHub("discard", connection);
  }

  /**
   * Closes a connection that is of no use any more, in async code: another one can be opened.
   *
   * @param connection As for {@linkcode ConnectionPool.prototype.put | ConnectionPool.put}.
   * @returns A promise that settles when it is closed; it rejects with a `TypeError` if it is no connection of this pool.
   */
  async discardAsync(connection: C): Promise<void> {
    await this.#connections.giveBack(connection, true);
  }

  /**
   * Closes the connections that nobody uses; others are opened when they are asked for. It blocks the green thread.
   *
   * @throws {BlockingCallError} If it is called on the hub: use `clearAsync()` there.
   */
  clear(): void {
    this.#onHub("clear");
  }

  /**
   * Closes the connections that nobody uses, in async code: see
   * {@linkcode ConnectionPool.prototype.clear | ConnectionPool.clear}.
   *
   * @returns A promise that settles when they are closed.
   */
  async clearAsync(): Promise<void> {
    await this.#connections.clear();
  }

  /**
   * Changes the number of connections that there may be. Those that are too many are closed, when they come back at the latest.
   *
   * @param maxSize As in the options.
   * @throws {TypeError} If `maxSize` is not a number.
   * @throws {RangeError} If `maxSize` is not a whole number from 0.
   */
  resize(maxSize: number): void {
    this.#connections.resize(maxSize);
  }

  /**
   * Ends the pool: nobody gets a connection any more, waiters get an error, and all connections are closed, those that are lent
   * when they come back. It blocks the green thread until the idle ones are closed.
   *
   * @throws {BlockingCallError} If it is called on the hub: use `closeAsync()` there.
   */
  close(): void {
    this.#onHub("close");
  }

  /**
   * Ends the pool, in async code: see {@linkcode ConnectionPool.prototype.close | ConnectionPool.close}.
   *
   * @returns A promise that settles when the idle connections are closed.
   */
  async closeAsync(): Promise<void> {
    await this.#connections.shut();
  }

  /**
   * Ends the pool at the end of an `await using` block: see {@linkcode ConnectionPool.prototype.close | ConnectionPool.close}.
   *
   * @returns A promise that settles when the idle connections are closed.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAsync();
  }

  /** Throws the error of a blocking method on the hub. Green code never gets here, as it calls the methods of the face. */
  #onHub(name: string, ..._: unknown[]): never {
    blocking(`${name}()`, `await ${name}Async()`);
    throw new Error(`Cannot call ${name}() here`);
  }
}

function refuseInGreen(): never {
  throw new BlockingCallError(
    "Cannot create a ConnectionPool in a green thread: connections live on the hub: make it there, or by shared()",
  );
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new TypeError(
    `Cannot create a pool: expected a function for "${name}", found ${show(value)}`,
  );
}

/** The clean-up that ends the transaction of a connection, if its driver is known. */
function rollbackOf(connection: object): ((connection: object) => unknown) | undefined {
  const { rollback, query } = connection as Record<string, unknown>;
  if (typeof rollback === "function") return (connection) => rollback.call(connection);
  if (isPgClient(connection)) return (connection) => (query as Method).call(connection, "rollback");
  return undefined;
}

// deno-lint-ignore no-explicit-any
type Method = (...args: any[]) => unknown;

/** Whether a connection is a `Client` of `npm:pg`: by members that no other driver has. */
function isPgClient(connection: object): boolean {
  const { query, escapeLiteral, escapeIdentifier } = connection as Record<string, unknown>;
  return [query, escapeLiteral, escapeIdentifier].every((member) => typeof member === "function") &&
    "processID" in connection;
}

/** Closes a connection by the first of the usual methods that it has. */
function closeAnyhow(connection: object): unknown {
  const members = connection as Record<PropertyKey, unknown>;
  for (const key of ["close", "end", "destroy", Symbol.asyncDispose, Symbol.dispose]) {
    const close = members[key];
    if (typeof close === "function") return close.call(connection);
  }
}

function print(error: unknown): void {
  printFault(error, "a pool of connections");
}

/** The methods that green code calls. The twins for async code are there too, and block in green code as well. */
class GreenFace<C extends object> {
  readonly #connections: Connections<C>;
  /** The loans of each thread. */
  readonly #byThread = new WeakMap<GreenThread, Set<Lent<C>>>();

  constructor(connections: Connections<C>) {
    this.#connections = connections;
  }

  get free(): number {
    return this.#connections.free;
  }

  get waiting(): number {
    return this.#connections.waiting;
  }

  get maxSize(): number {
    return this.#connections.maxSize;
  }

  get open(): number {
    return this.#connections.open;
  }

  async get(options?: WaitOptions): Promise<object> {
    const call = servedCall();
    checkWaiting(options);
    const signals = [options?.signal, call?.signal].filter((signal) => signal !== undefined);
    const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
    const lent = await this.#connections.lend({ timeout: options?.timeout, signal });
    const thread = call?.caller;
    const giveBack = () => this.#giveBack(lent, thread);
    // The loan ends if the caller has gone meanwhile, if it goes before the answer leaves, and if it drops the handle.
    if (call?.ended) giveBack();
    call?.signal.addEventListener("abort", giveBack);
    whenReleased(lent.proxy, giveBack);
    if (thread) this.#tie(lent, thread);
    return handle(lent.proxy);
  }

  getAsync(options?: WaitOptions): Promise<object> {
    return this.get(options);
  }

  item(options?: WaitOptions): Promise<object> {
    return this.get(options);
  }

  itemAsync(options?: WaitOptions): Promise<object> {
    return this.get(options);
  }

  async put(connection: unknown): Promise<void> {
    await this.#connections.giveBack(connection);
  }

  putAsync(connection: unknown): Promise<void> {
    return this.put(connection);
  }

  async discard(connection: unknown): Promise<void> {
    await this.#connections.giveBack(connection, true);
  }

  discardAsync(connection: unknown): Promise<void> {
    return this.discard(connection);
  }

  clear(): Promise<void> {
    return this.#connections.clear();
  }

  clearAsync(): Promise<void> {
    return this.clear();
  }

  resize(maxSize: number): void {
    this.#connections.resize(maxSize);
  }

  close(): Promise<void> {
    return this.#connections.shut();
  }

  closeAsync(): Promise<void> {
    return this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Has a connection come back when a thread has ended. */
  #tie(lent: Lent<C>, thread: GreenThread): void {
    let all = this.#byThread.get(thread);
    if (!all) {
      const held = all = new Set();
      this.#byThread.set(thread, held);
      thread[ON_END](() => {
        for (const lent of held) this.#giveBack(lent, thread);
      });
    }
    for (const before of all) if (before.isBack) all.delete(before);
    all.add(lent);
  }

  /** Gives a connection back when nobody waits for that: a failure is reported. */
  #giveBack(lent: Lent<C>, borrower: GreenThread | undefined): void {
    if (!lent.isBack) lent.giveBack(false, borrower).catch(this.#connections.report);
  }
}
