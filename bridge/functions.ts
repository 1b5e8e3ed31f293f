/**
 * The functions that cross between a Worker and the hub, as seen from a Worker.
 *
 * A function that green code gives away stays here and gets a number; it belongs to the thread that gave it, and goes
 * with it. A function that came from the hub is a stand-in that calls the hub; a function has one stand-in at a time,
 * and the hub is told when it has been garbage-collected.
 *
 * @module
 */

import type { Callable } from "./loader.ts";

interface Given {
  readonly fn: Callable;
  /** The thread that it belongs to. */
  readonly owner: number;
  /** How often it was sent to the hub. */
  count: number;
}

interface StandIn {
  readonly id: number;
  count: number;
}

/** Both kinds of functions that one Worker knows. */
export class Functions {
  readonly #onRelease: (id: number, count: number) => void;
  readonly #given = new Map<number, Given>();
  readonly #numbers = new WeakMap<Callable, number>();
  /** The numbers of a thread's functions. */
  readonly #owned = new Map<number, number[]>();
  #last = 0;
  readonly #standIns = new Map<number, WeakRef<Callable>>();
  readonly #holds = new WeakMap<Callable, StandIn>();
  readonly #collected = new FinalizationRegistry<StandIn>((hold) => this.#forget(hold));

  /** @param onRelease Called with the number of a function of the hub and how often it had come. */
  constructor(onRelease: (id: number, count: number) => void) {
    this.#onRelease = onRelease;
  }

  /** The number of a function that is about to be sent to the hub. */
  give(fn: Callable, owner: number): number {
    const known = this.#given.get(this.#numbers.get(fn) ?? 0);
    if (known && known.owner === owner) {
      known.count++;
      return this.#numbers.get(fn)!;
    }
    const number = ++this.#last;
    this.#numbers.set(fn, number);
    this.#given.set(number, { fn, owner, count: 1 });
    const owned = this.#owned.get(owner);
    if (owned) owned.push(number);
    else this.#owned.set(owner, [number]);
    return number;
  }

  /**
   * The function with a number.
   *
   * @param number The number that {@linkcode Functions.give} gave it.
   * @throws {Error} If the thread that it belongs to has ended.
   */
  get(number: number): Callable {
    const given = this.#given.get(number);
    if (given) return given.fn;
    throw new Error(
      "Cannot call a function of a green thread: the thread has ended, and its functions with it",
    );
  }

  /** A thread has ended: its functions cannot be called any more. */
  endThread(owner: number): void {
    const numbers = this.#owned.get(owner);
    if (!numbers) return;
    this.#owned.delete(owner);
    for (const number of numbers) this.#given.delete(number);
  }

  /** The hub holds a function no longer, which was sent to it so many times. */
  release(number: number, count: number): void {
    const given = this.#given.get(number);
    if (given && (given.count -= count) <= 0) this.#given.delete(number);
  }

  /** The stand-in for a function of the hub, made if there is none. */
  adopt(id: number, call: Callable): Callable {
    let standIn = this.#standIns.get(id)?.deref();
    if (!standIn) {
      standIn = call;
      const hold = { id, count: 0 };
      this.#standIns.set(id, new WeakRef(standIn));
      this.#holds.set(standIn, hold);
      this.#collected.register(standIn, hold);
    }
    this.#holds.get(standIn)!.count++;
    return standIn;
  }

  /** The number of a hub's function whose stand-in this is. */
  hubNumber(fn: object): number | undefined {
    return this.#holds.get(fn as Callable)?.id;
  }

  #forget({ id, count }: StandIn): void {
    if (this.#standIns.get(id)?.deref() === undefined) this.#standIns.delete(id);
    this.#onRelease(id, count);
  }
}
