/**
 * Types of functions that can be spawned, and of their results.
 *
 * @module
 */

import type { ThreadOptions } from "../protocol/messages.ts";
import type { AsyncBinary, AsyncResult } from "../references/live_types.ts";

/**
 * A function that can be spawned with arguments of these types.
 *
 * @category Threads
 */
// deno-lint-ignore no-explicit-any
export type Spawnable<A extends any[], R> = (...args: A) => R;

/**
 * The arguments to spawn a function with: where green code expects a function, an async one will do; and where it expects a
 * blob that blocks, one of the platform's.
 *
 * @category Threads
 */
export type Passed<A extends unknown[]> = {
  [K in keyof A]: A[K] extends (...args: infer P) => infer R ? (...args: P) => R | PromiseLike<R>
    : AsyncBinary<A[K]>;
};

/**
 * Any function, for arguments that begin with these: a parameter without a type takes that of its argument, or of its
 * default value if there is no argument.
 *
 * @category Threads
 */
export type SpawnableWith<P extends unknown[]> =
  | ((...args: [...P, ...never[]]) => unknown)
  | CallableFunction;

/**
 * The arguments to spawn a function of this type with. A generic or overloaded one has none here: the second form is for it.
 *
 * @category Threads
 */
export type SpawnArguments<F, P extends unknown[]> = F extends (...args: infer A) => infer R
  ? ((...args: A) => R) extends F ? A | Passed<A> : [fn: never]
  : P;

/**
 * The type that a function of this type returns.
 *
 * @category Threads
 */
export type Returned<F> = F extends (...args: never[]) => infer R ? R : never;

/**
 * The type of a green function's result for those who await its thread: a generator is an async iterable there.
 *
 * @category Threads
 */
export type Result<R> = AsyncResult<Awaited<R>>;

/** The options of a thread that is spawned on the hub. */
export interface HubThreadOptions extends ThreadOptions {
  /** The promise that has to settle before the thread may start. */
  readonly gate?: Promise<unknown>;
  /** The id of the thread that spawns this one; none for the hub. */
  readonly parent?: number;
}
