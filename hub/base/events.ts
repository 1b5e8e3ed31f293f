/**
 * The events that a hub dispatches.
 *
 * @module
 */

import { brand } from "../../bridge/brand.ts";
import type { GreenThread } from "../../bridge/side/green_thread.ts";
import { isPromise } from "../../bridge/references/thenables.ts";

/**
 * A green thread has failed and nobody has asked for its result, or a promise that it has left behind was rejected.
 *
 * @example Count failures that nobody asks about
 * ```ts
 * import { Hub, type UnhandledThreadEvent } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * await using hub = new Hub();
 * const failed = new Promise<UnhandledThreadEvent>((resolve) => {
 *   hub.addEventListener("unhandledthread", (event) => {
 *     event.preventDefault(); // it is not printed
 *     resolve(event);
 *   });
 * });
 * const thread = hub.spawnN(() => {
 *   throw new RangeError("nobody asks");
 * });
 * assertEquals((await failed).thread, thread);
 * ```
 *
 * @category Hubs
 */
export class UnhandledThreadEvent extends Event {
  static {
    brand(this, "UnhandledThreadEvent");
  }

  /** The thread. */
  readonly thread: GreenThread;
  /** The error that it threw. */
  readonly reason: unknown;

  /**
   * Makes the event.
   *
   * @param thread The thread.
   * @param reason The error that it threw.
   */
  constructor(thread: GreenThread, reason: unknown) {
    super("unhandledthread", { cancelable: true });
    this.thread = thread;
    this.reason = reason;
  }
}

/**
 * The events of a {@linkcode Hub}, by type. An event is printed to stderr unless a listener calls `preventDefault()` on it.
 *
 * @category Hubs
 */
export interface HubEventMap {
  /** A thread has failed and nobody has asked for its result, or a promise that it has left behind was rejected. */
  unhandledthread: UnhandledThreadEvent;
  /**
   * Something has failed that nobody waits for, such as a callback of `link()` or a listener of green code: see the event's
   * `error`. Its `message` says what it was and of which thread, and `filename` and `lineno` where.
   */
  error: ErrorEvent;
  /** A function has kept the event loop for longer than `blockedWarning`: see the event's `message`. */
  blocked: ErrorEvent;
}

/**
 * A listener for an event of a {@linkcode Hub}.
 *
 * @category Hubs
 */
export type HubListener<E extends Event> = ((event: E) => void) | {
  /**
   * Is called with the event.
   *
   * @param event The event.
   */
  handleEvent(event: E): void;
};

/** The types of events in {@linkcode HubEventMap}. */
const OWN_TYPES: ReadonlySet<string> = new Set(["unhandledthread", "error", "blocked"]);

/**
 * Guards around the listeners of a hub's own events. An error that a listener throws, or that its promise rejects with, would end
 * the process; but these listeners are there to hear of failures.
 */
export class ListenerGuards {
  readonly #onError: (type: string, error: unknown) => void;
  /** The guard of each listener: always the same one, so that the `EventTarget` knows the listener again. */
  readonly #guards = new WeakMap<object, EventListener>();

  /** @param onError Called with the type of the event and the failure of its listener. */
  constructor(onError: (type: string, error: unknown) => void) {
    this.#onError = onError;
  }

  /** The guard of a listener, for the `EventTarget` in place of the listener. */
  of(type: string, listener: unknown): EventListener {
    if (!OWN_TYPES.has(type) || !isObject(listener)) return listener as EventListener;
    let guard = this.#guards.get(listener);
    if (!guard) this.#guards.set(listener, guard = this.#guard(listener));
    return guard;
  }

  #guard(listener: object): EventListener {
    const call = (self: unknown, event: Event): unknown =>
      typeof listener === "function"
        ? listener.call(self, event)
        : (listener as { handleEvent(event: Event): unknown }).handleEvent(event);
    const onError = (type: string, error: unknown) => this.#onError(type, error);
    return function (this: unknown, event: Event): void {
      const { type } = event;
      try {
        const result = call(this, event);
        // A query that the listener returns is not to be run by this.
        if (isPromise(result)) result.then(undefined, (error) => onError(type, error));
      } catch (error) {
        onError(type, error);
      }
    };
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "function" || typeof value === "object" && value !== null;
}
