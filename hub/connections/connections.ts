/**
 * The connections of one pool.
 *
 * ```text
 * permit      free ──> taken (connecting ──> lent ──> coming back) ──> free
 * connection  opened ──> lent <──> idle ──> closed
 * ```
 *
 * The permits are those of a semaphore: there are `maxSize`, and the holder of a permit takes an idle connection or opens one. An
 * idle connection takes no permit; but as a connection is opened only when none is idle, there are never more than `maxSize` in
 * all, beside those that are being closed. A connection that comes back is idle before its permit is free, so it is there for the
 * next holder. A connection whose state is unknown is closed; its permit is free before that, so that the next waiter opens
 * another connection, and need not wait for a server that does not answer.
 *
 * The borrower of a connection holds a proxy for it. The proxy does what the connection does, but for closing it, which gives the
 * connection back. After that the proxy is of no use to whoever still holds it: the connection may be somebody else's by now.
 *
 * @module
 */

import { setTimeout } from "node:timers";
import { checkWaiting, LONGEST_TIMER, type WaitOptions } from "../../bridge/checks.ts";
import { GreenletExit } from "../../bridge/errors.ts";
import { isA } from "../../bridge/primordials.ts";
import { currentLimit } from "../../bridge/side/limit.ts";
import { timedOut } from "../../bridge/memory/core.ts";
import { CORE } from "../../bridge/memory/objects.ts";
import { Timeout } from "../../bridge/side/timeout.ts";
import { makeOrKeep } from "../../sync/make_or_keep.ts";
import { checkCount, type Permit } from "../../sync/permits.ts";
import { Semaphore } from "../../sync/semaphore.ts";
import { ASKED_IN_PASSING } from "../../bridge/references/handle.ts";
import type { GreenThread } from "../../bridge/side/green_thread.ts";
import { isPromise } from "../../bridge/references/thenables.ts";
import { servedCall } from "../base/call_context.ts";

/** The options of a pool, complete and checked. */
interface Treatment<C> {
  readonly connect: (options: { readonly signal: AbortSignal }) => C | PromiseLike<C>;
  /** Gives the clean-up function for a connection, if one is known. */
  readonly cleanupOf: (connection: C) => ((connection: C) => unknown) | undefined;
  /** Has the server stop the operation of a connection. */
  readonly cancel: ((connection: C) => unknown) | undefined;
  readonly close: (connection: C) => unknown;
  readonly onError: (error: unknown) => void;
  readonly maxSize: number;
  readonly maxIdle: number;
  readonly maxAge: number;
  readonly connectTimeout: number;
  readonly lifo: boolean;
}

/** The connections of one pool. */
export class Connections<C extends object> implements Lender {
  readonly #treatment: Treatment<C>;
  readonly #permits: Semaphore;
  readonly #idle: OpenConnection<C>[] = [];
  readonly #lent = new WeakMap<object, Lent<C>>();
  readonly #closing = new AbortController();
  #open = 0;
  #expiry: ReturnType<typeof setTimeout> | undefined;

  constructor(treatment: Treatment<C>) {
    this.#treatment = treatment;
    this.#permits = new Semaphore(treatment.maxSize);
  }

