/**
 * The stack of green threads on one Worker, and what ends them early: kills, timeouts, and what the hub has found out.
 *
 * Kills hit the innermost thread of the stack first: a thread cannot leave while another one runs on top of it.
 *
 * @module
 */

import { GreenletExit } from "../../bridge/errors.ts";
import { isA } from "../../bridge/guarded.ts";
import type { Frame, Kill } from "./frame.ts";
import type { Timeout } from "../../bridge/side/timeout.ts";

/**
 * An operation on an iteration of green code, served for the hub on top of whatever is blocked here.
 *
 * What it asks of the hub it asks as the thread on whose frame it runs, so that it has that one's locks and time limits. It is
 * *left* by itself all the same, and that thread is not: then each blocking call throws the reason until it is over, as a kill
 * does, but for a `shield()` that was begun within it.
 */
export interface Step {
  /** The id of the call that it is served for. */
  readonly id: number;
  readonly frame: Frame;
  /** The count of `shield()`s that thread was in. */
  readonly shields: number;
  /** The number of the call from here that it is a part of. */
  part: number | undefined;
  /** The reason for which nobody wants its result. */
  left: { readonly reason: unknown } | undefined;
}

/** The threads on a Worker's stack. */
export class FrameStack {
  /** The innermost last. */
  readonly frames: Frame[] = [];
  /** The count of killed ones among them. */
  kills = 0;
  /** The steps of iterations that are served, the innermost last. */
  readonly steps: Step[] = [];
  /** The count of these that are left. */
  #leaving = 0;
  /** The count of callbacks on this stack, each on top of the call to the hub that it belongs to. */
  callbacks = 0;

  /** The thread that runs now. */
  get innermost(): Frame | undefined {
    return this.frames[this.frames.length - 1];
  }

  /** The frame of a thread that is on the stack. */
  find(id: number): Frame | undefined {
    return this.frames.findLast((frame) => frame.id === id);
  }

  /** A thread has ended. */
  remove(frame: Frame): void {
    this.frames.splice(this.frames.indexOf(frame), 1);
    if (frame.killed) this.kills--;
  }

  /**
   * A thread is to end: the first reason counts.
   *
   * @param frame The thread.
   * @param reason What it is killed with.
   * @param number The kill's number, if it comes from elsewhere.
   */
  kill(frame: Frame, reason: unknown, number?: number): void {
    if (frame.killed) return;
    frame.killed = { reason, number };
    this.kills++;
    frame.onKill?.();
  }

  /** A step of an iteration is served on top of the innermost thread. */
  beginStep(id: number): Step {
    const frame = this.innermost!;
    const step: Step = { id, frame, shields: frame.shields, part: undefined, left: undefined };
    this.steps.push(step);
    return step;
  }

  /** The step that runs now on a thread's frame, if one does. */
  stepOn(frame: Frame): Step | undefined {
    return this.steps.findLast((step) => step.frame === frame);
  }

  /** It is over. */
  endStep(step: Step): void {
    this.steps.splice(this.steps.lastIndexOf(step), 1);
    if (step.left) this.#leaving--;
  }

  /** Nobody wants what a step is to give: the first reason counts. */
  leaveStep(step: Step, reason: unknown): void {
    if (step.left) return;
    step.left = { reason };
    this.#leaving++;
  }

  /** A call from here has been answered: nobody uses any more what the steps give that are part of it. */
  leavePart(call: number): void {
    for (const step of this.steps) {
      if (step.part !== call) continue;
      this.leaveStep(step, new GreenletExit("The call that was given this iteration has ended"));
    }
  }

  /**
   * Whether the thread that runs now was killed, or one on whose stack it runs, and no `shield()` holds that off.
   *
   * @param frame The thread.
   * @param counts Which kills count; all by default.
   */
  isKilled(frame: Frame, counts: (kill: Kill) => boolean = () => true): boolean {
    if (this.kills === 0 || frame.shields > 0) return false;
    if (frame.killed && counts(frame.killed)) return true;
    return this.frames.some((outer) => isOpenToKill(outer) && counts(outer.killed!));
  }

