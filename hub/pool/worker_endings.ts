/**
 * What the threads on a Worker end with that has ended under them.
 *
 * @module
 */

import { GreenletExit, WorkerCrashedError } from "../../bridge/errors.ts";
import { Ended } from "../records/ended.ts";
import type { GreenWorker } from "../records/worker.ts";
import type { HubThread } from "../records/thread.ts";

/**
 * How a thread ends with its Worker: killed if that was stopped, else by a crash.
 *
 * @param worker The Worker.
 * @param thread The thread that ran on it, or was about to.
 * @param code What the Worker exited with.
 */
export function endingOf(worker: GreenWorker, thread: HubThread, code: number): Ended {
  return Ended.of(
    worker.stopped
      ? { status: "killed", reason: stopReason(worker, thread) }
      : { status: "rejected", reason: crash(worker, thread, code) },
  );
}

/** What a thread ends with whose Worker was stopped: what it was killed with, or what its Worker was stopped for. */
function stopReason({ error }: GreenWorker, thread: HubThread): unknown {
  if (thread.killed) return thread.killed.reason;
  const exit = `The Worker of the green thread "${thread.name}" was stopped`;
  return new GreenletExit(exit, { cause: error });
}

/**
 * Makes the error of a Worker that has ended by itself.
 *
 * @param worker The Worker.
 * @param thread The thread that ran on it. There may be none: what a thread has left behind can end a Worker too.
 * @param code What the Worker exited with.
 */
export function crash(
  worker: GreenWorker,
  thread: HubThread | undefined,
  code: number,
): WorkerCrashedError {
  const { error } = worker;
  const running = thread ? `while it ran "${thread.name}"` : "while no green thread ran on it";
  const where = worker.ready ? running : "before it was ready";
  const why = error instanceof Error ? error.message : `it exited with code ${code}`;
  return new WorkerCrashedError(
    `The Worker ${worker.serial} ended ${where}: ${why}`,
    error === undefined ? undefined : { cause: error },
  );
}
