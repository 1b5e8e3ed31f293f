/**
 * The start order: the new threads of a cooperative hub, each of which begins when its order number comes.
 *
 * All threads of the hub share one sequence of numbers (see `bridge/wire/run_lock.ts`). The side that spawns a thread takes the
 * thread's number, and the hub sorts the threads. When the number of a new thread comes, nobody runs green code, so it is settled
 * which thread runs where, and the choices made here are the same each time:
 *
 * - If a Worker can be had for the thread, it begins. While a Worker is being started for it, everybody waits.
 * - If there is no Worker for it (all that there may be are taken by threads that wait for something), the thread is *late*: it
 *   loses its turn, and is the first to have the next turn of a new thread for which there is a Worker. A thread that waits for
 *   it may bring it back earlier.
 *
 * @module
 */

import { isBefore } from "../../bridge/wire/board.ts";
import type { RunLock } from "../../bridge/wire/run_lock.ts";
import type { GreenWorker } from "../records/worker.ts";
import type { HubThread } from "../records/thread.ts";

/** A Worker on which a thread can begin; `"starting"` if one is being started for it; nothing if there is none now. */
export type Berth = GreenWorker | "starting" | undefined;

/** The threads that have not begun. */
export class StartOrder {
  readonly #runLock: RunLock;
  /** The order numbers of the threads, the lowest first. */
  readonly #numbers: number[] = [];
  /** The thread of each number; `null` if the number is for the first of the late threads. */
  readonly #threads = new Map<number, HubThread | null>();
  readonly #late = new Set<HubThread>();
  /** The count of numbers that were taken for late threads. */
  #recalls = 0;
  /** The last number that came. */
  #last = 0;

  constructor(runLock: RunLock) {
    this.#runLock = runLock;
  }

  /** Adds a thread, which may begin when its number comes. */
  add(thread: HubThread): void {
    const { order } = thread;
    const fits = order !== undefined && !this.#threads.has(order) && isBefore(this.#last, order);
    this.#insert(fits ? order : this.#runLock.enlist(), thread);
  }

  /** Forgets a thread that has ended before it began. */
  remove(thread: HubThread): void {
    this.#late.delete(thread);
  }

  /** Gives a late thread a new number: it has become urgent, or can begin on another thread's stack. */
  hurry(thread: HubThread): void {
    if (this.#late.delete(thread)) this.#insert(this.#runLock.enlist(), thread);
  }

  /** Takes numbers for late threads, as there are Workers for so many. */
  recall(count: number): void {
    while (this.#recalls < Math.min(count, this.#late.size)) {
      this.#recalls++;
      this.#insert(this.#runLock.enlist(), null);
    }
  }

  /**
   * Finds the thread that is to begin now, and its Worker, and passes the run lock to that.
   *
   * @param berth Finds a Worker for a thread; `undefined` also for a thread that is to begin no more.
   * @param waits Whether a thread still waits to begin.
   */
  next(
    berth: (thread: HubThread) => Berth,
    waits: (thread: HubThread) => boolean,
  ): { thread: HubThread; worker: GreenWorker } | undefined {
    this.#announce();
    for (;;) {
      const { turn } = this.#runLock;
      if (turn === 0) return undefined;
      const own = this.#threads.get(turn);
      for (const thread of this.#candidates(own)) {
        if (!waits(thread)) continue;
        const worker = berth(thread);
        if (worker === "starting") return undefined;
        if (!worker) continue;
        this.#late.delete(thread);
        if (own && own !== thread && waits(own)) this.#late.add(own);
        this.#runLock.pass(worker.slot, this.#take(turn, waits));
        return { thread, worker };
      }
      if (own && waits(own)) this.#late.add(own);
      this.#runLock.skip(this.#take(turn, waits));
    }
  }

  *#candidates(own: HubThread | null | undefined): Generator<HubThread> {
    const [late] = this.#late;
    if (late) yield late;
    if (own && own !== late) yield own;
  }

  /** The turn with a number is over; gives the next number, or 0. */
  #take(number: number, waits: (thread: HubThread) => boolean): number {
    this.#last = number;
    const numbers = this.#numbers;
    while (numbers.length > 0 && !isBefore(number, numbers[0])) {
      const gone = numbers.shift()!;
      const thread = this.#threads.get(gone);
      this.#threads.delete(gone);
      if (thread === null) this.#recalls--;
      // The thread's turn should have been earlier; the thread must not be lost, even if that turn was.
      else if (thread && gone !== number && waits(thread)) this.#late.add(thread);
    }
    return numbers[0] ?? 0;
  }

  /** Adds a number, which is the highest as a rule. */
  #insert(number: number, thread: HubThread | null): void {
    this.#threads.set(number, thread);
    const numbers = this.#numbers;
    let at = numbers.length;
    while (at > 0 && isBefore(number, numbers[at - 1])) at--;
    numbers.splice(at, 0, number);
    if (at === 0) this.#announce();
  }

  #announce(): void {
    if (this.#numbers.length > 0) this.#runLock.announce(this.#numbers[0]);
  }
}
