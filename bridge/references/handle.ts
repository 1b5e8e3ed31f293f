/**
 * Passing objects by reference.
 *
 * @module
 */

import { madeElsewhere, MAKER, SELF } from "../brand.ts";
import { show } from "../checks.ts";
import { NotCloneableError } from "../errors.ts";
import { isItself } from "./itself.ts";
import type { Async, Sync } from "./live_types.ts";
import { remoteOf } from "./remote_object.ts";
import { state } from "../state.ts";

/** The wrapper of an object that is to go by reference, until it goes. */
class Handle {}

/** The objects in such wrappers. */
const handled = state("handled", () => new WeakMap<object, object>());

/** The properties that `await`, `JSON.stringify` and the like ask any object for in passing. */
export const ASKED_IN_PASSING: ReadonlySet<PropertyKey> = new Set([
  "then",
  "toJSON",
  "constructor",
]);

const handler: ProxyHandler<Handle> = {
  get(_, key) {
    if (key === MAKER) return SELF;
    if (typeof key === "symbol" || ASKED_IN_PASSING.has(key)) return undefined;
    throw misuse(key);
  },
  set(_, key) {
    throw misuse(String(key));
  },
};

/**
 * Marks an object to go by reference: it stays where it is, and the other side gets a proxy for it, in any
 * argument, result or item.
 *
 * - **An object of the hub in green code**: methods, async or not, are blocking methods; properties are read and set where
 *   the object lives; `for…of` iterates, over async iterables too. See {@linkcode Sync}.
 * - **An object of green code on the hub**: methods return promises; `await` a property to read it; `for await`
 *   iterates. The methods run in the green thread's Worker: in a thread that is blocked there, or when none runs. What a
 *   thread has passed goes with the thread; what it has *returned* stays. See {@linkcode Async}.
 * - What a method returns or a property has crosses as a value where it can, and else as a handle too: a connection gives a
 *   statement, and that a cursor.
 * - What a method returns or a property has is awaited if it is a promise. What else has a `then()`, as the query of a database's
 *   library, has not run: it is a handle on which building goes on, and its `wait()` runs it.
 * - **Such a value is a copy**, and so is what a method is given. `object.list.push(3)` and `object.nested.n = 5` change
 *   nothing where the object lives, and a buffer given to `read(buffer)` stays as it is: that fills its own copy. What works
 *   is to set the property (`object.nested = { n: 5 }`), a method that makes the change or returns the bytes, and a method
 *   that returns `handle(this.nested)`.
 * - Sent back, a handle is the original object. One object has one proxy at a time in each Worker, so `===` holds.
 * - What can be reached is what the object and its classes have: not `constructor`, `__proto__`, `prototype`, and nothing
 *   of `Object.prototype`.
 * - `using`, or {@linkcode release}, lets go of it. So does the garbage collector, in its own time, and in green code not
 *   before the green thread has ended.
 *
 * - Locks, queues and the like are the same on both sides, and so are threads: they cross as themselves, with blocking methods in
 *   green code, also where a handle to them was asked for.
 *
 * @param object The object. A handle is returned as it is.
 * @returns What to pass. It is of no use on this side: go on using the object itself.
 * @throws {TypeError} If it is no object.
 * @throws {NotCloneableError} If another version of the library made it, which shares nothing with this one.
 *
 * @example Give green code a connection
 * ```ts
 * import { handle, spawn, type Sync } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * class Connection {
 *   async query(n: number): Promise<number[]> {
 *     return await Promise.resolve([n, n + 1]);
 *   }
 * }
 *
 * const thread = spawn(
 *   (connection: Sync<Connection>) => connection.query(1).length,
 *   handle(new Connection()),
 * );
 * assertEquals(await thread, 2);
 * ```
 *
 * @category Values
 */
export function handle<T extends object>(object: T): Sync<T> & Async<T> {
  if ((typeof object !== "object" || object === null) && typeof object !== "function") {
    throw new TypeError(
      `Cannot make a handle: expected an object, found ${object === null ? "null" : typeof object}`,
    );
  }
  const elsewhere = madeElsewhere(object);
  if (elsewhere) throw new NotCloneableError(`Cannot make a handle: ${elsewhere}`);
  if (remoteOf(object) || handled.has(object) || isItself(object)) {
    return object as unknown as Sync<T> & Async<T>;
  }
  const wrapper = new Proxy(new Handle(), handler);
  handled.set(wrapper, object);
  return wrapper as unknown as Sync<T> & Async<T>;
}

/**
 * Lets go of a handle now: using it from here on throws. The object behind it is not disposed of; `using` does both. In a green
 * thread, where the garbage collector comes late, this keeps objects from piling up that are no longer needed.
 *
 * @param handle A handle that came from the other side.
 * @throws {TypeError} If it is none.
 *
 * @example Let go of a cursor in the middle of a thread
 * ```ts
 * import { handle, release, spawn, type Sync } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * class Cursor {
 *   rows = 3;
 * }
 *
 * const thread = spawn((cursor: Sync<Cursor>) => {
 *   const { rows } = cursor;
 *   release(cursor);
 *   return rows;
 * }, handle(new Cursor()));
 * assertEquals(await thread, 3);
 * ```
 *
 * @category Values
 */
export function release(handle: object): void {
  const remote = remoteOf(handle);
  if (!remote) {
    throw new TypeError(
      `Cannot release a handle: expected a handle that came from the other side, found ${
        show(handle)
      }`,
    );
  }
  remote.release();
}

/** The object in a wrapper that {@linkcode handle} made; `undefined` for anything else. */
export function handledObject(value: object): object | undefined {
  return handled.get(value);
}

function misuse(key: string): TypeError {
  return new TypeError(
    `Cannot use "${key}" of this handle: its object is on this side: use the object itself here, and pass the handle to ` +
      "the other side",
  );
}
