/**
 * Iterations in a Worker, for the hub: an item is made when the hub asks for it, and not before.
 *
 * ```text
 * a resource idle ──Pull──> running ──(the iterator gives an item)──> idle
 *                              │ └──(it ends, or throws)──> over
 *                              └──Stop, Release──> leaving ──(its blocking call throws, its `finally` has run)──> over
 *            idle ──Stop, Release──> over: its `return()` is called
 * ```
 *
 * An iterator may block, and then requests are served on top of it, on the same stack: the next `Pull` (of a reader that reads
 * ahead, or of another reader of the same iterator), and a `Stop`. A generator that runs cannot be asked for anything, so these
 * requests are *postponed*: served again when the generator has given the item that it is at. A `Stop` first has the generator's
 * blocking call throw a `GreenletExit` (see `Step` in `frame_stack.ts`), so the `Stop` does not queue behind an item that may
 * never come. All this is on one thread of the system.
 *
 * @module
 */

import { GreenletExit } from "../../bridge/errors.ts";
import { type FrameStack, isNothingBut, type Step } from "./frame_stack.ts";
import { Op } from "../../bridge/references/live.ts";
import { Resource } from "../../bridge/references/exports.ts";
import { checkStep } from "../../bridge/side/steps.ts";

/** The step that runs in each iterator. Two resources may have the same iterator. */
const running = new WeakMap<object, Step>();

/** Takes an item from an iterator of green code when the hub asks for one. */
export class GreenIterator extends Resource {
  /** The id of the thread with which the iteration ends, as does the object that is iterated over; 0 for none. */
  readonly owner: number;
  readonly #iterator: Iterator<unknown>;
  readonly #stack: FrameStack;
  #over = false;
  /** The error that the iterator threw as it was left, unless that is the reason of leaving: `return()` throws this error. */
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param object The object to iterate over.
   * @param owner The id of the thread with which the object goes; 0 for none.
   * @param stack Has the step in which a request is served.
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
    throw new TypeError(`Cannot use an iteration: there is no operation ${op}`);
  }

  /** Whether a request has to wait until the iterator has given its present item. A `Stop` has the iterator leave that item. */
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
      // Nobody is there to be told of the error.
    }
  }

  /** Takes the next item, in an array; the array is empty at the end. */
  #pull(): unknown[] {
    if (this.#over) return [];
    const isMeantForBelow = this.#stack.guard();
    const step = this.#stack.steps.at(-1)!;
    running.set(this.#iterator, step);
    try {
      const { done, value } = checkStep(this.#iterator.next());
      if (!done && !step.left) return [value];
      // The iterator has given an item although it was to be left: nobody wants that item.
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
