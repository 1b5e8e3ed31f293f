/**
 * Registered classes: the classes of the application that cross between the hub and green threads under
 * a name, and in a way, that the application has given.
 *
 * @module
 */

import { show } from "../checks.ts";
import { state } from "../state.ts";

/**
 * The way in which instances of a class cross: see {@linkcode registerClass}.
 *
 * @category Values
 */
export interface ClassWire<T, W> {
  /**
   * The name under which both sides know the class.
   *
   * @default {the class's own name}
   */
  name?: string;
  /**
   * Takes an instance apart: returns the value that is sent instead. It may be any value that crosses,
   * other instances of registered classes included, but not the instance itself.
   *
   * @param instance The instance.
   * @returns The value to send.
   */
  toWire: (instance: T) => W;
  /**
   * Puts an instance together on the other side, from the value that `toWire` returned.
   *
   * @param wire The value that arrived.
   * @returns The instance.
   */
  fromWire: (wire: W) => T;
}

/**
 * A class, as `instanceof` takes it.
 *
 * @category Values
 */
// deno-lint-ignore no-explicit-any -- an abstract class, and one with any parameters, fits too
export type AnyClass<T> = abstract new (...args: any[]) => T;

/** A class in the registry. */
export interface RegisteredClass {
  /** The name under which both sides know it. */
  readonly name: string;
  /** The class itself. */
  readonly Class: { readonly prototype: unknown };
  /** Takes an instance apart. */
  readonly toWire: (instance: unknown) => unknown;
  /** Puts an instance together. */
  readonly fromWire: (wire: unknown) => unknown;
}

/** The registry: the same entries under both of their keys. */
interface Registry {
  readonly byName: Map<string, RegisteredClass>;
  readonly byPrototype: Map<unknown, RegisteredClass>;
}

/** The registry of this thread. */
const registry: Registry = state("classes", () => ({ byName: new Map(), byPrototype: new Map() }));

/**
 * Lets the instances of a class cross between the hub and green threads. Without it an instance
 * crosses only if its own fields are all that it has, and a module that both sides have loaded
 * exports its class; any other is refused, rather than arriving as a bare object without its methods.
 *
 * Call it beside the class, at the top level of a module that both sides import: each thread has a
 * registry of its own. The rules:
 *
 * - The instance that arrives is made by `fromWire`: a new instance for each message. An instance that one
 *   message refers to twice arrives as one instance.
 * - The result of `toWire` must not contain the instance itself.
 * - A subclass needs a registration of its own: otherwise its instances count as unregistered.
 *   Errors are the exception: an error of a subclass crosses as its nearest registered ancestor, and
 *   as itself if its class is exported.
 * - Of an error the stack and, where `fromWire` sets none, the `cause` cross by themselves.
 * - The same class may be registered again under its name, say with a better `toWire`.
 * - The other side has written the argument of `fromWire`: if that side runs code that you do not trust,
 *   check the argument in `fromWire`.
 *
 * @example A class that both sides know
 * ```ts
 * import { Queue, registerClass } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * class Money {
 *   #cents: bigint;
 *   constructor(cents: bigint) {
 *     this.#cents = cents;
 *   }
 *   get cents(): bigint {
 *     return this.#cents;
 *   }
 * }
 *
 * registerClass(Money, {
 *   name: "shop.Money",
 *   toWire: (money) => money.cents,
 *   fromWire: (cents) => new Money(cents),
 * });
 *
 * const queue = new Queue<Money>();
 * await queue.putAsync(new Money(5n));
 * assertEquals((await queue.getAsync()).cents, 5n);
 * ```
 *
 * @param Class The class.
 * @param wire Its name, and how to take an instance apart and put it together.
 * @throws {TypeError} If another class has the name, or the class another name.
 *
 * @category Values
 */
export function registerClass<T, W>(Class: AnyClass<T>, wire: ClassWire<T, W>): void {
  const name = checkRegistration(Class, wire);
  const { toWire, fromWire } = wire;
  const entry = { name, Class, toWire, fromWire } as unknown as RegisteredClass;
  registry.byName.set(name, entry);
  registry.byPrototype.set(Class.prototype, entry);
}

/**
 * Registers a class of the library itself. Each copy of the library has one: all of them go by the name, and an instance that
 * arrives is of the copy that was loaded last.
 */
export function registerOwnClass<T, W>(
  Class: AnyClass<T>,
  { name, toWire, fromWire }: ClassWire<T, W> & { name: string },
): void {
  const entry = { name, Class, toWire, fromWire } as unknown as RegisteredClass;
  registry.byName.set(name, entry);
  registry.byPrototype.set(Class.prototype, entry);
}

/** Checks the arguments of `registerClass()`, and returns the name to use. */
function checkRegistration<T, W>(Class: AnyClass<T>, wire: ClassWire<T, W>): string {
  if (typeof Class !== "function" || typeof Class.prototype !== "object") {
    throw new TypeError(
      `Cannot register a class: expected a class as the first argument, found ${show(Class)}`,
    );
  }
  const name = wire?.name ?? Class.name;
  if (typeof name !== "string" || name === "") {
    throw new TypeError(
      'Cannot register a class: it has no name: give it one in the options, such as { name: "Point", toWire, fromWire }',
    );
  }
  if (typeof wire?.toWire !== "function" || typeof wire.fromWire !== "function") {
    throw new TypeError(
      `Cannot register class "${name}": expected functions for "toWire" and "fromWire", found ${
        show(wire?.toWire)
      } and ${show(wire?.fromWire)}`,
    );
  }
  const before = registry.byName.get(name);
  if (before !== undefined && before.Class !== Class) {
    throw new TypeError(
      `Cannot register class "${name}": another class has that name already: give this one another name in the options`,
    );
  }
  const same = registry.byPrototype.get(Class.prototype);
  if (same !== undefined && same.name !== name) {
    throw new TypeError(
      `Cannot register class "${name}": it is registered as "${same.name}" already`,
    );
  }
  return name;
}

/** The registration of the class with this prototype, if there is one. */
export function classOfPrototype(prototype: unknown): RegisteredClass | undefined {
  return registry.byPrototype.get(prototype);
}

/** The registration under this name, if there is one. */
export function classOfName(name: string): RegisteredClass | undefined {
  return registry.byName.get(name);
}
