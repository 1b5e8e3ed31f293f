import { type GreenThread, handle, Queue } from "@aiohub/aiohub";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { TestHub } from "../../support/mod.ts";
import { type GreenTill, Till } from "../../fixtures/passing_on.ts";
import * as passing from "../../fixtures/passing_on.ts";

TestHub.shared({ maxWorkers: 1 });

/** An instance of a class, which could not cross by itself, and a plain object, which would cross as a copy. */
const tills: Record<string, () => { cents: number; add(cents: number): unknown }> = {
  "an instance": () => new Till(),
  "a plain object": () => ({
    cents: 0,
    add(cents: number) {
      return this.cents += cents;
    },
  }),
};

for (const [what, make] of Object.entries(tills)) {
  Deno.test(`J19 a handle of ${what} stays one for the threads that it is passed on to`, async () => {
    await using _hub = new TestHub({ maxWorkers: 3 });
    const till = make();
    const passed = handle(till) as unknown as GreenTill;
    assertEquals(await passing.passOn(passed), [1, 3]);

    const thread = passing.giveBack(passed);
    assertEquals(await passing.useResultOf(thread as unknown as GreenThread<never>), 7);
    assertStrictEquals((await thread).till as unknown, till);
    // Its result is known now, and goes with the handle.
    assertEquals(await passing.useResultOf(thread as unknown as GreenThread<never>), 11);

    const fn = await passing.adder() as unknown as (till: GreenTill) => number;
    assertEquals(await passing.callWith(fn, passed), 27);
    assertEquals(till.cents, 27);
  });

  Deno.test(`a handle of ${what} waits in a queue for either side`, async () => {
    await using _hub = new TestHub({ maxWorkers: 2 });
    const till = make();
    const passed = handle(till) as unknown as GreenTill;
    const queue = new Queue<unknown>();
    await queue.putAsync(passed);
    assertEquals(await passing.takeAndAdd(queue as Queue<GreenTill>), 8);
    await passing.put(queue, passed);
    assertEquals(await passing.takeAndAdd(queue as Queue<GreenTill>), 16);
    await passing.put(queue, passed);
    assertStrictEquals(await queue.getAsync(), till);
    await queue.putAsync(passed);
    assertStrictEquals(await queue.getAsync(), till);
    assertEquals(till.cents, 16);
  });
}

Deno.test("a green object is reached from other Workers, by a queue too", async () => {
  await using _hub = new TestHub({ maxWorkers: 3 });
  const till = await passing.openTill() as unknown as GreenTill;
  assertEquals(await passing.passOn(till), [1, 3]);
  const queue = new Queue<GreenTill>();
  await queue.putAsync(till);
  assertEquals(await passing.takeAndAdd(queue), 11);
});

Deno.test("functions, streams and blobs wait in a queue as well", async () => {
  const queue = new Queue<unknown>();
  await queue.putAsync(Object.assign(() => {}, { is: "function" }));
  assertEquals(typeof await queue.getAsync(), "function");
  for (
    const item of [() => 1, new Blob(["x"]), ReadableStream.from([1]), [1].values(), new URL("x:y")]
  ) {
    await queue.putAsync(item);
    assertStrictEquals(Object.getPrototypeOf(await queue.getAsync()), Object.getPrototypeOf(item));
  }
});

Deno.test("what a thread returns by reference reaches the one on whose stack it ran", async () => {
  const till = handle(new Till()) as unknown as GreenTill;
  const { signal } = new AbortController();
  assertEquals(await passing.takeAll(till, () => 6, signal), {
    same: { handle: true, function: true, signal: true, thread: true },
    used: [1, 6, 7, 8, 5],
    values: [1, 4, 0, 2],
  });
  assertEquals(await passing.catchTill(till), true);
});
