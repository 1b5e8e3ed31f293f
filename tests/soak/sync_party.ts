/** What one party of a stress test does; the green and the async form do the same. */

import {
  LifoQueue,
  type LightQueue,
  Lock,
  PriorityQueue,
  Queue,
  Semaphore,
  syncToAsync,
} from "@aiohub/aiohub";
import { Chance } from "../support/random.ts";

/** How many permits the semaphore has. */
export const PERMITS = 3;

/** How many items one party may put. */
export const MOST_ITEMS = 4096;

/** All that the parties share. */
export interface Stage {
  readonly lock: Lock;
  readonly semaphore: Semaphore;
  readonly queues: LightQueue<number>[];
  /** Words: see {@linkcode Word}. */
  readonly counts: Int32Array;
  /** For each item: 1 it was put, 2 it may have been put; and in the upper half how often it was got. */
  readonly items: Int32Array;
  /** How many operations each party has done, over all its lives. */
  readonly done: Int32Array;
}

export const Word = {
  InLock: 0,
  InSemaphore: 1,
  Wrong: 2,
  Locked: 3,
  Plain: 4,
  Operations: 5,
  /** The longest wait for anything, in milliseconds. */
  Longest: 6,
};

export function makeStage(parties: number): Stage {
  return {
    lock: new Lock(),
    semaphore: new Semaphore(PERMITS),
    queues: [
      new Queue<number>(0),
      new Queue<number>(2),
      new Queue<number>(),
      new LifoQueue<number>(4),
      new PriorityQueue<number>(4),
    ],
    counts: new Int32Array(new SharedArrayBuffer(64)),
    items: new Int32Array(new SharedArrayBuffer(4 * parties * MOST_ITEMS)),
    done: new Int32Array(new SharedArrayBuffer(4 * parties)),
  };
}

const isExpected = (error: unknown) => ["Timeout", "Empty", "Full"].includes((error as Error).name);

function inLock({ counts }: Stage): void {
  if (Atomics.add(counts, Word.InLock, 1) !== 0) Atomics.add(counts, Word.Wrong, 1);
  counts[Word.Plain]++;
  Atomics.add(counts, Word.Locked, 1);
  Atomics.sub(counts, Word.InLock, 1);
}

function inSemaphore({ counts }: Stage): void {
  if (Atomics.add(counts, Word.InSemaphore, 1) >= PERMITS) Atomics.add(counts, Word.Wrong, 1);
  Atomics.sub(counts, Word.InSemaphore, 1);
}

function noteWait(counts: Int32Array, ms: number): void {
  Atomics.add(counts, Word.Operations, 1);
  for (;;) {
    const longest = Atomics.load(counts, Word.Longest);
    if (ms <= longest) return;
    if (Atomics.compareExchange(counts, Word.Longest, longest, Math.ceil(ms)) === longest) return;
  }
}

/** One operation, planned: the numbers come in the same order whatever happens. */
function plan(chance: Chance) {
  const what = chance.next();
  const queue = chance.below(5);
  const timeout = chance.next() < 0.3 ? chance.next() * 2 : undefined;
  return { what, queue, options: timeout === undefined ? undefined : { timeout } };
}

/** The next item of a party, or nothing if it has put all of its own. */
function nextItem({ items }: Stage, party: number, from: number): number {
  for (let i = from; i < MOST_ITEMS; i++) {
    if (items[party * MOST_ITEMS + i] === 0) return party * MOST_ITEMS + i;
  }
  return -1;
}

/** A party in a green thread. Getting and putting are in balance: who gets waits for others only for some time. */
export const greenParty = syncToAsync(
  import.meta,
  function greenParty(stage: Stage, party: number, seed: number, operations: number) {
    const chance = new Chance(seed);
    const { lock, semaphore, queues, items, counts, done } = stage;
    let item = nextItem(stage, party, 0);
    while (done[party] < operations) {
      const { what, queue, options } = plan(chance);
      const since = performance.now();
      try {
        if (what < 0.3) {
          using _permit = lock.acquire(options);
          inLock(stage);
        } else if (what < 0.5) {
          using _permit = semaphore.acquire(options);
          inSemaphore(stage);
        } else if (what < 0.75 && item >= 0) {
          Atomics.or(items, item, 2);
          try {
            queues[queue].put(item, options ?? { timeout: 3 });
            Atomics.or(items, item, 1);
          } catch (error) {
            if (isExpected(error)) Atomics.and(items, item, ~2);
            throw error;
          } finally {
            item = nextItem(stage, party, item % MOST_ITEMS + 1);
          }
        } else {
          const got = queues[queue].get(options ?? { timeout: 3 });
          Atomics.add(items, got, 1 << 16);
        }
      } catch (error) {
        if (!isExpected(error)) throw error;
      }
      done[party]++;
      noteWait(counts, performance.now() - since);
    }
  },
);

/** A party on the hub. */
export async function asyncParty(
  stage: Stage,
  party: number,
  seed: number,
  operations: number,
  signal: AbortSignal,
): Promise<void> {
  const chance = new Chance(seed);
  const { lock, semaphore, queues, items, counts, done } = stage;
  let item = nextItem(stage, party, 0);
  while (done[party] < operations) {
    const { what, queue, options: planned } = plan(chance);
    const since = performance.now();
    const options = { ...planned, signal };
    const limited = { timeout: 3, ...options };
    try {
      if (what < 0.3) {
        using _permit = await lock.acquireAsync(options);
        inLock(stage);
      } else if (what < 0.5) {
        using _permit = await semaphore.acquireAsync(options);
        inSemaphore(stage);
      } else if (what < 0.75 && item >= 0) {
        Atomics.or(items, item, 2);
        try {
          await queues[queue].putAsync(item, limited);
          Atomics.or(items, item, 1);
        } catch (error) {
          if (isExpected(error)) Atomics.and(items, item, ~2);
          throw error;
        } finally {
          item = nextItem(stage, party, item % MOST_ITEMS + 1);
        }
      } else {
        const got = await queues[queue].getAsync(limited);
        Atomics.add(items, got, 1 << 16);
      }
    } catch (error) {
      if (!isExpected(error)) throw error;
    }
    done[party]++;
    noteWait(counts, performance.now() - since);
  }
}

/** Two green threads that hand a token back and forth through two semaphores: each wake-up counts. */
export const pingPong = syncToAsync(
  import.meta,
  function pingPong(mine: Semaphore, other: Semaphore, rounds: number) {
    for (let i = 0; i < rounds; i++) {
      mine.acquire();
      other.release();
    }
  },
);
