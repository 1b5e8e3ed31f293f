/**
 * A new Worker: its rings, its passage, its record on the hub, and the data that it gets at its start.
 *
 * Nothing runs yet, and nothing here fails for want of a thread: `hub/records/thread_worker.ts` starts the Worker.
 *
 * @module
 */

import { MessageChannel } from "node:worker_threads";
import type { Board } from "../../bridge/wire/board.ts";
import { bundleUrl } from "../../bridge/memory/in_bundle.ts";
import { PATIENCE } from "../../bridge/patience.ts";
import { Inbox } from "../../bridge/wire/inbox.ts";
import { Outbox } from "../../bridge/wire/outbox.ts";
import { createRing, RingReader, RingWriter } from "../../bridge/wire/ring.ts";
import { Passage } from "../../bridge/memory/objects.ts";
import { hereOnHub, keyOf } from "../../bridge/memory/process_side.ts";
import type { WorkerStart } from "../../bridge/memory/worker_start.ts";
import { GreenWorker, type Registry } from "../records/worker.ts";
import { Post } from "../records/post.ts";
import { WorkerObjects } from "../references/worker_objects.ts";

/** Options for {@linkcode makeWorker}. */
export interface NewWorkerOptions {
  readonly board: Board;
  /** The board's number in the process. */
  readonly boardNumber: number;
  /** A free slot of the board. */
  readonly slot: number;
  /** The Worker's number, which no other Worker of the hub ever has. */
  readonly serial: number;
  /** The hub's tables, in which the Worker's references are looked up. */
  readonly registry: Registry;
  /** The modules whose exports are in scope of inline functions. */
  readonly scope: readonly string[];
  /** Whether to record where threads are spawned. */
  readonly debug: boolean;
}

/** Makes the record of a Worker that has not started, and the data with which it is to be started. */
export function makeWorker(
  options: NewWorkerOptions,
): { readonly worker: GreenWorker; readonly start: WorkerStart } {
  const { board, boardNumber, slot, serial } = options;
  const up = createRing();
  const down = createRing();
  const { port1, port2 } = new MessageChannel();
  const passage = new Passage(port1, true);
  const inbox = new Inbox(new RingReader(up), passage);
  const outbox = new Outbox(new RingWriter(down), passage);
  const post = new Post(board, slot, outbox, inbox);
  const objects = new WorkerObjects(passage, keyOf(boardNumber, slot));
  const worker = new GreenWorker(serial, slot, post, objects, options.registry);
  const start: WorkerStart = {
    slots: board.slots,
    board: board.buffer,
    slot,
    serial,
    up,
    down,
    scope: options.scope,
    bundle: bundleUrl(),
    debug: options.debug,
    patience: PATIENCE,
    here: { arena: hereOnHub().arena.buffer, board: boardNumber },
    passage: port2,
    runLock: board.order?.buffer,
  };
  return { worker, start };
}
