/**
 * How threads that Workers run are made, and what may hold one up before it is in the pool's queue: a time, a gate.
 *
 * @module
 */

import { LONGEST_TIMER } from "../../bridge/checks.ts";
import { encode } from "../../bridge/values/codec.ts";
import type { ContextValues } from "../../bridge/context/context.ts";
import { encodeContext } from "../../bridge/context/wire.ts";
import { keep } from "../../bridge/wire/message.ts";
import { type Target, targetName } from "../../bridge/protocol/messages.ts";
import type { HubThreadOptions } from "../../bridge/side/spawnable.ts";
import { Timeout } from "../../bridge/side/timeout.ts";
import { hereOnHub } from "../../bridge/memory/process_side.ts";
import { makeDependent } from "./dependants.ts";
import { Ended } from "../records/ended.ts";
import type { Registry } from "../records/worker.ts";
import { HubThread, type Task } from "../records/thread.ts";
import { Luggage } from "../records/luggage.ts";
import type { Pool } from "../pool/pool.ts";
import { joinPool } from "./pool_members.ts";
import type { Threads } from "./threads.ts";
import { stackHere } from "../../bridge/values/stack_here.ts";

/** How many generations of threads a stack tells of. */
const MOST_SITES = 16;

/** Makes the threads of one hub that Workers run. */
export class Launches {
  readonly #registry: Registry;
  readonly #threads: Threads;
  readonly #pool: Pool;
  readonly #debug: boolean;
  readonly #arena = hereOnHub().arena;
  #count = 0;

  /**
   * @param registry What arguments refer to is looked up there.
   * @param threads Keeps the threads.
   * @param pool Runs them.
   * @param debug Whether it is recorded where threads are spawned.
   */
  constructor(registry: Registry, threads: Threads, pool: Pool, debug: boolean) {
    this.#registry = registry;
    this.#threads = threads;
    this.#pool = pool;
    this.#debug = debug;
  }

  /** How many threads were ever launched. */
  get count(): number {
    return this.#count;
  }

  /** Whether a thread is a callback, of which the hub knows nothing but its id: nobody depends on such a one. */
  #isCallback(id: number): boolean {
    for (const worker of this.#pool.workers) if (worker.serves(id)) return true;
    return false;
  }

  /**
   * Makes the task of a thread from a target and its arguments.
   *
   * @param values The async context that the thread is to have.
   * @throws {NotCloneableError} If an argument, or a value of the context, cannot cross.
   */
  pack(
    target: Target,
    args: readonly unknown[],
    values: ContextValues | undefined,
  ): Task {
    const luggage = new Luggage(this.#registry);
    try {
      const payload = encode(args, "arguments", luggage);
      const context = values && { payload: encodeContext(values, luggage), values };
      return { target, args: payload, luggage, context };
    } catch (error) {
      luggage.drop();
      throw error;
    }
  }

  /** Makes a thread that a Worker is to run. */
  launch(task: Task, options: HubThreadOptions, id = this.#arena.takeThreadId()): HubThread {
    const thread = new HubThread(this.#threads, id, {
      label: targetName(task.target),
      name: options.name,
      parent: options.parent,
      detached: options.detached,
      task,
    });
    thread.order = options.order;
    this.#count++;
    joinPool(thread, options);
    if (this.#debug) this.#recordSite(thread, options.site ?? stackHere());
    if (options.timeout !== undefined) this.#limit(thread, options.timeout, options.graceMs);
    if (this.#registry.closed) task.luggage?.drop();
    if (!this.#threads.add(thread)) return thread;
    this.#registry.keepAlive.hold();
    if (
      options.local && !this.#isCallback(thread.parent) && !makeDependent(this.#threads, thread)
    ) {
      return thread;
    }
    if (options.delay !== undefined) this.#enqueueLater(thread, options.delay);
    else if (options.gate) this.#enqueueAfter(thread, options.gate);
    else this.#enqueue(thread);
    // It waits, and by the time it runs the bytes may have been changed by whoever passed them.
    if (thread.task) thread.task = keepTask(thread.task);
    return thread;
  }

  #enqueue(thread: HubThread): void {
    try {
      this.#pool.enqueue(thread);
    } catch (reason) {
      this.#threads.endThread(thread, Ended.of({ status: "rejected", reason }));
    }
  }

  #enqueueAfter(thread: HubThread, gate: Promise<unknown>): void {
    gate.then(
      () => thread.state === "pending" && this.#enqueue(thread),
      (reason) => this.#threads.endThread(thread, Ended.of({ status: "rejected", reason })),
    );
  }

  #enqueueLater(thread: HubThread, delay: number): void {
    const timer = setTimeout(() => {
      thread.cancelDelay = undefined;
      this.#enqueue(thread);
    }, Math.max(0, delay));
    thread.cancelDelay = () => clearTimeout(timer);
  }

  #recordSite(thread: HubThread, stack: string): void {
    const above = this.#threads.byId(thread.parent)?.spawnSites ?? [];
    thread.spawnSites = [{ name: thread.name, stack }, ...above].slice(0, MOST_SITES);
  }

  /** Kills a thread when it has run for too long; its clock starts when it does. */
  #limit(thread: HubThread, ms: number, graceMs = Infinity): void {
    if (ms > LONGEST_TIMER) return;
    thread.onStart = () => {
      const timer = setTimeout(() => {
        this.#threads.killThread(thread, new Timeout(ms), false, graceMs);
      }, ms);
      thread.stopClock = () => clearTimeout(timer);
    };
  }
}

/** What waits for its turn keeps its own bytes. */
function keepTask(task: Task): Task {
  const { args, context } = task;
  return {
    ...task,
    args: keep(args),
    ...context ? { context: { ...context, payload: keep(context.payload) } } : {},
  };
}
