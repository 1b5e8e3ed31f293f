import { handle, spawn } from "@aiohub/aiohub";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { rejection, TestHub, until } from "../../support/mod.ts";
import * as streams from "../../fixtures/streams.ts";

/** How many bytes a stream test moves. */
const BYTES = 1e9;
const CHUNK = 1 << 16;

Deno.test("J109 green code iterates over an async generator of the hub, in order", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await streams.all(), Array.from({ length: 200 }, (_, i) => i));
  await until(() => hub.statistics().handles === 0);
});

Deno.test("an early break runs the generator's finally on the hub before it goes on", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  streams.log.length = 0;
  const thread = streams.firstOfEndless(3).then((items) => [items, [...streams.log]]);
  assertEquals(await thread, [[0, 1, 2], ["finally"]]);
  await until(() => hub.statistics().handles === 0);
});

Deno.test("the hub asks for no item that green code has not asked for", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  await streams.firstOfEndless(3);
  assertEquals(streams.made, 3);
});

Deno.test("an early break does not wait for a generator that waits for something else", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await streams.firstOfStuck(), 1);
  await until(() => hub.statistics().handles === 0);
});

Deno.test("J109 an error in the middle arrives after the items before it", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await streams.untilBroken(), [[1, 2], "RangeError", "in the middle"]);
  await until(() => hub.statistics().handles === 0);
});

Deno.test("an iterator of the hub whose next() gives no object fails, as `for await` does", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  for (const next of [() => Promise.resolve(undefined), () => 5]) {
    const wrong = { [Symbol.asyncIterator]: () => ({ next }) } as unknown as Iterable<unknown>;
    const thread = hub.spawn((wrong: Iterable<unknown>) => [...wrong], handle(wrong) as never);
    assertMatch(
      (await rejection(thread, TypeError)).message,
      /expected next\(\) to give an object/,
    );
  }
});

Deno.test("GreenThread.kill() ends an iteration that is waiting", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { promise, resolve } = Promise.withResolvers<void>();
  const thread = streams.waitForStuck(resolve);
  await promise;
  thread.kill();
  await assertRejects(async () => await thread);
  await until(() => hub.statistics().handles === 0 && hub.statistics().calls === 0);
});

Deno.test("green code iterates over a ReadableStream of bytes, and a break cancels it", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const chunks = Math.ceil(BYTES / CHUNK);
  const before = Deno.memoryUsage().rss;
  assertEquals(await streams.readStream(chunks, CHUNK, 0), chunks * CHUNK);
  const grown = Deno.memoryUsage().rss - before;
  assert(grown < 600e6, `memory grew by ${grown}`);
  streams.log.length = 0;
  assertEquals(await streams.readStream(chunks, CHUNK, 2), 2 * CHUNK);
  assertEquals(streams.log, ["cancelled"]);
  await until(() => hub.statistics().handles === 0);
});

Deno.test("nested iterables, maps by handle and iterables without a class cross", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await streams.assorted(), [["a", "b"], [["a", 1], ["b", 2]], "nested", [0, 1, 2]]);
});

Deno.test("a WritableStream becomes write() and close() that block under backpressure", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const chunks = Math.ceil(BYTES / CHUNK);
  let bytes = 0;
  let queued = 0;
  let most = 0;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      most = Math.max(most, ++queued);
      controller.enqueue(chunk);
    },
  });
  const thread = streams.writeTo(writable as never, chunks, CHUNK);
  for await (const chunk of readable) {
    queued--;
    bytes += chunk.length;
  }
  assertEquals(bytes, await thread);
  assert(most <= 3, `${most} chunks were waiting`);
});

Deno.test("a WritableStream that fails throws in green code", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const writable = new WritableStream({
    write() {
      throw new RangeError("disk full");
    },
  });
  await assertRejects(
    async () => await streams.writeTo(writable as never, 10, 1),
    RangeError,
    "disk full",
  );
});

for (const way of ["close", "abort"] as const) {
  Deno.test(`a WritableStream whose ${way}() fails throws that in green code, and is not left locked`, async () => {
    await using _hub = new TestHub({ maxWorkers: 1 });
    const fail = () => {
      throw new RangeError("disk full");
    };
    const writable = new WritableStream({ [way]: fail });
    const thread = spawn(
      (writer: { close(): void; abort(): void }, way: "close" | "abort") => writer[way](),
      writable as never,
      way,
    );
    await assertRejects(async () => await thread, RangeError, "disk full");
    assertEquals(writable.locked, false);
  });
}

Deno.test("J109 P138 a green generator function gives the hub an async iterable", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const items: number[] = [];
  for await (const item of await streams.greenCount(500)) items.push(item);
  assertEquals(items, Array.from({ length: 500 }, (_, i) => i));
  assertEquals(await streams.takeGreenLog(), ["green finally"]);
});

Deno.test("a green generator is not ahead of the hub", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const made = await streams.greenMadeWord();
  for await (const item of await streams.greenEndless()) {
    // Other threads have the Worker in between, so it has had all the time it wants.
    assert(await spawn(() => true));
    assertEquals(made[0], item + 1);
    if (item === 30) break;
  }
});

Deno.test("a break on the hub runs the green generator's finally", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  for await (const item of await streams.greenCount(1e6)) if (item === 3) break;
  assertEquals(await streams.takeGreenLog(), ["green finally"]);
});

Deno.test("an error in the middle of a green generator arrives after its items", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const items: number[] = [];
  await assertRejects(
    async () => {
      for await (const item of await streams.greenBreaking()) items.push(item as number);
    },
    RangeError,
    "green middle",
  );
  assertEquals(items, [1, 2]);
});

Deno.test("a green generator streams bytes in constant memory", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const chunks = Math.ceil(BYTES / CHUNK);
  const before = Deno.memoryUsage().rss;
  let bytes = 0;
  for await (const chunk of await streams.greenBytes(chunks, CHUNK)) bytes += chunk.length;
  assertEquals(bytes, chunks * CHUNK);
  const grown = Deno.memoryUsage().rss - before;
  assert(grown < 600e6, `memory grew by ${grown}`);
});

Deno.test("a green generator as an argument is iterated over inside the call", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await streams.sumOfGreen(1000), 500500);
});

Deno.test("other threads run while the hub iterates over a green generator", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  let sum = 0;
  for await (const item of await streams.greenCount(200)) {
    if (item % 50 === 0) sum += await spawn((n: number) => n, item);
  }
  assertEquals(sum, 300);
});
