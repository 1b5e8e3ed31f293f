import { assert, assertEquals, assertLess } from "@std/assert";
import { createRing, RING_BYTES } from "../../bridge/wire/ring.ts";
import { crossCheck, many, sumOf } from "../fixtures/stress.ts";
import { fib } from "../fixtures/recursion.ts";
import { runProgram, TestHub } from "../support/mod.ts";
import { rounds } from "../support/rounds.ts";

const MEGABYTE = 1 << 20;

/** What the program `queue.ts` tells of one batch. */
interface Batch {
  count: number;
  waiting: number;
  wrong: number;
  bytes: number;
  toQueue: number;
  toRun: number;
  left: number;
}

Deno.test("spawn() queues a hundred thousand green threads in bounded memory and linear time", async () => {
  const { stdout } = await runProgram("queue.ts", "--allow-read", "--v8-flags=--expose-gc");
  const [small, large]: Batch[] = JSON.parse(stdout);
  assertEquals([small.count, large.count], [10_000, 100_000]);
  for (const { count, waiting, wrong, left, bytes } of [small, large]) {
    assertEquals({ waiting, wrong, left }, { waiting: count, wrong: 0, left: 0 });
    assertLess(bytes, 1500);
  }
  // Ten times as many: in quadratic time each one would take ten times as long.
  assertLess(large.toQueue / small.toQueue, 4);
  assertLess(large.toRun / small.toRun, 4);
});

Deno.test("asyncToSync() loses and mixes up none of the calls from each of eight green threads", async () => {
  await using hub = new TestHub({ maxWorkers: 8 });
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
  const calls = rounds(10_000);
  const results = await Promise.all(seeds.map((seed) => crossCheck(seed, calls)));
  assertEquals(results, seeds.map(() => ({ wrong: 0, calls })));
  assertEquals(hub.statistics().totalCalls, 8 * calls);
});

Deno.test("J98 asyncToSync() answers ten thousand calls in a tight loop from one green thread", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await crossCheck(7, 10_000), { wrong: 0, calls: 10_000 });
  assertEquals(hub.statistics().calls, 0);
});

Deno.test("asyncToSync().spawn() has twenty thousand calls in flight from one green thread", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await sumOf(20_000), 20_000 * 19_999 / 2);
});

Deno.test("asyncToSync().spawn() keeps a thousand calls in flight from each of two green threads", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const gate = Promise.withResolvers<void>();
  let arrived = 0;
  const arrive = () => {
    if (++arrived === 2000) gate.resolve();
    return gate.promise;
  };
  const sums = await Promise.all([many(1000, arrive), many(1000, arrive)]);
  assertEquals(sums, [499_500, 499_500]);
  assertEquals([arrived, hub.statistics().threads], [2000, 0]);
});

Deno.test("spawn() recursion of fib(15) completes with two Workers", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  assertEquals(await fib(15), 610);
  const { workers, totalThreads } = hub.statistics();
  assertEquals([workers <= 2, totalThreads], [true, 1973]);
});

Deno.test("J96, J97 spawn() carries 64 MB of bytes each way", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const sent = new Uint8Array(64 * MEGABYTE);
  for (let i = 0; i < sent.length; i += 4093) sent[i] = i % 251;
  const thread = hub.spawn((bytes: Uint8Array) => {
    bytes[0] = 99;
    return bytes;
  }, sent);
  const received = await thread;
  assertEquals(sent[0], 0);
  sent[0] = 99;
  assert(equalBytes(received, sent));
});

Deno.test("J97 spawn() carries 64 MB of text each way, surrogate pairs and all", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const text = "0123456789 grüße \u{1F600}\ufeff\u2028".repeat(2_400_000);
  assert(new TextEncoder().encode(text).length > 64 * MEGABYTE);
  const received = await hub.spawn((text: string) => text + "!", text);
  assertEquals(received.length, text.length + 1);
  assert(received === text + "!");
});

Deno.test("J97 asyncToSync() carries 64 MB through a hub function and back", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const echo = (bytes: Float64Array) => Promise.resolve(bytes);
  const thread = hub.spawn((echo: (bytes: Float64Array) => Float64Array) => {
    const sent = new Float64Array(8 * 1024 * 1024);
    for (let i = 0; i < sent.length; i++) sent[i] = i / 7;
    const received = echo(sent);
    return received.length === sent.length && received.every((n, i) => n === sent[i]);
  }, echo);
  assertEquals(await thread, true);
});

Deno.test("the mailbox stays as small as it was, whatever crosses", async () => {
  const ring = createRing();
  assertEquals([ring.growable, ring.byteLength], [false, RING_BYTES + 256]);
  assert(RING_BYTES <= MEGABYTE);
  await using hub = new TestHub({ maxWorkers: 1 });
  const bytes = await hub.spawn((bytes: Uint8Array) => bytes, new Uint8Array(8 * MEGABYTE));
  assertEquals(bytes.length, 8 * MEGABYTE);
});

Deno.test("spawn() keeps the event loop turning while values of megabytes cross", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const work = (bytes: Uint8Array) => bytes.length;
  const bytes = new Uint8Array(16 * MEGABYTE);
  await hub.spawn(work, bytes);
  const before = turns;
  for (let i = 0; i < 4; i++) assertEquals(await hub.spawn(work, bytes), bytes.length);
  clearInterval(timer);
  assert(turns > before);
});

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  const [x, y] = [a, b].map(({ buffer, byteOffset, length }) =>
    new BigUint64Array(buffer, byteOffset, length / 8)
  );
  return x.length === y.length && x.every((word, i) => word === y[i]);
}
