/**
 * Iterations on the hub over objects of green code.
 *
 * Each item is asked for by itself (`Pull`), so it has come before the generator can block for the next one; to read ahead is to
 * ask for several. Items belong to nobody in particular (see `steps.ts`): a limit on one `next()` ends neither the iteration nor
 * the requests for items, unless the iteration was made within it. To leave the iteration is another request (`Stop`), which
 * does not wait for those.
 *
 * @module
 */

import { leaveWithLimit, outsideLimits } from "../../bridge/side/limit.ts";
import { Op, Trait } from "../../bridge/references/live.ts";
import type { RemoteObject } from "../../bridge/references/remote_object.ts";
import { addCaller, stackHere } from "../../bridge/values/stacks.ts";
import { AsyncItems, END, Steps } from "../../bridge/side/steps.ts";

/**
 * Iterates over an object of green code. The iteration begins at the first `next()`; to leave it runs the `finally` in the Worker.
 *
 * @param object The object to iterate over. One that was used up and released has no items.
 * @param ahead The number of items to ask for before somebody wants them.
 */
export function iterateGreen(object: RemoteObject, ahead = 0): AsyncItems<unknown> {
  const iteration = new AsyncIteration(object, ahead);
  const items = new AsyncItems(() => iteration.next(), () => iteration.leave());
  // Nobody waits for that, so its failure is dropped.
  iteration.onEnd = leaveWithLimit(() => items.return().catch(() => {}));
  return items;
}

/** An iteration over an object of green code. */
class AsyncIteration {
  readonly #object: RemoteObject;
  readonly #steps: Steps<unknown>;
  /** The iteration in the Worker. */
  #source: Promise<RemoteObject> | undefined;
  #over = false;
  #leaving = false;
  /** Called when the iteration has ended: no limit leaves it any more. */
  onEnd: () => void = () => {};

  /** As for {@linkcode iterateGreen}. */
  constructor(object: RemoteObject, ahead: number) {
    this.#object = object;
    this.#steps = new Steps(() => this.#step(), ahead, ahead + 1);
    if (object.released && object.traits & Trait.Once) this.#steps.end();
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    try {
      return await this.#steps.next();
    } catch (error) {
      // The item was asked for on nobody's behalf: the error gets the stack of this caller now.
      addCaller(error, stackHere());
      throw error;
    }
  }

  async leave(): Promise<void> {
    this.#steps.end();
    this.#leaving = true;
    if (!this.#over) await outsideLimits(() => this.#leave());
  }

  async #step(): Promise<IteratorResult<unknown, undefined>> {
    try {
      this.#source ??= this.#object.ask(Op.Iterate, [], "next") as Promise<RemoteObject>;
      const source = await this.#source;
      if (this.#leaving) return END;
      const items = await source.ask(Op.Pull, [], "next") as unknown[];
      if (items.length > 0) return { done: false, value: items[0] };
      this.#end(source);
      return END;
    } catch (error) {
      // Several items may be asked for ahead: only the first failure counts.
      if (this.#over || this.#leaving) return END;
      this.#end(await this.#source?.catch(() => undefined));
      throw error;
    }
  }

  async #leave(): Promise<void> {
    const source = await this.#source?.catch(() => undefined);
    try {
      if (source && !this.#over) await source.ask(Op.Stop, [], "return");
    } finally {
      this.#end(source);
    }
  }

  /** Ends the iteration, and releases an object that it has used up. */
  #end(source: RemoteObject | undefined): void {
    this.#over = true;
    this.onEnd();
    source?.release();
    if (this.#object.traits & Trait.Once) this.#object.release();
  }
}
