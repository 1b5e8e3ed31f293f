/**
 * Threads that Workers make: `spawn()` in green code, and a function of the hub that it starts without waiting for it.
 *
 * The Worker has chosen the thread's id and has a handle already; the options came in a message of their own before.
 * So each error here becomes the thread's ending.
 *
 * @module
 */

import { isThenable } from "../../bridge/references/thenables.ts";
import { receive } from "../../bridge/values/codec.ts";
import { usesContext } from "../../bridge/context/context.ts";
import { BridgeProtocolError } from "../../bridge/errors.ts";
import type { Message } from "../../bridge/wire/message.ts";
import { type Target, targetName, type ThreadOptions } from "../../bridge/protocol/messages.ts";
import { isBreach } from "../../bridge/values/structured_checks.ts";
import { makeAsyncThread } from "../threads/async_threads.ts";
import type { CallServer } from "./call_server.ts";
import { boundTarget } from "./checks.ts";
import { Ended } from "../records/ended.ts";
import type { GreenWorker, Registry } from "../records/worker.ts";
import { HubThread, type Task } from "../records/thread.ts";
import type { HubThreadOptions } from "../../bridge/side/spawnable.ts";
import { joinPool, type Launches, takeSlot } from "../threads/launches.ts";
import type { Threads } from "../threads/threads.ts";

/** Makes the threads that the Workers of one hub ask for. */
export class WorkerSpawns {
  readonly #registry: Registry;
  readonly #threads: Threads;
  readonly #launches: Launches;
  readonly #callServer: CallServer;
  /** The options that came ahead of their threads, by the threads' ids. */
  readonly #options = new Map<number, ThreadOptions>();

  /**
   * @param registry The rest of the hub.
   * @param threads Keeps the threads.
   * @param launches Makes the threads that Workers run.
   * @param callServer Calls the functions of the threads that run on the hub.
   */
  constructor(registry: Registry, threads: Threads, launches: Launches, callServer: CallServer) {
    this.#registry = registry;
    this.#threads = threads;
    this.#launches = launches;
    this.#callServer = callServer;
  }

  /** Takes the options of a thread that is about to be spawned: `Up.Prepare`. */
  prepare(id: number, options: ThreadOptions): void {
    this.#options.set(id, options);
  }

  /** Makes a thread that a Worker spawns: `Up.Spawn`. */
  spawn(worker: GreenWorker, message: Message): void {
    const { id, a, b, payload } = message;
    const target = boundTarget(worker, a);
    this.#checkNewId(id);
    const options = { ...this.#takeOptions(id), parent: b };
    let task: Task | undefined;
    let reason: unknown;
    try {
      const values = usesContext() ? worker.context.given(message, b) : undefined;
      task = this.#launches.pack(target, receive(payload, worker.kinds), values);
    } catch (error) {
      if (isBreach(error)) throw error;
      reason = error;
    }
    // From now on the thread has the slot of the pool. Until here the Worker had it, and its end would have given it back.
    takeSlot(worker.objects, options);
    const thread = task
      ? this.#launches.launch(task, options, id)
      : this.#stillborn(id, target, options, reason);
    this.#hand(worker, thread);
  }

  /** Makes a thread that has failed already, as it cannot be run. */
  #stillborn(id: number, target: Target, options: HubThreadOptions, reason: unknown): HubThread {
    const thread = new HubThread(this.#threads, id, { label: targetName(target), ...options });
    joinPool(thread, options);
    thread.end(Ended.of({ status: "rejected", reason }));
    return thread;
  }

  /** Starts a function of the hub as a thread, for a Worker: `Up.Start`. */
  start(worker: GreenWorker, message: Message): void {
    const { id, a, b, payload } = message;
    const target = boundTarget(worker, a);
    this.#checkNewId(id);
    const prepared = this.#takeOptions(id);
    const call = this.#callServer.open(target);
    const options = { ...prepared, parent: b, heeds: () => call.heeds };
    let unread: unknown;
    try {
      if (usesContext()) call.given = worker.context.given(message, b);
    } catch (error) {
      unread = error;
    }
    const work = (signal: AbortSignal) => {
      if (unread !== undefined) throw unread;
      if (this.#registry.closed) throw this.#registry.closedError();
      signal.addEventListener("abort", () => call.abort(signal.reason));
      const result = this.#callServer.invoke(worker, target, call, payload);
      return isThenable(result) ? Promise.resolve(result).finally(() => call.settled()) : result;
    };
    const thread = makeAsyncThread(this.#threads, call.name, options, work, id);
    this.#hand(worker, thread);
  }

  /** Notes that the Worker that made a thread has a handle to it, and has to be told how it ends. */
  #hand(worker: GreenWorker, thread: HubThread): void {
    // The Worker reports an unhandled failure of the thread, unless the thread is detached.
    if (!thread.detached) thread.keeper = worker;
    if (thread.dead) return worker.tell(thread);
    worker.holdThread(thread);
    (thread.watchers ??= new Set()).add(worker);
  }

  #checkNewId(id: number): void {
    if (!this.#threads.byId(id)) return;
    throw new BridgeProtocolError(`Cannot make thread ${id}: there is one with that id`);
  }

  #takeOptions(id: number): ThreadOptions | undefined {
    const options = this.#options.get(id);
    this.#options.delete(id);
    return options;
  }
}
