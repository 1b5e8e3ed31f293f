/**
 * Pools of resources, for green threads and async code at once. Semantics: eventlet's `pools.Pool`.
 *
 * A pool is a semaphore with a permit for each resource that there may be, and a queue of the resources that nobody uses. With a
 * permit, a thread takes a resource from the queue, or makes one. Semaphore and queue are in shared memory, and the races are
 * those of `permits.ts` and `queue_core.ts`.
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import { checkOptionsObject, type WaitOptions } from "../bridge/checks.ts";
import { currentLimit, outsideLimits } from "../bridge/side/limit.ts";
import { blocking, greenSide } from "../bridge/side/side.ts";
import { CORE } from "../bridge/memory/objects.ts";
import { registerOwnClass } from "../bridge/values/classes.ts";
import { HUB } from "../bridge/memory/process_side.ts";
import { crossesAsItself } from "../bridge/references/itself.ts";
import { isThenable } from "../bridge/references/thenables.ts";
import { Empty } from "../bridge/errors.ts";
import { makeOrKeep } from "./make_or_keep.ts";
import { checkCount, checkSizes, Permit, twin } from "./permits.ts";
import { LifoQueue, LightQueue } from "./queue.ts";
import { Semaphore } from "./semaphore.ts";

/**
 * Options for {@linkcode Pool}.
 *
 * @category Coordination
 */
export interface PoolOptions<T> {
  /** Makes a resource. May be async if the pool was made on the hub: it runs there, also for green threads. */
  create: () => T | PromiseLike<T>;
  /** Destroys a resource that the pool does not keep. Does nothing by default. */
  destroy?: (resource: T) => unknown;
  /**
   * The number of resources to make before they are asked for.
   *
   * @default {0}
   */
  minSize?: number;
  /**
   * The most resources that there may be.
   *
   * @default {4}
   */
  maxSize?: number;
  /**
   * Whether the resource that was put back last is given out first.
   *
   * @default {false}
   */
  lifo?: boolean;
}

const KEYS: readonly (keyof PoolOptions<unknown>)[] = [
  "create",
  "destroy",
  "minSize",
  "maxSize",
  "lifo",
];

/**
 * A resource that is lent. It goes back at the end of a `using` block. It goes back once: to dispose of the lease again does
 * nothing.
 *
 * @category Coordination
 */
export interface Lease<T> extends Disposable {
  /** The resource. */
  readonly value: T;
}

/** The parts of a pool. */
interface Parts<T> {
  readonly permits: Semaphore;
  readonly idle: LightQueue<T>;
  readonly create: (() => T | PromiseLike<T>) | undefined;
  readonly destroy: ((resource: T) => unknown) | undefined;
}

/** In place of the options of the constructor: the parts of a pool that has arrived. */
class Arrived<T> {
  readonly parts: Parts<T>;

  constructor(parts: Parts<T>) {
    this.parts = parts;
  }
}

/** Returns the parts of a pool. */
let partsOf: (pool: Pool<unknown>) => Parts<unknown>;

/**
 * Resources that are made when they are asked for, up to a number, and used again.
 *
 * - *Order:* waiters get a resource in the order of their arrival, whichever side they are on. Resources are used again in the
 *   order in which they were put back, or the other way round with `lifo`.
 * - *Kill, timeout, abort* of a waiter: it leaves the line. If `create` throws, another resource may be made in place of that
 *   one.
 * - *Crash* of a Worker: the resources of its running threads are lost, and others may be made in their place. A resource that a
 *   thread kept when it ended (it has returned the resource, say) stays out until somebody puts it back.
 * - A resource is lost if its green thread is killed while `create` is still at work on the hub. Connections and the like are
 *   better kept in a `ConnectionPool`, which has them on the hub and takes them back from threads that have ended.
 * - Resources are sent as any value is: pass what cannot cross by `handle()`.
 * - A pool for both sides has to be made on the hub: functions of green code live no longer than their thread.
 *
 * @typeParam T The type of the resources.
 *
 * @example Two at the most
 * ```ts
 * import { Pool, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * let made = 0;
 * const pool = new Pool({ create: () => ++made, maxSize: 2 });
 * const thread = spawn((pool: Pool<number>) => {
 *   using item = pool.item();
 *   return item.value;
 * }, pool);
 * assertEquals(await thread, 1);
 * assertEquals(await pool.getAsync(), 1);
 * ```
 *
 * @category Coordination
 */
