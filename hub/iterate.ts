/**
 * Iterations that ask for items ahead.
 *
 * @module
 */

import { checkOptionsObject, show } from "../bridge/checks.ts";
import { Trait } from "../bridge/references/live.ts";
import { remoteOf } from "../bridge/references/remote_object.ts";
import { greenSide } from "../bridge/side/side.ts";
import { asyncSteps, checkStep, MOST_AHEAD } from "../bridge/side/steps.ts";
import { iterateGreen } from "./references/async_iteration.ts";

/**
 * Options for {@linkcode iterate}.
 *
 * @category Values
 */
export interface IterateOptions {
  /**
   * The number of items that may be asked for beyond those that were used.
   *
   * @default {0}
   */
  prefetch?: number;
}

/**
 * Iterates over something, with items asked for ahead: blocking in green code, asynchronous on the hub.
 *
 * By itself an iteration over an object of the other side asks for each item when it is wanted, by a round trip for each: so
 * nothing is taken from a queue that nobody has asked for. Where that does not matter, this saves time: after `break` at the
 * third item as many as `3 + prefetch` may have been asked for, and those ahead are lost. Items go out as they come, so a
 * generator that blocks holds up none before.
 *
 * A source of this side: on the hub it is read ahead as well, one item at a time; in green code it is iterated over as it is, as
 * nothing runs beside it there. The bytes of a `ReadableStream` are read ahead without this, in a window of 256 KiB.
 *
 * @typeParam T The items.
 * @param source The source: an object that `for…of` takes in green code, and `for await` on the hub.
 * @param options See {@linkcode IterateOptions}.
 * @returns The items, in green code with the helpers of `Iterator.prototype`: `map()`, `take()` and so on. To leave the loop
 * early ends the source.
 * @throws {TypeError} If the source cannot be iterated over, or `prefetch` is no number.
 * @throws {RangeError} If `prefetch` is no whole number from 0 to 65536.
 *
 * @example Read the rows of a generator of green code ahead
 * ```ts
 * import { iterate, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = await spawn(function* () {
 *   for (let i = 0; i < 5; i++) yield i;
 * });
 * const seen: number[] = [];
 * for await (const row of iterate(rows, { prefetch: 16 })) seen.push(row);
 * assertEquals(seen, [0, 1, 2, 3, 4]);
 * ```
 *
 * @category Values
 */
export function iterate<T>(
  source: Iterable<T> & AsyncIterable<T>,
  options?: IterateOptions,
): IteratorObject<T, void, undefined> & AsyncIteratorObject<T, void, undefined>;
/** On the hub. */
export function iterate<T>(
  source: AsyncIterable<T>,
  options?: IterateOptions,
): AsyncIteratorObject<T, void, undefined>;
/** In green code. */
export function iterate<T>(
  source: Iterable<T>,
  options?: IterateOptions,
): IteratorObject<T, void, undefined>;
export function iterate(source: unknown, options: IterateOptions = {}): unknown {
  const ahead = checkAhead(options);
  const members = Object(source) as Partial<Iterable<unknown> & AsyncIterable<unknown>>;
  const green = greenSide();
  const remote = remoteOf(members);
  if (remote && remote.traits & Trait.Iterable) {
    return green?.iterate(remote, ahead) ?? iterateGreen(remote, ahead);
  }
  const each = members[Symbol.iterator];
  const eachAsync = members[Symbol.asyncIterator];
  if (!remote && green && typeof each === "function") return Iterator.from(each.call(members));
  if (!remote && !green && typeof eachAsync === "function") {
    return readAhead(eachAsync.call(members), ahead);
  }
  if (!remote && !green && typeof each === "function") return readAhead(each.call(members), ahead);
  throw new TypeError(
    `Cannot iterate: expected ${
      green ? "an iterable, or a handle of one" : "an iterable or async iterable"
    }, found ${show(source)}`,
  );
}

function readAhead(
  iterator: Iterator<unknown> | AsyncIterator<unknown>,
  ahead: number,
): AsyncGenerator<unknown, void, undefined> {
  const step = async (): Promise<IteratorResult<unknown, undefined>> =>
    checkStep(await iterator.next()) as IteratorResult<unknown, undefined>;
  return asyncSteps(step, () => iterator.return?.(), ahead);
}

function checkAhead(options: IterateOptions): number {
  checkOptionsObject("iterate", options, "{ prefetch: 16 }", ["prefetch"]);
  const { prefetch = 0 } = options;
  if (typeof prefetch !== "number" || Number.isNaN(prefetch)) {
    throw new TypeError(
      `Cannot iterate: expected a number for "prefetch", found ${show(prefetch)}`,
    );
  }
  if (Number.isInteger(prefetch) && prefetch >= 0 && prefetch <= MOST_AHEAD) return prefetch;
  throw new RangeError(
    `Cannot iterate: expected a whole number from 0 to ${MOST_AHEAD} for "prefetch", found ${prefetch}`,
  );
}
