import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import type { GreenWorker } from "../../../hub/records/worker.ts";
import type { HubThread } from "../../../hub/records/thread.ts";
import { Lending } from "../../../hub/pool/saturation.ts";
import { until } from "../../support/mod.ts";

const PATIENCE = 40;

/** A pool with a thread in its queue, whose Workers are blocked or not, as the test says. */
function fakePool(size: number) {
  const threads = Array.from({ length: size }, () => ({ lends: false } as HubThread));
  const workers = new Set(threads.map((thread) => ({ stack: [thread] } as unknown as GreenWorker)));
  const waits = new Map<HubThread, () => number | undefined>(threads.map((t) => [t, () => 1]));
  const state = { looks: 0, lent: [] as number[], queued: true };
  const lending = new Lending({
    workers,
    waits: () => (state.looks++, state.queued),
    needy: () => true,
    waitOf: (worker) => waits.get(worker.stack.at(-1)!)!(),
    lent: () => void state.lent.push(performance.now()),
  }, PATIENCE);
  return { threads, waits, state, lending };
}

const lenders = (threads: readonly HubThread[]) => threads.filter(({ lends }) => lends).length;

Deno.test("K6 Lending lends one place at a time, each after twice the time", async () => {
  const { threads, state, lending } = fakePool(8);
  const start = performance.now();
  lending.watch();
  await until(() => state.lent.length === 3);
  lending.stop();
  assertEquals(lenders(threads), 3);
  const [first, second, third] = state.lent;
  // A timer counts whole milliseconds, and may be early by a part of one.
  assertGreaterOrEqual(first - start, PATIENCE - 1);
  assertGreaterOrEqual(second - first, 2 * PATIENCE - 1);
  assertGreaterOrEqual(third - second, 4 * PATIENCE - 1);
});

Deno.test("K6 Lending lends nothing while one thread goes on, or is not blocked", async () => {
  for (const wait of [() => performance.now(), () => undefined]) {
    const { threads, waits, state, lending } = fakePool(3);
    waits.set(threads[1], wait);
    lending.watch();
    await until(() => state.looks > 16);
    lending.stop();
    assertEquals([state.lent, lenders(threads)], [[], 0]);
  }
});

Deno.test("K6 Lending takes a place back whose thread goes on", async () => {
  const { threads, waits, state, lending } = fakePool(2);
  lending.watch();
  await until(() => state.lent.length === 1);
  const [lender] = threads.filter(({ lends }) => lends);
  waits.set(lender, () => performance.now());
  await until(() => !lender.lends);
  lending.stop();
  assertEquals(lenders(threads), 0);
});

Deno.test("K6 Lending stops looking when the queue is empty", async () => {
  const { state, lending } = fakePool(1);
  state.queued = false;
  lending.watch();
  await until(() => state.looks === 1);
  state.queued = true;
  const { looks } = state;
  await new Promise((resolve) => setTimeout(resolve, PATIENCE));
  assertEquals(state.looks, looks);
  lending.watch();
  await until(() => state.lent.length === 1);
  lending.stop();
});
