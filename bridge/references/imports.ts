/**
 * The imports of one side: proxies for the things of the other side that came by reference.
 *
 * A thing that came twice has one proxy, as long as that is reachable. When the proxy has been garbage-collected, or released by
 * hand, the other side is told how often the thing had come.
 *
 * @module
 */

/** The count that the other side has to be given back. */
interface Hold {
  readonly number: number;
  /** The count of times that it has come. */
  count: number;
}

/** The proxies of one kind for the things of one other side. */
export class Imports<T extends object> {
  readonly #onRelease: (number: number, count: number) => void;
  readonly #proxies = new Map<number, WeakRef<T>>();
  readonly #holds = new WeakMap<T, Hold>();
  readonly #collected = new FinalizationRegistry<Hold>((hold) => this.#forget(hold));

  /** @param onRelease Called when nobody here holds a thing any more, with its number and the count of its arrivals. */
  constructor(onRelease: (number: number, count: number) => void) {
    this.#onRelease = onRelease;
  }

  /** The count of proxies. */
  get size(): number {
    return this.#proxies.size;
  }

  /**
   * The proxy for a thing that has just come.
   *
   * @param number The thing's number.
   * @param make Makes the proxy, if there is none.
   */
  import(number: number, make: () => T): T {
    let proxy = this.#proxies.get(number)?.deref();
    if (!proxy) {
      proxy = make();
      const hold = { number, count: 0 };
      this.#proxies.set(number, new WeakRef(proxy));
      this.#holds.set(proxy, hold);
      this.#collected.register(proxy, hold, hold);
    }
    this.#holds.get(proxy)!.count++;
    return proxy;
  }

  /** The proxy with a number, if there is one. */
  find(number: number): T | undefined {
    return this.#proxies.get(number)?.deref();
  }

  /** Whether there is or was a proxy with a number, and the other side has not been told that it is gone. */
  knows(number: number): boolean {
    return this.#proxies.has(number);
  }

  /** The number of a proxy's original; none for what is no proxy, or was released. */
  numberOf(proxy: object): number | undefined {
    return this.#holds.get(proxy as T)?.number;
  }

  /** Lets go of the proxy with a number now. A later arrival gets a new proxy. */
  release(number: number): void {
    const proxy = this.#proxies.get(number)?.deref();
    const hold = proxy && this.#holds.get(proxy);
    if (!hold) return;
    this.#holds.delete(proxy);
    this.#collected.unregister(hold);
    this.#proxies.delete(number);
    this.#onRelease(number, hold.count);
  }

  #forget({ number, count }: Hold): void {
    if (this.#proxies.get(number)?.deref() === undefined) this.#proxies.delete(number);
    this.#onRelease(number, count);
  }
}
