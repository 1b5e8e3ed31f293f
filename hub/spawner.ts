/**
 * Spawners: spawn with options, so that `spawn(fn, ...args)` needs none.
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import {
  checkOptionsObject,
  checkSignal,
  checkTime,
  LONGEST_TIMER,
  show,
} from "../bridge/checks.ts";
import { GreenletExit } from "../bridge/errors.ts";
import { graceIn, type GreenThread, ON_END } from "../bridge/side/green_thread.ts";
import { greenSide } from "../bridge/side/side.ts";
import type { ThreadOptions } from "../bridge/protocol/messages.ts";
import type {
  Passed,
  Result,
  Returned,
  Spawnable,
  SpawnableWith,
  SpawnArguments,
} from "../bridge/side/spawnable.ts";

/**
 * Options for the threads that a {@linkcode Spawner} spawns.
 *
 * @category Threads
 */
export interface SpawnOptions {
  /** The threads' name, in messages and in `threads()`. The function's name and a number by default. */
  name?: string;
  /**
   * The delay before each thread starts, in milliseconds; less than zero is zero: see
   * {@linkcode Hub.prototype.spawnAfter | Hub.spawnAfter}.
   *
   * @default {0}
   */
  delay?: number;
  /**
   * Kills the threads when it is aborted, with a `GreenletExit` whose `cause` is the signal's reason. On the hub only: whoever
   * spawns listens, and a green thread hears of an abort only at its own blocking calls, and no more when it has ended.
   */
  signal?: AbortSignal;
  /**
   * The time limit of each thread, from its start, in milliseconds; then it is killed with a `Timeout`.
   *
   * @default {Infinity}
   */
  timeout?: number;
  /**
   * The time that a thread may take to end once `signal` or `timeout` has killed it, in milliseconds: see `grace` of `kill()`.
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
   * Whether a thread is called off if the green thread that spawns it ends before it has started; whoever waits for it then gets
   * a `GreenletExit`: see {@linkcode spawnAfterLocal}. A thread that has started goes on. On the hub, where no green thread
   * spawns, it changes nothing.
   *
   * @default {false}
   */
  local?: boolean;
}

/** Spawns a function as a thread with these options. */
export type Launcher = (
  fn: unknown,
  args: readonly unknown[],
  options: ThreadOptions,
  // deno-lint-ignore no-explicit-any
) => GreenThread<any>;

/**
 * Spawns green threads with the options with which it was made, all of them in each method: see
 * {@linkcode Hub.prototype.with | Hub.with}.
 *
 * @example Threads with a name and a time limit
 * ```ts
 * import { type Spawner, spawnWith } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const parsers: Spawner = spawnWith({ name: "parser", timeout: 5_000 });
 * const threads = ["1", "2"].map((text) => parsers.spawn((text: string) => JSON.parse(text), text));
 * assertEquals(await Promise.all(threads), [1, 2]);
 * ```
 *
 * @category Threads
 */
export class Spawner {
  static {
    brand(this, "Spawner");
  }

  readonly #launch: Launcher;
  readonly #options: ThreadOptions;
  readonly #signal: AbortSignal | undefined;

