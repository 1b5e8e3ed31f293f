/**
 * Pools of resources, for green threads and async code at once. Semantics: eventlet's `pools.Pool`.
 *
 * A pool is a semaphore with a permit for each resource that there may be, and a queue of those that nobody uses: whoever has a
 * permit takes one from the queue, or makes one. Both are in shared memory, so the races are theirs.
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import { checkOptionsObject } from "../bridge/checks.ts";
import { currentLimit, outsideLimits } from "../bridge/side/limit.ts";
import { greenSide } from "../bridge/side/side.ts";
import type { WaitingOptions } from "../bridge/memory/core.ts";
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

/** Options for {@linkcode Pool}. */
export interface PoolOptions<T> {
  /** Makes a resource. It may be async if the pool was made on the hub: it runs there, whoever asks. */
  create: () => T | PromiseLike<T>;
  /** Does away with a resource that the pool does not keep. Nothing by default. */
  destroy?: (resource: T) => unknown;
  /**
   * The count of resources to make before they are asked for.
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

/** A resource that is lent: goes back when it is disposed, once. */
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

/** Options for a pool that has arrived: it is made of these parts. */
class Arrived<T> {
  readonly parts: Parts<T>;

  constructor(parts: Parts<T>) {
    this.parts = parts;
  }
}

/** The parts of a pool. */
let partsOf: (pool: Pool<unknown>) => Parts<unknown>;

/**
 * Resources that are made when they are asked for, up to a number, and used again.
 *
 * - *Order:* those who wait for a resource get one in the order of their arrival, whichever side they are on. Resources are
 *   used again in the order in which they were put back, or the other way round with `lifo`.
 * - *Kill, timeout, abort* of one who waits: it leaves the line. A `create` that throws gives the place back.
 * - *Crash* of a Worker: the places of the resources that the threads running on it had are free again; the resources are lost.
 *   A resource of a thread that ended before, which has returned it, say, stays out until somebody puts it back.
 * - A resource whose `create` is still at work on the hub when its green thread is killed is lost. For connections and their
 *   like there is `ConnectionPool`, which keeps them on the hub and takes them back from threads that have ended.
 * - Resources are sent as any value is: pass what cannot cross by `handle()`.
 * - A pool that is to be used on both sides is to be made on the hub: functions of green code live no longer than their thread.
 *
 * @typeParam T The resources.
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

  /** The count of resources to be had without waiting, including those not made yet. */
  get free(): number {
    return Math.max(0, this.#parts.permits.value);
  }

  /** The count of waiters for a resource. */
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
   * @param options See {@linkcode WaitingOptions}.
   * @returns The resource, to be given to {@linkcode Pool.put}.
   * @throws {Timeout} If there was none in time.
   * @throws What `create` threw.
   * @throws {BlockingCallError} If it is called on the hub: use `getAsync()` there.
   */
  get(options?: WaitingOptions): T {
    const permit = this.#parts.permits[CORE].acquire("get()", options);
    try {
      return this.#takeIdle(permit) ?? this.#createNow();
    } catch (error) {
      permit.release();
      throw error;
    }
  }

  /**
   * Gets a resource, in async code.
   *
   * @param options See {@linkcode WaitingOptions}.
   */
  getAsync(options?: WaitingOptions): Promise<T> {
    return twin(() => this.get(options), async () => {
      const permit = await this.#parts.permits.acquireAsync(options);
      return this.#takeIdle(permit) ?? await this.#createAsync(permit);
    });
  }

  /**
   * Puts a resource back. Never waits for room.
   *
   * @param resource The resource; `undefined` or `null` for one that is of no use any more: another one can be made.
   * @throws {RangeError} If nothing is lent: it was put back already.
   * @throws {NotCloneableError} If it cannot be sent. Its place is free then, and it is the caller's to do away with.
   */
  put(resource: T | undefined | null): void {
    const { permits, idle, destroy } = this.#parts;
    // A resource that is put back twice would be lent to two at once. A bound that is passed is no race.
    if (permits.value >= this.maxSize) {
      throw new RangeError(`Cannot put: all ${this.maxSize} places of the pool are free already`);
    }
    const keeps = permits.value >= 0 && resource !== undefined && resource !== null;
    try {
      // A thread that is killed puts back what it had as it unwinds: what takes the hub for that would throw the kill again.
      if (keeps) shielded(() => idle.tryPut(resource));
    } finally {
      permits.release();
    }
    if (!keeps && resource !== undefined && resource !== null) destroy?.(resource);
  }

  /**
   * Gets a resource for a `using` block; blocks the green thread.
   *
   * @param options See {@linkcode WaitingOptions}.
   */
  item(options?: WaitingOptions): Lease<T> {
    return this.#lease(this.get(options));
  }

  /**
   * Gets a resource for a `using` block, in async code.
   *
   * @param options See {@linkcode WaitingOptions}.
   */
  async itemAsync(options?: WaitingOptions): Promise<Lease<T>> {
    return this.#lease(await this.getAsync(options));
  }

  /**
   * Changes how many resources there may be. Those too many are done away with when they are put back.
   *
   * @param maxSize As in the options.
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

  /** Does away with all resources that nobody uses; others are made when they are asked for. */
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
    throw new TypeError("Cannot get from a pool: it has no function that makes a resource");
  }

  /** Makes a resource for a waiter whose limit may end: then it is the next one's. */
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

/** Calls a function that a kill does not keep from blocking, on either side. */
function shielded(fn: () => void): void {
  const green = greenSide();
  if (green) green.shield(fn);
  else fn();
}

/** A pool of tokens, which stand for nothing: a {@linkcode Semaphore} in the shape of a {@linkcode Pool}. */
export class TokenPool extends Pool<number> {
  static {
    brand(this, "TokenPool");
  }

  /**
   * Makes a pool.
   *
   * @param maxSize How many tokens there are.
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
    // The constructor of `Pool` alone, as that of `TokenPool` makes new parts.
    fromWire: (parts) => Reflect.construct(Pool, [new Arrived(parts)], Class),
  });
}
