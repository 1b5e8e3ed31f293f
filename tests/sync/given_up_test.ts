/** A Worker that was given up, and goes on, gives back nothing of what is somebody else's by then. */

import {
  BoundedSemaphore,
  type GreenThread,
  Hub,
  Lock,
  Pool,
  RLock,
  Semaphore,
} from "@aiohub/aiohub";
import { assertEquals, assertRejects } from "@std/assert";
import { DONE, GOES_ON, HOLDS, type How, type Steps } from "../fixtures/given_up.ts";
import { fixture, testApart, until } from "../support/mod.ts";

type Fixture = typeof import("../fixtures/given_up.ts");
const MODULE = fixture("given_up.ts");

/**
 * Has a hub give up the Worker of a thread that computes while it holds something.
 *
 * @param start Starts it.
 * @returns Lets it give that back after all.
 */
async function giveUp(start: (steps: Steps) => GreenThread<void>): Promise<() => Promise<void>> {
  const steps = new Int32Array(new SharedArrayBuffer(4));
  const thread = start(steps);
  await until(() => Atomics.load(steps, 0) === HOLDS);
  thread.kill(undefined, { grace: 0 });
  await assertRejects(() => thread.then());
  return async () => {
    Atomics.store(steps, 0, GOES_ON);
    await until(() => Atomics.load(steps, 0) === DONE);
  };
}

for (const how of ["by hand", "by using", "in the middle"] as readonly How[]) {
  testApart(import.meta, `a permit that the next one has is not given back ${how}`, async () => {
    for (const Class of [Lock, RLock, Semaphore, BoundedSemaphore]) {
      await using hub = new Hub({ maxWorkers: 1 });
      const { hold } = hub.greenImport<Fixture>(MODULE);
      const object = new Class();
      const goOn = await giveUp((steps) => hold(object, Class === RLock, steps, how));
      const permit = await object.acquireAsync();
      await goOn();
      assertEquals([object.locked, object.tryAcquire()], [true, undefined], Class.name);
      permit.release();
      assertEquals(object.locked, false);
    }
  });

  testApart(import.meta, `an RLock that the next one has twice stays its own ${how}`, async () => {
    await using hub = new Hub({ maxWorkers: 2 });
    const { hold, next } = hub.greenImport<Fixture>(MODULE);
    const [lock, ready, go] = [new RLock(), new Semaphore(0), new Semaphore(0)];
    const goOn = await giveUp((steps) => hold(lock, true, steps, how));
    const other = next(lock, ready, go);
    await ready.acquireAsync();
    await goOn();
    go.release();
    // It has released it once by now.
    await ready.acquireAsync();
    assertEquals(lock.describe().holder, other.id);
    go.release();
    await other;
    assertEquals(lock.locked, false);
  });
}

testApart(import.meta, "a place of a Pool that the next one has is not given back", async () => {
  await using hub = new Hub({ maxWorkers: 1 });
  const { lend } = hub.greenImport<Fixture>(MODULE);
  let made = 0;
  const pool = new Pool({ create: () => `resource ${++made}`, maxSize: 1 });
  const goOn = await giveUp((steps) => lend(pool, steps));
  const resource = await pool.getAsync();
  await goOn();
  assertEquals([resource, pool.free], ["resource 2", 0]);
  pool.put(resource);
  assertEquals([await pool.getAsync(), pool.free], ["resource 2", 0]);
});
