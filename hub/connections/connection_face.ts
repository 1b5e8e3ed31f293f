/**
 * The face of a pool of connections for green code, which has a handle to it: so each method blocks there.
 *
 * Green code gets a handle to a connection as well. The connection comes back when green code gives it back; when nobody there
 * holds the handle any more, or ever got it (the answer came too late); and when the thread that asked for it has ended,
 * whichever way.
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

/** The methods that green code calls. The twins for async code are there too, and block in green code as well. */
export class GreenFace<C extends object> {
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

  async get(options?: WaitingOptions): Promise<object> {
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

  /** Has a connection come back when a thread has ended. */
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

  /** Gives a connection back when nobody waits for that: a failure is reported. */
  #giveBack(lent: Lent<C>, borrower: GreenThread | undefined): void {
    if (!lent.isBack) lent.giveBack(false, borrower).catch(this.#connections.report);
  }
}
