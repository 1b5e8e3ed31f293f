/**
 * The endings of threads whose Worker has ended under them.
 *
 * @module
 */

import { GreenletExit, WorkerCrashedError } from "../../bridge/errors.ts";
import { Ended } from "../records/ended.ts";
import type { GreenWorker } from "../records/worker.ts";
import type { HubThread } from "../records/thread.ts";

/**
 * Makes the ending of a thread whose Worker has ended: killed if the Worker was stopped, else failed by a crash.
 *
 * @param worker The Worker.
 * @param thread The thread that ran on it, or was about to.
 * @param code The Worker's exit code.
 */
export function endingOf(worker: GreenWorker, thread: HubThread, code: number): Ended {
  return Ended.of(
    worker.stopped
      ? { status: "killed", reason: stopReason(worker, thread) }
      : { status: "rejected", reason: crash(worker, thread, code) },
  );
}

/** The reason for a thread whose Worker was stopped: that of its kill, or else a `GreenletExit` that tells of the stop. */
function stopReason({ error }: GreenWorker, thread: HubThread): unknown {
  if (thread.killed) return thread.killed.reason;
  const exit = `The Worker of the green thread "${thread.name}" was stopped`;
  return new GreenletExit(exit, { cause: error });
}

/**
 * Makes the error for a Worker that has ended by itself.
 *
 * @param worker The Worker.
 * @param thread The thread that ran on it, if any: a Worker can also be ended by code that a thread has left behind.
 * @param code The Worker's exit code.
 */
export function crash(
  worker: GreenWorker,
  thread: HubThread | undefined,
  code: number,
): WorkerCrashedError {
  const { error } = worker;
  const running = thread ? `while it ran "${thread.name}"` : "while no green thread ran on it";
  const where = worker.ready ? running : "before it was ready";
  const why = error instanceof Error ? error.message : `the Worker exited with code ${code}`;
  return new WorkerCrashedError(
    `Worker ${worker.serial} ended ${where}: ${why}`,
    error === undefined ? undefined : { cause: error },
  );
}
