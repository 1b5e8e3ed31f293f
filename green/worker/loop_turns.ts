/**
 * When a Worker goes back to its event loop, though there may be more to do: for finalizers, and for what callbacks and
 * links have left to microtasks and timers; and for how long once it has loaded something.
 *
 * @module
 */

import { setTimeout } from "node:timers";

/** How many turns of the event loop what was loaded needs: see {@linkcode settleLoading}. */
const TURNS_AFTER_LOADING = 5;

/** A turn that takes longer, in milliseconds, shows that this thread or the machine has much to do: it does not count. */
const QUICK_TURN = 5;

/** How many turns are taken at the most. */
const MOST_TURNS = 40;

/** How many callbacks are served without a turn of the event loop. */
const CALLBACKS_A_TURN = 64;

/** What was done since the last turn of the event loop. */
export class LoopTurns {
  /** How many callbacks were served since then. */
  #callbacks = 0;
  /** Whether anything was run since then, so that a turn may free something. */
  worked = false;

  /** Whether the event loop is to have a turn now. */
  get isDue(): boolean {
    return this.#callbacks >= CALLBACKS_A_TURN;
  }

  /** A callback is about to be run. */
  noteCallback(): void {
    this.#callbacks++;
    this.worked = true;
  }

  /** Something waits for the event loop. */
  hurry(): void {
    this.#callbacks = CALLBACKS_A_TURN;
  }

  /** The event loop has its turn. */
  begin(): void {
    this.#callbacks = 0;
    this.worked = false;
  }
}

/**
 * Gives the event loop some turns, after an `import()` that may have loaded something.
 *
 * Deno (2.9.6) goes on with an import of npm packages after its promise has settled: it reads what the cache knows about each
 * package in the lock file, in tasks of the thread that imports, and all other threads that need to know the same wait for
 * these. A Worker that parks meanwhile takes no turn, and the next `import()` of a new package on the main thread never settles.
 *
 * Each turn is that of a timer, which takes two milliseconds: those of `setImmediate` are over before a file has been read, and
 * twenty of them are not enough. One such turn is too few, three have been enough on a machine with ten times as much to do as it
 * has cores. Nothing here may need one more thread of the process: where there can be none, Deno ends the process.
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
