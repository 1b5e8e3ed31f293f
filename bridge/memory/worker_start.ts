/**
 * The data that a Worker is given at its start.
 *
 * @module
 */

import type { MessagePort } from "node:worker_threads";
import type { PATIENCE } from "../patience.ts";
import type { HereStart } from "./process_side.ts";

/** The data that a Worker is given at its start. */
export interface WorkerStart {
  /** The count of slots on the board. */
  readonly slots: number;
  /** The memory of the board. */
  readonly board: SharedArrayBuffer;
  /** The Worker's slot on the board. */
  readonly slot: number;
  /** The Worker's number, which no other Worker of the hub ever has. */
  readonly serial: number;
  /** The ring from the Worker to the hub. */
  readonly up: SharedArrayBuffer;
  /** The ring from the hub to the Worker. */
  readonly down: SharedArrayBuffer;
  /** The modules whose exports are in scope of inline functions. */
  readonly scope: readonly string[];
  /** The URL of the bundle that the Worker starts from, if the library is in one. */
  readonly bundle: string | undefined;
  /** Whether to record where threads are spawned. */
  readonly debug: boolean;
  /** The times that it waits. */
  readonly patience: typeof PATIENCE;
  /** The data for the Worker's `HereInWorker`. */
  readonly here: HereStart;
  /** The Worker's end of the side port. */
  readonly passage: MessagePort;
  /** The memory of the run lock, if the hub is cooperative. */
  readonly runLock: SharedArrayBuffer | undefined;
}
