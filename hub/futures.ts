/**
 * From promises to green threads and back.
 *
 * A {@linkcode HubPromise} is a promise of the hub that green code holds.
 *
 * @module
 */

import { brand, madeElsewhere } from "../bridge/brand.ts";
import {
  checkOptionsObject,
  checkSignal,
  checkTime,
  LONGEST_TIMER,
  show,
  WAIT_KEYS,
  type WaitOptions,
} from "../bridge/checks.ts";
import { overdue } from "../bridge/side/bounded.ts";
import { GreenThread } from "../bridge/side/green_thread.ts";
import { GreenletExit } from "../bridge/errors.ts";
import { greenSide } from "../bridge/side/side.ts";
import { getHub } from "./default_hub.ts";
import { FUTURE } from "./hub.ts";
import { HubThread } from "./records/thread.ts";
import { AWAITED } from "../bridge/references/thenables.ts";

/**
 * Options for {@linkcode greenletToFuture}.
 *
 * @category Calls
 */
export interface GreenletToFutureOptions extends WaitOptions {
  /**
   * Whether to start a thread that waits until somebody wants its result: see {@linkcode FutureToGreenletOptions.autostart}.
   *
   * @default {true}
   */
  autostart?: boolean;
  /**
   * Whether an abort, or the end of the time, kills the thread, once nobody else awaits it; otherwise the thread goes on, and its
   * failure is not reported.
   *
   * @default {true}
   */
  autokill?: boolean;
  /**
   * Whether a killed thread rejects the promise; otherwise the promise resolves to the reason of the kill.
   *
   * @default {true}
   */
  autocancel?: boolean;
}

const TO_FUTURE_KEYS = [...WAIT_KEYS, "autostart", "autokill", "autocancel"];

/**
 * Makes a promise of a green thread's result. For the hub. Semantics: asyncio-gevent's `greenlet_to_future`.
 *
 * @param thread The thread.
 * @param options See {@linkcode GreenletToFutureOptions}.
 * @returns A promise that settles as the thread ends. It rejects with a `Timeout`, or with the reason of the signal, if the time
 * is over or the signal is aborted before that.
 * @throws {TypeError} If `thread` is no green thread, or an option is of the wrong kind.
 *
 * @example Stop waiting, and stop the thread, after a while
 * ```ts
 * import { greenletToFuture, spawn } from "@aiohub/aiohub";
 * import { sleep } from "@aiohub/aiohub/green";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const thread = spawn(() => sleep(60_000));
 * const signal = AbortSignal.timeout(50);
 * await assertRejects(() => greenletToFuture(thread, { signal }), DOMException);
 * await thread.then(() => {}, () => {});
 * assertEquals(thread.state, "killed");
 * ```
 *
 * @category Calls
 */
export function greenletToFuture<T>(
  thread: GreenThread<T>,
  options: GreenletToFutureOptions = {},
): Promise<T> {
  checkOptionsObject("make a future", options, "{ autokill: false }", TO_FUTURE_KEYS);
  const { timeout = Infinity, signal, autostart = true, autokill = true, autocancel = true } =
    options;
  if (!(thread instanceof GreenThread)) {
    const why = madeElsewhere(thread) ?? `expected a green thread, found ${show(thread)}`;
    throw new TypeError(`Cannot make a future: ${why}`);
  }
  if (!(thread instanceof HubThread)) {
    throw new TypeError(
      "Cannot make a future in green code: a promise cannot settle while green code blocks: use thread.wait()",
    );
  }
  checkTime("make a future", timeout, "timeout");
  checkSignal("make a future", signal);
  const awaited = thread as HubThread<T>;
  awaited.interest++;
  return new Promise<T>((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const isOver = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const giveUp = (cause: unknown) => {
      isOver();
      reject(cause);
      awaited.interest--;
      if (!autokill || awaited.interest > 0) return;
      awaited.kill(new GreenletExit("The future was aborted", { cause }));
    };
    const onAbort = () => giveUp(signal!.reason);
    // Somebody asks for the result, so a failure is not unhandled.
    awaited.observed = true;
    if (signal?.aborted) return onAbort();
    if (autostart) awaited.begin?.();
    signal?.addEventListener("abort", onAbort, { once: true });
    if (timeout < LONGEST_TIMER) {
      timer = setTimeout(() => giveUp(overdue(timeout)), Math.max(0, timeout));
    }
    // A wait with a signal or a time is no deadlock: either of them may end it.
    awaited.settled(signal === undefined && timeout === Infinity).then(resolve, (reason) => {
      const killed = awaited.outcome()?.status === "killed";
      if (killed && !autocancel) resolve(reason as T);
      else reject(reason);
    }).finally(isOver);
  });
}

/**
 * Options for {@linkcode futureToGreenlet}.
 *
 * @category Calls
 */
export interface FutureToGreenletOptions {
  /**
   * Whether to start the work at once. Otherwise the first wait for the thread starts it; the work of a promise has been started
   * by whoever made the promise.
   *
   * @default {true}
   */
  autostart?: boolean;
  /**
   * Whether killing the thread aborts the work; otherwise the work goes on.
   *
   * @default {true}
   */
  autocancel?: boolean;
  /**
   * Whether work that is aborted from elsewhere (it rejects with an `AbortError`) kills the thread, so that waiters get a
   * `GreenletExit` with the abort as its `cause`; otherwise they get the abort itself.
   *
   * @default {true}
   */
  autokill?: boolean;
}