  /** The number of connections that can be had without waiting, those included that were not opened yet. */
  get free(): number {
    return Math.max(0, this.#permits.value);
  }

  /** The number of waiters. */
  get waiting(): number {
    return this.#permits.waiting;
  }

  /** The number of connections that there may be. */
  get maxSize(): number {
    return this.#permits[CORE].limit;
  }

  /** The number of connections that are open, lent or not. */
  get open(): number {
    return this.#open;
  }

  /** Lends a connection. */
  async lend(options: WaitOptions | undefined): Promise<Lent<C>> {
    this.#checkOpen();
    checkWaiting(options);
    const { timeout, signal } = options ?? {};
    const limit = currentLimit(0)?.signal;
    const signals = [signal, limit, this.#closing.signal].filter((signal) => signal !== undefined);
    const ends = signals.length > 1 ? AbortSignal.any(signals) : this.#closing.signal;
    const permit = await this.#permits.acquireAsync({ timeout, signal: ends });
    const open = this.#takeIdle() ?? await this.#connectFor(permit, ends);
    const lent = new Lent(this, open, permit);
    this.#lent.set(lent.proxy, lent);
    return lent;
  }

  /** Reports a failure that nobody waits for. */
  get report(): (error: unknown) => void {
    return this.#treatment.onError;
  }

  /**
   * Gives back the connection behind a proxy.
   *
   * @throws {TypeError} If the proxy is not of this pool.
   */
  async giveBack(proxy: unknown, discard = false): Promise<void> {
    const isObject = typeof proxy === "object" && proxy !== null;
    const lent = isObject ? this.#lent.get(proxy) : undefined;
    if (lent) return await lent.giveBack(discard);
    throw new TypeError(
      "Cannot give back a connection: expected a connection that this pool has lent",
    );
  }

  /** Opens connections ahead. One that cannot be opened is tried again when somebody asks for a connection. */
  warm(count: number): void {
    for (let i = 0; i < count; i++) {
      const permit = this.#permits.tryAcquire();
      if (!permit) return;
      this.#connect().then((open) => this.#keep(open), () => {}).finally(() => permit.release());
    }
  }

  async takeBack(loan: Lent<never>, discard: boolean): Promise<void> {
    const { open, permit, busy, unsure } = loan as unknown as Lent<C>;
    let suspect = busy || unsure;
    let fatal: { readonly error: unknown } | undefined;
    try {
      open.usedAt = performance.now();
      const cleanup = this.#treatment.cleanupOf(open.connection);
      let good = !discard && !busy && (!unsure || cleanup !== undefined) && this.#wants(open);
      let late = false;
      if (good && cleanup) {
        try {
          await this.#inTime(cleanup, open.connection, () => late = true);
        } catch (error) {
          good = false;
          suspect = true;
          if (isFatal(error) && !late) fatal = { error };
          else this.#treatment.onError(error);
        }
      }
      if (good) await this.#keep(open);
      else {
        // Before the connection is closed: see the head of this file.
        if (suspect) permit.release();
        if (busy) await this.#cancel(open);
        await this.#close(open);
      }
    } finally {
      permit.release();
    }
    if (fatal) throw fatal.error;
  }

  /** Closes the idle connections. */
  async clear(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((open) => this.#close(open)));
  }

  /** Changes the number of connections that there may be. */
  resize(maxSize: number): void {
    this.#permits[CORE].resize(checkCount("pool", maxSize, "resize"));
    const many = Math.max(0, this.#idle.length - this.free);
    for (const open of this.#idle.splice(0, many)) this.#close(open);
  }

  /** Shuts the pool: closes the idle connections now, and the lent ones when they come back. */
  async shut(): Promise<void> {
    this.#closing.abort(closedError());
    await this.clear();
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw closedError();
  }

  #takeIdle(): OpenConnection<C> | undefined {
    for (;;) {
      const open = this.#treatment.lifo ? this.#idle.pop() : this.#idle.shift();
      if (!open || !this.#isOver(open)) return open;
      this.#close(open);
    }
  }

  /** Keeps a connection for the next waiter, or closes it if the pool has no use for it. */
  async #keep(open: OpenConnection<C>): Promise<void> {
    if (!this.#wants(open)) return await this.#close(open);
    this.#idle.push(open);
    this.#schedule();
  }

  #wants(open: OpenConnection<C>): boolean {
    return this.#permits.value >= 0 && !this.#closing.signal.aborted && !this.#isOver(open);
  }

  #isOver({ openedAt, usedAt }: OpenConnection<C>): boolean {
    const { maxAge, maxIdle } = this.#treatment;
    const now = performance.now();
    return now - openedAt >= maxAge || now - usedAt >= maxIdle;
  }

  /** Opens a connection for a waiter, who may give up: then the connection is kept for the next one. */
  #connectFor(permit: Permit, signal: AbortSignal): Promise<OpenConnection<C>> {
    return makeOrKeep(this.#connect(), permit, signal, async (open) => {
      await this.#keep(open);
      permit.release();
    });
  }

  async #connect(): Promise<OpenConnection<C>> {
    const controller = new AbortController();
    const { signal } = controller;
    const connecting = Promise.try(this.#treatment.connect, { signal });
    try {
      const connection = await this.#limit(connecting, (error) => controller.abort(error));
      if (typeof connection !== "object" && typeof connection !== "function" || !connection) {
        throw new TypeError(
          `Cannot use the result of "connect": expected a connection, found ${typeof connection}`,
        );
      }
      this.#open++;
      const now = performance.now();
      return { connection, openedAt: now, usedAt: now };
    } catch (error) {
      // A connection that comes too late is nobody's: it is closed.
      if (signal.aborted) {
        connecting.then((late) => {
          this.#open++;
          return this.#close({ connection: late, openedAt: 0, usedAt: 0 });
        }, () => {});
      }
      throw error;
    }
  }

  /** Has the server stop the operation of a connection, if the pool knows how. */
  async #cancel({ connection }: OpenConnection<C>): Promise<void> {
    const { cancel, onError } = this.#treatment;
    if (!cancel) return;
    try {
      await this.#inTime(cancel, connection);
    } catch (error) {
      onError(error);
    }
  }

