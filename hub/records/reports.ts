/**
 * Reports to whoever owns the hub.
 *
 * @module
 */

import type { Fault } from "../base/faults.ts";
import type { HubThread } from "./thread.ts";

/** What the dispatcher tells the hub's owner. */
export interface DispatcherEvents {
  /** A thread failed and nobody asked for its result. */
  unhandledThread(thread: HubThread): void;
  /** Something threw that belongs to no thread. */
  error(error: unknown, fault?: Fault): void;
  /** A function of the hub kept the event loop for so long, in milliseconds. */
  blocked(name: string, ms: number): void;
}
