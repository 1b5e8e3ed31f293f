/**
 * The proxy for an object of the hub in green code: each use of it blocks for the answer.
 *
 * @module
 */

import { MAKER, SELF } from "../../bridge/brand.ts";
import { Found, isRefused, isTemplateCall, Op, Trait } from "../../bridge/references/live.ts";
import { proxyFor, type RemoteObject } from "../../bridge/references/remote_object.ts";
import { SyncIteration } from "./sync_iteration.ts";

/** The class of handles: to `instanceof`, to `console.log` and to the codec they look like nothing known. */
export class Handle {}
class ArrayHandle extends Array {}

/** Names that turned out to be methods, by the number of the class of the hub's objects. */
const methods = new Map<number, Set<string>>();

/** Methods of arrays that call back: they are done here, item by item. */
const CALLING_BACK: ReadonlySet<string> = new Set([
  "every",
  "filter",
  "find",
  "findIndex",
  "findLast",
  "findLastIndex",
  "flatMap",
  "forEach",
  "map",
  "reduce",
  "reduceRight",
  "some",
  "sort",
  "toSorted",
]);

/** The count of items asked for ahead where all of them are wanted at once. */
const SPREAD_AHEAD = 256;

// deno-lint-ignore no-explicit-any
type Method = (...args: any[]) => unknown;

/**
 * Makes the proxy.
 *
 * @param remote The object behind it.
 * @returns A `Proxy`; asking it blocks.
 */
export function makeSyncProxy(remote: RemoteObject): object {
  const target = remote.traits & Trait.Callable
    ? function () {}
    : remote.traits & Trait.Array
    ? []
    : new Handle();
  const proxy: object = new Proxy(target, new SyncHandler(remote));
  proxyFor(proxy, remote);
  return proxy;
}

/** The traps of a proxy: each asks the hub, and blocks. */
export class SyncHandler implements ProxyHandler<object> {
  readonly #remote: RemoteObject;
  readonly #members = new Map<string, Method>();
  /** Properties set on this object, perhaps over methods of its class. */
  readonly #own = new Set<string>();

  constructor(remote: RemoteObject) {
    this.#remote = remote;
  }

