/**
 * The proxy for an object of the hub that runs when it is awaited: a query of a database's library, say.
 *
 * Green code goes on building the query, passes it on, and calls `wait()` for its result. The proxy is easily taken for the
 * result itself, as `asyncToSync()` and promises give a result, and so the type says. Therefore the use of a property that the
 * object has not got throws an error that names `wait()`, and so does each use of the proxy as a value.
 *
 * @module
 */

import { Op, Trait } from "../../bridge/references/live.ts";
import { proxyFor, type RemoteObject, remoteOf } from "../../bridge/references/remote_object.ts";
import { Handle, SyncHandler } from "./sync_proxy.ts";

/**
 * Makes the proxy for a lazy object.
 *
 * @param remote The object of the hub.
 * @returns A `Proxy`; each use of it blocks.
 */
export function makeLazyProxy(remote: RemoteObject): object {
  const target = remote.traits & Trait.Callable ? function () {} : new Handle();
  const proxy: object = new Proxy(target, new LazyHandler(remote));
  proxyFor(proxy, remote);
  return proxy;
}

/** The reason for which green code cannot return a lazy object: on the hub the language would await it, and so run it. */
export function refusalOfLazy(value: object): string | undefined {
  const remote = remoteOf(value);
  if (!remote || !(remote.traits & Trait.Lazy)) return undefined;
  return "it is a handle of a query of the hub, and the query has not run: call query.wait(), and return the result";
}

class LazyHandler extends SyncHandler {
  readonly #remote: RemoteObject;
  readonly #wait = (...args: unknown[]): unknown => {
    if (args.length === 0) return this.#remote.ask(Op.Await, [], "wait");
    throw new TypeError(
      `Cannot call wait() of a query: expected no arguments, found ${args.length}: to set a limit, use ` +
        "withTimeout(ms, () => query.wait())",
    );
  };

  constructor(remote: RemoteObject) {
    super(remote);
    this.#remote = remote;
  }

  override get(target: object, key: PropertyKey, receiver: unknown): unknown {
    switch (key) {
      // `await` reads this property, and so does the end of a green function.
      case "then":
        throw notRun("await or return a query");
      case "wait":
        return this.#remote.traits & Trait.OwnWait ? super.get(target, key, receiver) : this.#wait;
      case Symbol.iterator:
        // A query may have an iterator of its own: a stream of rows, which is something else than its result.
        return super.get(target, key, receiver) ?? (() => {
          throw notRun("iterate over a query");
        });
      case Symbol.toPrimitive:
        return () => {
          throw notRun("use a query as a text or number");
        };
    }
    return super.get(target, key, receiver);
  }

  override ownKeys(): never {
    throw notRun("list the properties of a query");
  }

  protected override inherited(target: object, name: string, receiver: unknown): unknown {
    // A property that the object has may well be undefined.
    if (this.#remote.ask(Op.Has, [name], name) === true) return undefined;
    if (name in Object.prototype && !TEXTS.has(name)) {
      return super.inherited(target, name, receiver);
    }
    throw notRun(`use "${name}" of a query`, "the query has no such property, and it");
  }
}

/** The methods of all objects that would use the proxy as if it were the result. */
const TEXTS: ReadonlySet<string> = new Set(["toString", "toLocaleString"]);

function notRun(what: string, which = "the query"): TypeError {
  return new TypeError(
    `Cannot ${what}: ${which} has not run: call query.wait(), which runs the query and gives the result. (A query is any ` +
      "object of the hub that runs when it is awaited)",
  );
}
