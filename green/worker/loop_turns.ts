/**
 * Loop turns of a Worker that may have more to do: for finalizers, and for work that callbacks and links have left to microtasks
 * and timers. Also the loop turns that a Worker takes after it has loaded a module.
 *
 * @module
 */

import { setTimeout } from "node:timers";

/** The quick loop turns that are taken after a module was loaded: see {@linkcode settleLoading}. */
const TURNS_AFTER_LOADING = 5;

/** The longest time of a quick turn, in milliseconds. A longer one does not count: this thread or the machine has much to do. */
const QUICK_TURN = 5;

/** The most loop turns that are taken after a module was loaded, quick or not. */
const MOST_TURNS = 40;

/** The most callbacks that are served without a loop turn. */
const CALLBACKS_A_TURN = 64;

/** Counts the work since the last loop turn. */
export class LoopTurns {
  /** The count of callbacks served since the last loop turn. */
  #callbacks = 0;
  /** Whether any code was run since the last loop turn, so that a turn may free something. */
  worked = false;

  /** Whether the event loop is to have a turn now. */
  get isDue(): boolean {
    return this.#callbacks >= CALLBACKS_A_TURN;
  }

  /** Notes a callback that is about to be run. */
  noteCallback(): void {
    this.#callbacks++;
    this.worked = true;
  }

  /** Makes a loop turn due, as a promise waits for the event loop. */
  hurry(): void {
    this.#callbacks = CALLBACKS_A_TURN;
  }

  /** Notes that the event loop has its turn now. */
  begin(): void {
    this.#callbacks = 0;
    this.worked = false;
  }
}

/**
 * Gives the event loop some turns, after an `import()` that may have loaded modules.
 *
 * Deno (2.9.6) goes on with an import of npm packages after its promise has settled: it reads what the cache knows about each
 * package in the lock file, in tasks of the thread that imports, and all other threads that need to know the same wait for
 * these tasks. A Worker that parks meanwhile takes no turn, and then the next `import()` of a new package on the main thread
 * never settles.
 *
 * Each turn is that of a timer, which takes two milliseconds: turns of `setImmediate` are over before a file has been read, and
 * twenty of them are not enough. One turn of a timer is too few; three have been enough on a machine with ten times as much to do
 * as it has cores. Nothing here may need one more thread of the process: where there can be none, Deno ends the process.
 */
export async function settleLoading(): Promise<void> {
  let quick = 0;
  for (let turns = 0; quick < TURNS_AFTER_LOADING && turns < MOST_TURNS; turns++) {
    const start = performance.now();
    await new Promise<void>((resolve) => void setTimeout(resolve, 0));
    if (performance.now() - start < QUICK_TURN) quick++;
  }
}

/** Waits for a promise, but no longer than some milliseconds. */
export async function inTime(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
