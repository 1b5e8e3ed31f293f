/**
 * The steps of an async iteration on the hub, which belong to nobody in particular: whoever asks gets the next one.
 *
 * ```text
 * a caller   waits ──> gets the step that is the next one ──> gone
 *                  ──> leaves: its limit has ended
 * a step     asked for ──> has come ──> taken by the first who waits, or kept for the next one who asks
 * ```
 *
 * A step is asked for when a caller comes and for no other reason, unless steps are to be ahead. One whose caller has left goes
 * on, and its item is the next one's: so a limit loses nothing. All is done on one thread and at once, so a caller either has
 * left or has its item.
 *
 * @module
 */

import { show } from "../checks.ts";
import { currentLimit, leaveWithLimit, outsideLimits } from "./limit.ts";

/** The most steps that may be asked for before somebody wants them. */
export const MOST_AHEAD: number = 1 << 16;

/** The last step. */
export const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

interface Caller<T> {
  readonly resolve: (step: IteratorResult<T, undefined>) => void;
  readonly reject: (reason: unknown) => void;
}

/** A step that has come: gives it to a caller. */
type Come<T> = (caller: Caller<T>) => void;

/**
 * Checks what the `next()` of an iterator has given.
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
  /** Steps that have come, in order, and that nobody has. */
  readonly #come: Come<T>[] = [];
  /** How many were asked for that have not come. */
  #asked = 0;
  #ended = false;

  /**
   * @param step Asks for the next step; it is called outside of limits.
   * @param ahead How many to ask for before somebody wants them, from the first `next()` on.
   * @param most How many to ask for at a time. They are to come in the order in which they were asked for.
   */
  constructor(step: () => PromiseLike<IteratorResult<T, undefined>>, ahead = 0, most = 1) {
    this.#step = step;
    this.#ahead = ahead;
    this.#most = most;
  }

  /** Whether it is over: no step will be asked for. */
  get ended(): boolean {
    return this.#ended;
  }

  /** How many steps were asked for that nobody waits for or has. */
  get left(): number {
    return Math.max(0, this.#asked - this.#callers.length) + this.#come.length;
  }

  /** The next step; rejects if the limit of the caller ends first. */
  next(): Promise<IteratorResult<T, undefined>> {
    const signal = currentLimit(0)?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const caller = { resolve, reject };
      const come = this.#callers.length === 0 ? this.#come.shift() : undefined;
      if (come) {
        come(caller);
        return this.#ask();
      }
      if (this.#ended) return resolve(END);
      this.#callers.push(signal ? this.#withLimit(caller, signal) : caller);
      this.#ask();
    });
  }

  /** No more steps: who waits gets the end, and what has come is nobody's. */
  end(): void {
    this.#ended = true;
    this.#come.length = 0;
    for (const { resolve } of this.#callers.splice(0)) resolve(END);
  }

  #withLimit({ resolve, reject }: Caller<T>, signal: AbortSignal): Caller<T> {
    const onAbort = () => {
      this.#callers.splice(this.#callers.indexOf(caller), 1);
      reject(signal.reason);
    };
    const settle = <V>(how: (value: V) => void) => (value: V) => {
      signal.removeEventListener("abort", onAbort);
      how(value);
    };
    const caller = { resolve: settle(resolve), reject: settle(reject) };
    signal.addEventListener("abort", onAbort, { once: true });
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

  /** What came before is still there for who asks. */
  #finish(): void {
    this.#asked--;
    this.#ended = true;
    for (const { resolve } of this.#callers.splice(0)) resolve(END);
  }
}

/**
 * An async generator made of steps: a limit of who asks ends neither it nor loses an item, as it would in the body of one that is
 * written with `yield`. One within which it was made ends it.
 */
export class AsyncSteps<T> implements AsyncGenerator<T, void, undefined> {
  readonly #steps: Steps<T>;
  readonly #leave: () => unknown;
  // Nobody is there any more to hear how that goes.
  readonly #left = leaveWithLimit(() => this.return().catch(() => {}));

  /**
   * @param step Gives the next step. It tidies up itself when that is the last one.
   * @param leave Tidies up when nobody wants any more.
   * @param ahead How many steps to ask for before somebody wants them.
   */
  constructor(
    step: () => PromiseLike<IteratorResult<T, undefined>>,
    leave: () => unknown,
    ahead = 0,
  ) {
    this.#steps = new Steps(step, ahead);
    this.#leave = leave;
  }

  next(): Promise<IteratorResult<T, void>> {
    return this.#steps.next();
  }

  async return(): Promise<IteratorResult<T, void>> {
    const isOver = this.#steps.ended;
    this.#steps.end();
    this.#left();
    if (!isOver) await this.#leave();
    return END;
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

/** The same in green code, where a limit is thrown by the step itself. */
export class GreenSteps<T> extends Iterator<T, void, undefined>
  implements Generator<T, void, undefined> {
  readonly #step: () => IteratorResult<T, undefined>;
  readonly #leave: () => void;
  #over = false;

  /** As for {@linkcode AsyncSteps}. */
  constructor(step: () => IteratorResult<T, undefined>, leave: () => void) {
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

  override return(): IteratorResult<T, void> {
    const isOver = this.#over;
    this.#over = true;
    if (!isOver) this.#leave();
    return END;
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
