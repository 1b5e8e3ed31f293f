/**
 * The start of a Worker. This module is loaded by URL, or, in a bundle, by `in_bundle.ts`; it imports nothing of the hub.
 *
 * The Worker sits in `Atomics.wait` and not in its event loop, so that a thread is started without the 160 µs that a platform
 * message takes. It goes back to its event loop to import a module, to await the promise of an `async` green function, and
 * now and then so that finalizers run.
 *
 * @module
 */

import { workerData } from "node:worker_threads";
import process from "node:process";
import { setImmediate } from "node:timers";
import { RunLock } from "../../bridge/wire/run_lock.ts";
import { GreenRuntime } from "./runtime.ts";
import { boardOf } from "../../bridge/memory/in_bundle.ts";
import { Inbox } from "../../bridge/wire/inbox.ts";
import { Outbox } from "../../bridge/wire/outbox.ts";
import { RingReader, RingWriter } from "../../bridge/wire/ring.ts";
import { PATIENCE } from "../../bridge/patience.ts";
import { becomeGreen } from "../../bridge/side/side.ts";
import { Passage } from "../../bridge/memory/objects.ts";
import "../../sync/mod.ts";
import { exitWithoutSpinning, GivenUpError } from "./worker_exit.ts";
import type { WorkerStart } from "../../bridge/memory/worker_start.ts";
import { sayClassLosses } from "../../bridge/values/class_loss.ts";

const start = workerData as WorkerStart;
Object.assign(PATIENCE, start.patience);
exitWithoutSpinning();
// Taken now, as green code may replace it.
const { exit } = process;
const board = boardOf(start);
const runLock = start.runLock && new RunLock(board, start.slot + 1, start.runLock);
board.order = runLock;
const passage = new Passage(start.passage);
const inbox = new Inbox(new RingReader(start.down), passage);
const runtime = new GreenRuntime({
  board,
  runLock,
  slot: start.slot,
  serial: start.serial,
  out: new Outbox(new RingWriter(start.up), passage),
  inbox,
  scope: start.scope,
  debug: start.debug,
  passage,
});

/** Ends the Worker after a failure of the runtime itself, not of green code. */
function breakDown(error: unknown): never {
  runtime.breakDown();
  throw error;
}

becomeGreen(runtime);
if (start.debug) sayClassLosses((message) => console.warn(`Warning: ${message}`), false);
runtime.ready();
// Each turn is a macrotask: see `ThreadRunner.run`. When there is no next turn, the Worker ends, whatever timers and the like
// green code has left behind.
setImmediate(function step() {
  let turn: Promise<unknown> | undefined;
  try {
    turn = runtime.serve();
  } catch (error) {
    breakDown(error);
  }
  if (turn) return void turn.then(() => setImmediate(step), breakDown);
  inbox.ring.leave();
  try {
    exit(0);
  } catch (error) {
    if (!(error instanceof GivenUpError)) throw error;
  }
});
