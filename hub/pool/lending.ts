/**
 * When a blocked thread lends its place in the pool to one in the queue.
 *
 * A thread that is blocked keeps its Worker. When all Workers are blocked, what they wait for may be a thread of the queue: async
 * code may wait for it that a hub function, a server's handler or a connection pool waits for in turn. Nobody can know, as the
 * same is to be seen where all of them wait for a slow server. So they are given time; when each has been blocked in one
 * wait all the while, one of them lends its place: it does not count towards `maxWorkers` until it goes on, and the first thread in the
 * queue gets a Worker for it. That Worker takes one thread after another as long as the place is lent, and ends when it has
 * nothing to do.
 *
 * ```text
 * a place   kept ──all blocked for the patience──> lent ──its thread goes on, or ends──> kept
 * ```
 *
 * **What it may cost.** One place is lent at a time, and each takes twice the time of the one before, up to
 * {@linkcode PATIENCE}`.mostLending`: slow calls on a pool that is full give it a few Workers more, and `maxWorkers` still means something.
 *
 * **Who counts as blocked.** A thread that has said so (`Up.Parked`), unless it only sleeps, as that one goes on by itself. An
 * `async` green function that awaits says nothing, and neither does a module that is being loaded: such a Worker is blocked if it
 * sleeps in its event loop (and not as short blocking calls do, such as `sleep(5)` in a loop), and nobody has woken it since the last look. That is read from the board while the Worker may write
 * there, so it is true of the moment only; it counts if it was so at each look, and one look too many costs one Worker for a while.
 *
 * Where all are blocked on queues, locks and green threads, nobody waits for a look: see `Pool.relieve()`.
 *
 * @module
 */

import { PATIENCE } from "../../bridge/patience.ts";
import type { GreenWorker } from "../records/worker.ts";
import type { HubThread } from "../records/thread.ts";

/** The number of looks in one patience, while threads wait for a Worker. */
const LOOKS = 4;

/** The pool whose threads may lend their places. */
export interface Lendable {
  readonly workers: ReadonlySet<GreenWorker>;
  /** Whether threads wait for a Worker. */
  waits(): boolean;
  /** Whether the first of them gets none unless a place is lent, and would get one then. */
  needy(): boolean;
  /** A number for the wait of the thread that runs on a Worker; nothing if it is not blocked. */
  waitOf(worker: GreenWorker): number | undefined;
  /** A place was lent. */
  lent(): void;
}

/** Looks from time to time whether a pool is blocked as a whole. */
export class Lending {
  readonly #pool: Lendable;
  readonly #patience: number;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** The wait of each thread at the last look. */
  #waits = new Map<HubThread, number | undefined>();
  /** Since when all have been in the same waits. */
  #since = 0;

  /**
   * @param pool The pool.
   * @param patience How long all have to have been blocked, in milliseconds.
   */
  constructor(pool: Lendable, patience: number = PATIENCE.lending) {
    this.#pool = pool;
    this.#patience = patience;
  }

  /** A thread waits for a Worker. */
  watch(): void {
    if (this.#timer !== undefined) return;
    this.#since = performance.now();
    this.#timer = setInterval(() => this.#look(), this.#patience / LOOKS);
    Deno.unrefTimer(this.#timer);
  }

  /** Nothing waits for a Worker any more. */
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

  /** Notes in which waits the threads are now; says whether all are blocked, and were in the same waits at the last look. */
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
