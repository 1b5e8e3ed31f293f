/**
 * The green functions of the soak run, and the async functions that they call: see `soak.ts`.
 *
 * Green code counts in shared memory, so that its work is known whatever becomes of its thread. It adds to the counts between two
 * blocking calls only, where no kill can hit.
 *
 * @module
 */

import {
  type AsyncToSync,
  asyncToSync,
  currentCall,
  type GreenThread,
  type Lock,
  type Queue,
  type Semaphore,
  spawn,
  type Sync,
  type SyncToAsync,
  syncToAsync,
  Timeout,
  withTimeout,
} from "@aiohub/aiohub";
import { checkpoint, fetch, shield, sleep } from "@aiohub/aiohub/green";

/** The counters, by their index. */
export const Count = {
  /** Calls to the hub that green code has begun. */
  CallsBegun: 0,
  /** Calls that have come back, with a result or an error. */
  CallsAnswered: 1,
  /** Calls that came back with the right result. */
  CallsRight: 2,
  /** Threads that green code has spawned and waited for. */
  ChildrenSpawned: 3,
  /** Those whose ending it knows. */
  ChildrenEnded: 4,
  /** Items that came out of the queue. */
  ItemsTaken: 5,
  /** The sum of these items. */
  ItemSum: 6,
  /** The number of threads that hold the lock. */
  Holding: 7,
  /** The number of times that two held the lock. */
  Collisions: 8,
  /** The number of threads that hold a permit of the semaphore. */
  Permits: 9,
  /** Items that came out of streams. */
  Streamed: 10,
  /** Wrong answers. */
  Wrong: 11,
  /** The last number that was given to a call or a child: each is to be served or run once at the most. */
  Number: 12,
  /** Children that were run twice. */
  RunTwice: 13,
} as const;

/** The offset after the counters. There is a byte for each number: 1 if the thread with that number was run. */
const RUNS = 64;

/** The memory for the counters and for the numbers: more than are needed in some hours. */
export function newCounters(): SharedArrayBuffer {
  return new SharedArrayBuffer(RUNS + NUMBERS);
}

const NUMBERS = 1 << 24;

/** Takes a number that no other call or child has. */
export function takeNumber(counters: SharedArrayBuffer): number {
  return add(counters, Count.Number) % NUMBERS;
}

/** Notes that the thread with a number runs, which may happen once. */
function ran(counters: SharedArrayBuffer, number: number): void {
  if (Atomics.add(new Uint8Array(counters, RUNS), number, 1) > 0) add(counters, Count.RunTwice);
}

function add(counters: SharedArrayBuffer, index: number, by = 1): number {
  return Atomics.add(new Int32Array(counters), index, by) + by;
}

/** The counts of calls that the hub has served. Used on the hub only. */
export const served = { begun: 0, ended: 0, aborted: 0, twice: 0 };

/** The times that each call was served, by its number. The memory does not grow, as that would look like a leak. */
const numbers: Uint8Array = new Uint8Array(NUMBERS);

/** Gives its argument back, at once or after some time. It heeds its signal. */
export const echo: AsyncToSync<[unknown, number, number?], Promise<unknown>> = asyncToSync(
  import.meta,
  async function echo(value: unknown, ms: number, number: number = 0): Promise<unknown> {
    served.begun++;
    if (number !== 0 && numbers[number]++ > 0) served.twice++;
    const { signal } = currentCall()!;
    try {
      if (ms === 0) return value;
      return await new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, ms, value);
        signal.addEventListener("abort", () => {
          served.aborted++;
          clearTimeout(timer);
          reject(signal.reason);
        });
      });
    } finally {
      served.ended++;
    }
  },
);

/** Counts up to a number, on the hub. */
export const upTo: AsyncToSync<[number], AsyncGenerator<number>> = asyncToSync(
  import.meta,
  async function* upTo(n: number): AsyncGenerator<number> {
    for (let i = 0; i < n; i++) {
      if (i % 16 === 0) await null;
      yield i;
    }
  },
);

