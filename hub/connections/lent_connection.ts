/**
 * A connection while it is lent: its borrower holds a proxy for the connection.
 *
 * The proxy does what the connection does, but for closing it, which gives the connection back. After that the proxy is of no
 * use to whoever still holds it: the connection may be somebody else's by now.
 *
 * @module
 */

import { ASKED_IN_PASSING } from "../../bridge/references/handle.ts";
import type { GreenThread } from "../../bridge/side/green_thread.ts";
import { isPromise } from "../../bridge/references/thenables.ts";
import type { Permit } from "../../sync/permits.ts";
import { servedCall } from "../base/call_context.ts";

/** An open connection. */
export interface OpenConnection<C> {
  readonly connection: C;
  /** The time at which it was opened, by `performance.now()`. */
  readonly openedAt: number;
  /** The time at which it was used last. */
  usedAt: number;
}

/** The pool, to a loan. */
export interface Lender {
  /** Takes a connection back. */
  takeBack(lent: Lent<never>, discard: boolean): Promise<void>;
}

/** The methods that give a connection back, where a connection has them. */
const CLOSING: ReadonlySet<PropertyKey> = new Set(["close", "end"]);

/** One loan of one connection. */
export class Lent<C extends object> {
  readonly open: OpenConnection<C>;
  /** The permit of the pool for as long as the connection is lent. */
  readonly permit: Permit;
  /** The proxy that the borrower holds. */
  readonly proxy: C & AsyncDisposable;
  readonly #lender: Lender;
  /** The wrapped methods of the connection, each beside the method that it was made of. */
  readonly #methods = new Map<PropertyKey, { readonly of: unknown; readonly fn: unknown }>();
  /** The number of calls whose promises have not settled. */
  #calls = 0;
  #unsure = false;
  #back: Promise<void> | undefined;

  /**
   * @param lender Takes the connection back.
   * @param open The connection.
   * @param permit The permit of the pool for as long as the connection is lent.
   */
  constructor(lender: Lender, open: OpenConnection<C>, permit: Permit) {
    this.#lender = lender;
    this.open = open;
    this.permit = permit;
    this.proxy = new Proxy(open.connection, {
      get: (connection, key) => this.#get(connection, key),
      set: (connection, key, value) => Reflect.set(this.#use(connection, key), key, value),
    }) as C & AsyncDisposable;
  }

  /** Whether the connection is in the middle of an operation: the promise of a method has not settled. */
  get busy(): boolean {
    return this.#calls > 0;
  }

  /** Whether nobody knows how far the borrower got with the connection. */
  get unsure(): boolean {
    return this.#unsure;
  }

  /** Whether the connection was given back. */
  get isBack(): boolean {
    return this.#back !== undefined;
  }

  /**
   * Gives the connection back, once.
   *
   * @param discard Whether the connection is of no use any more.
   * @param borrower The green thread that has had it: by default the one whose call gives it back.
   */
  giveBack(
    discard = false,
    borrower: GreenThread | undefined = servedCall()?.caller,
  ): Promise<void> {
    if (this.#back) return this.#back;
    if (borrower && wasCutShort(borrower as unknown as Borrower)) this.#unsure = true;
    return this.#back = this.#lender.takeBack(this as unknown as Lent<never>, discard);
  }

  #use(connection: C, key: PropertyKey): C {
    if (!this.isBack) return connection;
    throw new TypeError(
      `Cannot use "${String(key)}" of a connection: it was given back to its pool, get another one`,
    );
  }

  #get(connection: C, key: PropertyKey): unknown {
    if (key === Symbol.asyncDispose) return () => this.giveBack();
    if (key === Symbol.dispose && key in connection) {
      // Nobody waits for this. The lender reports what goes wrong with the connection.
      return () => void this.giveBack().catch(() => {});
    }
    if (ASKED_IN_PASSING.has(key) || typeof key === "symbol" && this.isBack) {
      return this.isBack ? undefined : Reflect.get(connection, key);
    }
    const own = Reflect.getOwnPropertyDescriptor(connection, key);
    const value = Reflect.get(connection, key);
    // A property that is fixed cannot look different on a proxy, as the language has it.
    if (typeof value !== "function" || own && !own.configurable && !own.writable) {
      return Reflect.get(this.#use(connection, key), key);
    }
    if (CLOSING.has(key)) return () => this.giveBack();
    if (key === "destroy") return () => this.giveBack(true);
    this.#use(connection, key);
    return this.#method(connection, key, value as (...args: unknown[]) => unknown);
  }

  #method(connection: C, key: PropertyKey, of: (...args: unknown[]) => unknown): unknown {
    const known = this.#methods.get(key);
    if (known?.of === of) return known.fn;
    const fn = (...args: unknown[]) => {
      const result = Reflect.apply(of, this.#use(connection, key), args);
      if (result === connection) return this.proxy;
      this.#follow(result);
      return result;
    };
    this.#methods.set(key, { of, fn });
    return fn;
  }

  /**
   * Counts a call as long as its promise has not settled. Only a plain promise is followed: a query that waits for its `then()`
   * must not be started by this.
   */
  #follow(result: unknown): void {
    if (!isPromise(result)) return;
    this.#calls++;
    const call = servedCall();
    const over = () => {
      this.#calls--;
      if (call?.aborted) this.#unsure = true;
    };
    result.then(over, over);
  }
}

/** The hub's record of a thread, as far as it matters here. */
interface Borrower {
  readonly killed: unknown;
  readonly state: string;
  readonly worker: { readonly dead: boolean } | undefined;
}

/** Whether a thread was ended in the middle: by a kill or a limit, or with its Worker. */
function wasCutShort({ killed, state, worker }: Borrower): boolean {
  return killed !== undefined || state === "killed" || worker?.dead === true;
}
