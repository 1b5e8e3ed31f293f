/**
 * The stack of green threads on one Worker, and the ways in which they end early: kills, timeouts, and steps of iterations that
 * are left.
 *
 * Kills hit the innermost thread of the stack first: a thread cannot leave while another one runs on top of it.
 *
 * A {@linkcode Frame} is one green thread on that stack. A Worker mostly has one stack frame. It has more while a thread waits
 * for another one that had not started, which then runs on top of it, or has a callback that is a thread of its own. The
 * innermost frame is the last, and only the innermost runs.
 *
 * **Room on the stack.** A call that overflowed in the middle of the library's work would leave that half done, so the library
 * looks before whether there is room ({@linkcode hasStack}). Arguments take room at the least cost.
 *
 * @module
 */

import { GreenletExit } from "../../bridge/errors.ts";
import { isA } from "../../bridge/primordials.ts";
import type { Timeout } from "../../bridge/side/timeout.ts";
import type { ContextValues } from "../../bridge/context/context.ts";
import type { SpawnSite } from "../../bridge/protocol/messages.ts";
import type { RemoteThread } from "./remote_thread.ts";

/**
 * A step that runs here: an operation on an iteration of green code, served for the hub on top of the innermost thread.
 *
 * A step asks the hub as the thread on whose stack frame it runs, so that it has the locks and time limits of that thread. All
 * the same a step can be *left* by itself, without that thread: then each blocking call in the step throws the reason until the
 * step is over, as after a kill, except in a `shield()` that was begun within the step.
 */
export interface Step {
  /** The id of the call for which the step is served. */
  readonly id: number;
  readonly frame: Frame;
  /** The count of `shield()`s that the thread of the frame was in when the step began. */
  readonly shields: number;
  /** The number of the call from here that the step is a part of. */
  part: number | undefined;
  /** The reason for which the step was left, so that nobody wants its result. */
  left: { readonly reason: unknown } | undefined;
}

/** The threads on a Worker's stack. */
export class FrameStack {
  /** The stack frames, the innermost last. */
  readonly frames: Frame[] = [];
  /** The count of threads on the stack that were killed. */
  kills = 0;
  /** The steps of iterations that run here, the innermost last. */
  readonly steps: Step[] = [];
  /** The count of steps here that were left. */
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

  /** Removes the stack frame of a thread that has ended. */
  remove(frame: Frame): void {
    this.frames.splice(this.frames.indexOf(frame), 1);
    if (frame.killed) this.kills--;
  }

  /**
   * Marks a thread as killed. The first reason counts.
   *
   * @param frame The thread.
   * @param reason The reason of the kill.
   * @param number The kill's number, if the kill comes from elsewhere.
   * @param byHub Whether the hub killed the thread.
   */
  kill(frame: Frame, reason: unknown, number?: number, byHub = false): void {
    if (frame.killed) return;
    frame.killed = { reason, number, byHub };
    this.kills++;
    frame.onKill?.();
  }

  /** Begins a step of an iteration on top of the innermost thread. */
  beginStep(id: number): Step {
    const frame = this.innermost!;
    const step: Step = { id, frame, shields: frame.shields, part: undefined, left: undefined };
    this.steps.push(step);
    return step;
  }

  /** The step that runs now on a thread's stack frame, if there is one. */
  stepOn(frame: Frame): Step | undefined {
    return this.steps.findLast((step) => step.frame === frame);
  }

  /** Ends a step. */
  endStep(step: Step): void {
    this.steps.splice(this.steps.lastIndexOf(step), 1);
    if (step.left) this.#leaving--;
  }

  /** Marks a step as left, as nobody wants its item. The first reason counts. */
  leaveStep(step: Step, reason: unknown): void {
    if (step.left) return;
    step.left = { reason };
    this.#leaving++;
  }

  /** Leaves the steps that are part of a call from here, as the call has been answered and nobody uses their items any more. */
  leavePart(call: number): void {
    for (const step of this.steps) {
      if (step.part !== call) continue;
      this.leaveStep(step, new GreenletExit("The call that read this iteration has ended"));
    }
  }

  /**
   * Whether the thread that runs now was killed, or a thread below it on the stack, and no `shield()` holds off the kill.
   *
   * @param frame The thread that runs now.
   * @param counts Tells whether a kill counts; all do by default.
   */
  isKilled(frame: Frame, counts: (kill: Kill) => boolean = () => true): boolean {
    if (this.kills === 0 || frame.shields > 0) return false;
    if (frame.killed && counts(frame.killed)) return true;
    return this.frames.some((outer) => isOpenToKill(outer) && counts(outer.killed!));
  }

