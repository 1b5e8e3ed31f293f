/**
 * Iterating in a Worker, for the hub: an item when the hub asks for one, and none before.
 *
 * ```text
 * a resource idle ──Pull──> running ──(the iterator gives an item)──> idle
 *                              │ └──(it ends, or throws)──> over
 *                              └──Stop, Release──> leaving ──(what it is blocked in throws, its `finally` has run)──> over
 *            idle ──Stop, Release──> over: its `return()` is called
 * ```
 *
 * An iterator may block, and then what arrives is served on top of it, on the same stack: the next `Pull` (of one who reads
 * ahead, or of somebody else who iterates over the same iterator), and a `Stop`. A generator that runs cannot be asked for
 * anything, so these are *postponed*: served again when it has given what it is at. A `Stop` first has what it is blocked in
 * throw a `GreenletExit` (see `Step` in `frame_stack.ts`), so it does not queue behind what may never come. All this is on one
 * thread.
 *
 * @module
 */

import { GreenletExit } from "../../bridge/errors.ts";
import { type FrameStack, isNothingBut, type Step } from "./frame_stack.ts";
import { Op } from "../../bridge/references/live.ts";
import { Resource } from "../../bridge/references/resource.ts";
import { checkStep } from "../../bridge/side/steps.ts";

/** The steps that iterators are at. Two resources may have the same iterator. */
const running = new WeakMap<object, Step>();

/** Takes an item from an iterator of green code when the hub asks for one. */
export class GreenIterator extends Resource {
  /** The thread with which it goes, as the object does that is iterated over; 0 for none. */
  readonly owner: number;
  readonly #iterator: Iterator<unknown>;
  readonly #stack: FrameStack;
  #over = false;
  /** The error that the iterator threw as it was left, unless it is the order to leave: `return()` throws it. */
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param object What to iterate over.
   * @param owner The thread with which that goes; 0 for none.
   * @param stack Has the step at which it is served.
   */
  constructor(object: object, owner: number, stack: FrameStack) {
    super();
    this.owner = owner;
    this.#stack = stack;
    const make = (object as Partial<Iterable<unknown>>)[Symbol.iterator];
    if (typeof make !== "function") {
      throw new TypeError("Cannot iterate over a handle: its object is not iterable");
    }
    this.#iterator = make.call(object);
  }

  perform(op: number): unknown {
    if (op === Op.Pull) return this.#pull();
    if (op === Op.Stop) return this.#stop();
    throw new TypeError(`Cannot do ${op} to an iteration`);
  }

  /** Whether something can be done only when the iterator has given the item that it is at; a `Stop` has it leave that. */
  postpones(op: number): boolean {
    const step = running.get(this.#iterator);
    if (!step) return false;
    if (op === Op.Pull) return !this.#over;
    this.#over = true;
    this.#stack.leaveStep(step, new GreenletExit("The iteration was left"));
    return true;
  }

  released(): void {
    if (this.postpones(Op.Stop)) return;
    try {
      this.#stop();
    } catch {
      // Nobody is there to hear of it.
    }
  }

  /** An item, in an array; an empty one at the end. */
  #pull(): unknown[] {
    if (this.#over) return [];
    const isMeantForBelow = this.#stack.guard();
    const step = this.#stack.steps.at(-1)!;
    running.set(this.#iterator, step);
    try {
      const { done, value } = checkStep(this.#iterator.next());
      if (!done && !step.left) return [value];
      // It goes on although it was to be left: what it has given is nobody's.
      if (!done) this.#iterator.return?.();
    } catch (error) {
      this.#over = true;
      if (!step.left || isMeantForBelow(error)) throw error;
      if (!isNothingBut(step.left.reason, error)) this.#failure = { error };
    } finally {
      running.delete(this.#iterator);
    }
    this.#over = true;
    return [];
  }

  #stop(): void {
    const isOver = this.#over;
    this.#over = true;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
    if (!isOver) this.#iterator.return?.();
  }
}
