/**
 * The proxy for an object of the hub that runs when it is awaited: a query of a database's library, say.
 *
 * Green code goes on building it, passes it on, and says `wait()` for its result. It is easily taken for the result itself, as
 * that is what `asyncToSync()` and promises give, and what its type says. So whatever it has not got is an error that says
 * `wait()`, and so is all that would use it as a value.
 *
 * @module
 */

import { Op, Trait } from "../../bridge/references/live.ts";
import { proxyFor, type RemoteObject, remoteOf } from "../../bridge/references/remote_object.ts";
import { Handle, SyncHandler } from "./sync_proxy.ts";

/**
 * Makes the proxy.
 *
 * @param remote What it stands for.
 * @returns A `Proxy`; asking it blocks.
 */
export function makeLazyProxy(remote: RemoteObject): object {
  const target = remote.traits & Trait.Callable ? function () {} : new Handle();
  const proxy: object = new Proxy(target, new LazyHandler(remote));
  proxyFor(proxy, remote);
  return proxy;
}

/** The reason for which green code cannot return a value: on the hub the language would await it, and so run it. */
export function refusalOfLazy(value: object): string | undefined {
  const remote = remoteOf(value);
  if (!remote || !(remote.traits & Trait.Lazy)) return undefined;
  return "it stands for a query or the like of the hub, which has not run: call its wait(), and return the result";
}

class LazyHandler extends SyncHandler {
  readonly #remote: RemoteObject;
  readonly #wait = (...args: unknown[]): unknown => {
    if (args.length === 0) return this.#remote.ask(Op.Await, [], "wait");
    throw new TypeError(
      "Cannot wait() with arguments, as it takes none: withTimeout(ms, () => query.wait()) sets a limit",
    );
  };

  constructor(remote: RemoteObject) {
    super(remote);
    this.#remote = remote;
  }

  override get(target: object, key: PropertyKey, receiver: unknown): unknown {
    switch (key) {
      // `await` asks for it, and so does a green function's end.
      case "then":
        throw notRun("await or return it");
      case "wait":
        return this.#remote.traits & Trait.OwnWait ? super.get(target, key, receiver) : this.#wait;
      case Symbol.iterator:
        // The row stream of a query is something else than its result.
        return super.get(target, key, receiver) ?? (() => {
          throw notRun("iterate over it");
        });
      case Symbol.toPrimitive:
        return () => {
          throw notRun("use it as a text or number");
        };
    }
    return super.get(target, key, receiver);
  }

  override ownKeys(): never {
    throw notRun("list its properties");
  }

  protected override inherited(target: object, name: string, receiver: unknown): unknown {
    // What it has may well be undefined.
    if (this.#remote.ask(Op.Has, [name], name) === true) return undefined;
    if (name in Object.prototype && !TEXTS.has(name)) {
      return super.inherited(target, name, receiver);
    }
    throw notRun(`use its "${name}", which it has not`);
  }
}

/** Methods of all objects that would use the handle as if it were its result. */
const TEXTS: ReadonlySet<string> = new Set(["toString", "toLocaleString"]);

function notRun(what: string): TypeError {
  return new TypeError(
    `Cannot ${what}: this is no result, but a query or the like of the hub that has not run: call its wait(), which runs ` +
      "it and gives the result",
  );
}
