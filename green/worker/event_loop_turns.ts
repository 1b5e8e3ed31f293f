/**
 * When a Worker goes back to its event loop, though there may be more to do: for finalizers, and for what callbacks and
 * links have left to microtasks and timers; and what it does there once it has loaded something.
 *
 * @module
 */

import { clearTimeout, setTimeout } from "node:timers";

/**
 * A package that cannot be: its name is too long for a file (255 bytes on most systems), and Deno looks there first. So an
 * import of it fails at once, and asks no registry; with `--reload` it asks once in a process.
 */
const NO_PACKAGE = `npm:aiohub-lets-go-of-what-it-loaded-${"-".repeat(256)}`;

/**
 * How often a Worker has an import fail: Deno remembers each one, and all later ones take longer for it (1 ms after 200, 5 ms
 * after 1,000). Only `async` functions that import are likely to get there, and seldom import anything new by then.
 */
const MOST_FAILURES = 200;

/** How many turns are taken where no import is to fail: after five, about one process in 70 still had something left. */
const TURNS_INSTEAD = 5;

/**
 * How long {@linkcode settleLoading} may take, in milliseconds. It takes less than ten, and longer only while another thread
 * resolves packages, or while this Worker loads something else that nobody awaits, perhaps from a server that never answers.
 */
const PATIENCE_MS = 10_000;

/** How often this Worker has loaded something. */
let loads = 0;

/** How many callbacks are served without a turn of the event loop. */
const CALLBACKS_A_TURN = 64;

/** What was done since the last turn of the event loop. */
export class EventLoopTurns {
  /** How many callbacks were served since then. */
  #callbacks = 0;
  /** Whether anything was run since then. */
  #worked = false;

  /** Whether the event loop is to have a turn now. */
  get isDue(): boolean {
    return this.#callbacks >= CALLBACKS_A_TURN;
  }

  /** Whether anything was run, so that a turn may free something. */
  get worked(): boolean {
    return this.#worked;
  }

  /** A thread is about to be run. */
  noteThread(): void {
    this.#worked = true;
  }

  /** A callback is about to be run. */
  noteCallback(): void {
    this.#callbacks++;
    this.#worked = true;
  }

  /** Something waits for the event loop. */
  hurry(): void {
    this.#callbacks = CALLBACKS_A_TURN;
  }

  /** The event loop has its turn. */
  begin(): void {
    this.#callbacks = 0;
    this.#worked = false;
  }
}

/**
 * Lets go of what an `import()` of a Worker has left with Deno, so that the Worker may park.
 *
 * What was seen in Deno 2.9: an import of npm packages also reads what is known of each (`registry.json` in the cache, or from
 * the registry), in a task of the thread that imports, and settles before that has ended where the lock file knows the package.
 * The process keeps one list of what is read. Whoever resolves a package that is new, the hub above all, takes from the list
 * what is known of all others, and so waits for that task. A parked Worker runs no task: the import never settles.
 *
 * The list is emptied after each resolution, also after one that has failed. So the Worker has one that fails, which waits for
 * nothing that is read. Why nothing of its own is in the list when it parks:
 *
 * - A task writes to the list in its first step. The turn of a timer comes after that: the event loop only waits when no task
 *   is due. So what the Worker has begun is in the list before it is emptied.
 * - Resolutions come one after another, in all threads. One that has found a task of this Worker in the list before it was
 *   emptied is through before this Worker's begins; until then the Worker takes turns.
 *
 * A failed import is remembered: each has another version.
 */
export async function settleLoading(): Promise<void> {
  await turn();
  if (++loads <= MOST_FAILURES) {
    return await inTime(import(`${NO_PACKAGE}@0.0.${loads}`).catch(() => {}), PATIENCE_MS);
  }
  for (let turns = 1; turns < TURNS_INSTEAD; turns++) await turn();
}

/** One turn of the event loop: that of a timer, since those of `setImmediate` do not wait. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 0));
}

/** Waits for a promise, but no longer than some milliseconds. */
export async function inTime(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
