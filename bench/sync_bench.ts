/**
 * Coordination: what a lock and a queue item cost, against a round trip to the hub in the same run.
 *
 * `deno run -A bench/sync_bench.ts [rounds]` prints the median of the rounds (5). eventlet's figures are those of DESIGN.md.
 */

import { Hub, Lock, Queue, useHub } from "@aiohub/aiohub";
import { callHub, consume, lockAndUnlock, produce, putAndGet } from "./sync_green.ts";

const hub = new Hub({ maxWorkers: 40 });
useHub(hub);
const rounds = Number(Deno.args[0] ?? 5);
const COUNT = 20_000;
const SMALL = { id: 17, name: "an item", tags: ["a", "b"] };

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

async function row(title: string, measure: () => PromiseLike<number>, note = ""): Promise<void> {
  const results = [];
  await measure(); // warm
  for (let i = 0; i < rounds; i++) results.push(await measure());
  const spread = `${Math.min(...results).toFixed(2)}–${Math.max(...results).toFixed(2)}`;
  console.log(
    `${title.padEnd(58)} ${median(results).toFixed(2).padStart(8)} µs  ${
      spread.padEnd(14)
    } ${note}`,
  );
}

async function contended(threads: number): Promise<number> {
  const lock = new Lock();
  const count = Math.floor(COUNT / threads);
  const start = performance.now();
  await Promise.all(Array.from({ length: threads }, () => lockAndUnlock(lock, count)));
  return (performance.now() - start) * 1000 / (count * threads);
}

async function hubToGreen(queue: Queue<unknown>, count: number): Promise<number> {
  const consumer = consume(queue, count);
  for (let i = 0; i < count; i++) await queue.putAsync(SMALL);
  return await consumer;
}

async function greenToHub(queue: Queue<unknown>, count: number): Promise<number> {
  const producer = produce(queue, SMALL, count);
  await queue.getAsync();
  const start = performance.now();
  for (let i = 1; i < count; i++) await queue.getAsync();
  const micros = (performance.now() - start) * 1000 / (count - 1);
  await producer;
  return micros;
}

async function greenToGreen(size: number, count: number): Promise<number> {
  const queue = new Queue<unknown>(size);
  const consumer = consume(queue, count);
  await produce(queue, SMALL, count);
  return await consumer;
}

async function onHub(): Promise<number> {
  const lock = new Lock();
  const start = performance.now();
  for (let i = 0; i < COUNT; i++) (await lock.acquireAsync()).release();
  return (performance.now() - start) * 1000 / COUNT;
}

await row("a call from green code to the hub (number)", () => callHub((n) => n, 3000));
await row("Lock, uncontended, green", () => lockAndUnlock(new Lock(), COUNT));
await row("Lock, uncontended, hub", onHub);
for (const threads of [2, 8, 32]) {
  await row(`Lock, ${threads} green threads at once, for each acquire`, () => contended(threads));
}
const one = () => putAndGet(new Queue(), SMALL, COUNT);
await row("Queue, put and get in one green thread", one, "eventlet 11 µs an item");
await row("Queue item, green to green, room for 100", () => greenToGreen(100, COUNT));
await row("Queue item, green to green, any number", () => greenToGreen(Infinity, COUNT));
await row("Queue item, green to green, room for 1", () => greenToGreen(1, COUNT / 10));
await row("Queue item, green to green, rendezvous", () => greenToGreen(0, COUNT / 10));
await row("Queue item, green to hub, room for 100", () => greenToHub(new Queue(100), COUNT / 4));
await row("Queue item, hub to green, room for 100", () => hubToGreen(new Queue(100), COUNT / 4));
await row("Queue item, green to hub, rendezvous", () => greenToHub(new Queue(0), COUNT / 10));
await hub.close();
