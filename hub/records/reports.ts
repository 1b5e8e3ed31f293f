/**
 * Reports from the dispatcher to the owner of the hub.
 *
 * @module
 */

import type { Fault } from "../base/faults.ts";
import type { HubThread } from "./thread.ts";

/** The events of which the dispatcher tells the hub's owner. */
export interface DispatcherEvents {
  /** A thread failed unhandled: nobody asked for its result. */
  unhandledThread(thread: HubThread): void;
  /** Code that belongs to no thread threw. */
  error(error: unknown, fault?: Fault): void;
  /** A function of the hub kept the event loop for `ms` milliseconds. */
  blocked(name: string, ms: number): void;
}
