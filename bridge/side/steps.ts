/**
 * The steps of an async iteration on the hub. A step belongs to no caller in particular: whoever asks gets the next one.
 *
 * ```text
 * a caller   waits ──> gets the next step ──> gone
 *                  ──> leaves: its limit has ended, or its iteration was left
 * a step     asked for ──> has come ──> taken by the first waiting caller, or kept for the next caller
 * ```
 *
 * A step is asked for when a caller comes and for no other reason, unless steps are to be ahead. A step whose caller has left
 * goes on, and the next caller gets its item: so a limit loses nothing. All is done on one thread and at once, so a caller
 * either has left or has its item.
 *
 * @module
 */

import { show } from "../checks.ts";
import { currentLimit, leaveWithLimit, outsideLimits } from "./limit.ts";

/** The most steps that may be asked for before somebody wants them. */
export const MOST_AHEAD: number = 1 << 16;

/** The step that says that an iteration is over. */
export const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

interface Caller<T> {
  readonly resolve: (step: IteratorResult<T, undefined>) => void;
  readonly reject: (reason: unknown) => void;
}

/** A step that has come, as a function that gives it to a caller. */
type Come<T> = (caller: Caller<T>) => void;

/**
 * Checks the result of an iterator's `next()`.
 *
 * @throws {TypeError} If it is no object.
 */
export function checkStep(step: unknown): IteratorResult<unknown> {
  if (typeof step === "object" && step !== null || typeof step === "function") {
    return step as IteratorResult<unknown>;
  }
  throw new TypeError(
    `Cannot iterate: expected next() to give an object with "value" and "done", found ${
      show(step)
    }`,
  );
}

/** Hands steps to callers. */
export class Steps<T> {
  readonly #step: () => PromiseLike<IteratorResult<T, undefined>>;
  readonly #ahead: number;
  readonly #most: number;
  readonly #callers: Caller<T>[] = [];
  /** Steps that have come, in order, and that no caller has. */
  readonly #come: Come<T>[] = [];
  /** The count of steps that were asked for and have not come. */
  #asked = 0;
  #ended = false;

  /**
   * @param step Asks for the next step; it is called outside of limits.
   * @param ahead How many steps to ask for before a caller wants them, from the first `next()` on.
   * @param most How many steps may be asked for at a time. They have to come in the order in which they were asked for.
   */
  constructor(step: () => PromiseLike<IteratorResult<T, undefined>>, ahead = 0, most = 1) {
    this.#step = step;
    this.#ahead = ahead;
    this.#most = most;
  }

