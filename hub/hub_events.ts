/**
 * The events that a hub dispatches.
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import type { GreenThread } from "../bridge/green_thread.ts";

/** A green thread has failed and nobody has asked for its result. */
export class UnhandledThreadEvent extends Event {
  static {
    brand(this, "UnhandledThreadEvent");
  }

  /** The thread. */
  readonly thread: GreenThread;
  /** What it threw. */
  readonly reason: unknown;

  /**
   * Makes the event.
   *
   * @param thread The thread.
   * @param reason What it threw.
   */
  constructor(thread: GreenThread, reason: unknown) {
    super("unhandledthread", { cancelable: true });
    this.thread = thread;
    this.reason = reason;
  }
}

/** The events of a {@linkcode Hub}, by type. What none of its listeners calls `preventDefault()` on is printed to stderr. */
export interface HubEventMap {
  /** A thread has failed and nobody has asked for its result. */
  unhandledthread: UnhandledThreadEvent;
  /** Something has failed that belongs to no thread, such as a callback of `link()`: see the event's `error`. */
  error: ErrorEvent;
  /** A function has kept the event loop for longer than `blockedWarningMs`: see the event's `message`. */
  blocked: ErrorEvent;
}

/** What listens to an event of a {@linkcode Hub}. */
export type HubListener<E extends Event> = ((event: E) => void) | {
  /**
   * Is called with the event.
   *
   * @param event The event.
   */
  handleEvent(event: E): void;
};
