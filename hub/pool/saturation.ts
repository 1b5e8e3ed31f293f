/**
 * A pool whose Workers are all blocked: it lends places for a while, and refuses threads when it can have no more Workers.
 *
 * **Saturation**: a hub may have no more Workers, or can start none, and all that it has are blocked.
 *
 * A blocked thread keeps its Worker, and there may be many more Workers than `maxWorkers` (see {@linkcode mostWorkers}), so that
 * threads which wait for others do not keep these from starting. When those Workers are used up too, the running threads may all
 * wait for threads in the queue, and nobody could ever go on. The hub cannot know: async code may put the item that one of the
 * blocked threads waits for. So the hub waits for a while. If all Workers are blocked for all that time, each thread that has
 * been in the queue as long ends with an error that says so.
 *
 * A thread whose wait has a time limit or a signal may go on by itself, and so may one that waits for an async function: neither
 * counts as blocked.
 *
 * **Lending**: a blocked thread lends its place in the pool to a thread in the queue.
 *
 * A blocked thread keeps its Worker. When all Workers are blocked, they may wait for a thread of the queue, by way of async code:
 * a hub function, a server's handler or a connection pool may wait for that thread. The hub cannot know: it sees the same when
 * all Workers wait for a slow server. So they are given time. When each has been blocked in one wait for all that time, one of
 * the blocked threads lends its place: it does not count towards `maxWorkers` until it goes on, and the first thread in the queue
 * gets a Worker for it. That Worker takes one thread after another while the place is lent, and ends when it has nothing to do.
 *
 * ```text
 * a place   kept ──all blocked for the patience──> lent ──its thread goes on, or ends──> kept
 * ```
 *
 * **The cost.** Places are lent one at a time, and each takes twice the time of the one before, up to
 * `PATIENCE.mostLending`: slow calls on a full pool give it a few Workers more, and `maxWorkers` still means something.
 *
 * **Blocked threads.** A thread counts as blocked if it has said so (`Up.Parked`), unless it only sleeps, since a sleep ends by
 * itself. An `async` green function that awaits says nothing, and neither does a module that is being loaded: such a Worker
 * counts as blocked if it sleeps in its event loop (not in a short blocking call, such as `sleep(5)` in a loop) and nobody has
 * woken it since the last look. That is read from the board while the Worker may write there, so it is true of the moment only.
 * It counts if it was so at each look; a wrong guess costs one Worker for a while.
 *
 * When all are blocked on queues, locks and green threads, there is no need to wait for a look: see `Pool.relieve()`.
 *
 * @module
 */

import { HubSaturatedError } from "../../bridge/errors.ts";
import { PATIENCE } from "../../bridge/patience.ts";
import type { HubThread } from "../records/thread.ts";
import type { GreenWorker } from "../records/worker.ts";

/** How many Workers a hub may have beyond twice as many as `maxWorkers`. Tests set fewer, as each takes its time to start. */
export const EXTRA = { workers: 32 };

/** The most Workers that a hub may have, those beyond `maxWorkers` included. */
export function mostWorkers(maxWorkers: number): number {
  return 2 * maxWorkers + EXTRA.workers;
}

/** The pool that may be saturated. */
interface Saturable {
  readonly name: string;
  readonly maxWorkers: number;
  /** The threads in the queue. */
  readonly queue: ReadonlySet<HubThread>;
  /** The time since which all Workers that there may be are blocked; nothing if they are not. */
  stuckSince(): number | undefined;
  /** The error with which the last Worker could not start; nothing if one could. */
  startError?(): unknown;
  /** Ends a thread of the queue. */
  refuse(thread: HubThread, reason: HubSaturatedError): void;
}

/** Watches whether a pool is saturated. */
export class Saturation {
  readonly #pool: Saturable;
  readonly #patience: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param pool The pool.
   * @param patience The time for which all have to be blocked, in milliseconds.
   */
  constructor(pool: Saturable, patience: number = PATIENCE.saturated) {
    this.#pool = pool;
    this.#patience = patience;
  }

