/**
 * State that all green threads and async code share.
 *
 * @module
 */

import { checkWaiting, show, timeLimit, type WaitOptions } from "../bridge/checks.ts";
import { isClass, Op } from "../bridge/references/live.ts";
import type { Sync } from "../bridge/references/live_types.ts";
import { intern } from "../bridge/protocol/messages.ts";
import { proxyForLater, type RemoteObject, remoteOf } from "../bridge/references/remote_object.ts";
import { blocking, isGreen } from "../bridge/side/side.ts";
import { isPromise } from "../bridge/references/thenables.ts";
import type { HeldLock } from "./references/object_lock.ts";
import { takeLock } from "./references/object_lock.ts";
import { makeShared } from "./references/shared_objects.ts";
import { exportOf } from "../bridge/protocol/targets.ts";
import { noteModule } from "../bridge/values/known_modules.ts";

/**
 * A shared object: on the hub what `init` returned, in green code a handle to it, or to what its promise became.
 *
 * @category Values
 */
export type Shared<R> = R & Sync<Awaited<R>>;

/**
 * Makes one object for all sides: it lives on the hub, whichever side asks for it first.
 *
 * Green threads share no heap: a module's variables are there once in each Worker. State that threads are to have in common goes
 * here. A program that was ported with a module-level `const cache = new Map()` needs no other change, as long as it replaces
 * the map's values and does not change them in place:
 *
 * - **On the hub** this calls `init` at once and returns the very object (or the promise, if `init` is async).
 * - **In green code** it is a blocking handle to that object, from every Worker to the same one: see `handle()`. The module
 *   is imported on the hub when green code uses the object first.
 * - **The value of a property and the result of a method are copies**, if they can cross: in green code
 *   `cache.get(key)!.hits++` changes the copy alone. Say `cache.set(key, { ...entry, hits })`, or share an object of a class with
 *   a method that does it.
 * - Each use in green code is a round trip, so others may come between two of them: see {@linkcode update}.
 * - **A lock, a queue and their like** are the same on both sides: green code gets the object itself, with its blocking methods,
 *   and there is no round trip but the first one.
 *
 * @param meta The `import.meta` of the module that this stands in, at its top level.
 * @param init Makes the object. Its name is the object's name, one of its kind in the module.
 * @returns The object, or a handle to it.
 * @throws {TypeError} If `meta` is no `import.meta`, `init` has no name, or one that is taken, or gives no object.
 *
 * @example A cache that all green threads share
 * ```ts
 * import { shared } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * export const cache = shared(import.meta, function cache() {
 *   return new Map<string, string>();
 * });
 *
 * // In any green thread, and on the hub as well:
 * if (!cache.has("/")) cache.set("/", "<h1>Home</h1>");
 * assertEquals(cache.get("/"), "<h1>Home</h1>");
 * ```
 *
 * @category Values
 */
export function shared<R extends object>(meta: ImportMeta, init: () => R): Shared<R>;
/**
 * As above, under a name of its own: for code that is bundled or minified.
 *
 * @param meta The `import.meta` of the module that this stands in, at its top level.
 * @param name The object's name, one of its kind in the file.
 * @param init Makes the object.
 * @returns The object, or a handle to it.
 * @throws {TypeError} If `name` is no text, or is taken, or `init` gives no object.
 */
export function shared<R extends object>(
  meta: ImportMeta,
  name: string,
  init: () => R,
): Shared<R>;
export function shared<R extends object>(
  meta: ImportMeta,
  ...given: [init: () => R] | [name: string, init: () => R]
): Shared<R> {
  const { target: { url, name }, fn: init } = exportOf<() => R>("shared()", meta, given);
  noteModule(url, true);
  return (isGreen() ? makeLater(url, name) : makeShared(url, name, init)) as Shared<R>;
}