const TO_GREENLET_KEYS = ["autostart", "autocancel", "autokill"];

/**
 * Makes a green thread of a promise: green code waits for it as for any other. Semantics: aiohub's `future_to_greenlet`; the
 * thread has started, as there.
 *
 * @param future On the hub a promise, or a function that makes one and gets the signal by which a kill aborts it. In green
 * code the promise of `.async()`.
 * @param options See {@linkcode FutureToGreenletOptions}.
 * @returns The thread. It may be passed to green threads.
 * @throws {TypeError} If `future` is none of these.
 *
 * @example Hand a promise to green code
 * ```ts
 * import { futureToGreenlet, type GreenThread, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = futureToGreenlet(Promise.resolve(42));
 * assertEquals(await spawn((answer: GreenThread<number>) => answer.wait(), answer), 42);
 * ```
 *
 * @category Calls
 */
export function futureToGreenlet<T>(
  future: PromiseLike<T> | ((signal: AbortSignal) => PromiseLike<T>),
  options: FutureToGreenletOptions = {},
): GreenThread<T> {
  checkOptionsObject("make a green thread", options, "{ autostart: false }", TO_GREENLET_KEYS);
  if (future instanceof GreenThread) return future;
  if (future instanceof HubPromise) return future.thread;
  const isFunction = typeof future === "function";
  const isPromise = typeof (future as { then?: unknown } | null)?.then === "function";
  if (greenSide()) {
    throw new TypeError(
      `Cannot make a green thread in green code: expected the result of .async() of an asyncToSync() function, found ${
        isPromise
          ? "a promise of this Worker, which cannot settle while green code blocks"
          : show(future)
      }`,
    );
  }
  if (!isFunction && !isPromise) {
    throw new TypeError(
      `Cannot make a green thread: expected a promise or a function that makes one, found ${
        show(future)
      }`,
    );
  }
  const work = isFunction ? future as (signal: AbortSignal) => PromiseLike<T> : () => future;
  return getHub()[FUTURE]("future", work, options) as GreenThread<T>;
}

/**
 * The promise of an async function that green code started on the hub.
 *
 * On the hub `.async()` gives a plain promise. In green code, where promises of the hub cannot live, it gives one of these: hand
 * it to `futureToGreenlet` and `.wait()`.
 *
 * @typeParam T The type of its value.
 *
 * @example Two downloads at once, from one green thread
 * ```ts
 * import { asyncToSync, futureToGreenlet, type HubPromise } from "@aiohub/aiohub";
 *
 * export const load = asyncToSync(import.meta, async function load(url: string) {
 *   return await (await fetch(url)).text();
 * });
 *
 * // For green code.
 * export function loadBoth(one: string, two: string): string[] {
 *   const promises: HubPromise<string>[] = [load.async(one), load.async(two)];
 *   return promises.map((promise) => futureToGreenlet(promise).wait());
 * }
 * ```
 *
 * @category Calls
 */
export class HubPromise<T> implements Promise<T> {
  static {
    brand(this, "HubPromise");
  }

  readonly #thread: GreenThread<T>;

  /**
   * For the library: it comes from `.async()` of a function that `asyncToSync` made.
   *
   * @ignore
   */
  constructor(thread: GreenThread<T>) {
    this.#thread = thread;
  }

  /** The green thread of the work. */
  get thread(): GreenThread<T> {
    return this.#thread;
  }

  /**
   * The same, under a key for those rooms of the library that cannot import this class.
   *
   * @ignore
   */
  get [AWAITED](): GreenThread<T> {
    return this.#thread;
  }

  /**
   * Makes it awaitable in an `async` green function.
   *
   * @param onfulfilled Called with the value.
   * @param onrejected Called with the error if the work failed.
   * @returns A promise of what the function that was called returns.
   */
  then<R1 = T, R2 = never>(
    onfulfilled?: ((value: T) => R1 | PromiseLike<R1>) | null,
    // deno-lint-ignore no-explicit-any
    onrejected?: ((reason: any) => R2 | PromiseLike<R2>) | null,
  ): Promise<R1 | R2> {
    return this.#thread.then(onfulfilled, onrejected);
  }

  /**
   * Calls a function if the work fails: {@linkcode GreenThread.prototype.catch | GreenThread.catch} of its thread.
   *
   * @param onrejected Called with the error.
   * @returns A promise of the value, or of what the function returns.
   */
  catch<R = never>(
    // deno-lint-ignore no-explicit-any
    onrejected?: ((reason: any) => R | PromiseLike<R>) | null,
  ): Promise<T | R> {
    return this.#thread.catch(onrejected);
  }

  /**
   * Calls a function when the work has ended: {@linkcode GreenThread.prototype.finally | GreenThread.finally} of its thread.
   *
   * @param onfinally Called without arguments.
   * @returns A promise of the value; it rejects if the work fails.
   */
  finally(onfinally?: (() => void) | null): Promise<T> {
    return this.#thread.finally(onfinally);
  }

  /** The name of the class, as promises have it. */
  get [Symbol.toStringTag](): string {
    return "HubPromise";
  }
}
