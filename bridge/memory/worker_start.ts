/**
 * What a Worker is told at its start.
 *
 * @module
 */

import type { MessagePort } from "node:worker_threads";
import type { PATIENCE } from "../patience.ts";
import type { HereStart } from "./process_side.ts";

/** What a Worker needs to start. */
export interface WorkerStart {
  readonly slots: number;
  readonly board: SharedArrayBuffer;
  readonly slot: number;
  /** The Worker's number, which no other Worker of the hub ever has. */
  readonly serial: number;
  /** The ring from the Worker to the hub. */
  readonly up: SharedArrayBuffer;
  /** The ring from the hub to the Worker. */
  readonly down: SharedArrayBuffer;
  /** The modules whose exports are in scope of inline functions. */
  readonly scope: readonly string[];
  /** The bundle that it starts from, if the library is in one. */
  readonly bundle: string | undefined;
  /** Whether to record where threads are spawned. */
  readonly debug: boolean;
  /** How long it is to wait. */
  readonly patience: typeof PATIENCE;
  /** Where it is, for coordination objects. */
  readonly here: HereStart;
  /** What shared memory comes and goes through. */
  readonly passage: MessagePort;
  /** The memory of the run lock, if the hub is cooperative. */
  readonly runLock: SharedArrayBuffer | undefined;
}
