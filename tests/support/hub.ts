/**
 * Hubs that check that nothing is left of what a test did.
 *
 * @module
 */

import { Hub, type HubOptions, useHub } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";

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

  constructor(options?: HubOptions, leftovers: Leftovers = {}) {
    super(options);
    this.#leftovers = leftovers;
    useHub(this);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    useHub(undefined);
    const { totalThreads: _, totalCalls: __, ...now } = this.statistics();
    const { crashed = 0, leaked = 0 } = this.#leftovers;
    assertEquals(now, {
      workers: 0,
      starting: 0,
      idle: 0,
      busy: 0,
      queued: 0,
      threads: 0,
      calls: 0,
      functions: 0,
      handles: 0,
      crashed: crashed === "any" ? now.crashed : crashed,
      leaked: leaked === "any" ? now.leaked : leaked,
    });
  }
}

/** A cooperative {@linkcode TestHub}. */
export function cooperative(options?: HubOptions, leftovers?: Leftovers): TestHub {
  return new TestHub({ cooperative: true, ...options }, leftovers);
}
