/**
 * Lazy, bounded maps over green threads: the iterators that `imap` and its like return.
 *
 * @module
 */

import { NotCloneableError } from "../bridge/errors.ts";
import type { GreenThread } from "../bridge/side/green_thread.ts";
import { greenSide } from "../bridge/side/side.ts";
import { asyncSteps, END, GreenSteps } from "../bridge/side/steps.ts";
import { Finishers } from "./join.ts";

/** A result ahead of the consumer: the thread of a call, or an error in place of one. */
type Ahead<R> = { readonly thread: GreenThread<R> } | { readonly error: unknown };

/**
 * Makes a call. It may wait for a slot of the pool first, and be interrupted there.
 *
 * @param args The arguments of the call.
 * @param begun Called with the thread as soon as there is one: an error after that is no failure to begin.
 */
export type Begin<A, R> = (args: A, begun: (thread: GreenThread<R>) => void) => void;

/** The calls of a map whose results nobody has yet. */
class Calls<A, R> {
  /** The calls of an ordered map, in order. */
  readonly ahead: Ahead<R>[] = [];
  /** The calls of an unordered map, as they end. */
  readonly finishers: Finishers<R> | undefined;
  /** Whether the source has no more arguments, or is not wanted any more. */
  exhausted = false;
  readonly #most: () => number;
  readonly #begin: Begin<A, R>;
  /** Arguments taken from the source whose call has not begun: the wait for a slot may throw. */
  #next: { readonly args: A } | undefined;

  constructor(most: () => number, begin: Begin<A, R>, ordered: boolean) {
    this.#most = most;
    this.#begin = begin;
    if (!ordered) this.finishers = new Finishers();
  }

  /** Whether to ask the source for one more call. */
  get wantsMore(): boolean {
    return !this.exhausted && (this.finishers?.left ?? this.ahead.length) < this.#most();
  }

  /** Puts an error of the source in place of a result, as the last one. */
  fail(error: unknown): void {
    this.exhausted = true;
    this.ahead.push({ error });
  }

  /** Begins a call with arguments from the source. */
  begin(args: A): void {
    this.#next = { args };
    this.resume();
  }

  /** Begins the call whose beginning was interrupted, if there is one. */
  resume(): void {
    if (!this.#next) return;
    try {
      this.#begin(this.#next.args, (thread) => this.#add(thread));
    } catch (error) {
      // To try again would not help.
      const refused = error instanceof NotCloneableError;
      if (refused || error instanceof TypeError) this.#next = undefined;
      // If arguments cannot cross, that call has failed: its error comes in place of its result.
      if (!refused || this.finishers) throw error;
      this.ahead.push({ error });
    }
  }

  #add(thread: GreenThread<R>): void {
    this.#next = undefined;
    if (this.finishers) this.finishers.add(thread);
    else this.ahead.push({ thread });
  }

  /** Forgets all calls, as nobody will ask for more results; returns the running threads. */
  leave(): GreenThread<R>[] {
    this.exhausted = true;
    this.#next = undefined;
    const running = [...this.finishers?.running ?? []];
    for (const ahead of this.ahead) if ("thread" in ahead) running.push(ahead.thread);
    this.ahead.length = 0;
    this.finishers?.leave();
    return running;
  }
}

/**
 * Makes a map in green code.
 *
 * @param most Returns the most calls that may be ahead.
 * @param items The lists of arguments.
 * @param begin Makes a call.
 * @param ordered Whether results come in the order of the items.
 */
export function greenMap<A, R>(
  most: () => number,
  items: Iterable<A>,
  begin: Begin<A, R>,
  ordered: boolean,
): Generator<R, void, undefined> {
  const map = new GreenMap(most, items, begin, ordered);
  return new GreenSteps(() => map.next(), () => map.leave());
}

/** As {@linkcode greenMap}, in async code. */
export function asyncMap<A, R>(
  most: () => number,
  items: Iterable<A> | AsyncIterable<A>,
  begin: Begin<A, R>,
  ordered: boolean,
): AsyncGenerator<R, void, undefined> {
  const map = new AsyncMap(most, items, begin, ordered);
  return asyncSteps(() => map.next(), () => map.leave());
}

/** A map in green code. */
class GreenMap<A, R> {
  /** The time limits within which the map was made. */
  readonly #within = greenSide()?.limits;
  readonly #source: Iterator<A>;
  readonly #calls: Calls<A, R>;

  /** As for {@linkcode greenMap}. */
  constructor(most: () => number, items: Iterable<A>, begin: Begin<A, R>, ordered: boolean) {
    this.#source = items[Symbol.iterator]();
    this.#calls = new Calls(most, begin, ordered);
  }

