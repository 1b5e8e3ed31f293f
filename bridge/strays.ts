/**
 * What green code leaves behind in its Worker's event loop and fails there: a rejected promise that nobody handles, an error of a
 * timer. The runtime would end the Worker for that, and whoever runs there by then.
 *
 * **Whose it is.** The engine tells the async context in which a promise was rejected. An `async` green function has one of its
 * own. To give one to each thread would cost a tenth of what a spawn costs, so the threads that run between two turns of
 * the event loop share one, which knows their names. If there is more than one, the stack of the error may tell, or all are
 * named. An error that is thrown by a timer has no context any more: its stack says where it was, and nobody says whose.
 *
 * **When.** A promise that was rejected is told of at the next turn of the event loop. So a Worker gives it one before it sleeps and
 * before it ends: see `serving.ts`.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";

/** A thread that may have left something behind. */
export interface Suspect {
  readonly id: number;
  readonly name: string;
  /** What its function is called. */
  readonly label: string;
}

/** The threads that one context stands for. */
type Origin = Suspect[];

/** So many threads are named; one more tells that there are more. */
const MOST_SUSPECTS = 64;

/** What was left behind. */
export interface Stray {
  readonly error: unknown;
  /** Who may have left it; none if that cannot be told. */
  readonly suspects: readonly Suspect[];
}

/** An event of the runtime that would end the Worker. */
interface FatalEvent extends Event {
  readonly reason?: unknown;
  readonly error?: unknown;
}

/** How a Worker hears of them, by the event and by what node calls it. */
const KINDS = [["unhandledrejection", "unhandledRejection"], [
  "error",
  "uncaughtException",
]] as const;

/** A Worker's strays. */
export class Strays {
  readonly #origins = new AsyncLocalStorage<Origin>();
  /** That of the turn which goes on. */
  #origin: Origin = [];
  readonly #stop = new AbortController();

  /**
   * Calls a function that runs threads, as the next turn.
   *
   * @returns What it returns.
   */
  turn<T>(fn: () => T): T {
    if (this.#origin.length > 0) this.#origin = [];
    return this.#origins.run(this.#origin, fn);
  }

  /** A thread is about to run in this turn. */
  note(suspect: Suspect): void {
    if (this.#origin.length <= MOST_SUSPECTS) this.#origin.push(suspect);
  }

  /** Begins a thread in a context of its own. */
  within<T>(suspect: Suspect, fn: () => T): T {
    return this.#origins.run([suspect], fn);
  }

  /** Calls something that is none of the turn's threads' business. */
  apart<T>(fn: () => T): T {
    return this.#origins.run([], fn);
  }

  /**
   * Listens, until {@linkcode Strays.giveUp}. What code of the Worker handles itself, by a listener that calls
   * `preventDefault()` or one of `process`, is not told.
   *
   * @param tell Called with each one, at the end of the turn.
   */
  listen(tell: (stray: Stray) => void): void {
    const { signal } = this.#stop;
    for (const [type, nodes] of KINDS) {
      const listener = (event: FatalEvent) => {
        if (event.defaultPrevented || process.listenerCount(nodes) > 0) return;
        const isThrown = type === "error";
        const error = isThrown ? event.error : event.reason;
        const suspects = isThrown ? [] : whoOf(this.#origins.getStore() ?? [], error);
        let handled = false;
        event.preventDefault();
        // This is the first listener, and others may come after it.
        Object.defineProperty(event, "preventDefault", { value: () => void (handled = true) });
        queueMicrotask(() => handled || tell({ error, suspects }));
      };
      globalThis.addEventListener(type, listener, { signal });
    }
  }

  /** The Worker itself has failed, and is to end. */
  giveUp(): void {
    this.#stop.abort();
  }
}

/** Who it was, as far as that can be told: an error's stack may name the function of one of them, and of no other. */
function whoOf(origin: Origin, error: unknown): Origin {
  if (origin.length < 2) return [...origin];
  const stack = stackOf(error);
  const named = origin.filter(({ label }) =>
    label !== "" && (stack.includes(`at ${label} (`) || stack.includes(`at async ${label} (`))
  );
  return named.length === 1 ? named : [...origin];
}

function stackOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.stack) : "";
  } catch {
    return "";
  }
}

/** So many names stand in a message. */
const MOST_NAMES = 4;

/**
 * Where a stray comes from, in words.
 *
 * @param stray It.
 * @param running The name of the thread that has the Worker now, if one has.
 */
export function whereOf({ suspects }: Stray, running: string | undefined): string {
  if (suspects.length === 0) {
    return `a timer or the like in a Worker${
      running === undefined ? "" : ` that runs "${running}"`
    }`;
  }
  const names = suspects.slice(0, MOST_NAMES).map(({ name }) => `"${name}"`).join(", ");
  const more = suspects.length > MOST_NAMES ? " and others" : "";
  return `what one of the green threads ${names}${more} has left behind`;
}
