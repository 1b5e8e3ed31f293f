import { BlockingCallError, futureToGreenlet, greenletToFuture, GreenThread } from "@aiohub/aiohub";
import { HubPromise, spawn } from "@aiohub/aiohub";
import { assertEquals, assertInstanceOf, assertMatch, assertStrictEquals } from "@std/assert";
import { assertThrows } from "@std/assert";
import { echo } from "../../fixtures/both_ways.ts";
import { fixture, rejection, TestHub, thrownBy } from "../../support/mod.ts";

const hub = TestHub.shared({ maxWorkers: 1 });

Deno.test("futureToGreenlet() on the hub gives a handle that green code waits for", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const future = futureToGreenlet(promise);
  assertInstanceOf(future, GreenThread);
  assertEquals(future.state, "running");
  const thread = hub.spawn(
    (future: GreenThread<number>, ask: () => void) => {
      ask();
      return future.wait() + future.wait();
    },
    future,
    () => resolve(21),
  );
  assertEquals(await thread, 42);
  assertEquals(await future, 21);
});

Deno.test("futureToGreenlet() of a promise that has settled works the same", async () => {
  const future = futureToGreenlet(Promise.resolve({ a: [1] }));
  await future;
  const thread = hub.spawn((future: GreenThread<{ a: number[] }>) => future.wait(), future);
  assertEquals(await thread, { a: [1] });
});

Deno.test("futureToGreenlet() throws in green code what the promise rejected with", async () => {
  const future = futureToGreenlet(Promise.reject(new RangeError("rejected")));
  const thread = hub.spawn((future: GreenThread) => {
    try {
      future.wait();
    } catch (error) {
      return [error instanceof RangeError, (error as Error).message, future.state];
    }
  }, future);
  assertEquals(await thread, [true, "rejected", "rejected"]);
  assertInstanceOf(await thrownBy(future), RangeError);
});

Deno.test("futureToGreenlet() takes a function that makes the promise", async () => {
  await using _hub = new TestHub();
  const future = futureToGreenlet((signal) => Promise.resolve(signal.aborted));
  assertEquals(await future, false);
});

Deno.test("futureToGreenlet() on the hub serves many waiters", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const { promise, resolve } = Promise.withResolvers<string>();
  const future = futureToGreenlet(promise);
  const waits = [1, 2, 3].map(() =>
    hub.spawn((future: GreenThread<string>) => future.wait(), future)
  );
  resolve("for all");
  assertEquals(await Promise.all(waits), ["for all", "for all", "for all"]);
});

Deno.test("futureToGreenlet() of a green thread is that thread", async () => {
  const thread = hub.spawn(() => 1);
  assertStrictEquals(futureToGreenlet(thread), thread);
  await thread;
});

Deno.test("futureToGreenlet() in green code takes what .async() gave, as in the original's README", async () => {
  const work = async (url: string) => {
    const { echo } = await import(url) as typeof import("../../fixtures/both_ways.ts");
    const promise = echo.async(5);
    return [promise instanceof HubPromise, futureToGreenlet(promise).wait(), await promise];
  };
  assertEquals(await spawn(work, fixture("both_ways.ts")), [true, 5, 5]);
});

Deno.test("futureToGreenlet() refuses what is no promise", async () => {
  const error = assertThrows(() => futureToGreenlet(5 as never), TypeError);
  assertMatch(error.message, /expected a promise or a function that makes one, found 5$/);
  const own = spawn(() => futureToGreenlet(Promise.resolve(1)).wait());
  assertMatch(
    (await rejection(own, TypeError)).message,
    /found a promise of this Worker, which cannot settle while green code blocks$/,
  );
});

Deno.test("greenletToFuture() gives a promise of the result", async () => {
  const promise = greenletToFuture(hub.spawn(() => 42));
  assertInstanceOf(promise, Promise);
  assertEquals(await promise, 42);
  const failing = hub.spawn(() => {
    throw new RangeError("from green code");
  });
  assertEquals((await rejection(greenletToFuture(failing), RangeError)).message, "from green code");
  assertEquals(await greenletToFuture(echo.spawn(3)), 3);
});

Deno.test("greenletToFuture() refuses what is no green thread", () => {
  const error = assertThrows(() => greenletToFuture(Promise.resolve() as never), TypeError);
  assertMatch(error.message, /^Cannot make a future: expected a green thread, found an object of/);
});

Deno.test("J117 GreenThread.wait() on the hub throws at once and names the twin", async () => {
  const thread = hub.spawn(() => 1);
  const error = assertThrows(() => thread.wait(), BlockingCallError);
  assertMatch(error.message, /^Cannot wait\(\) on the hub as it would block .*: use await$/);
  assertEquals(await thread, 1);
});

Deno.test("futureToGreenlet() work may kill its own thread before its first await", async () => {
  let signal: AbortSignal | undefined;
  const future: GreenThread<void> = futureToGreenlet(async (its) => {
    signal = its;
    future.kill(new RangeError("enough"));
    await Promise.resolve();
  }, { autostart: false });
  await rejection(future, RangeError);
  assertEquals([future.state, signal?.aborted], ["killed", true]);
});
