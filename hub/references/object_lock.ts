/**
 * Locks on objects of the hub, one for each object: see `update()`.
 *
 * @module
 */

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
 * @returns The lock. It is released at once if the caller, a green thread, has gone meanwhile.
 */
export function takeLock(object: object): HeldLock | Promise<HeldLock> {
  let queue = queues.get(object);
  if (!queue) queues.set(object, queue = { held: false, waiting: [] });
  if (!queue.held) {
    queue.held = true;
    return new HeldLock(queue);
  }
  return waitFor(queue);
}

async function waitFor(queue: Queue): Promise<HeldLock> {
  const signals = [currentCall()?.signal, currentLimit(0)?.signal];
  await new Promise<void>((resolve, reject) => {
    const waiter = { go: resolve, gone: false };
    queue.waiting.push(waiter);
    for (const signal of signals) {
      const onAbort = () => {
        waiter.gone = true;
        reject(signal!.reason);
      };
      if (signal?.aborted) onAbort();
      else signal?.addEventListener("abort", onAbort, { once: true });
    }
  });
  return new HeldLock(queue);
}