  async #close({ connection }: OpenConnection<C>): Promise<void> {
    try {
      await this.#inTime(this.#treatment.close, connection);
    } catch (error) {
      this.#treatment.onError(error);
    } finally {
      this.#open--;
    }
  }

  /** Calls a function of the options, and waits for it no longer than `connectTimeout`. */
  #inTime(
    fn: (connection: C) => unknown,
    connection: C,
    onLate: () => void = () => {},
  ): Promise<unknown> {
    return this.#limit(Promise.try(fn, connection), onLate);
  }

  /** Waits for a promise no longer than `connectTimeout`. */
  async #limit<T>(promise: Promise<T>, onLate: (error: Timeout) => void): Promise<T> {
    const ms = this.#treatment.connectTimeout;
    if (ms > LONGEST_TIMER) return await promise;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = timedOut({ timeout: ms });
        onLate(error);
        reject(error);
      }, ms);
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer as unknown as number);
    }
  }

  /** Sets the timer that closes idle connections when their time is over. */
  #schedule(): void {
    if (this.#expiry !== undefined) return;
    const { maxAge, maxIdle } = this.#treatment;
    let due = Infinity;
    for (const { openedAt, usedAt } of this.#idle) {
      due = Math.min(due, openedAt + maxAge, usedAt + maxIdle);
    }
    if (due === Infinity) return;
    const ms = Math.min(LONGEST_TIMER, Math.max(0, due - performance.now()) + 1);
    this.#expiry = setTimeout(() => {
      this.#expiry = undefined;
      for (let i = this.#idle.length - 1; i >= 0; i--) {
        if (this.#isOver(this.#idle[i])) this.#close(this.#idle.splice(i, 1)[0]);
      }
      this.#schedule();
    }, ms);
    // An idle connection may keep the process alive, but this timer must not.
    this.#expiry.unref();
  }
}

/** Whether an error is there to end its caller, and does not say that a connection is of no use. */
function isFatal(error: unknown): boolean {
  return isA(error, GreenletExit) || isA(error, Timeout);
}

function closedError(): Error {
  return new Error("Cannot get a connection: the pool is closed");
}

/** An open connection. */
interface OpenConnection<C> {
  readonly connection: C;
  /** The time at which it was opened, by `performance.now()`. */
  readonly openedAt: number;
  /** The time at which it was used last. */
  usedAt: number;
}

/** The pool, to a loan. */
interface Lender {
  /** Takes a connection back. */
  takeBack(lent: Lent<never>, discard: boolean): Promise<void>;
}

/** The methods that give a connection back, where a connection has them. */
const CLOSING: ReadonlySet<PropertyKey> = new Set(["close", "end"]);

/** One loan of one connection. */
export class Lent<C extends object> {
  readonly open: OpenConnection<C>;
  /** The permit of the pool for as long as the connection is lent. */
  readonly permit: Permit;
  /** The proxy that the borrower holds. */
  readonly proxy: C & AsyncDisposable;
  readonly #lender: Lender;
  /** The wrapped methods of the connection, each beside the method that it was made of. */
  readonly #methods = new Map<PropertyKey, { readonly of: unknown; readonly fn: unknown }>();
  /** The number of calls whose promises have not settled. */
  #calls = 0;
  #unsure = false;
  #back: Promise<void> | undefined;

