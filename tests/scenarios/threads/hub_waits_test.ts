import { futureToGreenlet, greenletToFuture, joinAllAsync, Lock } from "@aiohub/aiohub";
import { Queue, WorkerCrashedError } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";
import { sleep } from "@aiohub/aiohub/green";
import * as waits from "../../fixtures/hub_waits.ts";
import { rejection, TestHub, thrownBy } from "../../support/mod.ts";

for (const way of Object.keys(waits.ways) as (keyof typeof waits.ways)[]) {
  Deno.test(`a function of the hub may wait for a thread that has no Worker yet: by ${way}`, async () => {
    await using _hub = new TestHub({ maxWorkers: 1 });
    assertEquals(await waits.calls(way), 20);
  });
}

for (const cooperative of [false, true]) {
  Deno.test(`a callback on an idle Worker may wait for new threads, cooperative ${cooperative}`, async () => {
    await using _hub = new TestHub({ maxWorkers: 1, cooperative });
    const callbacks = await waits.callbacks() as unknown as Record<string, () => Promise<number>>;
    for (const name of ["waits", "calls", "gets", "spawnsLocal"]) {
      assertEquals([name, await callbacks[name]()], [name, 20]);
    }
  });
}

Deno.test("a callback on an idle Worker that dies gives back what it held", async () => {
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
  const lock = new Lock();
  const dies = await hub.spawn((lock: Lock) => () => {
    lock.acquire();
    Deno.exit(3);
  }, lock) as unknown as () => Promise<void>;
  await rejection(dies(), WorkerCrashedError);
  await lock.acquireAsync();
  lock.release();
});

Deno.test("a function of the hub that gives a handle gives one the first time too", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const gate = Promise.withResolvers<number>();
  waits.give(futureToGreenlet(gate.promise));
  assertEquals(await waits.getsThread(), [false, false]);
  // Queues are read by a function of the hub as well.
  const queue = new Queue<unknown>();
  queue.tryPut(futureToGreenlet(gate.promise));
  const isDead = (queue: Queue<unknown>) => (queue.get() as { dead: boolean }).dead;
  assertEquals(await hub.spawn(isDead, queue), false);
  gate.resolve(1);
});

Deno.test("joinAllAsync() wants its threads: it starts those that wait for that, and an abort elsewhere leaves them", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const lazy = futureToGreenlet(() => Promise.resolve(42), { autostart: false });
  const [ended] = await joinAllAsync([lazy]);
  assertEquals(ended.outcome(), { status: "fulfilled", value: 42 });

  const gate = Promise.withResolvers<void>();
  const thread = hub.spawn((wait: () => void) => wait(), () => gate.promise);
  const joined = joinAllAsync([thread]);
  const controller = new AbortController();
  const future = greenletToFuture(thread, { signal: controller.signal });
  controller.abort();
  await thrownBy(future);
  gate.resolve();
  await joined;
  assertEquals(thread.state, "fulfilled");
  // Who has left does not want it any more.
  const sleeping = hub.spawn(() => sleep(60_000));
  assertEquals(await joinAllAsync([sleeping], { timeout: 0 }), []);
  await thrownBy(greenletToFuture(sleeping, { signal: controller.signal }));
  await thrownBy(sleeping);
  assertEquals(sleeping.state, "killed");
});
