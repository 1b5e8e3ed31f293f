/**
 * Promises that green code has a handle to, and has not asked for yet.
 *
 * An instance of a subclass of `Promise` may be on its way already, and fail before green code has had time to say `wait()`.
 * Then the runtime finds a rejection that nobody handles, and ends the process. So the failure is heard here, without a call of
 * the object's own `then()`, which might begin its work. Who says `wait()` gets it; it is reported when a Worker lets go of the
 * object and nobody has asked.
 *
 * @module
 */

import { state } from "../../bridge/state.ts";
import { enginePrototype } from "../../bridge/references/thenables.ts";

const { then } = enginePrototype;

/** State of one such promise. */
interface Known {
  /** Whether somebody waits for it, or has it for something else than to go on building it. */
  asked: boolean;
  failure?: { readonly reason: unknown };
}

const unheard = state("unheard", () => ({
  promises: new WeakMap<object, Known>(),
  /** Whether there ever was one. */
  any: false,
}));
const { promises } = unheard;

/** Green code gets a handle to an object with a `then()`. */
export function hearOf(object: object): void {
  if (promises.has(object) || !Object.prototype.isPrototypeOf.call(enginePrototype, object)) return;
  const known: Known = { asked: false };
  // The engine makes a promise of the same class, unless it finds no constructor.
  const own = Object.getOwnPropertyDescriptor(object, "constructor");
  try {
    Object.defineProperty(object, "constructor", { value: undefined, configurable: true });
    then.call(object as Promise<unknown>, undefined, (reason) => {
      known.failure = { reason };
    });
    promises.set(object, known);
    unheard.any = true;
  } catch {
    // It only looks like one, or cannot be changed.
  }
  if (own) Object.defineProperty(object, "constructor", own);
  else Reflect.deleteProperty(object, "constructor");
}

/** Somebody asks for what an object becomes. */
export function asked(object: object): void {
  const known = unheard.any ? promises.get(object) : undefined;
  if (known) known.asked = true;
}

/** The failure of an object that nobody has asked for, once. */
export function takeFailure(object: object): { readonly reason: unknown } | undefined {
  const known = unheard.any ? promises.get(object) : undefined;
  if (!known?.failure || known.asked) return undefined;
  known.asked = true;
  return known.failure;
}