  /**
   * @param lender Takes the connection back.
   * @param open The connection.
   * @param permit The permit of the pool for as long as the connection is lent.
   */
  constructor(lender: Lender, open: OpenConnection<C>, permit: Permit) {
    this.#lender = lender;
    this.open = open;
    this.permit = permit;
    this.proxy = new Proxy(open.connection, {
      get: (connection, key) => this.#get(connection, key),
      set: (connection, key, value) => Reflect.set(this.#use(connection, key), key, value),
    }) as C & AsyncDisposable;
  }

  /** Whether the connection is in the middle of an operation: the promise of a method has not settled. */
  get busy(): boolean {
    return this.#calls > 0;
  }

  /** Whether nobody knows how far the borrower got with the connection. */
  get unsure(): boolean {
    return this.#unsure;
  }

  /** Whether the connection was given back. */
  get isBack(): boolean {
    return this.#back !== undefined;
  }

  /**
   * Gives the connection back, once.
   *
   * @param discard Whether the connection is of no use any more.
   * @param borrower The green thread that has had it: by default the one whose call gives it back.
   */
  giveBack(
    discard = false,
    borrower: GreenThread | undefined = servedCall()?.caller,
  ): Promise<void> {
    if (this.#back) return this.#back;
    if (borrower && wasCutShort(borrower as unknown as Borrower)) this.#unsure = true;
    return this.#back = this.#lender.takeBack(this as unknown as Lent<never>, discard);
  }

  #use(connection: C, key: PropertyKey): C {
    if (!this.isBack) return connection;
    throw new TypeError(
      `Cannot use "${
        String(key)
      }" of a connection: the connection was given back to its pool: get another one`,
    );
  }

  #get(connection: C, key: PropertyKey): unknown {
    if (key === Symbol.asyncDispose) return () => this.giveBack();
    if (key === Symbol.dispose && key in connection) {
      // Nobody waits for this. The lender reports what goes wrong with the connection.
      return () => void this.giveBack().catch(() => {});
    }
    if (ASKED_IN_PASSING.has(key) || typeof key === "symbol" && this.isBack) {
      return this.isBack ? undefined : Reflect.get(connection, key);
    }
    const own = Reflect.getOwnPropertyDescriptor(connection, key);
    const value = Reflect.get(connection, key);
    // A property that is fixed cannot look different on a proxy, as the language has it.
    if (typeof value !== "function" || own && !own.configurable && !own.writable) {
      return Reflect.get(this.#use(connection, key), key);
    }
    if (CLOSING.has(key)) return () => this.giveBack();
    if (key === "destroy") return () => this.giveBack(true);
    this.#use(connection, key);
    return this.#method(connection, key, value as (...args: unknown[]) => unknown);
  }

  #method(connection: C, key: PropertyKey, of: (...args: unknown[]) => unknown): unknown {
    const known = this.#methods.get(key);
    if (known?.of === of) return known.fn;
    const fn = (...args: unknown[]) => {
      const result = Reflect.apply(of, this.#use(connection, key), args);
      if (result === connection) return this.proxy;
      this.#follow(result);
      return result;
    };
    this.#methods.set(key, { of, fn });
    return fn;
  }

  /**
   * Counts a call as long as its promise has not settled. Only a plain promise is followed: a query that waits for its `then()`
   * must not be started by this.
   */
  #follow(result: unknown): void {
    if (!isPromise(result)) return;
    this.#calls++;
    const call = servedCall();
    const over = () => {
      this.#calls--;
      if (call?.aborted) this.#unsure = true;
    };
    result.then(over, over);
  }
}

/** The hub's record of a thread, as far as it matters here. */
interface Borrower {
  readonly killed: unknown;
  readonly state: string;
  readonly worker: { readonly dead: boolean } | undefined;
}

/** Whether a thread was ended in the middle: by a kill or a limit, or with its Worker. */
function wasCutShort({ killed, state, worker }: Borrower): boolean {
  return killed !== undefined || state === "killed" || worker?.dead === true;
}
