/**
 * Coordination: the cost of locks and of queue items, beside a round trip to the hub in the same rounds.
 *
 * `deno run -A bench/sync_bench.ts [rounds]` prints the table; with `--json` the samples, for `main.ts`. In each round every row
 * is measured once, one after another, as the machine's speed swings.
 */

import { Hub, Lock, Queue, Semaphore, useHub } from "../mod.ts";
import { callHub, consume, lockAndUnlock, produce, putAndGet } from "./sync_green.ts";
import { CALL, formatSyncReport, type SyncResults } from "./sync_table.ts";

const COUNT = 20_000;
const SMALL = { id: 17, name: "an item", tags: ["a", "b"] };

/** The operations that are measured: each function gives µs for one of them. */
const rows: Readonly<Record<string, () => PromiseLike<number>>> = {
  [CALL]: () => callHub((n) => n, 3000),
  "Lock, nobody else: green": () => lockAndUnlock(new Lock(), COUNT),
  "Lock, nobody else: hub": lockOnHub,
  "Semaphore, nobody else: green": () => lockAndUnlock(new Semaphore(1), COUNT),
  "Queue item: put and get in one green thread": () => putAndGet(new Queue(), SMALL, COUNT),
  "Queue item: green → green, room for 100": () => greenToGreen(100, COUNT),
  "Queue item: green → green, any number": () => greenToGreen(Infinity, COUNT),
  "Queue item: green → green, room for 1": () => greenToGreen(1, COUNT / 10),
  "Queue item: green → green, rendezvous": () => greenToGreen(0, COUNT / 10),
  "Queue item: green → hub, room for 100": () => greenToHub(100, COUNT / 4),
  "Queue item: hub → green, room for 100": () => hubToGreen(100, COUNT / 4),
  "Queue item: green → hub, rendezvous": () => greenToHub(0, COUNT / 10),
  ...Object.fromEntries([2, 8, 32].flatMap((threads) => [
    [`Lock, ${threads} green threads at once`, () => contendedLock(threads)],
    [`Queue item, ${threads} green threads at once, room for 100`, () => contendedQueue(threads)],
  ])),
};

async function lockOnHub(): Promise<number> {
  const lock = new Lock();
  const start = performance.now();
  for (let i = 0; i < COUNT; i++) (await lock.acquireAsync()).release();
  return micros(start, COUNT);
}

/** Measures at the consumer, as the producer may be ahead by as many items as there is room for. */
async function greenToGreen(size: number, count: number): Promise<number> {
  const queue = new Queue<unknown>(size);
  const consumer = consume(queue, count);
  await produce(queue, SMALL, count);
  return await consumer;
}

async function hubToGreen(size: number, count: number): Promise<number> {
  const queue = new Queue<unknown>(size);
  const consumer = consume(queue, count);
  for (let i = 0; i < count; i++) await queue.putAsync(SMALL);
  return await consumer;
}

async function greenToHub(size: number, count: number): Promise<number> {
  const queue = new Queue<unknown>(size);
  const producer = produce(queue, SMALL, count);
  await queue.getAsync();
  const start = performance.now();
  for (let i = 1; i < count; i++) await queue.getAsync();
  const result = micros(start, count - 1);
  await producer;
  return result;
}

async function contendedLock(threads: number): Promise<number> {
  const lock = new Lock();
  const count = Math.floor(COUNT / 2 / threads);
  const start = performance.now();
  await Promise.all(Array.from({ length: threads }, () => lockAndUnlock(lock, count)));
  return micros(start, count * threads);
}

async function contendedQueue(threads: number): Promise<number> {
  const queue = new Queue<unknown>(100);
  const count = Math.floor(COUNT / threads);
  const start = performance.now();
  await Promise.all(
    Array.from(
      { length: threads },
      (_, i) => i % 2 === 0 ? produce(queue, SMALL, count) : consume(queue, count),
    ),
  );
  return micros(start, count * threads / 2);
}

function micros(start: number, count: number): number {
  return (performance.now() - start) * 1000 / count;
}

const [rounds = "5", json] = Deno.args;
const hub = new Hub({ maxWorkers: 40 });
useHub(hub);
const results: SyncResults = Object.fromEntries(Object.keys(rows).map((title) => [title, []]));
for (const measure of Object.values(rows)) await measure(); // warm
for (let round = 0; round < Number(rounds); round++) {
  for (const [title, measure] of Object.entries(rows)) results[title].push(await measure());
}
await hub.close();
console.log(json === "--json" ? JSON.stringify(results) : formatSyncReport(results));
