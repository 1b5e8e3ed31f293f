/**
 * The Worker's runtime, as the rest of the library sees it: everything that green code can do.
 *
 * @module
 */

import { GreenletExit } from "../errors.ts";
import type { Target, ThreadOptions } from "../protocol/messages.ts";
import type { ExportCounts } from "../references/exports.ts";
import type { RemoteObject } from "../references/remote_object.ts";
import type { GreenThread } from "./green_thread.ts";

/** A time limit of a thread. */
export interface TimeLimit {
  /** The time at which it is due, in `performance.now()` time. */
  readonly due: number;
}

/** The condition that {@linkcode Green.block} waits for. */
export interface Condition {
  /** Whether the condition holds. */
  readonly done: boolean;
  /**
   * Called before a kill or a timeout is thrown: the waiter leaves what it waits at, and hands back what it was given there. If
   * the grant is final, it cannot: then nothing is thrown now, and the kill is for the thread's next block.
   *
   * @returns Whether the waiter has left.
   */
  giveUp?(): boolean;
  /** Whether the waiter was given something before the kill with this number was made. */
  cameBefore?(kill: number): boolean;
  /** Called before the first look at the condition if the wait has a limit, for {@linkcode Condition.cameAfter}. */
  limited?(): void;
  /** Whether the waiter was given something after a moment in `performance.now()` time. */
  cameAfter?(due: number): boolean;
}

/** The text in `parkedOn` of a thread that waits for its turn. */
export const ITS_TURN = "its turn";

/** The wait of a blocked thread, for the hub and for people. */
export interface Parking {
  /** The thing waited for: a call's target, a thread, or a few words such as `lock "cache"`. */
  readonly what: Target | GreenThread | string;
  /** The id of the one thread that can end the wait, if that is known; asked each time that the hub is told. */
  readonly holder?: () => number | undefined;
  /** The id of the coordination object, if the thread waits at one. */
  readonly object?: number;
  /**
   * Whether another green thread may have to end the wait: one that may itself wait for a Worker. Always so for a wait for a
   * thread, or at an object.
   *
   * @default {false}
   */
  readonly peers?: boolean;
  /**
   * Whether the wait may end by itself otherwise than by a time limit: by a signal that may be aborted.
   *
   * @default {false}
   */
  readonly limited?: boolean;
  /** The signal that ends the wait, or that the call was given. */
  readonly signal?: AbortSignal;
  /**
   * Whether the wait may end soon, so that spinning may pay.
   *
   * @default {true}
   */
  readonly spin?: boolean;
  /** In a cooperative hub: whether others go first even if there is nothing to wait for. */
  readonly yields?: boolean;
  /** The thread's order number then, if it has taken one. */
  readonly order?: number;
  /** In a cooperative hub: whether what the thread came for is done, so that a kill or a timeout is for its next block. */
  readonly done?: boolean;
  /** In a cooperative hub: whether nobody else goes on meanwhile. */
  readonly keeps?: boolean;
}

/** The runtime of a Worker: everything that green code can do. */
export interface Green {
  /** Counts of the functions and objects of this Worker that the hub holds. For tests. */
  readonly exports: ExportCounts;
  /** The handle of the green thread that runs now. */
  current(): GreenThread;
  /**
   * Calls something on the hub and blocks for its result.
   *
   * @param target What to call.
   * @param args Its arguments.
   * @param name Its name in messages.
   * @param peers See {@linkcode Parking.peers}.
   * @param limited See {@linkcode Parking.limited}.
   * @returns Its result, awaited.
   */
  call(
    target: Target,
    args: readonly unknown[],
    name?: string,
    peers?: boolean,
    limited?: boolean,
  ): unknown;
  /** Calls something on the hub that answers at once: no other green thread has its turn meanwhile. */
  callAtOnce(target: Target, args: readonly unknown[]): unknown;
  /** Starts something on the hub without waiting for it. */
  start(target: Target, args: readonly unknown[], options?: ThreadOptions): GreenThread;
  /** Spawns a green thread. */
  spawn(target: Target, args: readonly unknown[], options?: ThreadOptions): GreenThread;
  /** Blocks for some time. No other thread and no hub is needed to end that. */
  sleep(ms: number): void;
  /** Whether one green thread runs at a time. */
  readonly cooperative: boolean;
  /** In a cooperative hub: takes the next order number for the run lock, for {@linkcode Green.giveWay}. */
  takeOrder(): number | undefined;
  /** In a cooperative hub: lets all threads go first that can go on, or those before {@linkcode Parking.order}. */
  giveWay(options?: Pick<Parking, "order" | "done">): void;
  /** A point where a kill or a timeout can hit code that does not block. */
  checkpoint(): void;
  /** Calls a function during which the thread cannot be killed. */
  shield<T>(fn: () => T): T;
  /**
   * Begins a call that may block or not: a killed thread does not even get what it could have at once. A timeout that is due
   * does not count, since what is ready wins over it.
   *
   * @param call The call as people wrote it.
   * @returns The id of the thread that runs now.
   */
  enter(call: string): number;
  /** The count of kills said so far, as of the last call of {@linkcode Green.isKilledBy}. */
  knownKills: number;
  /**
   * Whether the thread that runs now was killed.
   *
   * @param said The count of kills said so far, by now or a moment ago.
   */
  isKilledBy(said: number): boolean;
  /** The id of the `GreenPool` that the thread that runs now is a member of. */
  readonly memberOf: number | undefined;
  /** The id of the thread that runs now; 0 for none. */
  readonly running: number;
  /** The time limits of the thread that runs now, for what ends with them. */
  readonly limits: readonly TimeLimit[];
  /**
   * Whether an error was thrown by a time limit of the thread that runs now: then the thread may ask again for the step that it
   * waited for.
   *
   * @param error The error.
   * @param within The limits within which the iteration was made. When one of those has thrown, nobody asks again.
   */
  isLimit(error: unknown, within?: readonly TimeLimit[]): boolean;
  /** Whether the thread that runs now is killed. */
  readonly isKilled: boolean;
  /** The id of the thread that runs now, for a call that does not block. */
  threadId(call: string): number;
  /** Throws in a Worker that was stopped by force. For calls that need no thread. */
  checkHeard(): void;
  /** Iterates over an object of the hub, with this many items asked for ahead. */
  iterate(remote: RemoteObject, ahead: number): IterableIterator<unknown>;
  /** Arms a timeout for the thread that runs now; returns the function that disarms it. */
  arm(timeout: TimeLimit): () => void;
  /** The values of `local()`s of the thread that runs now. */
  readonly locals: Map<object, unknown>;
  /**
   * Blocks the thread that runs now.
   *
   * @param condition The condition. It is looked at after each message and each wake-up.
   * @param deadline When to give up, in `performance.now()` time.
   * @param parking The wait, for the hub and for people, and whether spinning may pay.
   * @returns Whether the condition holds; `false` when the time is over.
   * @throws The reason with which the thread was killed, or a timeout of the thread that is due.
   */
  block(condition: Condition, deadline: number, parking: Parking): boolean;
}

/** The error of every call in a Worker that the hub has stopped by force: nobody listens to it any more. */
export function stopped(): GreenletExit {
  return new GreenletExit("The green thread was killed and did not end: its Worker was stopped");
}