  get(target: object, key: PropertyKey, receiver: unknown): unknown {
    if (typeof key === "symbol") return this.#symbol(key);
    const name = String(key);
    const known = this.#members.get(name);
    if (known) return known;
    // The hub cannot wait for a callback in the middle of these.
    if (Array.isArray(target) && CALLING_BACK.has(name)) return Reflect.get(target, name);
    // The language reads `then` of each value that is awaited, or returned by an async function; a handle is no promise.
    if (name === "then" || isRefused(name)) return undefined;
    if (methods.get(this.#remote.kind)?.has(name) && !this.#own.has(name)) {
      return this.#member(name);
    }
    const [found, value] = this.#remote.ask(Op.Get, [name], name) as [number, unknown];
    if (found !== Found.Value) {
      if (found === Found.ClassMethod) this.#note(name);
      return this.#member(name);
    }
    return value === undefined ? this.inherited(target, name, receiver) : value;
  }

  set(_: object, key: PropertyKey, value: unknown): boolean {
    if (typeof key === "symbol" || isRefused(key as string)) return false;
    this.#members.delete(String(key));
    this.#own.add(String(key));
    this.#remote.ask(Op.Set, [String(key), value], String(key));
    return true;
  }

  has(target: object, key: PropertyKey): boolean {
    if (typeof key === "symbol") return this.#symbol(key) !== undefined;
    return this.#remote.ask(Op.Has, [String(key)]) === true || Reflect.has(fixed(target), key);
  }

  deleteProperty(_: object, key: PropertyKey): boolean {
    if (typeof key === "symbol") return false;
    this.#members.delete(String(key));
    return this.#remote.ask(Op.Delete, [String(key)]) === true;
  }

  ownKeys(target: object): (string | symbol)[] {
    const keys = this.#remote.ask(Op.Keys) as string[];
    return [...new Set<string | symbol>([...keys, ...Reflect.ownKeys(fixed(target))])];
  }

  getOwnPropertyDescriptor(target: object, key: PropertyKey): PropertyDescriptor | undefined {
    if (typeof key === "symbol") return undefined;
    const descriptor = Reflect.getOwnPropertyDescriptor(fixed(target), key);
    const own = this.#remote.ask(Op.Own, [String(key)]) as [number, unknown] | undefined;
    if (!own) return descriptor;
    const value = own[0] === Found.Value ? own[1] : this.#member(String(key));
    if (descriptor) return { ...descriptor, value };
    return { value, writable: true, enumerable: true, configurable: true };
  }

  defineProperty(): boolean {
    return false;
  }

  getPrototypeOf(target: object): object | null {
    // Not `Array.prototype`: the codec is to see that this is no array of this side.
    if (Array.isArray(target)) return ArrayHandle.prototype;
    return Object.getPrototypeOf(target);
  }

  setPrototypeOf(): boolean {
    return false;
  }

  preventExtensions(): boolean {
    return false;
  }

  apply(_: object, __: unknown, args: unknown[]): unknown {
    return isTemplateCall(args)
      ? this.#remote.ask(Op.Template, templateArgs(args), "the function")
      : this.#remote.ask(Op.Call, args, "the function");
  }

  construct(_: object, args: unknown[]): object {
    return this.#remote.ask(Op.New, args, "the class") as object;
  }

  #symbol(key: symbol): unknown {
    const remote = this.#remote;
    switch (key) {
      case Symbol.iterator:
        return remote.traits & Trait.Iterable ? () => new SyncIteration(remote) : undefined;
      case Symbol.dispose:
        return () => {
          if (remote.released) return;
          try {
            if (remote.traits & Trait.Disposable) remote.ask(Op.Dispose);
          } finally {
            // Also in a thread that was killed, which cannot wait for the answer.
            remote.release();
          }
        };
      case Symbol.toPrimitive:
        return (hint: string) => remote.ask(Op.Primitive, [hint]);
      case MAKER:
        return SELF;
      default:
        return undefined;
    }
  }

  /** A property that every object or function has, done here: it was found nowhere on the other side. */
  protected inherited(target: object, name: string, receiver: unknown): unknown {
    if (name === "toString" || name === "toLocaleString") {
      return () => this.#remote.ask(Op.Primitive, ["string"], name);
    }
    // A shared array is behind another proxy, which does not look like an array.
    if (name === "toJSON" && Array.isArray(target)) {
      // Nothing is done between the items: to ask for them ahead saves time, and cannot be seen.
      return () => [...new SyncIteration(this.#remote, SPREAD_AHEAD)];
    }
    const root = typeof target === "function" ? Function.prototype : Object.prototype;
    const value = Reflect.get(root, name, receiver);
    return typeof value === "function" ? value : undefined;
  }

  #note(name: string): void {
    const { kind } = this.#remote;
    const names = methods.get(kind);
    if (names) names.add(name);
    else methods.set(kind, new Set([name]));
  }

  #member(name: string): Method {
    const known = this.#members.get(name);
    if (known) return known;
    const remote = this.#remote;
    // No arrow function: it may be a class.
    const member = function (...args: unknown[]): unknown {
      if (new.target) return remote.ask(Op.NewMember, [name, ...args], name);
      if (isTemplateCall(args)) {
        return remote.ask(Op.TemplateMember, [name, ...templateArgs(args)], name);
      }
      return remote.ask(Op.Invoke, [name, ...args], name);
    };
    Object.defineProperty(member, "name", { value: name });
    this.#members.set(name, member);
    return member;
  }
}

/** The properties of its target that a proxy has to show, as they cannot be deleted. */
function fixed(target: object): object {
  const own: PropertyDescriptorMap = {};
  for (const key of Reflect.ownKeys(target)) {
    const descriptor = Reflect.getOwnPropertyDescriptor(target, key)!;
    if (!descriptor.configurable) own[key as string] = descriptor;
  }
  return Object.create(null, own);
}

function templateArgs([strings, ...values]: readonly unknown[]): unknown[] {
  const { raw } = strings as TemplateStringsArray;
  return [[...strings as readonly string[]], [...raw], ...values];
}