  /** Whether the iteration is over: no step will be asked for. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The count of steps that were asked for and that no caller waits for or has. */
  get left(): number {
    return Math.max(0, this.#asked - this.#callers.length) + this.#come.length;
  }

  /**
   * The next step; rejects if the limit of the caller ends first.
   *
   * @param left A signal that is aborted when the iteration of the caller is left: then the caller gets the end, and the step is
   * for another caller.
   */
  next(left?: AbortSignal): Promise<IteratorResult<T, undefined>> {
    const limit = currentLimit(0)?.signal;
    if (limit?.aborted) return Promise.reject(limit.reason);
    return new Promise((resolve, reject) => {
      const caller = { resolve, reject };
      const come = this.#callers.length === 0 ? this.#come.shift() : undefined;
      if (come) {
        come(caller);
        return this.#ask();
      }
      if (this.#ended) return resolve(END);
      this.#callers.push(limit || left ? this.#thatLeaves(caller, limit, left) : caller);
      this.#ask();
    });
  }

  /** Ends the iteration: waiting callers get the end, and steps that have come are dropped. */
  end(): void {
    this.#ended = true;
    this.#come.length = 0;
    for (const { resolve } of this.#callers.splice(0)) resolve(END);
  }

  /** A caller that goes when one of the signals is aborted. */
  #thatLeaves(
    { resolve, reject }: Caller<T>,
    limit: AbortSignal | undefined,
    left: AbortSignal | undefined,
  ): Caller<T> {
    const settle = <V>(how: (value: V) => void) => (value: V) => {
      limit?.removeEventListener("abort", onLimit);
      left?.removeEventListener("abort", onLeft);
      how(value);
    };
    const caller = { resolve: settle(resolve), reject: settle(reject) };
    const go = () => this.#callers.splice(this.#callers.indexOf(caller), 1);
    const onLimit = () => {
      go();
      caller.reject(limit!.reason);
    };
    const onLeft = () => {
      go();
      caller.resolve(END);
    };
    limit?.addEventListener("abort", onLimit);
    left?.addEventListener("abort", onLeft);
    return caller;
  }

  #ask(): void {
    const wanted = () => this.#callers.length + this.#ahead - this.#come.length;
    while (!this.#ended && this.#asked < Math.min(this.#most, wanted())) {
      this.#asked++;
      // In a Worker nothing goes on beside who asks: there the limit is to reach what blocks in the step.
      if (currentLimit(0)) outsideLimits(() => this.#take());
      else this.#take();
    }
  }

  async #take(): Promise<void> {
    let come: Come<T>;
    try {
      const step = await this.#step();
      if (step.done) return this.#finish();
      come = ({ resolve }) => resolve(step);
    } catch (error) {
      come = ({ reject }) => reject(error);
    }
    this.#asked--;
    if (this.#ended) return;
    const caller = this.#callers.shift();
    if (caller) come(caller);
    else this.#come.push(come);
    this.#ask();
  }

  /** Ends the iteration as its last step has come. Steps that came before are still there for callers. */
  #finish(): void {
    this.#asked--;
    this.#ended = true;
    for (const { resolve } of this.#callers.splice(0)) resolve(END);
  }
}

/**
 * What each iteration of the library is in async code: an async generator over a source of items. It is left by `return()`,
 * `throw()`, the end of an `await using` block, and a `for await` loop that ends early. After that it has no more items.
 */
export class AsyncItems<T> implements AsyncGenerator<T, void, undefined> {
  readonly #next: () => Promise<IteratorResult<T, undefined>>;
  readonly #leave: () => unknown;
  #over = false;
  #left: Promise<unknown> | undefined;

  /**
   * @param next Gives the next item, to this caller. After the last item it tidies up itself.
   * @param leave Tidies up when the iteration is left before its end; called once.
   */
  constructor(next: () => Promise<IteratorResult<T, undefined>>, leave: () => unknown = () => {}) {
    this.#next = next;
    this.#leave = leave;
  }

  async next(): Promise<IteratorResult<T, void>> {
    if (this.#over) return END;
    const step = await this.#next();
    if (step.done) this.#over = true;
    return step;
  }

  async return(value?: void | PromiseLike<void>): Promise<IteratorResult<T, void>> {
    if (!this.#over) this.#left = Promise.try(this.#leave);
    this.#over = true;
    await this.#left;
    return { done: true, value: await value };
  }

  async throw(error: unknown): Promise<IteratorResult<T, void>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

/**
 * Makes an async generator of steps. A caller's limit neither ends the generator nor loses an item, as it would in a generator
 * that is written with `yield`. A limit within which the generator was made ends it.
 *
 * @param step Gives the next step. After the last one it tidies up itself.
 * @param leave Tidies up when the generator is left before its end.
 * @param ahead How many steps to ask for before a caller wants them.
 */
export function asyncSteps<T>(
  step: () => PromiseLike<IteratorResult<T, undefined>>,
  leave: () => unknown,
  ahead = 0,
): AsyncItems<T> {
  const steps = new Steps(step, ahead);
  const items = new AsyncItems(() => steps.next(), () => {
    const isOver = steps.ended;
    steps.end();
    left();
    if (!isOver) return leave();
  });
  // Nobody is there any more to hear how the return goes.
  const left = leaveWithLimit(() => items.return().catch(() => {}));
  return items;
}

/**
 * What each iteration of the library is in green code: a generator made of steps, which has the helpers of `Iterator.prototype`.
 * It is left as {@linkcode AsyncItems} is. A limit is thrown by the step itself, and does not end the generator.
 */
export class GreenSteps<T> extends Iterator<T, void, undefined>
  implements Generator<T, void, undefined> {
  readonly #step: () => IteratorResult<T, undefined>;
  readonly #leave: () => unknown;
  #over = false;

  /** As for {@linkcode AsyncItems}. */
  constructor(step: () => IteratorResult<T, undefined>, leave: () => unknown = () => {}) {
    super();
    this.#step = step;
    this.#leave = leave;
  }

  next(): IteratorResult<T, void> {
    if (this.#over) return END;
    const step = this.#step();
    if (step.done) this.#over = true;
    return step;
  }

  override return(value?: void): IteratorResult<T, void> {
    const isOver = this.#over;
    this.#over = true;
    if (!isOver) this.#leave();
    return { done: true, value };
  }

  override throw(error: unknown): IteratorResult<T, void> {
    this.return();
    throw error;
  }

  override [Symbol.iterator](): this {
    return this;
  }

  override [Symbol.dispose](): void {
    this.return();
  }
}
