/**
 * The proxy on the hub for an object of green code: each use of it gives a promise.
 *
 * @module
 */

import { MAKER, SELF } from "../../bridge/brand.ts";
import { isRefused, Op, Trait } from "../../bridge/references/live.ts";
import { proxyFor, type RemoteObject } from "../../bridge/references/remote_object.ts";
import { iterateGreen } from "./async_iteration.ts";

class Handle {}

/**
 * Makes the proxy.
 *
 * @param remote The object.
 * @param onError Called with the failure of an assignment to a property, as that cannot be awaited.
 * @returns A `Proxy`.
 */
export function makeAsyncProxy(remote: RemoteObject, onError: (error: unknown) => void): object {
  const target = remote.traits & Trait.Callable ? function () {} : new Handle();
  const proxy = new Proxy(target, new AsyncHandler(remote, onError));
  proxyFor(proxy, remote);
  return proxy;
}

class AsyncHandler implements ProxyHandler<object> {
  readonly #remote: RemoteObject;
  readonly #onError: (error: unknown) => void;

  constructor(remote: RemoteObject, onError: (error: unknown) => void) {
    this.#remote = remote;
    this.#onError = onError;
  }

  get(target: object, key: PropertyKey): unknown {
    if (typeof key === "symbol") return this.#symbol(key);
    const name = String(key);
    // `await` asks for `then`; a handle is no promise.
    if (name === "then" || isRefused(name)) return undefined;
    if (typeof target === "function" && ["call", "apply", "bind"].includes(name)) {
      return Reflect.get(Function.prototype, name);
    }
    return makeMember(this.#remote, name);
  }

  set(_: object, key: PropertyKey, value: unknown): boolean {
    if (typeof key === "symbol" || isRefused(key as string)) return false;
    const done = this.#remote.ask(Op.Set, [String(key), value], String(key)) as Promise<unknown>;
    done.catch(this.#onError);
    return true;
  }

  has(_: object, key: PropertyKey): boolean {
    // Only the Worker can tell which names the object has.
    return typeof key === "symbol" && this.#symbol(key) !== undefined;
  }

  apply(_: object, __: unknown, args: unknown[]): unknown {
    return this.#remote.ask(Op.Call, args, "the function");
  }

  construct(_: object, args: unknown[]): object {
    return this.#remote.ask(Op.New, args, "the class") as object;
  }

  defineProperty(): boolean {
    return false;
  }

  setPrototypeOf(): boolean {
    return false;
  }

  preventExtensions(): boolean {
    return false;
  }

  #symbol(key: symbol): unknown {
    const remote = this.#remote;
    switch (key) {
      case Symbol.asyncIterator:
        return remote.traits & Trait.Iterable ? () => iterateGreen(remote) : undefined;
      case Symbol.dispose:
        return () => remote.release();
      case Symbol.asyncDispose:
        return async () => {
          if (remote.released) return;
          if (remote.traits & Trait.Disposable) await remote.ask(Op.Dispose);
          remote.release();
        };
      case MAKER:
        return SELF;
      default:
        return undefined;
    }
  }
}

/** Makes a property, which can be called or awaited. */
function makeMember(remote: RemoteObject, name: string): unknown {
  const member = function (...args: unknown[]): unknown {
    return remote.ask(new.target ? Op.NewMember : Op.Invoke, [name, ...args], name);
  };
  const read = async () => {
    const [, value] = await remote.ask(Op.Get, [name], name) as [number, unknown];
    return value;
  };
  return Object.assign(member, {
    then: (...on: Parameters<Promise<unknown>["then"]>) => read().then(...on),
    catch: (onRejected: (reason: unknown) => unknown) => read().catch(onRejected),
    finally: (onFinally: () => void) => read().finally(onFinally),
  });
}
