/**
 * How something ended, as a value that a test can look at.
 *
 * @module
 */

import { ON_END } from "../../bridge/side/green_thread.ts";
import type { GreenThread, Outcome } from "@aiohub/aiohub";
import { assertInstanceOf } from "@std/assert";

/** The error that a promise rejects with, checked for its class. */
export async function rejection<E extends Error>(
  promise: PromiseLike<unknown>,
  // deno-lint-ignore no-explicit-any
  errorClass: abstract new (...args: any[]) => E,
): Promise<E> {
  const error = await thrownBy(promise);
  assertInstanceOf(error, errorClass);
  return error as E;
}

/** The reason that a promise rejects with, whatever it is. */
export async function thrownBy(promise: PromiseLike<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`Expected a rejection, got ${Deno.inspect(value)}`);
}

/** The value that a synchronous call throws, also in green code; `undefined` when it throws nothing. */
export function caught(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
}

/** The outcome of a thread, once it has one. Looking does not count as asking for its result. */
export async function ending<T>(thread: GreenThread<T>): Promise<Outcome<T>> {
  await new Promise<void>((resolve) => thread[ON_END](() => resolve()));
  return thread.outcome()!;
}
