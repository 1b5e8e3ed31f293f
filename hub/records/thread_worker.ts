/**
 * The kind of Worker that runs green threads, behind one small interface.
 *
 * A `node:worker_threads` Worker can be unreferenced, contains an out-of-memory, and reports its end; web Workers can do
 * none of that, but can be given fewer permissions than the app. The hub knows no more of it than this interface.
 *
 * @module
 */

import { SHARE_ENV, Worker } from "node:worker_threads";
import type { WorkerStart } from "../../bridge/memory/worker_start.ts";
import type { ResourceLimits } from "../base/options.ts";

/** Options for {@linkcode startWorker}. */
export interface WorkerOptions {
  readonly name: string;
  readonly resourceLimits: ResourceLimits;
  /** Takes the error that ends the Worker; `onExit` follows. */
  readonly onError: (error: unknown) => void;
  /** Called when the Worker has ended, and will not touch shared memory again. */
  readonly onExit: (code: number) => void;
}

/** A Worker that was started. */
export interface RunningWorker {
  /** Ends the Worker by force. Wake it first: a parked Worker may not hear. */
  terminate(): Promise<unknown>;
}

/**
 * Starts a Worker that does not keep the process alive.
 *
 * @param start The data that it gets.
 * @param options See {@linkcode WorkerOptions}.
 * @returns The Worker.
 */
export function startWorker(start: WorkerStart, options: WorkerOptions): RunningWorker {
  const worker = new Worker(entryUrl(start.bundle), {
    workerData: start,
    transferList: [start.passage],
    name: options.name,
    resourceLimits: options.resourceLimits,
    // Without it, the runtime copies `process.env` for the Worker, and at a terminal asks the user for it.
    env: SHARE_ENV,
  });
  worker.unref();
  worker.on("error", options.onError);
  worker.on("exit", options.onExit);
  return { terminate: () => worker.terminate() };
}

/**
 * The URL from which the Worker starts. A thread Worker starts from `file:` and `data:` URLs only, so an entry that was served is
 * imported by a line of text. So is a bundle: if the Worker started from it, `import.meta.main` would be true there.
 */
function entryUrl(bundle: string | undefined): URL {
  if (bundle !== undefined) return importing(bundle);
  const url = new URL("../../green/worker/entry.ts", import.meta.url);
  return url.protocol === "file:" ? url : importing(url.href);
}

function importing(url: string): URL {
  const text = `import ${JSON.stringify(url)};`;
  return new URL(`data:application/javascript,${encodeURIComponent(text)}`);
}
