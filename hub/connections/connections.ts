/**
 * The connections of one pool.
 *
 * ```text
 * place       free ──> taken (connecting ──> lent ──> coming back) ──> free
 * connection  opened ──> lent <──> idle ──> closed
 * ```
 *
 * A place is a permit of a semaphore: there are `maxSize`, and whoever has one takes an idle connection or opens one. Idle
 * connections take no place; but as one is opened only when none is idle, there are never more than `maxSize` in all,
 * beside those that are being closed. A connection that comes back is idle before its place is free, so it is there for the
 * one who gets the place. One whose state is unknown, and which therefore is closed, gives up its place before that: whoever
 * waits opens another one, and need not wait for a server that does not answer.
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
import { checkCount } from "../../sync/permits.ts";
import { Semaphore } from "../../sync/semaphore.ts";
import { type Lender, Lent, type OpenConnection } from "./lent_connection.ts";

/** How a pool treats its connections. */
export interface Treatment<C> {
  readonly connect: (options: { readonly signal: AbortSignal }) => C | PromiseLike<C>;
  /** Gives the clean-up for a connection, if one is known. */
  readonly cleanupOf: (connection: C) => ((connection: C) => unknown) | undefined;
  /** Has the server stop what it does for a connection. */
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
  readonly #places: Semaphore;
  readonly #idle: OpenConnection<C>[] = [];
  readonly #lent = new WeakMap<object, Lent<C>>();
  readonly #closing = new AbortController();
  #open = 0;
  #expiry: ReturnType<typeof setTimeout> | undefined;

  constructor(treatment: Treatment<C>) {
    this.#treatment = treatment;
    this.#places = new Semaphore(treatment.maxSize);
  }

  /** How many can be had without waiting, those included that were not opened yet. */
  get free(): number {
    return Math.max(0, this.#places.value);
  }

  /** How many wait for one. */
  get waiting(): number {
    return this.#places.waiting;
  }

  /** How many there may be. */
  get maxSize(): number {
    return this.#places[CORE].limit;
  }

  /** How many are open, lent or not. */
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
    const place = await this.#places.acquireAsync({ timeout, signal: ends });
    const leave = () => place.release();
    try {
      const open = this.#takeIdle() ?? await this.#connectUnless(ends, leave);
      const lent = new Lent(this, open, leave);
      this.#lent.set(lent.proxy, lent);
      return lent;
    } catch (error) {
      if (!isA(error, GoesOn)) leave();
      throw isA(error, GoesOn) ? ends.reason : error;
    }
  }

  /** Something failed that nobody waits for. */
  get report(): (error: unknown) => void {
    return this.#treatment.onError;
  }

  /**
   * Takes back what people hold.
   *
   * @throws {TypeError} If it is not of this pool.
   */
  async giveBack(proxy: unknown, discard = false): Promise<void> {
    const isObject = typeof proxy === "object" && proxy !== null;
    const lent = isObject ? this.#lent.get(proxy) : undefined;
    if (lent) return await lent.giveBack(discard);
    throw new TypeError("Cannot give back a connection: expected one that this pool has lent");
  }

  /** Opens so many, to have them ready. One that cannot be opened is tried again when it is asked for. */
  warm(count: number): void {
    for (let i = 0; i < count; i++) {
      const place = this.#places.tryAcquire();
      if (!place) return;
      this.#connect().then((open) => this.#keep(open), () => {}).finally(() => place.release());
    }
  }

  async takeBack(loan: Lent<never>, discard: boolean): Promise<void> {
    const { open, leave, busy, unsure } = loan as unknown as Lent<C>;
    let suspect = busy || unsure;
    let fatal: { readonly error: unknown } | undefined;
    let left = false;
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
        if (suspect) leave();
        left = suspect;
        if (busy) await this.#cancel(open);
        await this.#close(open);
      }
    } finally {
      if (!left) leave();
    }
    if (fatal) throw fatal.error;
  }

  /** Closes those that nobody uses. */
  async clear(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((open) => this.#close(open)));
  }

  /** Changes how many there may be. */
  resize(maxSize: number): void {
    this.#places[CORE].resize(checkCount("pool", maxSize, "resize"));
    const many = Math.max(0, this.#idle.length - this.free);
    for (const open of this.#idle.splice(0, many)) this.#close(open);
  }

  /** Lends nothing any more: closes those that nobody uses now, and the others when they come back. */
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

  /** Keeps a connection for the next one who asks, if it is still wanted. */
  async #keep(open: OpenConnection<C>): Promise<void> {
    if (!this.#wants(open)) return await this.#close(open);
    this.#idle.push(open);
    this.#schedule();
  }

  #wants(open: OpenConnection<C>): boolean {
    return this.#places.value >= 0 && !this.#closing.signal.aborted && !this.#isOver(open);
  }

  #isOver({ openedAt, usedAt }: OpenConnection<C>): boolean {
    const { maxAge, maxIdle } = this.#treatment;
    const now = performance.now();
    return now - openedAt >= maxAge || now - usedAt >= maxIdle;
  }

  /** Opens a connection for one who may give up: then it is the next one's, and its place is taken until it is open. */
  async #connectUnless(signal: AbortSignal, leave: () => void): Promise<OpenConnection<C>> {
    const connecting = this.#connect();
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(new GoesOn());
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([connecting, aborted]);
    } catch (error) {
      if (isA(error, GoesOn)) {
        connecting.then((open) => this.#keep(open), () => {}).finally(leave);
      }
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
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
      // One that comes too late is nobody's.
      if (signal.aborted) {
        connecting.then((late) => {
          this.#open++;
          return this.#close({ connection: late, openedAt: 0, usedAt: 0 });
        }, () => {});
      }
      throw error;
    }
  }

  /** Has the server stop what it does for a connection, if anybody knows how. */
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

  #inTime(
    fn: (connection: C) => unknown,
    connection: C,
    onLate: () => void = () => {},
  ): Promise<unknown> {
    return this.#limit(Promise.try(fn, connection), onLate);
  }

  /** Waits for something no longer than it may take. */
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

  /** Has those closed that nobody uses when their time is over. */
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
    // An idle connection may keep the process, but not this.
    this.#expiry.unref();
  }
}

/** Says that the one who asked has gone, and that a connection is being opened all the same. */
class GoesOn extends Error {}

/** Whether an error is there to end what is going on, and not to say that a connection is of no use. */
function isFatal(error: unknown): boolean {
  return isA(error, GreenletExit) || isA(error, Timeout);
}

function closedError(): Error {
  return new Error("Cannot get a connection: the pool is closed");
}
