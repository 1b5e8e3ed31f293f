/** Objects of the library that do not cross: the refusal says what to do instead, on both sides. */

import { GreenPile, Lock, NotCloneableError, spawnWith } from "@aiohub/aiohub";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { rejection, TestHub } from "../support/mod.ts";

const ADVICE = {
  Permit:
    "pass the lock or semaphore itself, or release the permit on the side that acquired the permit",
  Spawner: "pass its options, and call spawnWith() on the other side",
  Hub: "green code needs no hub: spawn() and its like there use the hub of their thread",
  GreenPile: "send an array of its results, or pass its pool",
};

/** Checks a refusal. The middle of its text says why the object cannot be cloned, where that is known. */
function check(
  { message }: Error,
  path: string,
  name: keyof typeof ADVICE,
  Class = name as string,
) {
  const begin = `Cannot send ${path}: instance of class "${Class}" cannot be cloned: `;
  assert(message.startsWith(begin) && message.endsWith(`: ${ADVICE[name]}`), message);
  assertEquals(message.includes("registerClass"), false);
}

Deno.test("Permit, Spawner and Hub do not cross to green code, and the refusal says what to do", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  using permit = await new Lock().acquireAsync();
  const refused = (value: unknown) =>
    assertThrows(() => hub.spawn((_value: unknown) => {}, value), NotCloneableError);
  check(refused(permit), "arguments[0]", "Permit");
  check(refused(spawnWith({ name: "a" })), "arguments[0]", "Spawner");
  check(refused(hub), "arguments[0]", "Hub", "TestHub");
});

Deno.test("Permit, Spawner and GreenPile of green code do not cross to the hub, and the refusal says what to do", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const made = {
    Permit: () => new Lock().acquire(),
    Spawner: () => spawnWith({ name: "a" }),
    GreenPile: () => new GreenPile(1),
  };
  for (const name of ["Permit", "Spawner", "GreenPile"] as const) {
    const error = await rejection(hub.spawn(made[name] as () => unknown), NotCloneableError);
    check(error, "result", name);
  }
});
