/**
 * What one side has exported to the other, by reference: functions, objects behind handles, and the library's own resources.
 *
 * Each has a number, and a count of how often it was sent; the other side gives the counts back when it holds no
 * proxy any more. An object has one number while it is held, so what travels back is the very same object.
 *
 * @module
 */

import { Resource } from "./resource.ts";
import { state } from "../state.ts";

interface Entry {
  readonly object: object;
  /** The thread with which it goes; 0 when only the counts decide. */
  owner: number;
  count: number;
}

/** Objects of others whose release somebody wants to hear of. */
const watched = state("released", () => new WeakMap<object, () => void>());

/** Has a function called when the other side holds an object no longer. */
export function whenReleased(object: object, fn: () => void): void {
  watched.set(object, fn);
}

/** How much the other side holds. */
export interface ExportCounts {
  /** Functions. */
  readonly functions: number;
  /** Objects, iterations and locks included. */
  readonly handles: number;
}

/** Everything that one side has exported. */
export class Exports {
  readonly #entries = new Map<number, Entry>();
  readonly #numbers = new WeakMap<object, number>();
  /** The numbers of what goes with a thread. */
  readonly #owned = new Map<number, Set<number>>();
  #last = 0;
  #functions = 0;

  /** How much of it the other side holds. */
  get counts(): ExportCounts {
    const functions = this.#functions;
    return { functions, handles: this.#entries.size - functions };
  }

  /**
   * The number of something that is about to be sent.
   *
   * @param object What is sent.
   * @param owner The thread with which it goes. What two threads have sent goes with neither.
   */
  export(object: object, owner = 0): number {
    const known = this.#numbers.get(object);
    const entry = known === undefined ? undefined : this.#entries.get(known);
    if (entry) {
      entry.count++;
      if (entry.owner !== owner) this.#disown(known!, entry);
      return known!;
    }
    // Never a number that was used before: what was said about that may still be on its way.
    const number = ++this.#last;
    this.#numbers.set(object, number);
    this.#entries.set(number, { object, owner, count: 1 });
    if (typeof object === "function") this.#functions++;
    if (owner !== 0) this.#own(number, owner);
    return number;
  }

  /** What has a number, while the other side holds it. */
  get(number: number): object | undefined {
    return this.#entries.get(number)?.object;
  }

  /** The thread with which it goes; 0 for none. */
  ownerOf(number: number): number {
    return this.#entries.get(number)?.owner ?? 0;
  }

  /** Whether it stays when the thread that exported it has ended. */
  lasts(number: number): boolean {
    return this.#entries.get(number)?.owner === 0;
  }

  /** The other side gives back so many counts. */
  release(number: number, count: number): void {
    const entry = this.#entries.get(number);
    if (!entry || (entry.count -= count) > 0) return;
    this.#owned.get(entry.owner)?.delete(number);
    this.#remove(number, entry);
  }

  /** A thread has ended, and what goes with it. */
  endOwner(owner: number): void {
    const numbers = this.#owned.get(owner);
    if (!numbers) return;
    this.#owned.delete(owner);
    for (const number of numbers) {
      const entry = this.#entries.get(number);
      if (entry) this.#remove(number, entry);
    }
  }

  #own(number: number, owner: number): void {
    const owned = this.#owned.get(owner);
    if (owned) owned.add(number);
    else this.#owned.set(owner, new Set([number]));
  }

  #disown(number: number, entry: Entry): void {
    this.#owned.get(entry.owner)?.delete(number);
    entry.owner = 0;
  }

  #remove(number: number, { object }: Entry): void {
    this.#entries.delete(number);
    if (typeof object === "function") this.#functions--;
    if (object instanceof Resource) object.released();
    watched.get(object)?.();
  }
}