  /** Begins to watch, if need be: a thread has come to wait in the queue, or on its Worker. */
  look(): void {
    const { queue } = this.#pool;
    if (this.#timer !== undefined || queue.size === 0) return;
    if (this.#pool.stuckSince() === undefined) return;
    const since = performance.now();
    const waiting = [...queue];
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const stuck = this.#pool.stuckSince();
      if (stuck !== undefined && stuck <= since) this.#refuse(waiting);
      this.look();
    }, this.#patience);
    Deno.unrefTimer(this.#timer);
  }

  /** Stops watching. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #refuse(waiting: readonly HubThread[]): void {
    const { queue } = this.#pool;
    const [workers, advice, options] = this.#limit();
    for (const thread of waiting) {
      if (!queue.has(thread)) continue;
      const reason = new HubSaturatedError(
        `Cannot start "${thread.name}": ${workers} run green threads that have been blocked for ` +
          `${this.#patience / 1000} s, and they may wait for "${thread.name}": ${advice}`,
        options,
      );
      this.#pool.refuse(thread, reason);
    }
  }

  /** The parts of the error's message: the Workers, the reason why there are no more, and advice. */
  #limit(): [workers: string, advice: string, options?: ErrorOptions] {
    const { name, maxWorkers } = this.#pool;
    const cause = this.#pool.startError?.();
    if (cause === undefined) {
      const most = mostWorkers(maxWorkers);
      return [
        `all ${most} Workers of hub "${name}" (the limit for maxWorkers ${maxWorkers})`,
        "raise maxWorkers, spawn fewer green threads at a time, or use async functions of the hub instead",
      ];
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    return [
      `hub "${name}" cannot start more Workers (${why}), and all its Workers`,
      "raise the limits of the process, spawn fewer green threads at a time, or use async functions of the hub instead",
      { cause },
    ];
  }
}

/** The number of looks in one patience, while threads wait for a Worker. */
const LOOKS = 4;

/** The pool whose threads may lend their places. */
interface Lendable {
  readonly workers: ReadonlySet<GreenWorker>;
  /** Whether threads wait for a Worker. */
  waits(): boolean;
  /** Whether the first of these threads gets a Worker if a place is lent, and only then. */
  needy(): boolean;
  /** A number for the wait of the thread that runs on a Worker; nothing if it is not blocked. */
  waitOf(worker: GreenWorker): number | undefined;
  /** Notes that a place was lent. */
  lent(): void;
}

/** Looks from time to time whether a pool is blocked as a whole. */
export class Lending {
  readonly #pool: Lendable;
  readonly #patience: number;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** The wait of each thread at the last look. */
  #waits = new Map<HubThread, number | undefined>();
  /** The time since which all threads have been in the same waits. */
  #since = 0;

  /**
   * @param pool The pool.
   * @param patience The time for which all have to be blocked, in milliseconds.
   */
  constructor(pool: Lendable, patience: number = PATIENCE.lending) {
    this.#pool = pool;
    this.#patience = patience;
  }

  /** Begins to look, as a thread waits for a Worker. */
  watch(): void {
    if (this.#timer !== undefined) return;
    this.#since = performance.now();
    this.#timer = setInterval(() => this.#look(), this.#patience / LOOKS);
    Deno.unrefTimer(this.#timer);
  }

  /** Looks no more, as no thread waits for a Worker. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    if (!this.#pool.waits()) return this.stop();
    const blocked = this.#compare();
    const now = performance.now();
    if (!blocked || !this.#pool.needy()) this.#since = now;
    const patience = Math.min(PATIENCE.mostLending, this.#patience * 2 ** this.#lenders.length);
    if (now - this.#since < patience) return;
    this.#since = now;
    const lender = [...this.#waits.keys()].find((thread) => !thread.lends);
    if (!lender) return;
    lender.lends = true;
    this.#pool.lent();
  }

  /** Notes the wait of each thread; says whether all are blocked, each in the same wait as at the last look. */
  #compare(): boolean {
    const before = this.#waits;
    const waits = this.#waits = new Map();
    let all = true;
    for (const worker of this.#pool.workers) {
      const thread = worker.stack.at(-1);
      if (!thread) continue;
      const wait = this.#pool.waitOf(worker);
      waits.set(thread, wait);
      const stays = wait !== undefined && before.get(thread) === wait;
      if (!stays && before.has(thread)) thread.lends = false;
      all &&= stays;
    }
    return all && waits.size > 0;
  }

  get #lenders(): HubThread[] {
    return [...this.#waits.keys()].filter(({ lends }) => lends);
  }
}
