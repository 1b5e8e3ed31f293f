import { futureToGreenlet, type GreenThread, handle, Hub } from "@aiohub/aiohub";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { GreenletExit } from "@aiohub/aiohub";
import { parked, rejection, TestHub } from "../support/mod.ts";

// The Workers of both have the same numbers, and so have the first functions that they give away.

Deno.test("functions and handles of one hub's threads are the same in another hub", async () => {
  await using a = new TestHub({ name: "a", maxWorkers: 1 });
  await using b = new Hub({ name: "b", maxWorkers: 1 });
  const make = (name: string) => [() => name, handle({ name })] as const;
  const [ofA, objectOfA] = await a.spawn(make, "a");
  const [ofB, objectOfB] = await b.spawn(make, "b");
  const call = (fn: () => string, object: { name: string }) => [fn(), object.name];
  assertEquals(await b.spawn(call as never, ofA, objectOfA), ["a", "a"]);
  assertEquals(await a.spawn(call as never, ofB, objectOfB), ["b", "b"]);
  const echo = (fn: unknown) => fn;
  assertStrictEquals(await a.spawn(echo, ofB), ofB);
});

Deno.test("a thread of one hub is waited for, killed and given back in another", async () => {
  await using a = new TestHub({ name: "a", maxWorkers: 1 });
  await using b = new Hub({ name: "b", maxWorkers: 1 });
  const gate = Promise.withResolvers<number>();
  const thread = a.spawn((wait: () => number) => wait(), (() => gate.promise) as never);
  const wait = (thread: GreenThread<number>) => thread.wait();
  const waiting = b.spawn(wait, thread);
  await parked(b, waiting);
  const [back] = await b.spawn((thread: unknown) => [thread], thread);
  assertStrictEquals(back, thread);
  gate.resolve(42);
  assertEquals(await waiting, 42);
  assertEquals(await b.spawn(wait, futureToGreenlet(Promise.resolve(7))), 7);

  const never = a.spawn((wait: () => void) => wait(), () => new Promise<void>(() => {}));
  await b.spawn((thread: GreenThread) => thread.kill(), never);
  await rejection(never, GreenletExit);
  assertEquals(never.state, "killed");
});
