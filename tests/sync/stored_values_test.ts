import { GreenEvent, Queue, spawn, transfer } from "@aiohub/aiohub";
import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { storedCount } from "../../bridge/memory/stored_values.ts";
import { TestHub } from "../support/mod.ts";

/** Too large for shared memory, and no string: strings have no identity. */
const large = (n: number) => ({ n, text: "x".repeat(10_000) });

/** Memory that is taken and not kept makes V8 collect garbage, old objects too. Nothing of it is touched. */
const press = () => void new ArrayBuffer(2 ** 30);

/** Has garbage collected on both sides until a number of stored values is left. */
async function untilLeft(count: number): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (storedCount() > count) {
    assert(performance.now() < deadline, `${storedCount()} stored values are left`);
    press();
    await spawn(press);
  }
}

Deno.test("a large value is taken when it is put, and what is got is a value of its own", async () => {
  const queue = new Queue<unknown>();
  const item = large(1);
  queue.tryPut(item);
  item.n = 2;
  assertEquals(queue.tryGet(), large(1));
  const event = new GreenEvent<unknown>();
  event.send(item);
  item.n = 3;
  const [one, other] = await Promise.all([event.waitAsync(), event.waitAsync()]);
  assertEquals([one, other], [large(2), large(2)]);
  assertNotStrictEquals(one, other);
});

Deno.test("bytes that were given away to an event are there for all who wait for it", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const event = new GreenEvent<Uint8Array>();
  const waits = (event: GreenEvent<Uint8Array>) => {
    const bytes = event.wait();
    return [bytes.length, bytes.fill(9)[0]];
  };
  event.send(transfer(new Uint8Array(3_000_000).fill(7)));
  for (let i = 0; i < 2; i++) {
    assertEquals(await hub.spawn(waits, event), [3_000_000, 9]);
    const bytes = await event.waitAsync();
    assertEquals([bytes.length, bytes[0]], [3_000_000, 7]);
    bytes.fill(8);
  }
});

Deno.test("what goes by reference in a value that was put is itself on the hub", () => {
  const queue = new Queue<{ fn: () => number; bytes: Uint8Array }>();
  const fn = () => 1;
  const bytes = new Uint8Array([1, 2]);
  queue.tryPut({ fn, bytes });
  bytes[0] = 9;
  const got = queue.tryGet();
  assertStrictEquals(got.fn, fn);
  assertEquals(got.bytes, new Uint8Array([1, 2]));
});

Deno.test("a value that nobody has taken goes with the object that it was put into, on the hub", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const before = storedCount();
  (() => {
    for (let n = 0; n < 20; n++) {
      new GreenEvent<unknown>().send(large(n));
      new Queue<unknown>().tryPut(large(n));
    }
  })();
  assertEquals(storedCount(), before + 40);
  await untilLeft(before);
});

Deno.test("a value that nobody has taken goes with the object that it was put into, in green code", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const before = storedCount();
  const kept = await hub.spawn(() => {
    const queues = Array.from({ length: 20 }, () => new Queue<string>());
    // Twice, before and after the hub knows the queue.
    for (const queue of [...queues, ...queues]) queue.put("x".repeat(10_000));
    return queues[7];
  });
  assertEquals(storedCount(), before + 40);
  await untilLeft(before + 2);
  assertEquals(await kept.getAsync(), "x".repeat(10_000));
  assertEquals(await kept.getAsync(), "x".repeat(10_000));
  assertEquals(storedCount(), before);
});

Deno.test("a value that nobody has taken goes with the Worker that had the object alone", async () => {
  const before = storedCount();
  {
    await using hub = new TestHub({ maxWorkers: 1 });
    const thread = hub.spawn(() => {
      const queue = new Queue<string>();
      for (let i = 0; i < 5; i++) queue.put("x".repeat(10_000));
      (globalThis as { kept?: unknown }).kept = queue;
    });
    await thread;
    assertEquals(storedCount(), before + 5);
  }
  await using _hub = new TestHub({ maxWorkers: 1 });
  await untilLeft(before);
});
