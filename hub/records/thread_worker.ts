/**
 * Which kind of Worker runs green threads, behind one small interface.
 *
 * A `node:worker_threads` Worker can be unreferenced, contains an out-of-memory, and reports its end; web Workers can do
 * none of that, but can be given fewer permissions than the app. The hub only knows what stands here.
 *
 * @module
 */

import { type MessagePort, SHARE_ENV, Worker } from "node:worker_threads";
import type { PlaceStart } from "../../bridge/memory/process_side.ts";

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
  /** Where it is, for coordination objects. */
  readonly place: PlaceStart;
  /** What shared memory comes and goes through. */
  readonly passage: MessagePort;
  /** The memory of the baton, if the hub is cooperative. */
  readonly baton: SharedArrayBuffer | undefined;
}

/** Limits on a Worker's memory, in MiB. */
export interface ResourceLimits {
  /**
   * The most that long-lived objects may take.
   *
   * @default {1024}
   */
  maxOldGenerationSizeMb?: number;
  /** The most that new objects may take. The runtime's own default is used if it is not given. */
  maxYoungGenerationSizeMb?: number;
  /** The size of the stack. The runtime's own default is used if it is not given. */
  stackSizeMb?: number;
}

/** Options for {@linkcode startWorker}. */
export interface WorkerOptions {
  readonly name: string;
  readonly resourceLimits: ResourceLimits;
  /** Something failed that ends the Worker; `onExit` follows. */
  readonly onError: (error: unknown) => void;
  /** The Worker has ended, and will not touch shared memory again. */
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
 * @param start What it needs.
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
 * A thread Worker starts from `file:` and `data:` URLs only, so an entry that was served is imported by a line of text. So is
 * a bundle: if it were what the Worker starts from, `import.meta.main` would be true there.
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
