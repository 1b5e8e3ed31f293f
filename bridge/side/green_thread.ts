/**
 * The handle to a green thread, the same class on both sides.
 *
 * The hub and the Workers each have a subclass of it (`hub/records/thread.ts`, `green/worker/remote_thread.ts`); people see this
 * class. Semantics: eventlet's `GreenThread` and asyncio-gevent's futures.
 *
 * @module
 */

import { brand } from "../brand.ts";
import {
  checkOptionsObject,
  checkTime,
  checkWaiting,
  durationOf,
  show,
  WAIT_KEYS,
  type WaitOptions,
} from "../checks.ts";
import type { Outcome } from "../protocol/messages.ts";
import { crossesAsItself, ITSELF } from "../references/itself.ts";
import { keyOf } from "../state.ts";

/**
 * The state of a green thread: `"pending"` (queued, or waiting for its time), `"running"` (it has started; it may well be
 * blocked), then one of the three endings.
 *
 * @category Threads
 */
export type ThreadState = "pending" | "running" | "fulfilled" | "rejected" | "killed";

/**
 * Options for {@linkcode GreenThread.prototype.kill | GreenThread.kill}. `timeout` and `signal` end the wait for the thread's
 * end, and take nothing back of the kill: they are for `killAsync()`, and for `kill()` with `wait`.
 *
 * @category Threads
 */
export interface KillOptions extends WaitOptions {
  /**
   * The time that the thread may take to end, in milliseconds. A thread that computes without a blocking call or
   * `checkpoint()` does not hear of the kill; after this time its Worker is stopped, and its `finally` blocks do not run. The
   * thread of an `async` function that only awaits ends after two seconds if nothing else is said.
   *
   * @default {Infinity}
   */
  grace?: number;
  /**
   * The old name of `grace`, which is taken until 1.0.
   *
   * @deprecated Use `grace`.
   */
  graceMs?: number;
  /**
   * Whether to block until the thread has ended, and the async work that was aborted with it. For green code; on the hub
   * use {@linkcode GreenThread.prototype.killAsync | GreenThread.killAsync}.
   *
   * @default {false}
   */
  wait?: boolean;
}

/** The keys of the options of `killAsync()`, which waits in any case. */
const KILL_ASYNC_KEYS = ["grace", ...WAIT_KEYS];

/** The keys of {@linkcode KillOptions}. */
export const KILL_KEYS: readonly string[] = [...KILL_ASYNC_KEYS, "wait"];

/** The options of a kill, checked. */
export interface Kill {
  /** The time that the thread may take to end, in milliseconds. */
  readonly grace: number;
  /** The options of the wait for its end, if somebody waits. */
  readonly waiting: WaitOptions | undefined;
}

/**
 * Checks the options of a kill.
 *
 * @param options The options.
 * @param waits Whether the call waits in any case, and has no option `wait`.
 * @throws {TypeError} If they are of the wrong kind, or a wait is limited that there is not.
 * @throws The reason of the signal, if it is aborted.
 */
export function checkKill(options: KillOptions | undefined, waits = false): Kill {
  const action = "kill a green thread";
  checkOptionsObject(action, options, "{ grace: 1000 }", waits ? KILL_ASYNC_KEYS : KILL_KEYS);
  const grace = graceIn(options);
  if (options === undefined) return { grace, waiting: waits ? {} : undefined };
  const { timeout, signal } = options;
  const waiting = { timeout, signal };
  checkWaiting(waiting);
  if (waits || options.wait) return { grace, waiting };
  for (const key of WAIT_KEYS) {
    if (options[key as keyof WaitOptions] === undefined) continue;
    throw new TypeError(
      `Cannot ${action}: option "${key}" has no effect without a wait: add { wait: true }`,
    );
  }
  return { grace, waiting: undefined };
}

/**
 * Reads and checks the option `grace`: the time that a thread may take to end.
 *
 * @param options The options.
 * @param usual The time if it is not there, in milliseconds.
 */
export function graceIn(options: object | undefined, usual: number = Infinity): number {
  const action = "end a green thread";
  const grace = durationOf(action, options, "grace");
  return grace === undefined ? usual : Math.max(0, checkTime(action, grace, "grace"));
}

/** Checks the function that is to be called at a thread's end: a mistake that shows only then would be nobody's error. */
export function checkLink(fn: unknown): void {
  if (typeof fn === "function") return;
  throw new TypeError(`Cannot link to a green thread: expected a function, found ${show(fn)}`);
}