export class Pool<T> {
  readonly #parts: Parts<T>;

  static {
    brand(this, "Pool");
    partsOf = (pool) => pool.#parts;
    crossesAsItself(this.prototype);
  }

  /**
   * Makes a pool.
   *
   * @param options See {@linkcode PoolOptions}.
   * @throws {TypeError} If `create` is no function, or returns a promise for `minSize`.
   * @throws {RangeError} If a size is out of range.
   */
  constructor(options: PoolOptions<T>) {
    if (options instanceof Arrived) {
      this.#parts = options.parts;
      return;
    }
    checkOptionsObject("create a pool", options ?? null, "{ create: () => new Thing() }", KEYS);
    const { create, destroy, minSize = 0, maxSize = 4, lifo = false } = options;
    checkSizes(minSize, maxSize);
    const idle = lifo ? new LifoQueue<T>() : new LightQueue<T>();
    this.#parts = { permits: new Semaphore(maxSize), idle, create, destroy };
    for (let i = 0; i < minSize; i++) idle.tryPut(this.#createNow());
  }

  /** The number of resources that can be had without a wait, including those not made yet. */
  get free(): number {
    return Math.max(0, this.#parts.permits.value);
  }

  /** The number of waiters for a resource. */
  get waiting(): number {
    return this.#parts.permits.waiting;
  }

  /** The most resources that there may be. */
  get maxSize(): number {
    return this.#parts.permits[CORE].limit;
  }

  /**
   * Gets a resource; blocks the green thread until there is one.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns The resource, to be given to {@linkcode Pool.prototype.put | Pool.put}.
   * @throws {Timeout} If there was no resource in time.
   * @throws The error of `create`.
   * @throws {BlockingCallError} If it is called on the hub: use `getAsync()` there.
   */
  get(options?: WaitOptions): T {
    const permit = this.#parts.permits[CORE].acquire("get()", options);
    try {
      return this.#takeIdle(permit) ?? this.#createNow();
    } catch (error) {
      permit.release();
      throw error;
    }
  }

  /**
   * Gets a resource, in async code: see {@linkcode Pool.prototype.get | Pool.get}.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise of the resource, to be given to {@linkcode Pool.prototype.put | Pool.put}; it rejects as
   * {@linkcode Pool.prototype.get | Pool.get} throws.
   */
  getAsync(options?: WaitOptions): Promise<T> {
    return twin(() => this.get(options), async () => {
      const permit = await this.#parts.permits.acquireAsync(options);
      return this.#takeIdle(permit) ?? await this.#createAsync(permit);
    });
  }

  /**
   * Puts a resource back. Never waits for room.
   *
   * @param resource The resource; `undefined` or `null` in place of a useless one, so that another one can be made.
   * @throws {RangeError} If nothing is lent: the resource was put back already.
   * @throws {NotCloneableError} If the resource cannot be sent. Then it is the caller's to destroy, and another one can be made.
   */
  put(resource: T | undefined | null): void {
    const { permits, idle, destroy } = this.#parts;
    // A resource that is put back twice would be lent to two users at once. A bound that is passed is no race.
    if (permits.value >= this.maxSize) {
      throw new RangeError(`Cannot put: all ${this.maxSize} places of the pool are free already`);
    }
    const keeps = permits.value >= 0 && resource !== undefined && resource !== null;
    try {
      // A killed thread puts its resource back while it unwinds. If that takes a call to the hub, the call would throw the kill
      // again.
      if (keeps) shielded(() => idle.tryPut(resource));
    } finally {
      permits.release();
    }
    if (!keeps && resource !== undefined && resource !== null) destroy?.(resource);
  }

  /**
   * Gets a resource for a `using` block; blocks the green thread until there is one.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns The lease. The resource is its `value`.
   * @throws As {@linkcode Pool.prototype.get | Pool.get} does; on the hub use `itemAsync()`.
   */
  item(options?: WaitOptions): Lease<T> {
    blocking("item()", "await itemAsync()");
    return this.#lease(this.get(options));
  }

  /**
   * Gets a resource for a `using` block, in async code: see {@linkcode Pool.prototype.item | Pool.item}.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise of the lease; it rejects as {@linkcode Pool.prototype.get | Pool.get} throws.
   */
  async itemAsync(options?: WaitOptions): Promise<Lease<T>> {
    return this.#lease(await this.getAsync(options));
  }

  /**
   * Changes the most resources that there may be. Lent resources beyond that are destroyed when they are put back.
   *
   * @param maxSize The most resources, as in the options.
   * @throws {TypeError} If `maxSize` is not a number.
   * @throws {RangeError} If `maxSize` is not a whole number from 0.
   */
  resize(maxSize: number): void {
    const { permits, idle, destroy } = this.#parts;
    permits[CORE].resize(checkCount("pool", maxSize, "resize"));
    while (idle.size > Math.max(0, permits.value)) {
      try {
        destroy?.(idle.tryGet());
      } catch (error) {
        if (!(error instanceof Empty)) throw error;
      }
    }
  }

  /** Destroys all resources that nobody uses. Others are made when they are asked for. */
  clear(): void {
    const { idle, destroy } = this.#parts;
    for (;;) {
      let resource: T;
      try {
        resource = idle.tryGet();
      } catch (error) {
        if (error instanceof Empty) return;
        throw error;
      }
      destroy?.(resource);
    }
  }

  #lease(value: T): Lease<T> {
    const permit = new Permit(() => this.put(value));
    return { value, [Symbol.dispose]: () => permit.release() };
  }

  #takeIdle(permit: Permit): T | undefined {
    try {
      return this.#parts.idle.tryGet();
    } catch (error) {
      if (error instanceof Empty) return undefined;
      permit.release();
      throw error;
    }
  }

