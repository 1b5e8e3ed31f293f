/**
 * Launches: make the threads that Workers run, and hold them back before the pool's queue if need be, for a delay or a gate.
 *
 * **Members of `GreenPool`s.** The hub keeps them, as it knows when each thread has ended, whichever way. A slot is a permit of
 * the pool. A slot that a Worker took is the Worker's until the spawn is taken in here, and the thread's after that: see
 * `sync/permits.ts`. On the hub, the code that spawns has taken the slot in the same turn.
 *
 * @module
 */

import { ON_END } from "../../bridge/side/green_thread.ts";
import { LONGEST_TIMER } from "../../bridge/checks.ts";
import { encode } from "../../bridge/values/codec.ts";
import type { ContextValues } from "../../bridge/context/context.ts";
import { encodeContext } from "../../bridge/context/wire.ts";
import { keep } from "../../bridge/wire/message.ts";
import { type Target, targetName, type ThreadOptions } from "../../bridge/protocol/messages.ts";
import type { HubThreadOptions } from "../../bridge/side/spawnable.ts";
import { Timeout } from "../../bridge/side/timeout.ts";
import { hereOnHub } from "../../bridge/memory/process_side.ts";
import { makeDependent, type Threads } from "./threads.ts";
import { Ended } from "../records/ended.ts";
import { type Registry, TO_WORKERS } from "../records/worker.ts";
import { HubThread, type Task } from "../records/thread.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import type { Pool } from "../pool/pool.ts";
import { stackHere } from "../../bridge/values/stacks.ts";
import type { Permits } from "../../sync/permits.ts";
import { BridgeProtocolError } from "../../bridge/errors.ts";
import { type Coordination, CORE, coreOf } from "../../bridge/memory/objects.ts";
import type { WorkerObjects } from "../references/worker_objects.ts";

/** The number of generations of threads that a stack tells of. */
const MOST_SITES = 16;

/** The launches of one hub. */
export class Launches {
  readonly #registry: Registry;
  readonly #threads: Threads;
  readonly #pool: Pool;
  readonly #debug: boolean;
  readonly #arena = hereOnHub().arena;
  #count = 0;

  /**
   * @param registry The hub's tables, in which the references in arguments are looked up.
   * @param threads The hub's threads.
   * @param pool The pool that runs them.
   * @param debug Whether to record where threads are spawned.
   */
  constructor(registry: Registry, threads: Threads, pool: Pool, debug: boolean) {
    this.#registry = registry;
    this.#threads = threads;
    this.#pool = pool;
    this.#debug = debug;
  }

  /** The number of threads that were ever launched. */
  get count(): number {
    return this.#count;
  }

  /** Whether a thread is a callback, of which the hub knows nothing but its id: it has no dependants. */
  #isCallback(id: number): boolean {
    for (const worker of this.#pool.workers) if (worker.serves(id)) return true;
    return false;
  }

  /**
   * Makes the task of a thread from a target and its arguments.
   *
   * @param args The arguments; or their payload, if they come from a Worker.
   * @param values The async context for the thread.
   * @throws {NotCloneableError} If an argument, or a value of the context, cannot cross.
   */
  pack(
    target: Target,
    args: readonly unknown[] | Payload,
    values: ContextValues | undefined,
  ): Task {
    const payload = isPayload(args) ? args : encode(args, "arguments", TO_WORKERS);
    const context = values && { payload: encodeContext(values, TO_WORKERS), values };
    return { target, args: payload, context };
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
    if (options.timeout !== undefined) this.#limit(thread, options.timeout, options.grace);
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
    // The task waits, and the caller may change the bytes that it passed before the task runs.
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
    const timer = setTimeout(() => this.#enqueue(thread), Math.max(0, delay));
    thread[ON_END](() => clearTimeout(timer));
  }

  #recordSite(thread: HubThread, stack: string): void {
    const above = this.#threads.byId(thread.parent)?.spawnSites ?? [];
    thread.spawnSites = [{ name: thread.name, stack }, ...above].slice(0, MOST_SITES);
  }

  /** Sets a thread's time limit: kills it when it has run for too long. The clock starts with the thread. */
  #limit(thread: HubThread, ms: number, grace = Infinity): void {
    if (ms > LONGEST_TIMER) return;
    thread.onStart = () => {
      const timer = setTimeout(() => {
        this.#threads.killThread(thread, new Timeout(ms), false, grace);
      }, ms);
      thread[ON_END](() => clearTimeout(timer));
    };
  }
}

function isPayload(args: readonly unknown[] | Payload): args is Payload {
  return !Array.isArray(args);
}

/** Gives a task that waits a copy of its bytes. */
function keepTask(task: Task): Task {
  const { args, context } = task;
  return {
    ...task,
    args: keep(args),
    ...context ? { context: { ...context, payload: keep(context.payload) } } : {},
  };
}

/** Makes a thread a member of the pool that it was spawned in: its slot is free again when it has ended. */
export function joinPool(thread: HubThread, { pool, memberOf }: ThreadOptions): void {
  thread.memberOf = memberOf;
  const core = pool && coreOf(pool);
  if (!core) return;
  thread.memberOf = core.id;
  thread[ON_END](() => (core as Permits).release());
}

/**
 * Takes over the slot with which a Worker spawns a thread.
 *
 * @throws {BridgeProtocolError} If the Worker has no such slot.
 */
export function takeSlot(objects: WorkerObjects, { pool, slot }: ThreadOptions): void {
  if (pool === undefined) return;
  const core = (pool as Coordination)[CORE];
  if (core.wireName === "GreenPool" && objects.takeOver(core as Permits, slot)) return;
  throw new BridgeProtocolError(`Cannot spawn in ${core.title}: the Worker holds no slot of it`);
}
