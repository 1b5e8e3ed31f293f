/**
 * The scheduler of a Worker: it says when the Worker may run green code.
 *
 * In a parallel hub that is always. In a cooperative hub one Worker at a time may: see `cooperative.ts`.
 *
 * @module
 */

import type { Condition, Parking } from "../../bridge/side/green.ts";
import type { Frame } from "./frame_stack.ts";
import type { Message } from "../../bridge/wire/message.ts";

/** The turns of one blocking call. */
export interface Turns {
  /** Whether other threads have to go first, even if the condition of the call holds. */
  readonly owes: boolean;
  /** Whether the thread could go on, and is queued for its turn. */
  isQueued(): boolean;
  /**
   * Takes in the messages that have arrived. Runs some of those that are put off, if green code may run.
   *
   * @returns Whether green code may run.
   */
  takeIn(): boolean;
  /**
   * Lets the other threads go on, as the thread cannot.
   *
   * @returns Whether to take in again before the Worker sleeps.
   */
  pass(): boolean;
}

/** Says when a Worker may run green code. */
export interface Scheduler {
  /** Whether one thread of the hub runs at a time. */
  readonly cooperative: boolean;
  /** Whether nobody else runs green code until this Worker lets them. */
  readonly isAlone: boolean;
  /**
   * Begins a blocking call of the innermost thread.
   *
   * @param isRefused Whether the hub has found that the thread could never go on.
   */
  begin(
    frame: Frame,
    condition: Condition,
    deadline: number,
    parking: Parking,
    isRefused: () => boolean,
  ): Turns;
  /** Takes in the messages that have arrived, where green code cannot give way to other threads. */
  glance(): void;
  /**
   * Takes in the messages that have arrived, on an empty stack.
   *
   * @param tasks The threads to begin; more are added.
   * @returns Whether the first of them may begin.
   */
  takeInAtBottom(tasks: { readonly message: Message }[]): boolean;
  /** Takes in the messages that have arrived, while an `async` green function waits. */
  takeInMeanwhile(): Promise<void> | void;
  /** Notes that a thread to begin has been taken in. */
  arrived(): void;
  /** Notes that the Worker has nothing to go on with. */
  idle(): void;
  /** Notes that a thread has ended, and that the hub was told. */
  ended(): void;
  /** Waits until the hub has done all that it was told, if threads run in an order that depends on it. */
  flush(): void;
  /** Takes the order number of a new thread. */
  enlist(): number | undefined;
  /** Takes the next order number of this Worker. */
  takeOrder(): number | undefined;
}