/** Calls the hub a number of times, and checks the answers. */
export const calls: SyncToAsync<[SharedArrayBuffer, number, number, unknown], number> = syncToAsync(
  import.meta,
  function calls(counters: SharedArrayBuffer, n: number, ms: number, value: unknown): number {
    const text = JSON.stringify(value);
    for (let i = 0; i < n; i++) {
      add(counters, Count.CallsBegun);
      try {
        const answer = echo(value, ms, takeNumber(counters));
        add(counters, JSON.stringify(answer) === text ? Count.CallsRight : Count.Wrong);
      } finally {
        add(counters, Count.CallsAnswered);
      }
    }
    return n;
  },
);

/** Calls a callback, which may call back. */
export const callback: SyncToAsync<
  [SharedArrayBuffer, (twice: (n: number) => number) => number],
  number
> = syncToAsync(
  import.meta,
  function callback(
    counters: SharedArrayBuffer,
    ask: (twice: (n: number) => number) => number,
  ): number {
    add(counters, Count.CallsBegun);
    try {
      const answer = ask((n) => 2 * n);
      add(counters, answer === 42 ? Count.CallsRight : Count.Wrong);
      return answer;
    } finally {
      add(counters, Count.CallsAnswered);
    }
  },
);

/** Spawns children, which spawn children of their own. */
export const family: SyncToAsync<[SharedArrayBuffer, number, number], number> = syncToAsync(
  import.meta,
  function family(counters: SharedArrayBuffer, width: number, depth: number): number {
    if (depth === 0) return 1;
    const children: GreenThread<number>[] = [];
    try {
      for (let i = 0; i < width; i++) {
        add(counters, Count.ChildrenSpawned);
        children.push(spawn(generation, counters, width, depth - 1, takeNumber(counters)));
      }
      return children.reduce((sum, child) => sum + child.wait(), 0);
    } finally {
      // Whatever happened to this thread, it finds out how each of its children ends.
      shield(() => {
        for (const child of children) {
          child.kill();
          try {
            child.wait();
          } catch {
            // The ending is known now.
          }
          add(counters, Count.ChildrenEnded);
        }
      });
    }
  },
);

/** The same under another name: inside of a function its own name is the plain function. */
export const generation: SyncToAsync<[SharedArrayBuffer, number, number, number], number> =
  syncToAsync(
    import.meta,
    function generation(
      counters: SharedArrayBuffer,
      width: number,
      depth: number,
      number: number,
    ): number {
      ran(counters, number);
      return family.sync(counters, width, depth);
    },
  );

/** Sleeps, and may be killed. */
export const sleeper: SyncToAsync<[number], string> = syncToAsync(
  import.meta,
  function sleeper(ms: number): string {
    sleep(ms);
    return "slept";
  },
);

/** Runs under a number of its own. */
export const numbered: SyncToAsync<[SharedArrayBuffer, number, number], number> = syncToAsync(
  import.meta,
  function numbered(counters: SharedArrayBuffer, number: number, ms: number): number {
    ran(counters, number);
    sleep(ms);
    return number;
  },
);

/** Waits for a thread that somebody else has spawned. */
export const waiter: SyncToAsync<[GreenThread<number>], string> = syncToAsync(
  import.meta,
  function waiter(thread: GreenThread<number>): string {
    try {
      return `fulfilled ${thread.wait()}`;
    } catch {
      return thread.state;
    }
  },
);

/** Blocks in one way or another until it is killed. */
export const doomed: SyncToAsync<[Lock, number], void> = syncToAsync(
  import.meta,
  function doomed(lock: Lock, way: number): void {
    if (way === 0) return sleep(600_000);
    if (way === 1) return void echo(1, 600_000);
    if (way === 2) return void lock.acquire();
    const thread = echo.spawn(1, 600_000);
    try {
      thread.wait();
    } finally {
      // The kill is needed: a call that a thread has only started outlives the thread otherwise.
      thread.kill();
    }
  },
);

/** Computes, and checks from time to time whether it is to end. */
export const computer: SyncToAsync<[number], number> = syncToAsync(
  import.meta,
  function computer(rounds: number): number {
    let sum = 0;
    for (let i = 0; i < rounds; i++) {
      if (i % 100 === 0) checkpoint();
      sum = (sum + i * i) % 1_000_003;
    }
    return sum;
  },
);

