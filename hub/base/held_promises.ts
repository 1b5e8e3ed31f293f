/**
 * Promises that green code holds by a handle, and has not waited for yet.
 *
 * An instance of a subclass of `Promise` may be on its way already, and fail before green code has had time to say `wait()`.
 * Then the runtime finds a rejection that nobody handles, and ends the process. So the failure is caught here, without a call of
 * the object's own `then()`, which might begin its work. `wait()` throws it in green code; it is reported when a Worker lets go
 * of the object and nobody has waited.
 *
 * @module
 */

import { state } from "../../bridge/state.ts";
import { enginePrototype } from "../../bridge/references/thenables.ts";

const { then } = enginePrototype;

/** State of one such promise. */
interface Known {
  /** Whether somebody waits for the promise, or uses it for more than to go on building it. */
  handled: boolean;
  failure?: { readonly reason: unknown };
}

const held = state("unheard", () => ({
  promises: new WeakMap<object, Known>(),
  /** Whether there ever was a promise. */
  any: false,
}));
const { promises } = held;

/** Catches the failure of an object with a `then()` that green code is about to get a handle to. */
export function watch(object: object): void {
  if (promises.has(object) || !Object.prototype.isPrototypeOf.call(enginePrototype, object)) return;
  const known: Known = { handled: false };
  // `then()` makes a promise of the same class, unless it finds no constructor.
  const own = Object.getOwnPropertyDescriptor(object, "constructor");
  try {
    Object.defineProperty(object, "constructor", { value: undefined, configurable: true });
    then.call(object as Promise<unknown>, undefined, (reason) => {
      known.failure = { reason };
    });
    promises.set(object, known);
    held.any = true;
  } catch {
    // The object only looks like a promise, or cannot be changed.
  }
  if (own) Object.defineProperty(object, "constructor", own);
  else Reflect.deleteProperty(object, "constructor");
}

/** Notes that somebody waits for what an object becomes. */
export function markHandled(object: object): void {
  const known = held.any ? promises.get(object) : undefined;
  if (known) known.handled = true;
}

/** Gives the failure of an object that nobody has waited for, once. */
export function takeUnhandled(object: object): { readonly reason: unknown } | undefined {
  const known = held.any ? promises.get(object) : undefined;
  if (!known?.failure || known.handled) return undefined;
  known.handled = true;
  return known.failure;
}
