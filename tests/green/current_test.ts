import { BlockingCallError, type GreenThread, spawn } from "@aiohub/aiohub";
import { getCurrent } from "@aiohub/aiohub/green";
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { TestHub } from "../support/mod.ts";

Deno.test("getCurrent() is the green thread that calls it", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(function myself() {
    const { id, name, state, dead } = getCurrent();
    return { id, name, state, dead, same: getCurrent() === getCurrent() };
  });
  assertEquals(await thread, {
    id: thread.id,
    name: thread.name,
    state: "running",
    dead: false,
    same: true,
  });
});

Deno.test("getCurrent() is the inner green thread while one runs on another one's stack", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(() => {
    const inner = spawn(() => getCurrent().id);
    const before = getCurrent().id;
    return { isInner: inner.wait() === inner.id, isSame: getCurrent().id === before };
  });
  assertEquals(await thread, { isInner: true, isSame: true });
});

Deno.test("getCurrent() crosses as the handle that the hub has", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const seen: GreenThread[] = [];
  const thread = hub.spawn(
    (tell: (threads: GreenThread[]) => void) => tell([getCurrent()]),
    (threads) => void seen.push(...threads),
  );
  await thread;
  assertStrictEquals(seen[0], thread as GreenThread);
});

Deno.test("getCurrent() on the hub throws a BlockingCallError", () => {
  assertThrows(() => getCurrent(), BlockingCallError, "Cannot call getCurrent() on the hub");
});