/** Computes until its flag is set, and never checks whether it is to end. */
export const deaf: SyncToAsync<[SharedArrayBuffer], void> = syncToAsync(
  import.meta,
  function deaf(flag: SharedArrayBuffer): void {
    const words = new Int32Array(flag);
    while (Atomics.load(words, 0) === 0);
  },
);

/** Sets itself limits, one inside of the other. */
export const limited: SyncToAsync<[number, number], string> = syncToAsync(
  import.meta,
  function limited(outer: number, inner: number): string {
    using timeout = new Timeout(outer);
    try {
      return withTimeout({ ms: inner, timeoutValue: "inner" }, () => {
        echo(1, 10_000);
        return "answered";
      });
    } catch (error) {
      if (error === timeout) return "outer";
      throw error;
    }
  },
);

/** Takes items out of a queue until it is closed. */
export const consumer: SyncToAsync<[SharedArrayBuffer, Queue<number>], void> = syncToAsync(
  import.meta,
  function consumer(counters: SharedArrayBuffer, queue: Queue<number>): void {
    for (;;) {
      const item = queue.get();
      add(counters, Count.ItemsTaken);
      add(counters, Count.ItemSum, item);
    }
  },
);

/** Puts items into a queue; says how many it has put. */
export const producer: SyncToAsync<[SharedArrayBuffer, Queue<number>, number, number], void> =
  syncToAsync(
    import.meta,
    function producer(put: SharedArrayBuffer, queue: Queue<number>, from: number, n: number): void {
      for (let i = 0; i < n; i++) {
        queue.put(from + i);
        add(put, 0);
        add(put, 1, from + i);
      }
    },
  );

/** Takes a lock and a permit, and checks that nobody else has the lock. */
export const careful: SyncToAsync<[SharedArrayBuffer, Lock, Semaphore, number], void> = syncToAsync(
  import.meta,
  function careful(counters: SharedArrayBuffer, lock: Lock, semaphore: Semaphore, n: number): void {
    for (let i = 0; i < n; i++) {
      {
        using _permit = lock.acquire();
        if (add(counters, Count.Holding) !== 1) add(counters, Count.Collisions);
        try {
          if (i % 8 === 0) sleep(0.1);
        } finally {
          add(counters, Count.Holding, -1);
        }
      }
      using _permit = semaphore.acquire();
      try {
        if (add(counters, Count.Permits) > 2) add(counters, Count.Collisions);
        if (i % 8 === 0) sleep(0.1);
      } finally {
        add(counters, Count.Permits, -1);
      }
    }
  },
);

/** Iterates over numbers of the hub, to the end or not. */
export const reader: SyncToAsync<[SharedArrayBuffer, number, number], number> = syncToAsync(
  import.meta,
  function reader(counters: SharedArrayBuffer, n: number, stop: number): number {
    let next = 0;
    for (const item of upTo(n)) {
      if (item !== next++) add(counters, Count.Wrong);
      add(counters, Count.Streamed);
      if (next >= stop) break;
    }
    return next;
  },
);

/** Fetches a body of a known length. */
export const fetcher: SyncToAsync<[string], number> = syncToAsync(
  import.meta,
  function fetcher(url: string): number {
    return fetch(url).text().length;
  },
);

/** Uses an object of the hub. */
export const visitor: SyncToAsync<[Sync<Counter>, number], number> = syncToAsync(
  import.meta,
  function visitor(counter: Sync<Counter>, n: number): number {
    let last = 0;
    for (let i = 0; i < n; i++) last = counter.increment();
    return last;
  },
);

/** An object for {@linkcode visitor}. */
export class Counter {
  /** The number of increments. */
  value = 0;

  /** Counts one more. */
  async increment(): Promise<number> {
    return await ++this.value;
  }
}

/** Throws. */
export const fails: SyncToAsync<[string], never> = syncToAsync(
  import.meta,
  function fails(message: string): never {
    throw new RangeError(message);
  },
);

/** Makes its Worker crash. */
export const crashes: SyncToAsync<[], void> = syncToAsync(
  import.meta,
  function crashes(): void {
    Deno.exit(9);
  },
);
