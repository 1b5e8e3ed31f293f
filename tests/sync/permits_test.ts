/** Permits: what every acquire gives, and what becomes of a permit that is released more than once. */

import {
  BoundedSemaphore,
  CappedSemaphore,
  Condition,
  Lock,
  Permit,
  RLock,
  Semaphore,
  spawn,
} from "@aiohub/aiohub";
import { assertEquals, assertInstanceOf } from "@std/assert";

/** What gives permits: one permit each, so that who has it keeps others out. */
type Giver = Semaphore | CappedSemaphore | Lock | RLock | Condition;

const givers: Readonly<Record<string, () => Giver>> = {
  Semaphore: () => new Semaphore(1),
  BoundedSemaphore: () => new BoundedSemaphore(1),
  CappedSemaphore: () => new CappedSemaphore(1, 1),
  Lock: () => new Lock(),
  RLock: () => new RLock(),
  Condition: () => new Condition(),
  "Condition of an RLock": () => new Condition(new RLock()),
};

for (const [name, make] of Object.entries(givers)) {
  Deno.test(`${name} gives a permit to async code by each acquire, and has it back once`, async () => {
    const giver = make();
    const permit = await giver.acquireAsync();
    assertInstanceOf(permit, Permit);
    assertEquals(giver.tryAcquire(), undefined);
    permit.release();
    const second = giver.tryAcquire();
    assertInstanceOf(second, Permit);
    permit.release();
    permit[Symbol.dispose]();
    assertEquals(giver.tryAcquire(), undefined, "the first permit released the second one");
    second!.release();
    giver.tryAcquire()!.release();
  });

  Deno.test(`${name} gives a permit to a green thread by each acquire, and has it back once`, async () => {
    const giver = make();
    const seen = await spawn((giver: Giver) => {
      const permit = giver.acquire();
      permit.release();
      const second = giver.tryAcquire();
      permit.release();
      permit[Symbol.dispose]();
      return {
        acquired: permit instanceof Permit,
        tried: second instanceof Permit,
        // An RLock would give its holder another permit.
        isOut: spawn((giver: Giver) => giver.tryAcquire() === undefined, giver).wait(),
        back: (second!.release(), giver.tryAcquire() instanceof Permit),
      };
    }, giver);
    assertEquals(seen, { acquired: true, tried: true, isOut: true, back: true });
  });
}

Deno.test("CappedSemaphore leaves a permit out that is disposed of while as many are free as there may be", async () => {
  const semaphore = new CappedSemaphore(1, 1);
  {
    using _permit = await semaphore.acquireAsync();
    await semaphore.releaseAsync();
  }
  assertEquals(semaphore.value, 1);
});

Deno.test("CappedSemaphore with a limit of 0 hands a permit that is disposed of to a waiter", async () => {
  const semaphore = new CappedSemaphore(0, 0);
  const [permit] = await Promise.all([semaphore.acquireAsync(), semaphore.releaseAsync()]);
  const waiter = semaphore.acquireAsync();
  permit.release();
  (await waiter).release();
  assertEquals({ value: semaphore.value, waiting: semaphore.waiting }, { value: 0, waiting: 0 });
});

Deno.test("CappedSemaphore goes on with a release that waits, when `using` has acquired a permit", async () => {
  const semaphore = new CappedSemaphore(1, 1);
  const release = semaphore.releaseAsync();
  {
    using _permit = await semaphore.acquireAsync();
    await release;
  }
  assertEquals(semaphore.balance, 1);
});
