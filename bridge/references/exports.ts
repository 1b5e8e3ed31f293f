/**
 * The exports of one side: functions, objects behind handles, and the library's own resources, which it has lent to the other
 * side by reference.
 *
 * Each export has a number, and a count of how often it was sent; the other side gives the counts back when it holds no proxy
 * any more. An object has one number while it is held, so an object that travels back is the very same one.
 *
 * A {@linkcode Resource} is an object of the library that exists for the other side only: an iteration, a held lock, a writer.
 *
 * @module
 */

import { state } from "../state.ts";
import { brand } from "../brand.ts";

interface Entry {
  readonly object: object;
  /** The id of the thread with which the export ends; 0 when only the count decides. */
  owner: number;
  /** The count of times that it was sent, less those given back. */
  count: number;
}

/** The functions to call when the other side lets go of an object. */
const watched = state("released", () => new WeakMap<object, () => void>());

/** Has a function called when the other side holds an object no longer. */
export function whenReleased(object: object, fn: () => void): void {
  watched.set(object, fn);
}

/** Counts of the exports that the other side holds. */
export interface ExportCounts {
  /** Functions. */
  readonly functions: number;
  /** Objects, iterations and locks included. */
  readonly handles: number;
}

/** The exports of one side to one other side. */
export class Exports {
  readonly #entries = new Map<number, Entry>();
  readonly #numbers = new WeakMap<object, number>();
  /** The numbers of the exports that end with a thread, by its id. */
  readonly #owned = new Map<number, Set<number>>();
  #last = 0;
  #functions = 0;

  /** Counts of the exports that the other side holds. */
  get counts(): ExportCounts {
    const functions = this.#functions;
    return { functions, handles: this.#entries.size - functions };
  }

  /**
   * Exports an object that is about to be sent, and gives its number.
   *
   * @param object The object.
   * @param owner The id of the thread with which the export ends. An object that two threads have sent ends with neither.
   */
  export(object: object, owner = 0): number {
    const known = this.#numbers.get(object);
    const entry = known === undefined ? undefined : this.#entries.get(known);
    if (entry) {
      entry.count++;
      if (entry.owner !== owner) this.#disown(known!, entry);
      return known!;
    }
    // Never a number that was used before: a message about that may still be on its way.
    const number = ++this.#last;
    this.#numbers.set(object, number);
    this.#entries.set(number, { object, owner, count: 1 });
    if (typeof object === "function") this.#functions++;
    if (owner !== 0) this.#own(number, owner);
    return number;
  }

  /** Counts an export once more that has come back, until it is received. */
  retain(number: number): void {
    const entry = this.#entries.get(number);
    if (entry) entry.count++;
  }

  /** The object with a number, while the other side holds it. */
  get(number: number): object | undefined {
    return this.#entries.get(number)?.object;
  }

  /** The id of the thread with which an export ends; 0 for none. */
  ownerOf(number: number): number {
    return this.#entries.get(number)?.owner ?? 0;
  }

  /** Whether an export stays when the thread has ended that made it. */
  lasts(number: number): boolean {
    return this.#entries.get(number)?.owner === 0;
  }

  /** Takes back counts of an export that the other side gives back. */
  release(number: number, count: number): void {
    const entry = this.#entries.get(number);
    if (!entry || (entry.count -= count) > 0) return;
    this.#owned.get(entry.owner)?.delete(number);
    this.#remove(number, entry);
  }

  /** Ends the exports that end with a thread. */
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

/** An object that the other side holds and asks, and that has to tidy up when the other side lets go of it. */
export abstract class Resource {
  static {
    brand(this, "Service");
  }

  /**
   * Performs an operation for the other side.
   *
   * @param op One of the operations in `live.ts`.
   * @param args The arguments of the operation.
   */
  abstract perform(op: number, args: readonly unknown[]): unknown;

  /** Called when the other side holds the resource no longer: it let go of the resource, or it has ended. */
  abstract released(): void;
}
