import { currentCall, GreenletExit, type GreenThread } from "@aiohub/aiohub";
import { assertEquals, assertLess, assertStrictEquals } from "@std/assert";
import { Call, servedCount } from "../../../hub/base/call_context.ts";
import { takeLock } from "../../../hub/references/object_lock.ts";
import { parked, rejection, TestHub, until } from "../../support/mod.ts";

declare function call(name: string, ...args: unknown[]): unknown;

/** Has what nobody holds any more collected, as far as that can be had without a flag: by making garbage. */
async function collected(condition: () => boolean): Promise<void> {
  await until(() => {
    Array.from({ length: 200_000 }, (_, i) => ({ i }));
    return condition();
  });
}

Deno.test("currentCall() is the call until the function has settled, and nothing in what it leaves running", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const seen: unknown[] = [];
  const left: Promise<unknown>[] = [];
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  hub.expose({
    plain() {
      const id = currentCall()?.threadId;
      left.push(gate.then(() => seen.push(currentCall())));
      return id;
    },
    async later() {
      const before = currentCall();
      left.push(gate.then(() => seen.push(currentCall())));
      await null;
      await new Promise((resolve) => setTimeout(resolve, 1));
      assertStrictEquals(currentCall(), before);
      return before?.threadId;
    },
    fails() {
      left.push(gate.then(() => seen.push(currentCall())));
      throw new RangeError("no");
    },
  });
  const thread = hub.spawn(() => {
    const ids = [call("plain"), call("later")];
    try {
      call("fails");
    } catch { /* It is to fail. */ }
    return ids;
  });
  assertEquals(await thread, [thread.id, thread.id]);
  assertEquals(servedCount(), 0);
  // Another call is served while what they have left goes on.
  hub.expose({
    async opens() {
      open();
      await Promise.all(left);
    },
  });
  await hub.spawn(() => void call("opens"));
  assertEquals(seen, [undefined, undefined, undefined]);
  assertEquals(servedCount(), 0);
});

Deno.test("calls at the same time each have their own currentCall(), those of .spawn() too", async () => {
  await using hub = new TestHub({ maxWorkers: 4 });
  hub.expose({
    async id(wait: number) {
      const at = currentCall();
      for (let i = 0; i < wait; i++) await null;
      assertStrictEquals(currentCall(), at);
      return at!.threadId;
    },
  });
  const threads = Array.from({ length: 40 }, () =>
    hub.spawn(() => {
      const ids = new Set<unknown>();
      for (let i = 0; i < 50; i++) ids.add(call("id", i % 7));
      return [...ids];
    }));
  for (const thread of threads) assertEquals(await thread, [thread.id]);
  assertEquals(servedCount(), 0);
});

Deno.test("a call that was given up is the function's until it settles, or can never do so", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const seen: unknown[] = [];
  hub.expose({
    async stubborn() {
      const at = currentCall()!;
      await gate;
      seen.push(currentCall() === at, at.signal.aborted);
    },
    endless() {
      return new Promise(() => {});
    },
  });
  const stubborn = hub.spawn(() => void call("stubborn"));
  await parked(hub, stubborn);
  stubborn.kill();
  await rejection(stubborn, GreenletExit);
  const endless = hub.spawn(() => void call("endless"));
  await parked(hub, endless);
  endless.kill();
  await rejection(endless, GreenletExit);
  assertEquals(servedCount() >= 1, true);
  open();
  await until(() => seen.length === 2);
  assertEquals(seen, [true, true]);
  await collected(() => servedCount() === 0);
});

Deno.test("a call that goes on and on forgets the threads that it has awaited", () => {
  const call = new Call(1, "serve");
  const lasting = { dead: false } as GreenThread;
  call.awaits(lasting);
  for (let i = 0; i < 1000; i++) {
    const thread = { dead: false };
    call.awaits(thread as GreenThread);
    thread.dead = true;
    assertLess([...call.awaited].length, 20);
    // The same one again is one.
    if (i === 500) call.awaits(lasting);
  }
  assertEquals([...call.awaited].filter(({ dead }) => !dead), [lasting]);
  call.end();
  assertEquals([...call.awaited], []);
});

Deno.test("a lock that is taken for a caller who has gone meanwhile is let go of", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const object = {};
  const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const answered = Promise.withResolvers<void>();
  hub.expose({
    async lock() {
      asked.resolve();
      await gate.promise;
      try {
        return takeLock(object);
      } finally {
        answered.resolve();
      }
    },
  });
  const thread = hub.spawn(() => call("lock"));
  await asked.promise;
  thread.kill();
  await rejection(thread, GreenletExit);
  gate.resolve();
  await answered.promise;
  // Whoever asks now, and whoever waited, has it.
  const lock = await takeLock(object);
  lock.released();
});
