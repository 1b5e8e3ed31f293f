/**
 * What an async function can know about the green call that it serves.
 *
 * The async context of a function carries its call's number, and the call lies in a table until the function has settled. It
 * does not carry the call itself: `AsyncLocalStorage` in Deno keeps each value in a `WeakMap`, where all that a garbage
 * collection of young objects comes across lives on, so that calls in a row cost twice the time, and pauses of milliseconds.
 * What a function leaves running after it has settled serves no call, and finds none.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { isThenable } from "../../bridge/references/thenables.ts";
import type { GreenThread } from "../../bridge/side/green_thread.ts";
import { type ContextValues, type Scope, within } from "../../bridge/context/context.ts";
import { state } from "../../bridge/state.ts";

/** The green call that an async function on the hub serves. */
export interface CurrentCall {
  /** Aborted when the green thread stops waiting for the call: it was killed, timed out, or crashed. */
  readonly signal: AbortSignal;
  /** The id of the green thread that called. */
  readonly threadId: number;
}

/** See {@linkcode Call.awaits}. */
const LEAST_AWAITED = 16;

/** Where a call finds the thread that made it. */
interface CallingThreads {
  threadById(id: number): GreenThread | undefined;
}

/** One call from green code; its signal is made when somebody asks for it. */
export class Call implements CurrentCall, Scope {
  readonly threadId: number;
  /** Where it came from, and its number there; nothing where nobody is blocked for it. */
  origin: { readonly worker: object; readonly number: number } | undefined;
  /** What settles when the function has, if it is async. */
  work: Promise<unknown> | undefined;
  /** Whether it has been answered or given up. */
  ended = false;
  /** The async context that its caller has. */
  given?: ContextValues;
  /** What the function has changed of that. */
  changes?: Map<string, unknown>;
  readonly #threads: CallingThreads | undefined;
  /** Its number while its function runs; 0 before and after. */
  #number = 0;
  /** What the function has returned, as long as that is to be waited for. */
  #result: PromiseLike<unknown> | undefined;
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;
  /** The threads that its function awaits, each with what takes that back. */
  #awaited: Map<GreenThread, () => void> | undefined;
  /** The size at which ended threads are swept out of `#awaited`. */
  #mostAwaited = LEAST_AWAITED;

  constructor(threadId: number, readonly name: string, threads?: CallingThreads) {
    this.threadId = threadId;
    this.#threads = threads;
  }

  /** The thread that called, if it has not ended. */
  get caller(): GreenThread | undefined {
    const thread = this.#threads?.threadById(this.threadId);
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
   * Calls the function, within the call and the caller's context. Once what it returns has settled, if it is a promise,
   * {@linkcode Call.settled} is to be called.
   */
  run(fn: () => unknown): unknown {
    const number = this.#number = takeNumber(this);
    try {
      const result = served.numbers.run(number, this.given ? () => within(this, fn) : fn);
      if (isThenable(result)) this.#result = result;
      return result;
    } finally {
      if (!this.#result) this.settled();
    }
  }

  /** Its function is done. */
  settled(): void {
    this.#result = undefined;
    if (this.#number !== 0) served.calls.delete(this.#number);
    this.#number = 0;
  }

  /** Whether the function has asked for its signal, so that it may have something to do when it is aborted. */
  get heeds(): boolean {
    return this.#controller !== undefined;
  }

  /** Whether it was given up, and its function is not to go on. */
  get aborted(): boolean {
    return this.#aborted !== undefined;
  }

  /**
   * Its function awaits a thread. One that goes on and on may await any number, one after another: so those that have ended
   * are forgotten when there are twice as many as were left the last time.
   *
   * @param takeBack Called when the thread, or the call, has ended; at the latest when the call has.
   */
  awaits(thread: GreenThread, takeBack: () => void): void {
    const awaited = this.#awaited ??= new Map();
    awaited.get(thread)?.();
    awaited.set(thread, takeBack);
    if (awaited.size < this.#mostAwaited) return;
    for (const [thread, takeBack] of awaited) {
      if (!thread.dead) continue;
      awaited.delete(thread);
      takeBack();
    }
    this.#mostAwaited = Math.max(LEAST_AWAITED, 2 * awaited.size);
  }

  /** The call has been answered, or nobody waits for it. */
  end(): void {
    this.ended = true;
    const awaited = this.#awaited;
    this.#awaited = undefined;
    awaited?.forEach((takeBack) => takeBack());
  }

  /** Nobody waits for the call any more. */
  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
    // Nobody but its own function has it now, which may never settle.
    if (this.#result) neverSettled.register(this.#result, this.#number);
    this.#result = undefined;
  }
}

/** The calls that are being served. */
interface Served {
  /** The number of the call that the running function serves. */
  readonly numbers: AsyncLocalStorage<number>;
  readonly calls: Map<number, Call>;
  /** The last number that was given. */
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

/** The most that V8 has room for without an object. */
const MOST_NUMBER = 2 ** 30 - 1;

function takeNumber(call: Call): number {
  do served.last = served.last % MOST_NUMBER + 1; while (served.calls.has(served.last));
  served.calls.set(served.last, call);
  return served.last;
}

/** How many calls have functions that have not settled. For tests. */
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
 * @returns The call, or `undefined` outside of one: in code that no green thread has called, and in what a function has left
 * running when its promise has settled.
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
 */
export function currentCall(): CurrentCall | undefined {
  return servedCall();
}