  /** Whether {@linkcode FrameStack.interrupt} would throw. */
  isStruck(frame: Frame): boolean {
    if (frame.passing || this.isKilled(frame)) return true;
    if (this.#leaving > 0 && this.#stepLeft(frame)) return true;
    if (frame.shields > 0) return false;
    return frame.timeouts.length > 0 && frame.deadline <= performance.now();
  }

  /** Throws if the thread that runs now, or its step, is to end, or if the thread has run out of time. */
  interrupt(frame: Frame): void {
    if (frame.passing) this.throwPassing(frame);
    if (this.#leaving > 0) this.#throwIfLeft(frame);
    if (frame.shields > 0) return;
    if (this.kills > 0) this.throwIfKilled(frame);
    if (frame.timeouts.length > 0) throwIfDue(frame);
  }

  /**
   * Notes the timeouts of the blocked thread, before other code runs on top of it.
   *
   * @returns Tells whether an error that ended that code is the kill of the thread below, or a timeout that it had armed before.
   */
  guard(): (error: unknown) => boolean {
    const below = this.innermost;
    if (!below) return () => false;
    const armed = below.timeouts.length > 0 ? [...below.timeouts] : [];
    return (error) => isMeantFor(below, error, armed);
  }

  /** Throws the error that ended a callback on top of a thread and was meant for the thread: see {@linkcode Frame.passing}. */
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

  /** The step that was left, if the code that runs now is part of it. */
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
    // A thread that was begun on top of the step ends with it, as with a thread that is killed.
    const exit =
      `The green thread "${frame.thread.name}" ran inside an iteration that was left early`;
    this.kill(frame, new GreenletExit(exit));
    throw frame.killed!.reason;
  }

  /** Throws if a thread, or one below it on the stack that is in no `shield()`, was killed. */
  throwIfKilled(frame: Frame): void {
    if (frame.killed) throw frame.killed.reason;
    const outer = this.frames.find(isOpenToKill);
    if (!outer) return;
    this.kill(
      frame,
      new GreenletExit(
        `The green thread "${outer.thread.name}" was killed, and "${frame.thread.name}" ran on its stack`,
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

/** Whether an error is nothing but the reason of a kill: the reason itself, or the reason again from clean-up by `using`. */
export function isNothingBut(reason: unknown, error: unknown): boolean {
  if (error === reason) return true;
  if (!isA(error, SuppressedError)) return false;
  try {
    return isNothingBut(reason, error.error) && isNothingBut(reason, error.suppressed);
  } catch {
    // An error that does not let itself be looked at, or that suppresses itself, is something else.
    return false;
  }
}

function isMeantFor({ killed, fired }: Frame, error: unknown, armed: readonly Timeout[]): boolean {
  if (killed && isNothingBut(killed.reason, error)) return true;
  return fired !== undefined && fired.error === error && armed.includes(fired.timeout);
}

/** The kill of a thread. */
export interface Kill {
  readonly reason: unknown;
  /** The number of the kill: see `Arena.kills`. None if the kill was made on this Worker, here and now. */
  readonly number: number | undefined;
  /** Whether the hub made the kill, for this thread: then the hub has the reason. */
  readonly byHub: boolean;
}

/** The state of a green thread while it runs: its stack frame. */
export class Frame {
  /** The kill, once there is one: the first reason wins, and it stays (a kill is sticky). */
  killed: Kill | undefined;
  /** The site at which the thread was spawned, and the spawns that led to it, if the hub records sites. */
  sites: readonly SpawnSite[] | undefined;
  /** Whether the hub stops the Worker at a time of its own if the thread has not ended by then. */
  killTimed = false;
  /** Called when the thread is killed while it waits for something that is no blocking call. */
  onKill: (() => void) | undefined;
  /**
   * The error that ended a callback on top of the thread but was meant for the thread itself: the thread's kill, or a timeout
   * that the thread had armed. The same error is thrown again where the thread is blocked, even if the hub catches the failure of
   * the callback.
   */
  passing: { readonly error: unknown } | undefined;
  /** The count of `shield()`s that the thread is in. */
  shields = 0;
  /** The timeouts that the thread has armed, the outermost first. */
  readonly timeouts: Timeout[] = [];
  /** The timeout that has fired last, and the error that was thrown for it. */
  fired: { readonly timeout: Timeout; readonly error: unknown } | undefined;
  /** The threads that this thread has spawned and whose failures are unhandled. */
  readonly failed: Set<RemoteThread> = new Set();
  /** The values of `local()`s, by their key. */
  locals: Map<object, unknown> | undefined;
  /** The id of the `GreenPool` that the thread is a member of. */
  memberOf: number | undefined;
  /** The async context with which the thread was started. The hub knows this context too. */
  given?: ContextValues;

  /**
   * @param id The thread's id.
   * @param thread The thread's handle here, for `getCurrent()`.
   */
  constructor(readonly id: number, readonly thread: RemoteThread) {}

  /** The time at which the next timeout of this thread is due, in `performance.now()` time; `Infinity` in a `shield()`. */
  get deadline(): number {
    if (this.shields > 0) return Infinity;
    let earliest = Infinity;
    for (const { due } of this.timeouts) if (due < earliest) earliest = due;
    return earliest;
  }
}

/** The most threads and callbacks on one stack for which the room is not looked at. */
export const SHALLOW = 64;

/**
 * Arguments that take so many KiB of a stack that is close to 1 MiB. 16 are enough for the library, and looked for in 2 µs; 128
 * are enough for a green function too.
 */
const ARGUMENTS = {
  16: new Array<unknown>(1 << 11).fill(0),
  128: new Array<unknown>(1 << 14).fill(0),
};

/** Whether so many KiB are left on the stack. */
export function hasStack(kib: keyof typeof ARGUMENTS): boolean {
  try {
    takeRoom.apply(undefined, ARGUMENTS[kib] as []);
    return true;
  } catch {
    return false;
  }
}

function takeRoom(): void {}
