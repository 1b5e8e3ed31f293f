/**
 * Hubs that check that nothing is left of what a test did.
 *
 * @module
 */

import { Hub, type HubOptions, useHub } from "@aiohub/aiohub";
import { assertEquals, equal } from "@std/assert";
import { isMainThread } from "node:worker_threads";
import { collectGarbage, collectInWorker } from "./garbage.ts";
import { until } from "./until.ts";

/** How long a test may take to let go of what it held, in milliseconds. */
const PATIENCE = 30_000;

const NOTHING = {
  busy: 0,
  queued: 0,
  threads: 0,
  calls: 0,
  functions: 0,
  handles: 0,
  crashed: 0,
  leaked: 0,
};

/** What a test means to leave behind when its hub closes. */
export interface Leftovers {
  /** Workers that ended on their own; "any" where a race decides. */
  crashed?: number | "any";
  /** Workers that were stopped by force. */
  leaked?: number | "any";
}

/** A hub that is the default one until it closes, and then has nothing left. */
export class TestHub extends Hub {
  readonly #leftovers: Leftovers;
  /** Whether a test has left something: those after it are not to blame. */
  #hasLeft = false;

  constructor(options?: HubOptions, leftovers: Leftovers = {}) {
    super(options);
    this.#leftovers = leftovers;
    useHub(this);
  }

  /**
   * One hub for the tests of a file that need no particular one: its Workers stay, so that no test waits for one to start. It is
   * the default hub when a test begins. After each test it has nothing left but its Workers; it closes when the file ends.
   *
   * A test that looks at Workers, at what a Worker has loaded, at closing or at `statistics()` makes a hub of its own; so does one
   * whose modules keep something for as long as their Worker lives.
   *
   * @param options Of the hub.
   */
  static shared(options?: HubOptions): TestHub {
    // A Worker that loads the file for the functions in it has no tests.
    if (!isMainThread) return undefined as never;
    const hub = new TestHub(options);
    Deno.test.beforeEach(() => void useHub(hub));
    Deno.test.afterEach(() => hub.#assertNothingLeft());
    Deno.test.afterAll(() => hub[Symbol.asyncDispose]());
    return hub;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    useHub(undefined);
    const { crashed = 0, leaked = 0 } = this.#leftovers;
    const now = this.#counts();
    assertEquals(now, {
      ...NOTHING,
      workers: 0,
      starting: 0,
      idle: 0,
      crashed: crashed === "any" ? now.crashed : crashed,
      leaked: leaked === "any" ? now.leaked : leaked,
    });
  }

  /** Functions and handles are given back when green code's garbage is collected, which is asked for. */
  async #assertNothingLeft(): Promise<void> {
    if (this.#hasLeft) return;
    const isIdle = () => {
      const { threads, calls, queued, busy, starting } = this.#counts();
      return threads + calls + queued + busy + starting === 0;
    };
    const deadline = performance.now() + PATIENCE;
    while (performance.now() < deadline) {
      await until(isIdle, { limit: deadline - performance.now(), pause: 1 }).catch(() => {});
      const { functions, handles } = this.#counts();
      if (functions + handles === 0) break;
      await this.#collect();
    }
    const { workers, starting: _, idle: __, ...left } = this.#counts();
    this.#hasLeft = !equal(left, NOTHING);
    assertEquals(left, NOTHING, `This test has left something in ${workers} Workers`);
  }

  /** Collects the garbage of the hub and of all Workers. */
  async #collect(): Promise<void> {
    const { workers } = this.#counts();
    collectGarbage();
    await Promise.all(Array.from({ length: workers }, () => this.spawn(collectInWorker)));
  }

  #counts() {
    const { totalThreads: _, totalCalls: __, ...counts } = this.statistics();
    return counts;
  }
}

/** A cooperative {@linkcode TestHub}. */
export function cooperative(options?: HubOptions, leftovers?: Leftovers): TestHub {
  return new TestHub({ cooperative: true, ...options }, leftovers);
}
