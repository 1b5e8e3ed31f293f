/** The green functions of the bench of coordination. */

import { type Lock, type Queue, type Semaphore, syncToAsync } from "../mod.ts";

const micros = (start: number, count: number) => (performance.now() - start) * 1000 / count;

/** Acquires and releases; gives the µs for each pair. */
export const lockAndUnlock = syncToAsync(
  import.meta,
  function lockAndUnlock(lock: Lock | Semaphore, count: number) {
    const start = performance.now();
    for (let i = 0; i < count; i++) lock.acquire().release();
    return micros(start, count);
  },
);

/** Puts and gets in one thread; gives the µs for each pair. */
export const putAndGet = syncToAsync(
  import.meta,
  function putAndGet(queue: Queue<unknown>, item: unknown, count: number) {
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      queue.put(item);
      queue.get();
    }
    return micros(start, count);
  },
);

/** Puts items. */
export const produce = syncToAsync(
  import.meta,
  function produce(queue: Queue<unknown>, item: unknown, count: number) {
    for (let i = 0; i < count; i++) queue.put(item);
  },
);

/** Gets items; gives the µs for each. */
export const consume = syncToAsync(
  import.meta,
  function consume(queue: Queue<unknown>, count: number) {
    const start = performance.now();
    for (let i = 0; i < count; i++) queue.get();
    return micros(start, count);
  },
);

/** Calls the hub; gives the µs for each round trip. */
export const callHub = syncToAsync(
  import.meta,
  function callHub(echo: (n: number) => number, count: number) {
    const start = performance.now();
    for (let i = 0; i < count; i++) echo(i);
    return micros(start, count);
  },
);
