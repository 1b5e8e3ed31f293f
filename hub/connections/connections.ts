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
 * @module
 */

import { setTimeout } from "node:timers";
import { LONGEST_TIMER } from "../../bridge/checks.ts";
import { GreenletExit } from "../../bridge/errors.ts";
import { isA } from "../../bridge/guarded.ts";
import { currentLimit } from "../../bridge/side/limit.ts";
import { checkWaiting, timedOut, type WaitingOptions } from "../../bridge/memory/core.ts";
import { CORE } from "../../bridge/memory/objects.ts";
import { Timeout } from "../../bridge/side/timeout.ts";
import { makeOrKeep } from "../../sync/make_or_keep.ts";
import { checkCount, type Permit } from "../../sync/permits.ts";
import { Semaphore } from "../../sync/semaphore.ts";
import { type Lender, Lent, type OpenConnection } from "./lent_connection.ts";

/** The options of a pool, complete and checked. */
export interface Treatment<C> {
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
  async lend(options: WaitingOptions | undefined): Promise<Lent<C>> {
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
    throw new TypeError("Cannot give back a connection: expected one that this pool has lent");
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
          `Cannot use what "connect" gave: expected a connection, found ${typeof connection}`,
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