/**
 * Uses a shared object while nobody else does so by `update()` or `updateAsync()`: to read and write as one change. It blocks
 * until it has the object's lock, first come, first served. For green code.
 *
 * The lock keeps other updates of the same object off, and nothing else; an update of an object inside of an update of the
 * same object waits for itself.
 *
 * @param object A shared object, or a handle.
 * @param fn Called with the object.
 * @param options Options of the wait for the lock: see {@linkcode WaitOptions}.
 * @returns What `fn` returned.
 * @throws What `fn` threw.
 * @throws {Timeout} If others had the lock all that time.
 * @throws {BlockingCallError} If it is called on the hub: use {@linkcode updateAsync} there.
 * @throws {TypeError} If it is no object of the hub.
 *
 * @example Count without losing any
 * ```ts
 * import { handle, spawn, type Sync, update } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const counts = new Map([["hits", 0]]);
 * const hit = (counts: Sync<Map<string, number>>) => {
 *   update(counts, (counts) => void counts.set("hits", counts.get("hits")! + 1));
 * };
 * await Promise.all([1, 2, 3].map(() => spawn(hit, handle(counts))));
 * assertEquals(counts.get("hits"), 3);
 * ```
 *
 * @category Values
 */
export function update<T extends object, R>(
  object: T,
  fn: (object: T) => R,
  options?: WaitOptions,
): R {
  blocking("update()", "await updateAsync()");
  checkWaiting(options);
  const remote = remoteOf(object);
  if (!remote) {
    throw new TypeError(
      `Cannot update: expected a shared object or a handle, found ${
        show(object)
      } (a lock, a queue or the like needs no ` +
        "update: call its methods)",
    );
  }
  const limits = options ? [{ timeout: timeLimit(options), signal: options.signal }] : [];
  const lock = remote.ask(Op.Lock, limits, "update") as RemoteObject;
  try {
    return fn(object);
  } finally {
    lock.release();
  }
}

/**
 * The twin of {@linkcode update} for the hub.
 *
 * @param object The object, or a promise of it.
 * @param fn Called with the object; its result is awaited before the next update begins.
 * @param options Options of the wait for the lock: see {@linkcode WaitOptions}.
 * @returns What `fn` returned.
 * @throws What `fn` threw.
 * @throws {TypeError} If it is no object.
 *
 * @example Read, wait, and write as one change
 * ```ts
 * import { updateAsync } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const account = { balance: 0 };
 * const add = (n: number) =>
 *   updateAsync(account, async (account) => {
 *     const { balance } = account;
 *     await null;
 *     account.balance = balance + n;
 *   });
 * await Promise.all([add(1), add(2)]);
 * assertEquals(account.balance, 3);
 * ```
 *
 * @category Values
 */
export async function updateAsync<T extends object, R>(
  object: T,
  fn: (object: Awaited<T>) => R,
  options?: WaitOptions,
): Promise<Awaited<R>> {
  const awaited = (isPromise(object) ? await object : object) as Awaited<T>;
  if (typeof awaited !== "object" && typeof awaited !== "function" || awaited === null) {
    throw new TypeError(`Cannot update: expected an object, found ${show(awaited)}`);
  }
  const lock: HeldLock = await takeLock(awaited as object, options);
  try {
    return await fn(awaited);
  } finally {
    lock.released();
  }
}

/** Makes a proxy that asks for its object when it is used first: for a handle to it, or for the object itself if that crosses. */
function makeLater(url: string, name: string): object {
  const target = intern({ kind: "shared", url, name });
  let known: object | undefined;
  const real = () => known ??= blocking(name, name).call(target, [], name) as object;
  const proxy = new Proxy({}, forwardTo(real));
  proxyForLater(proxy, real);
  return proxy;
}

type Trap = (object: object, ...args: unknown[]) => unknown;

/** Makes traps that do to another object what is done to a proxy. */
function forwardTo(real: () => object): ProxyHandler<object> {
  return new Proxy({}, {
    get(_, trap) {
      return (_target: object, key: unknown, ...rest: unknown[]) => {
        // `await` and the loading of modules read `then` of everything.
        if (trap === "get" && key === "then") return undefined;
        // A method needs the handle, or the object, as `this`, and not the proxy.
        if (trap === "get") return memberOf(real(), key as PropertyKey);
        if (trap === "set") return Reflect.set(real(), key as PropertyKey, rest[0]);
        const result = (Reflect as unknown as Record<PropertyKey, Trap>)[trap](
          real(),
          key,
          ...rest,
        );
        const descriptor = trap === "getOwnPropertyDescriptor" ? result : undefined;
        return descriptor ? { ...descriptor, configurable: true } : result;
      };
    },
  });
}

/** Gives a member of a handle, or of an object that has crossed as itself. Methods of such an object are bound to it. */
function memberOf(object: object, key: PropertyKey): unknown {
  const value = Reflect.get(object, key);
  if (typeof value !== "function" || remoteOf(object) || isClass(value)) return value;
  return value.bind(object);
}
