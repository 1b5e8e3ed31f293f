/**
 * Lazy, bounded maps over green threads: what `imap` and its like return.
 *
 * @module
 */

import { NotCloneableError } from "../bridge/errors.ts";
import type { GreenThread } from "../bridge/side/green_thread.ts";
import { greenSide } from "../bridge/side/side.ts";
import { END, Steps } from "../bridge/side/steps.ts";
import { Finishers } from "./join.ts";

/** An entry ahead of the consumer: a thread, or the error that the source threw in its place. */
type Ahead<R> = { readonly thread: GreenThread<R> } | { readonly error: unknown };

/**
 * Makes a call. It may wait for a slot of the pool first, and be interrupted there.
 *
 * @param args What to call with.
 * @param begun Is given the thread as soon as there is one: what is thrown after that is no failure to begin.
 */
export type Begin<A, R> = (args: A, begun: (thread: GreenThread<R>) => void) => void;

/** The calls of a map that nobody has the results of yet. */
class Calls<A, R> {
  /** Those of an ordered map. */
  readonly ahead: Ahead<R>[] = [];
  /** Those of one that is not. */
  readonly finishers: Finishers<R> | undefined;
  /** Whether the source is not to be asked any more. */
  exhausted = false;
  readonly #most: () => number;
  readonly #begin: Begin<A, R>;
  /** The item taken from the source whose call has not begun: the wait for a slot may throw. */
  #next: { readonly args: A } | undefined;

  constructor(most: () => number, begin: Begin<A, R>, ordered: boolean) {
    this.#most = most;
    this.#begin = begin;
    if (!ordered) this.finishers = new Finishers();
  }

  /** Whether the source is to be asked for one more. */
  get wantsMore(): boolean {
    return !this.exhausted && (this.finishers?.left ?? this.ahead.length) < this.#most();
  }

  /** The source's error comes in the place of a result, and is the last. */
  fail(error: unknown): void {
    this.exhausted = true;
    this.ahead.push({ error });
  }

  /** Begins a call with what has come from the source. */
  begin(args: A): void {
    this.#next = { args };
    this.resume();
  }

  /** Begins the call that was not begun when that was interrupted. */
  resume(): void {
    if (!this.#next) return;
    try {
      this.#begin(this.#next.args, (thread) => this.#add(thread));
    } catch (error) {
      // Neither will be otherwise when it is tried again.
      const refused = error instanceof NotCloneableError;
      if (refused || error instanceof TypeError) this.#next = undefined;
      // Arguments that cannot cross are the failure of that call, in its place.
      if (!refused || this.finishers) throw error;
      this.ahead.push({ error });
    }
  }

  #add(thread: GreenThread<R>): void {
    this.#next = undefined;
    if (this.finishers) this.finishers.add(thread);
    else this.ahead.push({ thread });
  }

  /** Nobody will ask for more results: gives those that run. */
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

/** A map in green code. */
export class GreenMap<A, R> implements IterableIterator<R> {
  readonly #source: Iterator<A>;
  readonly #calls: Calls<A, R>;

  /**
   * @param most How many calls may be ahead.
   * @param items What to call with.
   * @param begin Makes a call.
   * @param ordered Whether results come in the order of the items.
   */
  constructor(most: () => number, items: Iterable<A>, begin: Begin<A, R>, ordered: boolean) {
    this.#source = items[Symbol.iterator]();
    this.#calls = new Calls(most, begin, ordered);
  }

  next(): IteratorResult<R, undefined> {
    this.#fill();
    const { ahead, finishers } = this.#calls;
    if (finishers && finishers.left > 0) {
      return { done: false, value: finishers.next(Infinity)!.wait() };
    }
    const [first] = ahead;
    if (!first) return END;
    if ("error" in first) {
      ahead.shift();
      throw first.error;
    }
    try {
      return { done: false, value: first.thread.wait() };
    } finally {
      // One who is killed or times out here may ask for the same result again.
      if (first.thread.dead) ahead.shift();
    }
  }

  return(): IteratorResult<R, undefined> {
    for (const thread of this.#calls.leave()) thread.kill();
    this.#source.return?.();
    return END;
  }

  [Symbol.iterator](): this {
    return this;
  }

  #fill(): void {
    const calls = this.#calls;
    calls.resume();
    while (calls.wantsMore) {
      let item: IteratorResult<A>;
      try {
        item = this.#source.next();
      } catch (error) {
        // A source that can be asked again has lost nothing.
        if (greenSide()?.isLimit(error)) throw error;
        return calls.fail(error);
      }
      if (item.done) calls.exhausted = true;
      else calls.begin(item.value);
    }
  }
}

/** The step that a call's result is. */
async function resultOf<R>(thread: GreenThread<R>): Promise<IteratorResult<R, undefined>> {
  return { done: false, value: await thread };
}

/** A map in async code. */
export class AsyncMap<A, R> implements AsyncIterableIterator<R> {
  readonly #source: Iterator<A> | AsyncIterator<A>;
  readonly #calls: Calls<A, R>;
  readonly #steps = new Steps(() => this.#step());

  /** As for {@linkcode GreenMap}. */
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
        // It may fail long before anybody asks for it.
        if (ordered) thread.then(undefined, () => {});
      });
    this.#calls = new Calls(most, beginQuietly, ordered);
  }

  next(): Promise<IteratorResult<R, undefined>> {
    return this.#steps.next();
  }

  async return(): Promise<IteratorResult<R, undefined>> {
    // At once: how the calls take the kill is nobody's business any more.
    this.#steps.end();
    for (const thread of this.#calls.leave()) {
      thread.kill();
      // Nobody will ask for it.
      thread.then(undefined, () => {});
    }
    await this.#source.return?.();
    return END;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #step(): Promise<IteratorResult<R, undefined>> {
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
      // Whoever left while the source was busy wants no more calls.
      if (calls.exhausted) return;
      if (item.done) calls.exhausted = true;
      else calls.begin(item.value);
    }
  }
}