  #create(): T | PromiseLike<T> {
    const { create } = this.#parts;
    if (typeof create === "function") return create();
    throw new TypeError('Cannot get from a pool: the pool has no "create" to make a resource');
  }

  /** Makes a resource for a waiter whose limit may end meanwhile: then the next waiter gets the resource. */
  #createAsync(permit: Permit): Promise<T> {
    const signal = currentLimit(HUB)?.signal;
    const making = outsideLimits(async () => await this.#create());
    return makeOrKeep(making, permit, signal, (resource) => this.put(resource));
  }

  #createNow(): T {
    const resource = this.#create();
    if (!isThenable(resource)) return resource;
    throw new TypeError(
      `Cannot wait for a resource ${greenSide() ? "in green code" : "in a constructor"}: ` +
        "the pool's create is async, so make the pool on the hub, and without minSize",
    );
  }
}

/** Calls a function, on either side. In green code a kill cannot interrupt it where it blocks. */
function shielded(fn: () => void): void {
  const green = greenSide();
  if (green) green.shield(fn);
  else fn();
}

/**
 * A pool of tokens without a meaning: a {@linkcode Semaphore} in the shape of a {@linkcode Pool}.
 *
 * @example One at a time
 * ```ts
 * import { TokenPool } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const pool = new TokenPool(1);
 * {
 *   using _token = await pool.itemAsync();
 *   assertEquals(pool.free, 0);
 * }
 * assertEquals(pool.free, 1);
 * ```
 *
 * @category Coordination
 */
export class TokenPool extends Pool<number> {
  static {
    brand(this, "TokenPool");
  }

  /**
   * Makes a pool.
   *
   * @param maxSize The number of tokens.
   * @throws {TypeError} If `maxSize` is not a number.
   * @throws {RangeError} If `maxSize` is not a whole number from 0.
   */
  constructor(maxSize: number = 4) {
    let count = 0;
    super({ maxSize, create: () => ++count });
  }
}

for (const [Class, name] of [[Pool, "Pool"], [TokenPool, "TokenPool"]] as const) {
  registerOwnClass(Class as typeof Pool, {
    name: `aiohub.${name}`,
    toWire: (pool) => partsOf(pool),
    // Runs the constructor of `Pool` alone: that of `TokenPool` would make new parts.
    fromWire: (parts) => Reflect.construct(Pool, [new Arrived(parts)], Class),
  });
}
