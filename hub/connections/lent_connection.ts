/**
 * A connection while it is lent: what people hold in place of the connection itself.
 *
 * It does what the connection does, but for closing it, which gives it back. Then it is of no use any more, whoever still
 * holds it: the connection may be somebody else's by now.
 *
 * @module
 */

import { ASKED_IN_PASSING } from "../../bridge/references/handle.ts";
import type { GreenThread } from "../../bridge/side/green_thread.ts";
import { isPromise } from "../../bridge/references/thenables.ts";
import { servedCall } from "../base/call_context.ts";

/** A connection that is open, and since when. */
export interface OpenConnection<C> {
  readonly connection: C;
  /** When it was opened, in `performance.now()` time. */
  readonly openedAt: number;
  /** When it was used last. */
  usedAt: number;
}

/** What ends a loan. */
export interface Lender {
  /** Takes a connection back. */
  takeBack(lent: Lent<never>, discard: boolean): Promise<void>;
}

/** What gives a connection back, where a connection has it. */
const CLOSING: ReadonlySet<PropertyKey> = new Set(["close", "end"]);

/** One loan of one connection. */
export class Lent<C extends object> {
  readonly open: OpenConnection<C>;
  /** Gives the place back that the connection takes. */
  readonly leave: () => void;
  /** What people hold. */
  readonly proxy: C & AsyncDisposable;
  readonly #lender: Lender;
  readonly #methods = new Map<PropertyKey, { readonly of: unknown; readonly fn: unknown }>();
  #calls = 0;
  #unsure = false;
  #back: Promise<void> | undefined;

  /**
   * @param lender Takes it back.
   * @param open The connection.
   * @param leave Gives its place back.
   */
  constructor(lender: Lender, open: OpenConnection<C>, leave: () => void) {
    this.#lender = lender;
    this.open = open;
    this.leave = leave;
    this.proxy = new Proxy(open.connection, {
      get: (connection, key) => this.#get(connection, key),
      set: (connection, key, value) => Reflect.set(this.#use(connection, key), key, value),
    }) as C & AsyncDisposable;
  }

  /** Whether it is in the middle of something: a method whose promise has not settled. */
  get busy(): boolean {
    return this.#calls > 0;
  }

  /** Whether nobody knows how far its borrower got with it. */
  get unsure(): boolean {
    return this.#unsure;
  }

  /** Whether it was given back. */
  get isBack(): boolean {
    return this.#back !== undefined;
  }

  /**
   * Gives the connection back, once.
   *
   * @param discard Whether it is of no use any more.
   * @param borrower The green thread that has had it, if that is not the one that gives it back.
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
      // Nobody waits for it. What goes wrong with the connection its lender reports.
      return () => void this.giveBack().catch(() => {});
    }
    if (ASKED_IN_PASSING.has(key) || typeof key === "symbol" && this.isBack) {
      return this.isBack ? undefined : Reflect.get(connection, key);
    }
    const own = Reflect.getOwnPropertyDescriptor(connection, key);
    const value = Reflect.get(connection, key);
    // What is fixed cannot look different here, as the language has it.
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

  /** Only plain promises: a query that waits for its `then()` must not be started by this. */
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

/** The hub's record of a thread, as far as this has to know it. */
interface Borrower {
  readonly killed: unknown;
  readonly state: string;
  readonly worker: { readonly dead: boolean } | undefined;
}

/** Whether a thread was ended where it was: by a kill or a limit, or with its Worker. */
function wasCutShort({ killed, state, worker }: Borrower): boolean {
  return killed !== undefined || state === "killed" || worker?.dead === true;
}
