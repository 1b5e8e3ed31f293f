/**
 * The changes that a thread has made to the async context, on their way to those who wait for the thread.
 *
 * @module
 */

import { Changes, type ContextValues, Join, usesContext } from "./context.ts";

/** The way back of one thread's context. */
export class ContextReturn {
  readonly #joins: Join[] = [];
  #changes: Changes | undefined;
  #ended = false;

  /** The changes; nothing before the end. */
  get changes(): ContextValues | undefined {
    return this.#changes?.values;
  }

  /** Hands the changes to those who wait, as the thread has ended. */
  end(changes: ContextValues | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#changes = changes && new Changes(changes);
    for (const join of this.#joins) join.settle(this.#changes);
    this.#joins.length = 0;
  }

  /** Called by a flow that is about to await the thread. */
  join(): void {
    if (this.#ended) this.#changes?.takeOver();
    else this.#joins.push(new Join());
  }

  /** Takes the last {@linkcode ContextReturn.join} back: that flow has read `then` to call it by itself. */
  leave(): void {
    this.#joins.pop()?.settle(undefined);
  }

  /** Takes the changes over into a flow that has waited for the thread. */
  takeOver(): void {
    this.#changes?.takeOver();
  }
}

/** A thread that can be awaited. */
export interface Awaitable {
  // deno-lint-ignore no-explicit-any
  then(...args: any[]): unknown;
  /** Called when `then` is read: by `await`, `Promise.all()` and the like at once, in the flow that awaits. */
  beforeThen(): void;
}

/**
 * Has the objects of a class hear that they are awaited before it happens. `await` reads `then` in the flow that awaits, and
 * calls it in a microtask of its own: by then it is too late to put anything into the flow.
 */
export function hearOfAwaits(prototype: Awaitable): void {
  const { then } = prototype;
  Object.defineProperty(prototype, "then", {
    configurable: true,
    get(this: Awaitable) {
      if (usesContext() && this !== prototype) this.beforeThen();
      return then;
    },
  });
}