  /**
   * For the library: use `hub.with()` or `spawnWith()`.
   *
   * @ignore
   */
  constructor(launch: Launcher, options: SpawnOptions) {
    checkSpawnOptions(options);
    this.#launch = launch;
    const { name, delay, timeout = Infinity, local = false, signal } = options;
    const grace = graceIn(options);
    this.#options = {
      ...name === undefined ? {} : { name },
      ...delay === undefined ? {} : { delay: Math.max(0, delay) },
      ...local && greenSide() ? { local } : {},
      ...timeout === Infinity ? {} : { timeout: Math.max(0, timeout) },
      ...grace === Infinity ? {} : { grace },
    };
    this.#signal = signal;
  }

  /**
   * Spawns a green thread: see {@linkcode Hub.prototype.spawn | Hub.spawn}.
   *
   * @param fn As for {@linkcode Hub.prototype.spawn | Hub.spawn}.
   * @param args The arguments of the call.
   * @returns The thread.
   * @throws {TypeError} If `fn` is no function, or has no source text.
   * @throws {NotCloneableError} If an argument cannot cross.
   */
  spawn<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): GreenThread<Result<Returned<F>>>;
  /** As above, for a generic function: this finds what it returns. */
  spawn<A extends unknown[], R>(
    fn: Spawnable<A, R>,
    ...args: A | Passed<A>
  ): GreenThread<Result<R>>;
  // deno-lint-ignore no-explicit-any
  spawn(fn: unknown, ...args: unknown[]): GreenThread<any> {
    return this.#spawn(fn, args, {});
  }

  /**
   * Spawns a green thread after some time, which counts in place of the option `delay`: see
   * {@linkcode Hub.prototype.spawnAfter | Hub.spawnAfter}.
   *
   * @param ms The delay, in milliseconds; less than zero is zero.
   * @param fn As for {@linkcode Hub.prototype.spawn | Hub.spawn}.
   * @param args The arguments of the call.
   * @returns The thread; `cancel()` calls it off.
   * @throws {TypeError} If `fn` is no function, or has no source text.
   * @throws {NotCloneableError} If an argument cannot cross.
   */
  spawnAfter<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    ms: number,
    fn: F,
    ...args: SpawnArguments<F, P>
  ): GreenThread<Result<Returned<F>>>;
  /** As above, for a generic function: this finds what it returns. */
  spawnAfter<A extends unknown[], R>(
    ms: number,
    fn: Spawnable<A, R>,
    ...args: A | Passed<A>
  ): GreenThread<Result<R>>;
  // deno-lint-ignore no-explicit-any
  spawnAfter(ms: number, fn: unknown, ...args: unknown[]): GreenThread<any> {
    return this.#spawn(fn, args, { delay: checkDelay(ms) });
  }

  /**
   * Spawns a green thread whose result nobody wants: see {@linkcode Hub.prototype.spawnN | Hub.spawnN}.
   *
   * @param fn As for {@linkcode Hub.prototype.spawn | Hub.spawn}.
   * @param args The arguments of the call.
   * @returns The thread, to watch or to kill.
   * @throws {TypeError} If `fn` is no function, or has no source text.
   * @throws {NotCloneableError} If an argument cannot cross.
   */
  spawnN<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): GreenThread<unknown>;
  /** As above, for a generic function. */
  spawnN<A extends unknown[]>(
    fn: Spawnable<A, unknown>,
    ...args: A | Passed<A>
  ): GreenThread<unknown>;
  spawnN(fn: unknown, ...args: unknown[]): GreenThread<unknown> {
    return this.#spawn(fn, args, { detached: true });
  }

  // deno-lint-ignore no-explicit-any
  #spawn(fn: unknown, args: readonly unknown[], options: ThreadOptions): GreenThread<any> {
    const signal = this.#signal;
    // If it was aborted before, the thread is made, so that there is something to await, and never runs.
    const delay = signal?.aborted ? { delay: LONGEST_TIMER } : {};
    const thread = this.#launch(fn, args, { ...this.#options, ...options, ...delay });
    if (!signal) return thread;
    const { grace } = this.#options;
    const kill = () => {
      const { reason: cause } = signal;
      thread.kill(new GreenletExit("The green thread was aborted", { cause }), { grace });
    };
    if (signal.aborted) kill();
    else {
      signal.addEventListener("abort", kill, { once: true });
      thread[ON_END](() => signal.removeEventListener("abort", kill));
    }
    return thread;
  }
}

const KNOWN = ["name", "delay", "signal", "timeout", "grace", "local"];

function checkSpawnOptions(options: SpawnOptions): void {
  checkOptionsObject("spawn with options", options ?? null, "{ timeout: 1000 }", KNOWN);
  const { name, delay, signal, timeout, local } = options;
  if (name !== undefined && typeof name !== "string") {
    throw new TypeError(
      `Cannot spawn with options: expected a string for "name", found ${show(name)}`,
    );
  }
  checkSignal("spawn with options", signal);
  if (timeout !== undefined) checkTime("spawn with options", timeout, "timeout");
  if (delay !== undefined) checkDelay(delay, "delay");
  if (local !== undefined && typeof local !== "boolean") {
    throw new TypeError(
      `Cannot spawn with options: expected a boolean for "local", found ${show(local)}`,
    );
  }
}

/**
 * Checks the delay of `spawnAfter()`.
 *
 * @param ms The delay, in milliseconds.
 * @param name The option that it is, if it is one.
 */
export function checkDelay(ms: unknown, name?: string): number {
  const delay = checkTime("spawn later", ms, name);
  if (delay > LONGEST_TIMER) {
    throw new RangeError(
      `Cannot spawn later: expected at most ${LONGEST_TIMER} milliseconds, found ${ms}`,
    );
  }
  return Math.max(0, delay);
}