/** Key of the method that calls a function at a thread's end. */
export const ON_END: unique symbol = keyOf("onEnd") as never;

/** Key of the method that notes that somebody waits for a thread. */
export const WANT: unique symbol = keyOf("want") as never;

/** A function to be called when a green thread has ended; it gets the thread's handle and the arguments given to `link`. */
export type Link<T> = (thread: GreenThread<T>, ...args: never[]) => unknown;

/**
 * A green thread: synchronous-looking code that runs in a Worker, seen from either side.
 *
 * - On the hub, `await` it. In green code, call {@linkcode GreenThread.wait | wait()}.
 * - It is a promise by its type: whatever takes a `Promise<T>` takes it.
 * - Its result can be had by any number of waiters, at any time, as often as they like.
 * - It may be passed to any green thread, as an argument or a result, and is a handle to the same thread there.
 *
 * @typeParam T What the thread returns.
 *
 * @example Spawn on the hub and await
 * ```ts
 * import { spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const thread = spawn((a: number, b: number) => a + b, 1, 2);
 * assertEquals(await thread, 3);
 * assertEquals(thread.state, "fulfilled");
 * ```
 *
 * @category Threads
 */
export abstract class GreenThread<T = unknown> implements Promise<T> {
  /**
   * The mark of objects that are the same on both sides. For the library.
   *
   * @ignore
   */
  declare readonly [ITSELF]: true;
  static {
    brand(this, "GreenThread");
    crossesAsItself(this.prototype);
  }

  /** The thread's number, which no other green thread of the process has. */
  abstract readonly id: number;
  /** The thread's name: a given one, or its function's name and its number. */
  abstract readonly name: string;
  /**
   * The thread's state. In green code this is the last one that the Worker has heard of: a thread elsewhere may be further.
   */
  abstract readonly state: ThreadState;

  /** Whether the thread has ended. */
  get dead(): boolean {
    const { state } = this;
    return state !== "pending" && state !== "running";
  }

  /**
   * Blocks until the thread has ended and gives its result. For green code.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns What the thread returned.
   * @throws What the thread threw; a `GreenletExit` if it was killed without a reason.
   * @throws {BlockingCallError} If it is called on the hub: use `await` there.
   * @throws {DeadlockError} If the thread waits for itself.
   */
  abstract wait(options?: WaitOptions): T;

  /**
   * Tells how the thread ended, without throwing.
   *
   * @returns The outcome, or `undefined` while the thread has not ended.
   */
  abstract outcome(): Outcome<T> | undefined;

  /**
   * Ends the thread: raises the reason at its blocking point, at once, and lets its `finally` blocks run. A thread that has
   * not started never runs; one that has ended is left as it is.
   *
   * - The first reason counts. It is thrown again by each later blocking call of the thread, except in `shield()`, until
   *   the thread has ended: a `catch` on the way does not keep it alive.
   * - What is put or released after this call is not for the thread, whatever it waits at. So in green code the call returns
   *   when the hub has passed the kill on.
   * - A call to the hub that the thread is in is aborted: see `currentCall().signal`.
   * - An `async` green function that awaits a promise of its own does not hear of it before its next blocking call. If it still
   *   awaits two seconds later, the thread is over and its Worker is given up: what it awaits is left, and its `finally` blocks
   *   do not run. `grace` is for another time. A `timeout` and a `signal` of `spawnWith()` end it in the same way.
   *
   * @param reason The value to throw in the thread and to those who wait for it; a `GreenletExit` by default. As for eventlet,
   * `null` is no reason either; 0, "" and false are reasons.
   * @param options See {@linkcode KillOptions}.
   * @throws {TypeError} If an option is of the wrong kind; or if `timeout` or `signal` is given without `wait`.
   * @throws {Timeout} If `wait` and `timeout` are given, and the thread has not ended in time.
   */
  abstract kill(reason?: unknown, options?: KillOptions): void;

  /**
   * Ends the thread as {@linkcode GreenThread.prototype.kill | GreenThread.kill} does, and waits until it has ended, and the
   * async work that was aborted with it, if that has asked for its signal. For async code. Green code that is not `async` uses
   * `kill(reason, { wait: true })`.
   *
   * @param reason As for {@linkcode GreenThread.prototype.kill | GreenThread.kill}.
   * @param options See {@linkcode KillOptions}.
   * @returns A promise that settles when all has ended, whichever way. It rejects only if the wait ends before that: with a
   * `Timeout`, or with the reason of the signal.
   */
  abstract killAsync(reason?: unknown, options?: Omit<KillOptions, "wait">): Promise<void>;

