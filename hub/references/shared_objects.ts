/**
 * The objects that `shared()` has made on the hub.
 *
 * @module
 */

import { handle } from "../../bridge/references/handle.ts";
import { isPromise } from "../../bridge/references/thenables.ts";
import { state } from "../../bridge/state.ts";
import { registerFunction } from "./permissions.ts";

/** The objects of the hub, by export and URL. */
const objects = state("shared", () => new Map<string, object>());

/** Makes a shared object, and keeps it. */
export function makeShared(url: string, name: string, init: () => object): object {
  const key = `${name} ${url}`;
  if (objects.has(key)) {
    throw new TypeError(
      `Cannot share "${name}": "${url}" has another shared object of that name: choose another name`,
    );
  }
  const object = init();
  if ((typeof object !== "object" || object === null) && typeof object !== "function") {
    throw new TypeError(
      `Cannot share "${name}": expected an object, found ${
        object === null ? "null" : typeof object
      }`,
    );
  }
  // Whoever uses the object gets the failure; nobody has to use it.
  if (isPromise(object)) object.then(undefined, () => {});
  objects.set(key, object);
  registerFunction(url, name);
  return object;
}

/**
 * Makes the handle that green code gets of a shared object.
 *
 * @returns The handle; `undefined` if there is no object of that name.
 */
export async function sharedHandle(url: string, name: string): Promise<object | undefined> {
  const object = objects.get(`${name} ${url}`);
  return object && handle(isPromise(object) ? await object as object : object);
}
