/**
 * Unhandled failures: work that green code leaves behind in its Worker's event loop, and that fails there: a rejected promise
 * that nobody handles, an error of a timer. The runtime would end the Worker for that, and the threads that run there by then.
 *
 * **Whose it is.** The engine tells the async context in which a promise was rejected. An `async` green function has a context of
 * its own. A context for each thread would cost a tenth of a spawn, so the threads that run between two turns of the event loop
 * share one, which knows their names. If there is more than one thread, the stack of the error may tell, or all are named. An
 * error thrown by a timer has no context any more: its stack tells the site, and nothing tells the thread.
 *
 * **When.** The runtime tells of a rejected promise at the next turn of the event loop. So a Worker gives the loop a turn before
 * it sleeps and before it ends: see `loop.ts`.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";
import { stackOf } from "../../bridge/values/stacks.ts";

/** A thread that may have left something behind. */
export interface Suspect {
  readonly id: number;
  readonly name: string;
  /** The name of its function, as stacks have it. */
  readonly label: string;
}

/**
 * The content of a context: its thread, if it has one of its own, else the number of a turn. Not the turn's threads themselves:
 * the runtime keeps the objects in contexts in a `WeakMap`, by which young objects outlive the collections of young objects.
 */
type Origin = Suspect | number;

/** The most threads that are remembered of one turn. */
const MOST_SUSPECTS = 64;

/** The most turns whose threads are remembered: a promise that fails later is nobody's. */
const MOST_TURNS = 64;

/** The number of no turn. */
const APART = 0;

/** An unhandled failure. */
export interface UnhandledFailure {
  readonly error: unknown;
  /** The threads that may have left it; none if that cannot be told. */
  readonly suspects: readonly Suspect[];
}

/** An event of the runtime that would end the Worker. */
interface FatalEvent extends Event {
  readonly reason?: unknown;
  readonly error?: unknown;
}

/** The events by which a Worker hears of unhandled failures: the platform's name, and node's. */
const KINDS = [["unhandledrejection", "unhandledRejection"], [
  "error",
  "uncaughtException",
]] as const;

/** A Worker's unhandled failures. */
export class Unhandled {
  readonly #origins = new AsyncLocalStorage<Origin>();
  /** The threads of the last turns, by the turns' numbers, the oldest first; the last of them goes on. */
  readonly #turns = new Map<number, Suspect[]>();
  #turn = APART;
  #suspects: Suspect[] = [];
  readonly #stop = new AbortController();

  /**
   * Calls a function that runs threads, as the next turn.
   *
   * @returns What it returns.
   */
  turn<T>(fn: () => T): T {
    if (this.#turn === APART || this.#suspects.length > 0) this.#next();
    return this.#origins.run(this.#turn, fn);
  }

  #next(): void {
    this.#turns.set(++this.#turn, this.#suspects = []);
    this.#turns.delete(this.#turn - MOST_TURNS);
  }

  /** Notes a thread that is about to run in this turn. */
  note(suspect: Suspect): void {
    if (this.#suspects.length < MOST_SUSPECTS) this.#suspects.push(suspect);
  }

  /** Begins a thread in a context of its own. */
  within<T>(suspect: Suspect, fn: () => T): T {
    return this.#origins.run(suspect, fn);
  }

  /** Calls a function whose failures belong to none of the turn's threads. */
  apart<T>(fn: () => T): T {
    return this.#origins.run(APART, fn);
  }

  /** The threads to which the running context may belong. */
  #here(): readonly Suspect[] {
    const origin = this.#origins.getStore() ?? APART;
    return typeof origin === "number" ? this.#turns.get(origin) ?? [] : [origin];
  }

  /**
   * Listens, until {@linkcode Unhandled.giveUp}. A failure that code of the Worker handles itself, by a listener that calls
   * `preventDefault()` or by a listener of `process`, is not told.
   *
   * @param tell Called with each unhandled failure, at the end of the turn.
   */
  listen(tell: (failure: UnhandledFailure) => void): void {
    const { signal } = this.#stop;
    for (const [type, nodes] of KINDS) {
      const listener = (event: FatalEvent) => {
        if (event.defaultPrevented || process.listenerCount(nodes) > 0) return;
        const isThrown = type === "error";
        const error = isThrown ? event.error : event.reason;
        const suspects = isThrown ? [] : whoOf(this.#here(), error);
        let handled = false;
        event.preventDefault();
        // This is the first listener, and others may come after it.
        Object.defineProperty(event, "preventDefault", { value: () => void (handled = true) });
        queueMicrotask(() => handled || tell({ error, suspects }));
      };
      globalThis.addEventListener(type, listener, { signal });
    }
  }

  /** Stops listening: the Worker itself has failed, and is to end. */
  giveUp(): void {
    this.#stop.abort();
  }
}

/** Narrows suspects to one, if the error's stack names that suspect's function and no other's. */
function whoOf(suspects: readonly Suspect[], error: unknown): readonly Suspect[] {
  // The turn goes on, and others are still to come.
  if (suspects.length < 2) return [...suspects];
  const stack = stackOf(error) ?? "";
  const named = suspects.filter(({ label }) =>
    label !== "" && (stack.includes(`at ${label} (`) || stack.includes(`at async ${label} (`))
  );
  return named.length === 1 ? named : [...suspects];
}

/** The most names in one message. */
const MOST_NAMES = 4;

/**
 * The origin of an unhandled failure, in words.
 *
 * @param failure The failure.
 * @param running The name of the thread that has the Worker now, if one has.
 */
export function whereOf({ suspects }: UnhandledFailure, running: string | undefined): string {
  if (suspects.length === 0) {
    return `a timer or other late code in a Worker${
      running === undefined ? "" : ` that runs "${running}"`
    }`;
  }
  const names = suspects.slice(0, MOST_NAMES).map(({ name }) => `"${name}"`).join(", ");
  const more = suspects.length > MOST_NAMES ? " and others" : "";
  const whose = suspects.length === 1 ? "the green thread" : "one of the green threads";
  return `code left running by ${whose} ${names}${more}`;
}