  next(): IteratorResult<R, undefined> {
    this.#leaveIfOver(() => this.#fill());
    const { ahead, finishers } = this.#calls;
    if (finishers && finishers.left > 0) {
      const thread = this.#leaveIfOver(() => finishers.next(Infinity)!);
      return { done: false, value: thread.wait() };
    }
    const [first] = ahead;
    if (!first) return END;
    if ("error" in first) {
      ahead.shift();
      throw first.error;
    }
    const { thread } = first;
    try {
      return { done: false, value: this.#leaveIfOver(() => thread.wait(), thread) };
    } finally {
      // A thread whose limit ends here may ask for the same result again.
      if (thread.dead) ahead.shift();
    }
  }

  /**
   * Calls a function that blocks. If a kill ends it, or a limit within which the map was made, the map is left: the loop does not
   * do that when `next()` throws.
   *
   * @param block The function.
   * @param thread A thread whose own error is no reason to leave the map.
   */
  #leaveIfOver<T>(block: () => T, thread?: GreenThread<R>): T {
    try {
      return block();
    } catch (error) {
      const green = greenSide();
      const isOfCall = thread?.dead ?? false;
      const isOver = green?.isKilled ||
        green?.isLimit(error) && !green.isLimit(error, this.#within);
      if (isOver && !isOfCall) green?.shield(() => this.leave());
      throw error;
    }
  }

  leave(): void {
    for (const thread of this.#calls.leave()) thread.kill();
    this.#source.return?.();
  }

  #fill(): void {
    const calls = this.#calls;
    calls.resume();
    while (calls.wantsMore) {
      let item: IteratorResult<A>;
      try {
        item = this.#source.next();
      } catch (error) {
        // The limit has ended, not the source: it can be asked again.
        if (greenSide()?.isLimit(error)) throw error;
        return calls.fail(error);
      }
      if (item.done) calls.exhausted = true;
      else calls.begin(item.value);
    }
  }
}

/** Claims the result of a thread, so that its failure is not reported as unhandled. Never blocks, in an `async` green function too. */
export function claim(thread: GreenThread): void {
  if (greenSide()) thread.link(() => {});
  else thread.then(undefined, () => {});
}

/** Makes a step of the result of a call. */
async function resultOf<R>(thread: GreenThread<R>): Promise<IteratorResult<R, undefined>> {
  return { done: false, value: await thread };
}

/** A map in async code. */
class AsyncMap<A, R> {
  readonly #source: Iterator<A> | AsyncIterator<A>;
  readonly #calls: Calls<A, R>;

  /** As for {@linkcode greenMap}. */
  constructor(
    most: () => number,
    items: Iterable<A> | AsyncIterable<A>,
    begin: Begin<A, R>,
    ordered: boolean,
  ) {
    this.#source = Symbol.asyncIterator in items
      ? items[Symbol.asyncIterator]()
      : items[Symbol.iterator]();
    const beginQuietly: Begin<A, R> = (args, begun) =>
      begin(args, (thread) => {
        begun(thread);
        // It may fail long before anybody asks for its result.
        if (ordered) claim(thread);
      });
    this.#calls = new Calls(most, beginQuietly, ordered);
  }

  async leave(): Promise<void> {
    for (const thread of this.#calls.leave()) {
      thread.kill();
      // Nobody will ask for its outcome.
      claim(thread);
    }
    await this.#source.return?.();
  }

  async next(): Promise<IteratorResult<R, undefined>> {
    await this.#fill();
    const { ahead, finishers } = this.#calls;
    if (finishers && finishers.left > 0) {
      const [thread] = await finishers.nextAsync(Infinity);
      return thread ? await resultOf(thread) : END;
    }
    const [first] = ahead;
    if (!first) return END;
    if ("error" in first) {
      ahead.shift();
      throw first.error;
    }
    try {
      return await resultOf(first.thread);
    } finally {
      if (first.thread.dead && ahead[0] === first) ahead.shift();
    }
  }

  async #fill(): Promise<void> {
    const calls = this.#calls;
    calls.resume();
    while (calls.wantsMore) {
      let item: IteratorResult<A>;
      try {
        item = await this.#source.next();
      } catch (error) {
        return calls.fail(error);
      }
      // If the loop was left while the source was busy, no more calls are wanted.
      if (calls.exhausted) return;
      if (item.done) calls.exhausted = true;
      else calls.begin(item.value);
    }
  }
}
