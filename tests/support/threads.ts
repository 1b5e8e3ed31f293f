/**
 * What the tests of lifetimes share: knowing where a green thread is, without sleeping for luck.
 *
 * @module
 */

import type { GreenThread, Hub, Outcome } from "@aiohub/aiohub";
import { assert } from "@std/assert";
import { until } from "./mod.ts";

/** Waits until a thread has said that it is blocked, on something that the pattern describes. */
export async function parked(
  hub: Hub,
  thread: GreenThread,
  on: RegExp = /./,
): Promise<void> {
  const isParked = () => {
    assert(!thread.dead, `${thread} ended before it was blocked on ${on}`);
    const info = hub.threads().find(({ id }) => id === thread.id);
    return info?.parkedOn !== undefined && on.test(info.parkedOn);
  };
  await until(isParked);
}

/** How a thread ends, once it has. Looking does not count as asking for its result. */
export async function ending<T>(thread: GreenThread<T>): Promise<Outcome<T>> {
  await new Promise<void>((resolve) => thread.onEnd(() => resolve()));
  return thread.outcome()!;
}

/** Like {@linkcode ending}, but a rejection of the promise that one awaits. */
export async function reasonOf(thread: PromiseLike<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await thread;
  } catch (reason) {
    return reason;
  }
  throw new Error(`Expected a rejection, got ${Deno.inspect(value)}`);
}

/** How long something takes, in milliseconds. */
export async function timed(run: () => PromiseLike<unknown>): Promise<number> {
  const start = performance.now();
  try {
    await run();
  } catch {
    // How it ends is none of our business here.
  }
  return performance.now() - start;
}

/** Something that an event loop without a turn for it cannot have: all that is due now is done. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
