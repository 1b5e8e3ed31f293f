/**
 * The functions that cross between the hub and Workers, as seen from the hub.
 *
 * A function of the hub that was passed to green code has a number while some Worker holds it. A function of green code
 * is, on the hub, an async stand-in that calls back into its Worker.
 *
 * @module
 */

import type { Callable } from "../bridge/loader.ts";
import type { GreenWorker } from "./green_worker.ts";

interface Given {
  readonly fn: Callable;
  count: number;
}

/** Where a stand-in's function lives. */
export interface GreenFunction {
  readonly worker: GreenWorker;
  readonly number: number;
}

interface Hold extends GreenFunction {
  count: number;
}

/** Both kinds of functions that one hub knows. */
export class HubFunctions {
  readonly #given = new Map<number, Given>();
  readonly #numbers = new WeakMap<Callable, number>();
  #last = 0;
  readonly #standIns = new Map<string, WeakRef<Callable>>();
  readonly #holds = new WeakMap<Callable, Hold>();
  readonly #collected = new FinalizationRegistry<Hold>((hold) => this.#forget(hold));

  /** How many functions of the hub Workers hold. */
  get size(): number {
    return this.#given.size;
  }

  /** The number of a function that is about to be sent to a Worker. */
  give(fn: Callable): number {
    let number = this.#numbers.get(fn);
    const known = number === undefined ? undefined : this.#given.get(number);
    if (known) known.count++;
    else {
      number ??= ++this.#last;
      this.#numbers.set(fn, number);
      this.#given.set(number, { fn, count: 1 });
    }
    return number!;
  }

  /** The function with a number, if a Worker holds it. */
  get(number: number): Callable | undefined {
    return this.#given.get(number)?.fn;
  }

  /** A Worker holds a function no longer, which was sent to it so many times. */
  release(number: number, count: number): void {
    const given = this.#given.get(number);
    if (given && (given.count -= count) <= 0) this.#given.delete(number);
  }

  /** The stand-in for a function of green code, made if there is none. */
  adopt(worker: GreenWorker, number: number): Callable {
    const key = `${worker.serial}/${number}`;
    let standIn = this.#standIns.get(key)?.deref();
    if (!standIn) {
      standIn = (...args: unknown[]) => worker.callFunction(number, args);
      const hold = { worker, number, count: 0 };
      this.#standIns.set(key, new WeakRef(standIn));
      this.#holds.set(standIn, hold);
      this.#collected.register(standIn, hold);
    }
    this.#holds.get(standIn)!.count++;
    return standIn;
  }

  /** Where the function behind a stand-in lives. */
  greenFunction(fn: object): GreenFunction | undefined {
    return this.#holds.get(fn as Callable);
  }

  #forget({ worker, number, count }: Hold): void {
    const key = `${worker.serial}/${number}`;
    if (this.#standIns.get(key)?.deref() === undefined) this.#standIns.delete(key);
    worker.releaseFunction(number, count);
  }
}
