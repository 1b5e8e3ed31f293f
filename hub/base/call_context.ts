/**
 * The green call that an async function serves, and what the function can know about it.
 *
 * The async context of a function carries its call's number, and the call lies in a table until the function has settled. The
 * context does not carry the call itself: `AsyncLocalStorage` in Deno keeps each value in a `WeakMap`, where all that a garbage
 * collection of young objects comes across lives on, so that calls in a row cost twice the time, and pauses of milliseconds.
 * Code that a function leaves running after it has settled serves no call, and finds none.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { isThenable } from "../../bridge/references/thenables.ts";
import type { GreenThread } from "../../bridge/side/green_thread.ts";
import { type ContextValues, within } from "../../bridge/context/context.ts";
import { state } from "../../bridge/state.ts";

/**
 * The green call that an async function on the hub serves.
 *
 * @category Calls
 */
export interface CurrentCall {
  /** Aborted when the green thread stops waiting for the call: it was killed, timed out, or crashed. */
  readonly signal: AbortSignal;
  /** The id of the green thread that called. */
  readonly threadId: number;
}

/** The fewest awaited threads at which ended ones are swept out: see {@linkcode Call.awaits}. */
const LEAST_AWAITED = 16;

/** The threads of a hub, in which a call finds the thread that made it. */
interface CallingThreads {
  byId(id: number): GreenThread | undefined;
}

/** A call from green code. Its signal is made when somebody asks for it. */
export class Call implements CurrentCall {
  readonly threadId: number;
  /** The Worker that the call came from, and its number there; nothing if no thread is blocked for the call. */
  origin: { readonly worker: object; readonly number: number } | undefined;
  /** Settles when the function has, if it is async. */
  work: Promise<unknown> | undefined;
  /** Whether the call has been answered or given up. */
  ended = false;
  /** The async context of the caller. */
  given?: ContextValues;
  readonly #threads: CallingThreads | undefined;
  /** The call's number while its function runs; 0 before and after. */
  #number = 0;
  /** The promise that the function has returned, as long as it is waited for. */
  #result: PromiseLike<unknown> | undefined;
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;
  /** The threads that the function awaits, or has awaited. */
  #awaited: Set<GreenThread> | undefined;
  /** The size at which ended threads are swept out of `#awaited`. */
  #mostAwaited = LEAST_AWAITED;

  constructor(threadId: number, readonly name: string, threads?: CallingThreads) {
    this.threadId = threadId;
    this.#threads = threads;
  }

  /** The thread that called, if it has not ended. */
  get caller(): GreenThread | undefined {
    const thread = this.#threads?.byId(this.threadId);
    return thread?.dead ? undefined : thread;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  /**
   * Calls the function, within the call and the caller's context. If it returns a promise, {@linkcode Call.settled} is to be
   * called once that has settled.
   */
  run(fn: () => unknown): unknown {
    const number = this.#number = takeNumber(this);
    try {
      const result = served.numbers.run(number, this.given ? () => within(this.given, fn) : fn);
      if (isThenable(result)) this.#result = result;
      return result;
    } finally {
      if (!this.#result) this.settled();
    }
  }

  /** Notes that the function has settled. */
  settled(): void {
    this.#result = undefined;
    if (this.#number !== 0) served.calls.delete(this.#number);
    this.#number = 0;
  }

  /** Whether the function has asked for the call's signal, and so may have something to do when the call is aborted. */
  get heeds(): boolean {
    return this.#controller !== undefined;
  }

  /** Whether the call was given up, and its function is not to go on. */
  get aborted(): boolean {
    return this.#aborted !== undefined;
  }

  /**
   * Notes that the function awaits a thread. A function that never settles may await any number of threads, one after another.
   * So ended threads are swept out when there are twice as many entries as the last sweep has left.
   */
  awaits(thread: GreenThread): void {
    const awaited = this.#awaited ??= new Set();
    awaited.add(thread);
    if (awaited.size < this.#mostAwaited) return;
    for (const thread of awaited) if (thread.dead) awaited.delete(thread);
    this.#mostAwaited = Math.max(LEAST_AWAITED, 2 * awaited.size);
  }

  /** The threads that the function awaits, and some that have ended; none once the call has ended. */
  get awaited(): Iterable<GreenThread> {
    return this.#awaited ?? [];
  }

  /** Ends the call: it has been answered, or nobody waits for it. */
  end(): void {
    this.ended = true;
    this.#awaited = undefined;
  }

  /** Aborts the call, as nobody waits for it any more. */
  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
    // From now on only its own function refers to the call, and that may never settle.
    if (this.#result) neverSettled.register(this.#result, this.#number);
    this.#result = undefined;
  }
}

/** The calls that are being served. */
interface Served {
  /** The number of the call that the running function serves, in its async context. */
  readonly numbers: AsyncLocalStorage<number>;
  readonly calls: Map<number, Call>;
  /** The last number that was given to a call. */
  last: number;
  /** The call that the running function serves: for `sync/`, which imports nothing from here. */
  current(): Call | undefined;
}

const served: Served = state("calls", () => ({
  numbers: new AsyncLocalStorage<number>(),
  calls: new Map<number, Call>(),
  last: 0,
  current: servedCall,
}));

const neverSettled = new FinalizationRegistry<number>((number) => served.calls.delete(number));

/** The largest number that V8 keeps without an object. */
const MOST_NUMBER = 2 ** 30 - 1;

function takeNumber(call: Call): number {
  do served.last = served.last % MOST_NUMBER + 1; while (served.calls.has(served.last));
  served.calls.set(served.last, call);
  return served.last;
}

/** The number of calls whose functions have not settled. For tests. */
export function servedCount(): number {
  return served.calls.size;
}

/** The call that the running function serves. */
export function servedCall(): Call | undefined {
  const number = served.numbers.getStore();
  return number === undefined ? undefined : served.calls.get(number);
}

/**
 * The green call that the running async function serves.
 *
 * @returns The call, or `undefined` outside of one: in code that no green thread has called, and in code that a function has
 * left running when its promise has settled.
 *
 * @example Stop when the green thread gives up
 * ```ts
 * import { asyncToSync, currentCall } from "@aiohub/aiohub";
 *
 * export const download = asyncToSync(import.meta, async function download(url: string) {
 *   const response = await fetch(url, { signal: currentCall()?.signal });
 *   return await response.bytes();
 * });
 * ```
 *
 * @category Calls
 */
export function currentCall(): CurrentCall | undefined {
  return servedCall();
}