  /** Whether {@linkcode FrameStack.interrupt} would throw. */
  isStruck(frame: Frame): boolean {
    if (frame.passing || frame.thrown || this.isKilled(frame)) return true;
    if (this.#leaving > 0 && this.#stepLeft(frame)) return true;
    if (frame.shields > 0) return false;
    return frame.timeouts.length > 0 && frame.deadline <= performance.now();
  }

  /** Throws if the thread that runs now is to end, or has run out of time. */
  interrupt(frame: Frame): void {
    if (frame.passing) this.throwPassing(frame);
    if (frame.thrown) {
      const { error } = frame.thrown;
      frame.thrown = undefined;
      throw error;
    }
    if (this.#leaving > 0) this.#throwIfLeft(frame);
    if (frame.shields > 0) return;
    if (this.kills > 0) this.throwIfKilled(frame);
    if (frame.timeouts.length > 0) throwIfDue(frame);
  }

  /**
   * Watches what runs on top of the thread that is blocked.
   *
   * @returns Whether an error that ended it is the kill of the thread below, or a timeout that this had armed before.
   */
  guard(): (error: unknown) => boolean {
    const below = this.innermost;
    if (!below) return () => false;
    const armed = below.timeouts.length > 0 ? [...below.timeouts] : [];
    return (error) => isMeantFor(below, error, armed);
  }

  /** Throws what ended something on top of a thread and was meant for the thread. */
  throwPassing(frame: Frame): never {
    const { error } = frame.passing!;
    frame.passing = undefined;
    throw error;
  }

  /** Throws at the start of a call that may block if the thread that runs now is to end. */
  throwIfEnding(frame: Frame): void {
    if (this.kills > 0 || this.#leaving > 0) this.#throwIfEnding(frame);
  }

  #throwIfEnding(frame: Frame): void {
    if (this.#leaving > 0) this.#throwIfLeft(frame);
    if (this.kills > 0 && frame.shields === 0) this.throwIfKilled(frame);
  }

  /** The step that is left, if what runs now is part of it. */
  #stepLeft(frame: Frame): Step | undefined {
    return this.steps.findLast((step) =>
      step.left &&
      (step.frame === frame
        ? frame.shields <= step.shields
        : frame.shields === 0 && step.frame.shields <= step.shields)
    );
  }

  #throwIfLeft(frame: Frame): void {
    const step = this.#stepLeft(frame);
    if (!step) return;
    if (step.frame === frame) throw step.left!.reason;
    // A thread that was begun on top of it goes with it, as with one that is killed.
    const exit = `The iteration on whose stack "${frame.thread.name}" ran was left`;
    this.kill(frame, new GreenletExit(exit));
    throw frame.killed!.reason;
  }

  /** Throws if a thread, or one on whose stack it runs, was killed. */
  throwIfKilled(frame: Frame): void {
    if (frame.killed) throw frame.killed.reason;
    const outer = this.frames.find(isOpenToKill);
    if (!outer) return;
    this.kill(
      frame,
      new GreenletExit(
        `The green thread "${outer.thread.name}", on whose stack "${frame.thread.name}" ran, was killed`,
      ),
      outer.killed!.number,
    );
    throw frame.killed!.reason;
  }
}

function isOpenToKill({ killed, shields }: Frame): boolean {
  return killed !== undefined && shields === 0;
}

function throwIfDue(frame: Frame): void {
  const now = performance.now();
  let first: Timeout | undefined;
  for (const timeout of frame.timeouts) {
    if (timeout.due <= now && (!first || timeout.due < first.due)) first = timeout;
  }
  if (!first) return;
  const error = first.fire();
  frame.fired = { timeout: first, error };
  throw error;
}

/** Whether an error is a kill's reason: as it is, or where clean-up that `using` did was hit by it as well. */
export function isNothingBut(reason: unknown, error: unknown): boolean {
  if (error === reason) return true;
  if (!isA(error, SuppressedError)) return false;
  try {
    return isNothingBut(reason, error.error) && isNothingBut(reason, error.suppressed);
  } catch {
    // It does not let itself be looked at, or suppresses itself: it is something else.
    return false;
  }
}

function isMeantFor({ killed, fired }: Frame, error: unknown, armed: readonly Timeout[]): boolean {
  if (killed && isNothingBut(killed.reason, error)) return true;
  return fired !== undefined && fired.error === error && armed.includes(fired.timeout);
}
