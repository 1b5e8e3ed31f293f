import { assertEquals } from "@std/assert";
import { TestHub } from "../../support/mod.ts";

/** More than a ring takes at once, so that most of it is still to be written when the call returns. */
const LARGE = 4 << 20;

Deno.test("spawn() sends bytes as they were when it was called", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const bytes = new Uint8Array(LARGE).fill(7);
  const sum = (bytes: Uint8Array) => bytes.reduce((sum, byte) => sum + byte, 0);
  const queued = hub.spawn(sum, bytes);
  bytes.fill(1);
  assertEquals(await queued, 7 * LARGE);
  bytes.fill(7);
  // The Worker is idle now, so it is sent at once, as far as there is room.
  const running = hub.spawn(sum, bytes);
  bytes.fill(1);
  assertEquals(await running, 7 * LARGE);
});

Deno.test("a callback's result crosses as it was when it was returned", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const bytes = new Uint8Array(LARGE).fill(7);
  const thread = hub.spawn(
    (read: () => Uint8Array) => read().reduce((sum, byte) => sum + byte, 0),
    () => {
      queueMicrotask(() => queueMicrotask(() => bytes.fill(1)));
      return bytes;
    },
  );
  assertEquals(await thread, 7 * LARGE);
});
