/** Options that are none: what somebody meant by them would be lost, and a limit be no limit. */

import {
  DAGPool,
  futureToGreenlet,
  getHub,
  GreenEvent,
  joinAllAsync,
  killAllAsync,
  Lock,
  PriorityQueue,
  spawn,
  updateAsync,
  useHub,
  withTimeout,
  withTimeoutAsync,
} from "@aiohub/aiohub";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { hubCalls, hubWaits } from "../../support/option_calls.ts";

const wrong = (value: unknown) => value as never;

for (const [name, take] of Object.entries({ ...hubCalls, ...hubWaits })) {
  Deno.test(`${name}() refuses options that are no object`, async () => {
    for (const options of [5, "name", true, null]) {
      await assertRejects(
        async () => await take(wrong(options)),
        TypeError,
        "expected an object of options",
      );
    }
  });
}

Deno.test("a coordination object refuses a name that is no string", async () => {
  for (const name of [5, null, {}]) {
    await assertRejects(
      async () => await new Lock(wrong({ name })),
      TypeError,
      'expected a string for "name"',
    );
  }
});

const others: Readonly<Record<string, readonly [message: string, call: () => unknown]>> = {
  "useHub()": ["expected a Hub or undefined, found 5", () => useHub(wrong(5))],
  "updateAsync()": ["expected an object, found 5", () => updateAsync(wrong(5), () => 1)],
  "GreenEvent.settle()": [
    "expected what outcome() of a thread that has ended gave, found undefined",
    () => new GreenEvent().settle(wrong(spawn(() => 1).outcome())),
  ],
  "joinAllAsync()": ["expected an iterable of them, found 5", () => joinAllAsync(wrong(5))],
  "joinAllAsync() with a signal": [
    "expected an AbortSignal",
    () => joinAllAsync([], wrong({ signal: {} })),
  ],
  "withTimeoutAsync() with a limit": [
    'found an object without "ms"',
    () => withTimeoutAsync(wrong({ timeout: 5 }), () => 1),
  ],
  "withTimeoutAsync()": [
    "expected a function, found undefined",
    () => withTimeoutAsync(5, wrong(undefined)),
  ],
  "withTimeout()": [
    'found an object without "ms"',
    () => spawn(() => withTimeout({ timeout: 5 } as never, () => 1)),
  ],
  "PriorityQueue.tryPut()": [
    'expected a number for "priority", found "high"',
    () => new PriorityQueue().tryPut(1, { priority: wrong("high") }),
  ],
  "new DAGPool()": ["expected an object or pairs of values, found 5", () => new DAGPool(wrong(5))],
  "DAGPool.spawn()": [
    "expected an iterable of the keys that it needs, found 5",
    () => new DAGPool().spawn("a", wrong(5), () => 1),
  ],
};

for (const [name, [message, call]] of Object.entries(others)) {
  Deno.test(`${name} says what it found and what it wants`, async () => {
    await assertRejects(async () => await call(), TypeError, message);
  });
}

Deno.test("useHub() leaves the hub that is used alone when it refuses one", async () => {
  const hub = getHub();
  await assertRejects(async () => await useHub(wrong({})), TypeError);
  assertStrictEquals(getHub(), hub);
});

Deno.test("killAllAsync() kills nobody when one of the threads is none", async () => {
  const gate = Promise.withResolvers<number>();
  const thread = futureToGreenlet(gate.promise);
  await assertRejects(
    () => killAllAsync(wrong([thread, "x"])),
    TypeError,
    'expected a GreenThread, found "x"',
  );
  gate.resolve(3);
  assertEquals(await thread, 3);
});
