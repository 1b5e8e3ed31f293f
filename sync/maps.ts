/**
 * Lazy, bounded maps over green threads: what `imap` and its like return.
 *
 * @module
 */

import { NotCloneableError } from "../bridge/errors.ts";
import type { GreenThread } from "../bridge/green_thread.ts";
import { Finishers } from "./join.ts";

/** What is ahead of the consumer: a thread, or what the source threw in its place. */
type Ahead<R> = { readonly thread: GreenThread<R> } | { readonly error: unknown };

/** Makes a call. Arguments that cannot cross are the failure of that call, in its place. */
function begin<A, R>(spawn: (args: A) => GreenThread<R>, args: A): Ahead<R> {
  try {
    return { thread: spawn(args) };
  } catch (error) {
    if (error instanceof NotCloneableError) return { error };
    throw error;
  }
}

const END = { done: true, value: undefined } as const;

/** A map in green code. */
export class GreenMap<A, R> implements IterableIterator<R> {
  readonly #most: () => number;
  readonly #source: Iterator<A>;
  readonly #spawn: (args: A) => GreenThread<R>;
  readonly #ahead: Ahead<R>[] = [];
  readonly #finishers: Finishers<R> | undefined;
  #exhausted = false;

  /**
   * @param most How many calls may be ahead.
   * @param items What to call with.
   * @param spawn Makes a call.
   * @param ordered Whether results come in the order of the items.
   */
  constructor(
    most: () => number,
    items: Iterable<A>,
    spawn: (args: A) => GreenThread<R>,
    ordered: boolean,
  ) {
    this.#most = most;
    this.#source = items[Symbol.iterator]();
    this.#spawn = spawn;
    if (!ordered) this.#finishers = new Finishers();
  }

  next(): IteratorResult<R, undefined> {
    this.#fill();
    const unordered = this.#finishers;
    if (unordered && unordered.left > 0) {
      return { done: false, value: unordered.next(Infinity)!.wait() };
    }
    const [first] = this.#ahead;
    if (!first) return END;
    if ("error" in first) {
      this.#ahead.shift();
      throw first.error;
    }
    try {
      return { done: false, value: first.thread.wait() };
    } finally {
      // One who is killed or times out here may ask for the same result again.
      if (first.thread.dead) this.#ahead.shift();
    }
  }

  return(): IteratorResult<R, undefined> {
    this.#exhausted = true;
    for (const ahead of this.#ahead) if ("thread" in ahead) ahead.thread.kill();
    this.#ahead.length = 0;
    const running = [...this.#finishers?.running ?? []];
    this.#finishers?.leave();
    for (const thread of running) thread.kill();
    this.#source.return?.();
    return END;
  }

  [Symbol.iterator](): this {
    return this;
  }

  #fill(): void {
    while (!this.#exhausted && (this.#finishers?.left ?? this.#ahead.length) < this.#most()) {
      let item: IteratorResult<A>;
      try {
        item = this.#source.next();
      } catch (error) {
        this.#exhausted = true;
        this.#ahead.push({ error });
        return;
      }
      if (item.done) this.#exhausted = true;
      else this.#begin(item.value);
    }
  }

  #begin(args: A): void {
    if (this.#finishers) this.#finishers.add(this.#spawn(args));
    else this.#ahead.push(begin(this.#spawn, args));
  }
}

/** A map in async code. */
export class AsyncMap<A, R> implements AsyncIterableIterator<R> {
  readonly #most: () => number;
  readonly #source: Iterator<A> | AsyncIterator<A>;
  readonly #spawn: (args: A) => GreenThread<R>;
  readonly #ahead: Ahead<R>[] = [];
  readonly #finishers: Finishers<R> | undefined;
  #exhausted = false;
  /** The step before: steps that are asked for at once are taken one after another. */
  #last: Promise<unknown> = Promise.resolve();

  /** As for {@linkcode GreenMap}. */
  constructor(
    most: () => number,
    items: Iterable<A> | AsyncIterable<A>,
    spawn: (args: A) => GreenThread<R>,
    ordered: boolean,
  ) {
    this.#most = most;
    this.#source = Symbol.asyncIterator in items
      ? items[Symbol.asyncIterator]()
      : items[Symbol.iterator]();
    this.#spawn = spawn;
    if (!ordered) this.#finishers = new Finishers();
  }

  next(): Promise<IteratorResult<R, undefined>> {
    const step = this.#last.then(() => this.#step());
    this.#last = step.catch(() => {});
    return step;
  }

  async return(): Promise<IteratorResult<R, undefined>> {
    this.#exhausted = true;
    const running: GreenThread<R>[] = [...this.#finishers?.running ?? []];
    for (const ahead of this.#ahead) if ("thread" in ahead) running.push(ahead.thread);
    this.#ahead.length = 0;
    this.#finishers?.leave();
    for (const thread of running) {
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
    const unordered = this.#finishers;
    if (unordered && unordered.left > 0) {
      const [thread] = await unordered.nextAsync(Infinity);
      return { done: false, value: await thread };
    }
    const first = this.#ahead.shift();
    if (!first) return END;
    if ("error" in first) throw first.error;
    return { done: false, value: await first.thread };
  }

  async #fill(): Promise<void> {
    while (!this.#exhausted && (this.#finishers?.left ?? this.#ahead.length) < this.#most()) {
      let item: IteratorResult<A>;
      try {
        item = await this.#source.next();
      } catch (error) {
        this.#exhausted = true;
        this.#ahead.push({ error });
        return;
      }
      // Whoever left while the source was busy wants no more calls.
      if (this.#exhausted) return;
      if (item.done) this.#exhausted = true;
      else this.#begin(item.value);
    }
  }

  #begin(args: A): void {
    if (this.#finishers) return this.#finishers.add(this.#spawn(args));
    const call = begin(this.#spawn, args);
    // It may fail long before anybody asks for it.
    if ("thread" in call) call.thread.then(undefined, () => {});
    this.#ahead.push(call);
  }
}
