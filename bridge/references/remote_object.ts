/**
 * An object of the other side, seen from here. Its proxy asks the other side through it.
 *
 * @module
 */

import { brand } from "../brand.ts";
import { state } from "../state.ts";

/** Has the other side perform an operation on one of its objects; see `live.ts` for the operations. */
export type Ask = (number: number, op: number, args: readonly unknown[], what: string) => unknown;

/** A reference to an object, as it crosses. */
export interface RemoteRef {
  /** The object's number on its side. */
  readonly number: number;
  /** Bits of `Trait`. */
  readonly traits: number;
  /** The number of its class: see `classNumber`. */
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
   * @param ref The reference that came.
   * @param ask Asks the side of the object.
   * @param release Called when the object is let go of by hand.
   */
  constructor(ref: RemoteRef, ask: Ask, release: (remote: RemoteObject) => void) {
    this.number = ref.number;
    this.traits = ref.traits;
    this.kind = ref.kind;
    this.#ask = ask;
    this.#release = release;
  }

  /** Whether the object was let go of. */
  get released(): boolean {
    return this.#released;
  }

  /**
   * Has an operation performed on the object.
   *
   * @param op The operation.
   * @param args The arguments of the operation.
   * @param what The words for it in messages: a method's name.
   * @throws {TypeError} If the object was let go of.
   */
  ask(op: number, args: readonly unknown[] = [], what = "a handle"): unknown {
    if (!this.#released) return this.#ask(this.number, op, args, what);
    throw new TypeError(
      `Cannot use ${what === "a handle" ? what : `"${what}" of a handle`}: the handle was released`,
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
  /** The remote objects behind proxies, those of all sides. */
  remotes: new WeakMap<object, RemoteObject>(),
  /** Proxies that get their real proxy only when they are used. */
  later: new WeakMap<object, () => object>(),
}));

/** Registers an object as the proxy for a remote object. */
export function proxyFor(proxy: object, remote: RemoteObject): void {
  remotes.set(proxy, remote);
}

/** Registers an object that hands on to a real proxy, which it gets when it is used. */
export function proxyForLater(proxy: object, real: () => object): void {
  later.set(proxy, real);
}

/** The remote object behind a proxy; nothing for other objects. */
export function remoteOf(value: object): RemoteObject | undefined {
  if (value instanceof RemoteObject) return value;
  const remote = remotes.get(value);
  if (remote) return remote;
  const real = later.get(value);
  return real && remotes.get(real());
}