  /**
   * Ends the thread only if it has not started.
   *
   * @param reason As for {@linkcode GreenThread.prototype.kill | GreenThread.kill}.
   */
  abstract cancel(reason?: unknown): void;

  /**
   * Calls a function when the thread has ended, whichever way; soon after this call if it has ended already.
   * Functions are called in the order in which they were linked; one that throws harms no other.
   *
   * @param fn Called with this handle and the arguments.
   * @param args What else to call it with.
   */
  abstract link<A extends unknown[]>(
    fn: (thread: GreenThread<T>, ...args: A) => unknown,
    ...args: A
  ): void;

  /**
   * Takes back a {@linkcode GreenThread.link | link}.
   *
   * @param fn The function that was linked.
   * @returns Whether it was linked.
   */
  // deno-lint-ignore no-explicit-any
  abstract unlink(fn: (thread: GreenThread<T>, ...args: any[]) => unknown): boolean;

  /**
   * Calls a function when the thread has ended. For the library: unlike `link()`, it does not count as asking for the
   * result.
   *
   * @ignore
   */
  abstract [ON_END](fn: () => void): void;

  /**
   * Notes that somebody waits for the thread to end, and has the thread begin if it waits for that. For the library.
   *
   * @returns A function that takes the note back.
   * @ignore
   */
  [WANT](): () => void {
    return () => {};
  }

  /**
   * Makes the thread awaitable on the hub, and in `async` green functions. Whoever calls it has asked for the result: a failure
   * is no unhandled failure of the thread, and may be one of the promise that this gives.
   *
   * @param onfulfilled Called with the result.
   * @param onrejected Called with what {@linkcode GreenThread.prototype.wait | GreenThread.wait} would throw.
   * @returns A promise of what the called function returns.
   */
  abstract then<R1 = T, R2 = never>(
    onfulfilled?: ((value: T) => R1 | PromiseLike<R1>) | null,
    // deno-lint-ignore no-explicit-any
    onrejected?: ((reason: any) => R2 | PromiseLike<R2>) | null,
  ): Promise<R1 | R2>;

  /**
   * Calls a function if the thread fails or is killed: {@linkcode GreenThread.prototype.then | GreenThread.then} with the second
   * function alone.
   *
   * @param onrejected Called with what {@linkcode GreenThread.prototype.wait | GreenThread.wait} would throw.
   * @returns A promise of the thread's result, or of what the function returns.
   */
  catch<R = never>(
    // deno-lint-ignore no-explicit-any
    onrejected?: ((reason: any) => R | PromiseLike<R>) | null,
  ): Promise<T | R> {
    return this.then(undefined, onrejected);
  }

  /**
   * Calls a function when the thread has ended, whichever way. As {@linkcode GreenThread.prototype.then | GreenThread.then}, it
   * asks for the result; {@linkcode GreenThread.prototype.link | GreenThread.link} is for code that needs the end alone.
   *
   * @param onfinally Called without arguments. A promise that it returns is awaited.
   * @returns A promise that settles as the thread ends, or rejects with what the function throws.
   */
  finally(onfinally?: (() => void) | null): Promise<T> {
    if (typeof onfinally !== "function") return this.then();
    return this.then(
      async (value) => {
        await onfinally();
        return value;
      },
      async (reason) => {
        await onfinally();
        throw reason;
      },
    );
  }

  /** The name of the class, as promises have it. */
  get [Symbol.toStringTag](): string {
    return "GreenThread";
  }

  /**
   * Describes the thread for logs.
   *
   * @returns Its name and its state.
   */
  toString(): string {
    return `GreenThread ${this.name} (${this.state})`;
  }

  /**
   * Describes the thread for `JSON.stringify()`.
   *
   * @returns Its number, its name and its state.
   */
  toJSON(): { id: number; name: string; state: ThreadState } {
    const { id, name, state } = this;
    return { id, name, state };
  }

  /**
   * Describes the thread for `console.log`.
   *
   * @returns As `toString()`.
   */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/** Unwraps an outcome for a waiter: returns its value, or throws its reason. */
export function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.status === "fulfilled") return outcome.value;
  throw outcome.reason;
}
