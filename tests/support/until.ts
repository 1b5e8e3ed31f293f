/**
 * Waiting for what comes true in its own time: after a garbage collection, in another process, in a green thread. Programs that
 * tests run import this too, so it imports nothing.
 *
 * @module
 */

import type { GreenThread, Hub } from "@aiohub/aiohub";

/** Options for {@linkcode until}. */
export interface UntilOptions {
  /**
   * After how long it fails, in milliseconds.
   *
   * @default {30_000}
   */
  limit?: number;
  /**
   * How long it waits before it looks again, in milliseconds; 0 is a turn of the event loop.
   *
   * @default {5}
   */
  pause?: number;
}

/** Resolves when a condition is true, and fails when that takes too long. */
export async function until(condition: () => boolean, options: UntilOptions = {}): Promise<void> {
  const { limit = 30_000, pause = 5 } = options;
  const deadline = performance.now() + limit;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`It never came true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Resolves when a thread has said that it is blocked, on something that the pattern describes. */
export async function parked(hub: Hub, thread: GreenThread, on: RegExp = /./): Promise<void> {
  await until(() => {
    if (thread.dead) throw new Error(`${thread} ended before it was blocked on ${on}`);
    const info = hub.threads().find(({ id }) => id === thread.id);
    return info?.parkedOn !== undefined && on.test(info.parkedOn);
  });
}

/** One turn of the event loop: all that is due now is done. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** How long something takes, however it ends, in milliseconds. */
export async function timed(run: () => PromiseLike<unknown>): Promise<number> {
  const start = performance.now();
  try {
    await run();
  } catch {
    // How it ends is none of our business here.
  }
  return performance.now() - start;
}

/** Resolves when it has been called so many times. */
export interface Meeting {
  (): Promise<void>;
  /** How many have come. */
  readonly arrived: number;
}

/** A function that resolves for all callers once there are `size` of them: proof that they wait at the same time. */
export function meeting(size: number): Meeting {
  const { promise, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  const meet = () => {
    if (++arrived === size) resolve();
    return promise;
  };
  return Object.defineProperty(meet, "arrived", { get: () => arrived }) as Meeting;
}
