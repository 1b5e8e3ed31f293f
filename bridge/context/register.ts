/**
 * Async context that crosses: the registry of the application's `AsyncLocalStorage`s that keep their values from one side to the
 * other.
 *
 * @module
 */

import { madeElsewhere, MAKER, SELF } from "../brand.ts";
import { show } from "../checks.ts";
import { setValue, useContext, valueOf, withValue } from "./context.ts";
import { state } from "../state.ts";

/**
 * The part of an `AsyncLocalStorage` of `node:async_hooks` that {@linkcode registerContext} needs.
 *
 * @category Values
 */
export interface ContextStorage {
  /**
   * Gives the value of the current flow.
   *
   * @returns The value; `undefined` where none was set.
   */
  getStore(): unknown;
  /**
   * Calls a function with a value.
   *
   * @param store The value.
   * @param fn The function.
   * @returns The result of the function.
   */
  run(store: never, fn: () => unknown): unknown;
  /**
   * Calls a function without a value.
   *
   * @param fn The function.
   * @returns The result of the function.
   */
  exit(fn: () => unknown): unknown;
  /**
   * Sets the value for the rest of the flow.
   *
   * @param store The value.
   */
  enterWith(store: never): void;
  /** Takes the value away. */
  disable(): void;
}

/** The storages of this thread of execution, by name. Shared by all copies of the library there. */
const storages = state("contexts", () => new Map<string, ContextStorage>());

// deno-lint-ignore no-explicit-any
type AnyFunction = (...args: any[]) => unknown;

/**
 * Has an `AsyncLocalStorage` keep its value between the hub and green threads: call it beside the storage, at the top level
 * of a module that both sides import. From then on:
 *
 * - **Down**: a green thread starts with the values that its spawner had when it spawned, and a call, in either direction,
 *   runs with those of its caller: `asyncToSync` functions, `hubImport`, `call()`, handles, callbacks. `getStore()`,
 *   `run()`, `exit()` and `enterWith()` work in green code as anywhere, over the `await`s of `async` green functions too.
 * - **Nothing goes back**: the caller, and whoever waits for a thread, goes on with the value of its own. What a callee sets by
 *   `enterWith()` ends with the callee.
 * - **Apart**: each thread has its own, also when several run one after another in a Worker, or on one stack. What starts
 *   on its own, such as an exposed function that a thread without a value calls, has none.
 * - Values cross as arguments do; one that cannot is a `NotCloneableError` of the `spawn()` or the call. They are copies:
 *   change a value by `run()` or `enterWith()`, not by writing into it.
 * - A side that has not registered the name carries its value through.
 * - What the storage held before it was registered is not seen any more.
 *
 * It goes by a name, as classes do, since a storage is not looked up in its module: whichever module has it, both sides only
 * have to mean the same.
 *
 * @param name The name under which both sides know it.
 * @param storage An `AsyncLocalStorage`.
 * @returns The storage.
 * @throws {TypeError} If another storage has the name, or the storage another name.
 *
 * @example A value that goes through green code and is seen on the hub
 * ```ts
 * import { AsyncLocalStorage } from "node:async_hooks";
 * import { call, getHub, registerContext, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const request = registerContext("docs.request", new AsyncLocalStorage<number>());
 * getHub().expose({ currentRequest: () => request.getStore() });
 *
 * const seen = await request.run(7, () => spawn(() => call<number>("currentRequest")));
 * assertEquals(seen, 7);
 * ```
 *
 * @example The user for whom all this is done
 * ```ts ignore
 * // user.ts
 * import { AsyncLocalStorage } from "node:async_hooks";
 * import { registerContext } from "@aiohub/aiohub";
 *
 * export const user = registerContext("shop.user", new AsyncLocalStorage<string>());
 *
 * // on the hub
 * await user.run("ada", () => placeOrder(42));
 *
 * // in placeOrder(), a green function, and in every async function that it calls
 * user.getStore(); // "ada"
 * ```
 *
 * @category Values
 */
export function registerContext<S extends ContextStorage>(name: string, storage: S): S {
  check(name, storage);
  if (storages.get(name) === storage) return storage;
  storages.set(name, storage);
  Object.defineProperty(storage, MAKER, { value: SELF });
  useContext();
  const { exit, disable } = storage as unknown as Record<string, AnyFunction>;
  // Its value where none was set: the default that it was made with.
  const fallback = exit.call(storage, () => storage.getStore());
  const methods: Record<keyof ContextStorage, AnyFunction> = {
    getStore() {
      const value = valueOf(name);
      return value === undefined ? fallback : value;
    },
    run: (value, fn, ...args) => withValue(name, value, () => fn(...args)),
    exit: (fn, ...args) => withValue(name, undefined, () => fn(...args)),
    enterWith: (value) => setValue(name, value),
    disable() {
      setValue(name, undefined);
      disable.call(storage);
    },
  };
  for (const [key, value] of Object.entries(methods)) {
    Object.defineProperty(storage, key, { value, configurable: true, writable: true });
  }
  return storage;
}

function check(name: string, storage: ContextStorage): void {
  if (typeof name !== "string" || name === "") {
    throw new TypeError(
      `Cannot register a context: expected a name as the first argument, found ${show(name)}`,
    );
  }
  const methods = ["getStore", "run", "exit", "enterWith", "disable"] as const;
  if (!methods.every((method) => typeof storage?.[method] === "function")) {
    throw new TypeError(
      `Cannot register the context "${name}": expected an AsyncLocalStorage, found ${
        show(storage)
      }`,
    );
  }
  // Each copy of the library would keep the values for itself, and neither would see the other one's.
  const elsewhere = madeElsewhere(storage);
  if (elsewhere) throw new TypeError(`Cannot register the context "${name}": ${elsewhere}`);
  const other = storages.get(name);
  if (other && other !== storage) {
    throw new TypeError(
      `Cannot register the context "${name}": another storage has that name: choose another name`,
    );
  }
  for (const [known, registered] of storages) {
    if (registered !== storage || known === name) continue;
    throw new TypeError(
      `Cannot register the context "${name}": the storage is registered as "${known}" already`,
    );
  }
}
