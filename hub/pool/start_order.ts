/**
 * The start order: the new threads of a cooperative hub, each of which begins when its number comes.
 *
 * Each has a number, its place in the line that all share (see `bridge/wire/run_lock.ts`): whoever spawns it takes the number,
 * and the hub sorts. When it is the turn of one, nobody runs green code, so it is settled what runs where, and the choices
 * made here are the same each time:
 *
 * - A thread for which a Worker can be had begins. While one is being started for it, everybody waits.
 * - One for which there is none (all that there may be are taken by threads that wait for something) is *late*: it loses its
 *   turn, and is the first to have the next one of a new thread for which there is a Worker. One who waits for it may bring it
 *   back earlier.
 *
 * @module
 */

import { isBefore } from "../../bridge/wire/board.ts";
import type { RunLock } from "../../bridge/wire/run_lock.ts";
import type { GreenWorker } from "../records/worker.ts";
import type { HubThread } from "../records/thread.ts";

/** Where a thread can begin: on a Worker, on one that is being started, or nowhere now. */
export type Berth = GreenWorker | "starting" | undefined;

/** The threads that have not begun. */
export class StartOrder {
  readonly #runLock: RunLock;
  /** The numbers, the lowest first. */
  readonly #numbers: number[] = [];
  /** Whose numbers they are; `null` if it is that of the first who is late. */
  readonly #threads = new Map<number, HubThread | null>();
  readonly #late = new Set<HubThread>();
  /** How many numbers were taken for those who are late. */
  #recalls = 0;
  /** The last number that came. */
  #last = 0;

  constructor(runLock: RunLock) {
    this.#runLock = runLock;
  }

  /** A thread may begin when it is its turn. */
  add(thread: HubThread): void {
    const { order } = thread;
    const fits = order !== undefined && !this.#threads.has(order) && isBefore(this.#last, order);
    this.#insert(fits ? order : this.#runLock.enlist(), thread);
  }

  /** A thread has ended before it began. */
  remove(thread: HubThread): void {
    this.#late.delete(thread);
  }

  /** A late thread has become urgent, or can begin on somebody's stack. */
  hurry(thread: HubThread): void {
    if (this.#late.delete(thread)) this.#insert(this.#runLock.enlist(), thread);
  }

  /** There are Workers for so many of those who are late. */
  recall(count: number): void {
    while (this.#recalls < Math.min(count, this.#late.size)) {
      this.#recalls++;
      this.#insert(this.#runLock.enlist(), null);
    }
  }

  /**
   * The thread that is to begin now, with its Worker, to which the run lock goes.
   *
   * @param berth Finds a Worker for a thread; `undefined` also for one that is to begin no more.
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
      // Its turn should have been earlier; it is not to be lost, whatever has happened to that.
      else if (thread && gone !== number && waits(thread)) this.#late.add(thread);
    }
    return numbers[0] ?? 0;
  }

  /** Mostly it is the highest. */
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
