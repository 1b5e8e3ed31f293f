/** What the pools of the cases run: functions that both sides know. */

import {
  type DagResults,
  type GreenPool,
  type Queue,
  type Semaphore,
  syncToAsync,
} from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";

export const square = syncToAsync(import.meta, function square(n: number) {
  return n * n;
});

export const inverse = syncToAsync(import.meta, function inverse(n: number) {
  if (n === 0) throw new RangeError("zero");
  return 1 / n;
});

export const add = syncToAsync(import.meta, function add(a: number, b: number) {
  return a + b;
});

/** Waits at a gate. */
export const enter = syncToAsync(import.meta, function enter(gate: Semaphore, n: number) {
  gate.acquire();
  return n;
});

/** Counts who is inside, how many there were at a time, and how many in all. */
export const countsInside = syncToAsync(import.meta, function countsInside(words: Int32Array) {
  const inside = Atomics.add(words, 0, 1) + 1;
  for (;;) {
    const most = Atomics.load(words, 1);
    if (inside <= most || Atomics.compareExchange(words, 1, most, inside) === most) break;
  }
  sleep(2);
  Atomics.add(words, 2, 1);
  Atomics.sub(words, 0, 1);
});

export const put = syncToAsync(import.meta, function put(queue: Queue<number>, n: number) {
  queue.put(n);
});

/** Returns a number, or throws it. */
export const maybe = syncToAsync(import.meta, function maybe(n: number, fails: boolean) {
  if (fails) throw n;
  return n;
});

/** A member of a pool that spawns in it, and says how that went. */
export const nested = syncToAsync(import.meta, function nested(pool: GreenPool) {
  const thread = pool.spawn(inverse, 2);
  const failed = pool.spawn(inverse, 0);
  const states = [thread.state, failed.state];
  try {
    failed.wait();
  } catch (error) {
    return [...states, thread.wait(), (error as Error).message, pool.running];
  }
});

export const waitsForAll = syncToAsync(import.meta, function waitsForAll(pool: GreenPool) {
  pool.waitAll();
});

/** A task: one more than what it needs. */
export const oneMore = syncToAsync(
  import.meta,
  function oneMore(_key: string, results: DagResults<number>) {
    let sum = 1;
    for (const [, value] of results) sum += value;
    return sum;
  },
);

/** A task that waits at a gate. */
export const holdTask = syncToAsync(
  import.meta,
  function holdTask(key: string, _results: DagResults<unknown>, gate: Semaphore) {
    gate.acquire();
    return key;
  },
);

export const failTask = syncToAsync(import.meta, function failTask(): number {
  throw new RangeError("no");
});

/** Takes its Worker with it. */
export const die = syncToAsync(import.meta, function die(): void {
  Deno.exit(3);
});

/** The same as a task. */
export const dieInTask = syncToAsync(
  import.meta,
  function dieInTask(_key: string, _results: DagResults<number>): number {
    Deno.exit(3);
  },
);
