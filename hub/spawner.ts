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
import { checkGrace, type GreenThread } from "../bridge/side/green_thread.ts";
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
   * The time that a thread may take to end once `signal` or `timeout` has killed it, in milliseconds: see `graceMs` of `kill()`.
   *
   * @default {Infinity}
   */
  graceMs?: number;
}

/** Spawns a function as a thread with these options. */
export type Launcher = (
  fn: unknown,
  args: readonly unknown[],
  options: ThreadOptions,
  // deno-lint-ignore no-explicit-any
) => GreenThread<any>;

/**
 * Spawns green threads with the options with which it was made: see {@linkcode Hub.prototype.with | Hub.with}.
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

  /** For the library: use `hub.with()` or `spawnWith()`. */
  constructor(launch: Launcher, options: SpawnOptions) {
    checkSpawnOptions(options);
    this.#launch = launch;
    const { name, timeout = Infinity, graceMs = Infinity, signal } = options;
    this.#options = {
      ...name === undefined ? {} : { name },
      ...timeout === Infinity ? {} : { timeout: Math.max(0, timeout) },
      ...graceMs === Infinity ? {} : { graceMs: checkGrace(graceMs) },
    };
    this.#signal = signal;
  }

  /** Spawns a green thread: see {@linkcode Hub.prototype.spawn | Hub.spawn}. */
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

  /** Spawns a green thread after some time: see {@linkcode Hub.prototype.spawnAfter | Hub.spawnAfter}. */
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

  /** Spawns a green thread whose result nobody wants: see {@linkcode Hub.prototype.spawnN | Hub.spawnN}. */
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
    const { graceMs } = this.#options;
    const kill = () => {
      const { reason: cause } = signal;
      thread.kill(new GreenletExit("The green thread was aborted", { cause }), { graceMs });
    };
    if (signal.aborted) kill();
    else {
      signal.addEventListener("abort", kill, { once: true });
      thread.onEnd(() => signal.removeEventListener("abort", kill));
    }
    return thread;
  }
}

const KNOWN = ["name", "signal", "timeout", "graceMs"];

function checkSpawnOptions(options: SpawnOptions): void {
  checkOptionsObject("spawn with options", options ?? null, "{ timeout: 1000 }", KNOWN);
  const { name, signal, timeout } = options;
  if (name !== undefined && typeof name !== "string") {
    throw new TypeError(
      `Cannot spawn with options: expected a string for "name", found ${show(name)}`,
    );
  }
  checkSignal("spawn with options", signal);
  if (timeout !== undefined) checkTime("spawn with options", timeout, "timeout");
}

/** Checks the delay of `spawnAfter()`. */
export function checkDelay(ms: unknown): number {
  const delay = checkTime("spawn later", ms);
  if (delay > LONGEST_TIMER) {
    throw new RangeError(
      `Cannot spawn later: expected at most ${LONGEST_TIMER} milliseconds, found ${ms}`,
    );
  }
  return Math.max(0, delay);
}
