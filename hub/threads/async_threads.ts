/**
 * Threads for async work on the hub: `futureToGreenlet()`, and async functions that green code starts without waiting for them.
 *
 * No Worker runs such a thread. It begins when its work begins, ends as the work ends, and a kill aborts the work.
 *
 * @module
 */

import { currentValues, usesContext, within } from "../../bridge/context/context.ts";
import { textOfError } from "../../bridge/values/error_values.ts";
import { GreenletExit } from "../../bridge/errors.ts";
import { isA } from "../../bridge/primordials.ts";
import { hereOnHub } from "../../bridge/memory/process_side.ts";
import { Ended } from "../records/ended.ts";
import { HubThread } from "../records/thread.ts";
import type { Threads } from "./threads.ts";

/** Options for {@linkcode makeAsyncThread}: see `futureToGreenlet`. */
export interface FutureOptions {
  readonly name?: string;
  readonly parent?: number;
  readonly autostart?: boolean;
  readonly autocancel?: boolean;
  readonly autokill?: boolean;
  /** Says whether the work has asked for its signal. By default, whether it takes an argument. */
  readonly heeds?: () => boolean;
}

/**
 * Makes a thread for async work on the hub.
 *
 * @param threads The hub's threads.
 * @param label The base of its name.
 * @param options See {@linkcode FutureOptions}.
 * @param work Starts the work; gets the signal that aborts it.
 * @param id Its id, if it has one already.
 */
export function makeAsyncThread(
  threads: Threads,
  label: string,
  options: FutureOptions,
  work: (signal: AbortSignal) => unknown,
  id: number = hereOnHub().arena.takeThreadId(),
): HubThread {
  const { autostart = true, autocancel = true, autokill = true } = options;
  const { heeds = () => work.length > 0 } = options;
  const begin = inContext(work);
  const thread = new HubThread(threads, id, { label, name: options.name, parent: options.parent });
  if (!threads.add(thread)) return thread;
  const controller = new AbortController();
  const start = () => {
    thread.begin = undefined;
    thread.start();
    const end = (ended: Ended) => threads.endThread(thread, ended);
    const { promise: working, resolve: worked } = Promise.withResolvers<void>();
    // This comes first, as the work may kill its own thread before its first await.
    thread.abort = (reason) => {
      if (!autocancel) return;
      if (heeds()) threads.awaitAborted(thread, working);
      controller.abort(reason);
    };
    Promise.try(begin, controller.signal).then(
      (value) => end(Ended.of({ status: "fulfilled", value })),
      (reason) => end(abortedEnding(reason, autokill)),
    ).then(worked);
  };
  if (autostart) start();
  else thread.begin = start;
  return thread;
}

/** Binds async work to the flow that makes it: the work has this flow's context whenever it begins. */
function inContext(work: (signal: AbortSignal) => unknown): (signal: AbortSignal) => unknown {
  if (!usesContext()) return work;
  const values = currentValues();
  return (signal) => within(values, () => work(signal));
}

/** The ending of a thread whose async work failed: aborted work counts as killed. */
function abortedEnding(reason: unknown, autokill: boolean): Ended {
  if (isA(reason, GreenletExit)) return Ended.of({ status: "killed", reason });
  const isAbort = isA(reason, DOMException) && textOfError(reason).name === "AbortError";
  if (!isAbort || !autokill) return Ended.of({ status: "rejected", reason });
  const exit = new GreenletExit("The async work was aborted", { cause: reason });
  return Ended.of({ status: "killed", reason: exit });
}
