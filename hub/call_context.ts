/**
 * What an async function can know about the green call that it serves.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { GreenThread } from "../bridge/green_thread.ts";
import { type ContextValues, type Scope, within } from "../bridge/context.ts";

/** The green call that an async function on the hub serves. */
export interface CurrentCall {
  /** Aborted when the green thread stops waiting for the call: it was killed, timed out, or crashed. */
  readonly signal: AbortSignal;
  /** The id of the green thread that called. */
  readonly threadId: number;
}

/** Where a call finds the thread that made it. */
interface CallingThreads {
  threadById(id: number): GreenThread | undefined;
}

/** One call from green code; its signal is made when somebody asks for it. */
export class Call implements CurrentCall, Scope {
  readonly threadId: number;
  /** Where it came from, and its number there; nothing where nobody is blocked for it. */
  origin: { readonly worker: object; readonly number: number } | undefined;
  /** Called when the call has been answered or given up. */
  onEnd: (() => void)[] | undefined;
  /** What settles when the function has, if it is async. */
  work: Promise<unknown> | undefined;
  /** Whether it has been answered or given up. */
  ended = false;
  /** The async context that its caller has. */
  given?: ContextValues;
  /** What the function has changed of that. */
  changes?: Map<string, unknown>;
  readonly #threads: CallingThreads | undefined;
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

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

  /** Calls the function, within the call and the caller's context. */
  run(fn: () => unknown): unknown {
    return calls().run(this, this.given ? () => within(this, fn) : fn);
  }

  /** Whether the function has asked for its signal, so that it may have something to do when it is aborted. */
  get heeds(): boolean {
    return this.#controller !== undefined;
  }

  /** Whether it was given up, and its function is not to go on. */
  get aborted(): boolean {
    return this.#aborted !== undefined;
  }

  /** The call has been answered, or nobody waits for it. */
  end(): void {
    this.ended = true;
    const onEnd = this.onEnd;
    this.onEnd = undefined;
    onEnd?.forEach((fn) => fn());
  }

  /** Nobody waits for the call any more. */
  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
  }
}

/** Under a `Symbol.for` key, so that all copies of the library in the process see the same calls. */
const KEY = Symbol.for("aiohub.call");
const scope = globalThis as { [KEY]?: AsyncLocalStorage<Call> };

/** The calls that are being served. */
export function calls(): AsyncLocalStorage<Call> {
  return scope[KEY] ??= new AsyncLocalStorage<Call>();
}

/** Whether what the running async function awaits ends by itself after some time; see `withTimeoutAsync()`. */
const LIMIT_KEY = Symbol.for("aiohub.limit");
const limitScope = globalThis as { [LIMIT_KEY]?: AsyncLocalStorage<boolean> };

/** Where awaits have a time limit. */
export function limits(): AsyncLocalStorage<boolean> {
  return limitScope[LIMIT_KEY] ??= new AsyncLocalStorage<boolean>();
}

/**
 * The green call that the running async function serves.
 *
 * @returns The call, or `undefined` outside of one.
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
  return calls().getStore();
}
