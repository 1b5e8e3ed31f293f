/**
 * The start of a Worker. This module is loaded by URL, or, in a bundle, by `in_bundle.ts`; it imports nothing of the hub.
 *
 * The Worker sits in `Atomics.wait` and not in its event loop, so that a thread is started without the 160 µs that a platform
 * message takes. It goes back to its event loop to import a module, to await the promise of an `async` green function, and
 * now and then so that finalizers run.
 *
 * **`process.exit()` has to end a Worker that its hub has given up.** In a Worker, Deno's (2.9.6) `process.exit()` asks for the
 * Worker's termination and then spins until that comes. It never comes where the hub has asked for it first, as it does of a
 * Worker that seems to compute (see `hub/pool/stopped.ts`): a thread that wants to end, late, would keep a core busy for as long
 * as the process lives. So the function by which `process.exit()` asks throws if nothing has come of it: the code unwinds, and
 * the Worker ends in its event loop.
 *
 * @module
 */

import "../../sync/mod.ts";
import process from "node:process";
import { workerData } from "node:worker_threads";
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
// Each turn is a macrotask: see `ThreadRunner.run`. When there is no next turn, the Worker ends, even if green code has left
// timers behind.
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

/** Node's name of the part of `process.exit()` that comes after the `"exit"` event. */
type ReallyExit = { reallyExit(code?: number): void };

/** Turns of a loop to wait for termination: one that was asked for comes at the next turn. */
const TURNS = 1000;

/** The error that `process.exit()` throws in a Worker that was given up. */
class GivenUpError extends Error {
  override name = "GivenUpError";

  constructor() {
    super("The hub has stopped this Worker: the Worker ends as soon as its code returns");
  }
}

/** Changes `process.exit()` of this Worker. */
function exitWithoutSpinning(): void {
  const host = process as unknown as ReallyExit;
  const { reallyExit } = host;
  host.reallyExit = (code) => {
    reallyExit.call(host, code);
    for (let turn = 0; turn < TURNS; turn++);
    throw new GivenUpError();
  };
}
