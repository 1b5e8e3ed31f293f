/**
 * A pool of connections as green code sees it: through a handle, so that each method blocks there.
 *
 * What green code gets of a connection is a handle as well. It comes back when green code says so; when nobody there holds it
 * any more, or ever got it (the answer came too late); and when the thread that asked for it has ended, whichever way.
 *
 * @module
 */

import { whenReleased } from "../../bridge/references/exports.ts";
import type { GreenThread } from "../../bridge/side/green_thread.ts";
import { handle } from "../../bridge/references/handle.ts";
import { checkWaiting, type WaitingOptions } from "../../bridge/memory/core.ts";
import { servedCall } from "../base/call_context.ts";
import type { Connections } from "./connections.ts";
import type { Lent } from "./lent_connection.ts";

/** The methods; the twins are there too, and from green code they block as well. */
export class GreenFace<C extends object> {
  readonly #connections: Connections<C>;
  /** What each thread has. */
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

  async get(options?: WaitingOptions): Promise<object> {
    const call = servedCall();
    checkWaiting(options);
    const signals = [options?.signal, call?.signal].filter((signal) => signal !== undefined);
    const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
    const lent = await this.#connections.lend({ timeout: options?.timeout, signal });
    const thread = call?.caller;
    const giveBack = () => this.#giveBack(lent, thread);
    // Nobody is there to take it: the caller has gone since, goes before the answer leaves, or does not look at it.
    if (call?.ended) giveBack();
    call?.signal.addEventListener("abort", giveBack);
    whenReleased(lent.proxy, giveBack);
    if (thread) this.#tie(lent, thread);
    return handle(lent.proxy);
  }

  getAsync(options?: WaitingOptions): Promise<object> {
    return this.get(options);
  }

  item(options?: WaitingOptions): Promise<object> {
    return this.get(options);
  }

  itemAsync(options?: WaitingOptions): Promise<object> {
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

  /** What a thread has comes back when it has ended. */
  #tie(lent: Lent<C>, thread: GreenThread): void {
    let all = this.#byThread.get(thread);
    if (!all) {
      const held = all = new Set();
      this.#byThread.set(thread, held);
      thread.onEnd(() => {
        for (const lent of held) this.#giveBack(lent, thread);
      });
    }
    for (const before of all) if (before.isBack) all.delete(before);
    all.add(lent);
  }

  /** Gives a connection back for one who is not there to hear of it. */
  #giveBack(lent: Lent<C>, borrower: GreenThread | undefined): void {
    if (!lent.isBack) lent.giveBack(false, borrower).catch(this.#connections.report);
  }
}
