/**
 * Locks on objects of the hub, one for each object: see `update()`.
 *
 * @module
 */

import { checkWaiting, LONGEST_TIMER, timeLimit, type WaitOptions } from "../../bridge/checks.ts";
import { overdue } from "../../bridge/side/bounded.ts";
import { currentLimit } from "../../bridge/side/limit.ts";
import { Resource } from "../../bridge/references/exports.ts";
import { state } from "../../bridge/state.ts";
import { currentCall } from "../base/call_context.ts";

interface Waiter {
  readonly go: () => void;
  gone: boolean;
}

/** The state of an object's lock, and its waiters; first come, first served. */
interface Queue {
  held: boolean;
  readonly waiting: Waiter[];
}

const queues = state("locks", () => new WeakMap<object, Queue>());

/** A lock that is held. When it is released, it goes to the next waiter. */
export class HeldLock extends Resource {
  #queue: Queue | undefined;

  constructor(queue: Queue) {
    super();
    this.#queue = queue;
  }

  perform(): never {
    throw new TypeError("Cannot use the lock of an object: it can only be released");
  }

  released(): void {
    const queue = this.#queue;
    this.#queue = undefined;
    if (!queue) return;
    let next: Waiter | undefined;
    do next = queue.waiting.shift(); while (next?.gone);
    if (next) next.go();
    else queue.held = false;
  }
}

/**
 * Takes the lock of an object.
 *
 * @param object Any object.
 * @param options The options of the wait for it.
 * @returns The lock. It is released at once if the caller, a green thread, has gone meanwhile.
 */
export function takeLock(
  object: object,
  options?: WaitOptions,
): HeldLock | Promise<HeldLock> {
  checkWaiting(options);
  let queue = queues.get(object);
  if (!queue) queues.set(object, queue = { held: false, waiting: [] });
  if (!queue.held) {
    queue.held = true;
    return new HeldLock(queue);
  }
  return waitFor(queue, options);
}

async function waitFor(queue: Queue, options: WaitOptions | undefined): Promise<HeldLock> {
  const ends = [currentCall()?.signal, currentLimit(0)?.signal, options?.signal]
    .filter((signal) => signal !== undefined);
  const signal = AbortSignal.any(ends);
  const timeout = timeLimit(options);
  let timer: ReturnType<typeof setTimeout> | undefined;
  await new Promise<void>((resolve, reject) => {
    const giveUp = (reason: unknown) => {
      clearTimeout(timer);
      waiter.gone = true;
      reject(reason);
    };
    const onAbort = () => giveUp(signal.reason);
    const go = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      resolve();
    };
    const waiter = { go, gone: false };
    queue.waiting.push(waiter);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    if (timeout < LONGEST_TIMER) {
      timer = setTimeout(() => giveUp(overdue(timeout)), Math.max(0, timeout));
    }
  });
  return new HeldLock(queue);
}
