/**
 * What green code can do: the Worker's runtime, as the rest of the library sees it.
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
  /** When it is due, in `performance.now()` time. */
  readonly due: number;
}

/** What {@linkcode Green.block} waits for. */
export interface Condition {
  readonly done: boolean;
  /**
   * Called before a kill or a timeout is thrown: leaves what the thread waits at, and hands back what it was given there. If it
   * cannot, since what was done for it is done, nothing is thrown now: that counts, and the kill is for its next block.
   *
   * @returns Whether it has left.
   */
  giveUp?(): boolean;
  /** Whether it was given something before a kill was made, by the number of that. */
  cameBefore?(kill: number): boolean;
  /** Whether it was given something after a moment in `performance.now()` time. */
  cameAfter?(due: number): boolean;
}

/** What a thread is blocked on. */
export interface Parking {
  /** A call's target, a thread, or a few words: `lock "cache"`. */
  readonly what: Target | GreenThread | string;
  /** The id of the one thread that can end it, if that is known; asked each time that the hub is told. */
  readonly holder?: () => number | undefined;
  /** The id of the coordination object, if it is one. */
  readonly object?: number;
  /**
   * Whether another green thread may have to end it: one that may wait for a Worker. Always so if it is a thread, or at an
   * object.
   *
   * @default {false}
   */
  readonly peers?: boolean;
  /**
   * Whether it may end by itself otherwise than by a time limit: a signal that may be aborted.
   *
   * @default {false}
   */
  readonly limited?: boolean;
  /** A signal that ends it, or that its call was given. */
  readonly signal?: AbortSignal;
  /**
   * Whether it may end soon, so that spinning may pay.
   *
   * @default {true}
   */
  readonly spin?: boolean;
  /** In a cooperative hub: whether others go first even if there is nothing to wait for. */
  readonly yields?: boolean;
  /** Its place in the line then, if it has taken one. */
  readonly place?: number;
  /** In a cooperative hub: whether what the thread came for is done, so that a kill or a timeout is for its next block. */
  readonly done?: boolean;
  /** In a cooperative hub: whether nobody else goes on meanwhile. */
  readonly keeps?: boolean;
}

/** What green code can do. */
export interface Green {
  /** How many functions and objects of this Worker the hub holds. For tests. */
  readonly exports: ExportCounts;
  /** The handle of the green thread that runs now. */
  current(): GreenThread;
  /**
   * Calls something on the hub and blocks for its result.
   *
   * @param target What to call.
   * @param args What to call it with.
   * @param name What it is called in messages.
   * @param peers See {@linkcode Parking.peers}.
   * @returns Its result, awaited.
   */
  call(
    target: Target,
    args: readonly unknown[],
    name?: string,
    peers?: boolean,
  ): unknown;
  /** Calls something on the hub that answers at once: no other green thread has its turn meanwhile. */
  callAtOnce(target: Target, args: readonly unknown[]): unknown;
  /** Starts something on the hub without waiting for it. */
  start(target: Target, args: readonly unknown[], options?: ThreadOptions): GreenThread;
  /** Spawns a green thread. */
  spawn(target: Target, args: readonly unknown[], options?: ThreadOptions): GreenThread;
  /** Blocks for some time. Needs nobody else. */
  sleep(ms: number): void;
  /** Whether one green thread runs at a time. */
  readonly cooperative: boolean;
  /** In a cooperative hub: takes a place at the end of the line, for {@linkcode Green.giveWay}. */
  takePlace(): number | undefined;
  /** In a cooperative hub: lets all go first that can go on, or those before a place in the line. */
  giveWay(place?: number): void;
  /** The same when what the thread has done cannot be taken back: no kill and no timeout interrupts it. */
  giveWayDone(): void;
  /** A place where a kill or a timeout can hit code that does not block. */
  checkpoint(): void;
  /** Calls a function during which the thread cannot be killed. */
  shield<T>(fn: () => T): T;
  /**
   * The start of a call that may block and may not: a thread that is killed does not get what it could have at once. A
   * timeout that is due does not count, as what is ready wins over it.
   *
   * @param call The call as people wrote it.
   * @returns The id of the thread that runs now.
   */
  enter(call: string): number;
  /** How many kills had been said when {@linkcode Green.isKilledBy} was asked last. */
  knownKills: number;
  /**
   * Whether the thread that runs now was killed.
   *
   * @param said How many kills have been said, by now or a moment ago.
   */
  isKilledBy(said: number): boolean;
  /** The id of the `GreenPool` that the thread that runs now is a member of. */
  readonly memberOf: number | undefined;
  /** The id of the thread that runs now; 0 for none. */
  readonly running: number;
  /** The time limits of the thread that runs now, for what ends with them. */
  readonly limits: readonly TimeLimit[];
  /**
   * Whether an error was thrown by a time limit of the thread that runs now: what it waited for can be asked for again.
   *
   * @param error The error.
   * @param within The limits within which that was made: nobody asks again when it is one of those.
   */
  isLimit(error: unknown, within?: readonly TimeLimit[]): boolean;
  /** Whether the thread that runs now is killed. */
  readonly isKilled: boolean;
  /** The id of the thread that runs now, for a call that does not block. */
  threadId(call: string): number;
  /** For a call that needs no thread: throws in a Worker that was stopped by force. */
  checkHeard(): void;
  /** Iterates over an object of the hub, with so many items asked for ahead. */
  iterate(remote: RemoteObject, ahead: number): IterableIterator<unknown>;
  /** Arms a timeout for the thread that runs now; gives what disarms it. */
  arm(timeout: TimeLimit): () => void;
  /** The values of `local()`s of the thread that runs now. */
  readonly locals: Map<object, unknown>;
  /**
   * Blocks the thread that runs now.
   *
   * @param condition What to wait for. It is looked at after each message and each wake-up.
   * @param deadline When to give up, in `performance.now()` time.
   * @param parking What it is blocked on, and whether spinning may pay.
   * @returns Whether the condition holds; `false` when the time is over.
   * @throws What the thread was killed with, or a timeout of the thread that is due.
   */
  block(condition: Condition, deadline: number, parking: Parking): boolean;
}

/** The error of every call in a Worker that the hub has stopped by force: nobody listens to it any more. */
export function stopped(): GreenletExit {
  return new GreenletExit("The green thread was killed and did not end: its Worker was stopped");
}
