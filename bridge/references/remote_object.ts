/**
 * An object of the other side, seen from here: what its proxy asks through.
 *
 * @module
 */

import { brand } from "../brand.ts";
import { state } from "../state.ts";

/** Asks the other side to do something to one of its objects; see `live.ts` for the operations. */
export type Ask = (number: number, op: number, args: readonly unknown[], what: string) => unknown;

/** What a reference to an object says. */
export interface RemoteRef {
  readonly number: number;
  /** Bits of `Trait`. */
  readonly traits: number;
  /** See `classNumber`. */
  readonly kind: number;
}

/** One object of the other side. */
export class RemoteObject implements RemoteRef {
  readonly number: number;
  readonly traits: number;
  readonly kind: number;
  readonly #ask: Ask;
  readonly #release: (remote: RemoteObject) => void;
  #released = false;

  static {
    brand(this, "Remote");
  }

  /**
   * @param ref What came.
   * @param ask Asks the side that it came from.
   * @param release Called when it is let go of by hand.
   */
  constructor(ref: RemoteRef, ask: Ask, release: (remote: RemoteObject) => void) {
    this.number = ref.number;
    this.traits = ref.traits;
    this.kind = ref.kind;
    this.#ask = ask;
    this.#release = release;
  }

  /** Whether it was let go of. */
  get released(): boolean {
    return this.#released;
  }

  /**
   * Asks for something to be done.
   *
   * @param op The operation.
   * @param args What it needs.
   * @param what What it is called in messages: a method's name.
   * @throws {TypeError} If the object was let go of.
   */
  ask(op: number, args: readonly unknown[] = [], what = "a handle"): unknown {
    if (!this.#released) return this.#ask(this.number, op, args, what);
    throw new TypeError(
      `Cannot use ${what === "a handle" ? what : `"${what}" of a handle`}: it was released`,
    );
  }

  /** Lets go of the object. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#release(this);
  }
}

const { remotes, later } = state("remotes", () => ({
  /** The remotes behind proxies, those of all sides. */
  remotes: new WeakMap<object, RemoteObject>(),
  /** Proxies that find out what they stand for when they are used. */
  later: new WeakMap<object, () => object>(),
}));

/** Notes that an object is a proxy. */
export function proxyFor(proxy: object, remote: RemoteObject): void {
  remotes.set(proxy, remote);
}

/** Notes that an object does as another proxy, which it gets when it is used. */
export function proxyForLater(proxy: object, real: () => object): void {
  later.set(proxy, real);
}

/** What an object stands for, if it is a proxy for an object. */
export function remoteOf(value: object): RemoteObject | undefined {
  if (value instanceof RemoteObject) return value;
  const remote = remotes.get(value);
  if (remote) return remote;
  const real = later.get(value);
  return real && remotes.get(real());
}
