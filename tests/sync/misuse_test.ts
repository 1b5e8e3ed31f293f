/** What users get wrong: an error at once, which says what was expected. */

import {
  Barrier,
  BoundedSemaphore,
  Condition,
  GreenEvent,
  GreenPool,
  iwaitAsync,
  joinAllAsync,
  LifoQueue,
  LightQueue,
  Lock,
  Pool,
  PriorityQueue,
  Queue,
  RLock,
  Semaphore,
  spawn,
  Timeout,
} from "@aiohub/aiohub";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { TestHub, until } from "../support/mod.ts";

const hub = TestHub.shared({ maxWorkers: 1 });

const wrong = (value: unknown) => value as never;

Deno.test("new Queue() and resize() check the size", () => {
  for (const Class of [Queue, LightQueue, LifoQueue, PriorityQueue]) {
    for (const size of ["foo", null, {}]) {
      assertThrows(() => new Class(wrong(size)), TypeError, "Cannot create a queue");
      assertThrows(() => new Class().resize(wrong(size)), TypeError, "Cannot resize a queue");
    }
    for (const size of [-1, NaN, 1.5, 2 ** 40]) {
      assertThrows(() => new Class(size), RangeError, "expected a whole number from 0");
    }
  }
});

const waits: Readonly<Record<string, (options: never) => PromiseLike<unknown>>> = {
  "Lock.acquireAsync()": (options) => new Lock().acquireAsync(options),
  "Semaphore.acquireAsync()": (options) => new Semaphore(0).acquireAsync(options),
  "Queue.getAsync()": (options) => new Queue().getAsync(options),
  "Queue.putAsync()": (options) => new Queue(0).putAsync(1, options),
  "Queue.joinAsync()": (options) => new Queue().joinAsync(options),
  "GreenEvent.waitAsync()": (options) => new GreenEvent().waitAsync(options),
  "Barrier.waitAsync()": (options) => new Barrier(2).waitAsync(options),
  "GreenPool.waitAllAsync()": (options) => new GreenPool().waitAllAsync(options),
};

for (const [name, begin] of Object.entries(waits)) {
  Deno.test(`${name} checks its options, whether or not it has to wait`, async () => {
    for (const timeout of ["x", NaN, null]) {
      await assertRejects(
        async () => await begin(wrong({ timeout })),
        TypeError,
        "expected a number of milliseconds",
      );
    }
    await assertRejects(
      async () => await begin(wrong({ signal: {} })),
      TypeError,
      "expected an AbortSignal",
    );
    const signal = AbortSignal.abort(new Error("stopped"));
    await assertRejects(async () => await begin(wrong({ signal })), Error, "stopped");
  });
}

Deno.test("a time limit below zero only looks, and one of years is no limit", async () => {
  const lock = new Lock();
  (await lock.acquireAsync({ timeout: -5 })).release();
  using _permit = await lock.acquireAsync({ timeout: 2 ** 40 });
  await assertRejects(() => lock.acquireAsync({ timeout: -5 }), Error, "Timed out");
  assertEquals(lock.waiting, 0);
  const threads = [spawn(() => 1)];
  assertEquals((await joinAllAsync(threads, { timeout: 2 ** 40 })).length, 1);
});

Deno.test("joinAll() and iwait() check what they are given", async () => {
  await assertRejects(() => joinAllAsync(wrong([5])), TypeError, "expected a GreenThread");
  await assertRejects(
    () => Array.fromAsync(iwaitAsync([], { count: NaN })),
    TypeError,
    "expected a count",
  );
});

Deno.test("GreenPool.imap() checks what it maps over", async () => {
  await assertRejects(
    () => Array.fromAsync(new GreenPool().imapAsync((n: number) => n, wrong(5))),
    TypeError,
    "expected an iterable",
  );
});

Deno.test("Pool.put() refuses a resource too many: it would be lent to two at once", async () => {
  const pool = new Pool({ create: () => 1, maxSize: 1 });
  const item = await pool.getAsync();
  pool.put(item);
  assertThrows(() => pool.put(item), RangeError, "free already");
  assertEquals(pool.free, 1);
});

Deno.test("Semaphore.release() refuses more permits than can be counted", () => {
  const semaphore = new Semaphore(2 ** 31 - 1);
  assertThrows(() => semaphore.release(), RangeError);
  assertEquals(semaphore.value, 2 ** 31 - 1);
});

Deno.test("Condition refuses to wait and to notify without its lock", async () => {
  const condition = new Condition();
  assertThrows(() => condition.notify(), Error, "the lock of the condition is not held");
  await assertRejects(() => condition.waitAsync(), Error, "the lock of the condition is not held");
  assertThrows(() => new Condition(wrong(5)), TypeError);
});

for (const Kind of [Lock, RLock]) {
  Deno.test(`${Kind.name}.acquireAsync() a permit does not release what was released by hand`, async () => {
    const lock = new Kind();
    const permit = await lock.acquireAsync();
    lock.release();
    permit.release();
    assertEquals(lock.tryAcquire() !== undefined, true);
    assertEquals(lock.tryAcquire(), undefined);
    lock.release();

    const go = new Semaphore(0);
    const early = await lock.acquireAsync();
    lock.release();
    const thread = spawn(holdUntil, lock, go);
    await until(() => lock.locked);
    early.release();
    assertEquals(lock.locked, true);
    go.release();
    await thread;
    assertEquals(lock.locked, false);
  });
}

function holdUntil(lock: Lock | RLock, go: Semaphore): void {
  using _permit = lock.acquire();
  go.acquire();
}

Deno.test("Condition refuses to wait and to notify while another thread holds its RLock", async () => {
  const condition = new Condition(new RLock());
  const go = new Semaphore(0);
  const holder = spawn(holdUntil, condition.lock, go);
  await until(() => go.waiting === 1);
  const refusal = `the green thread ${holder.id} holds its lock`;
  await assertRejects(() => condition.waitAsync(), Error, refusal);
  assertThrows(() => condition.notifyAll(), Error, refusal);
  const other = spawn((condition: Condition) => condition.wait(), condition);
  await assertRejects(async () => await other, Error, refusal);
  assertEquals(condition.lock.locked, true);
  assertEquals(condition.waiting, 0);
  go.release();
  await holder;
});

Deno.test("Condition.notify() and waitForAsync() check what they are given", async () => {
  const condition = new Condition();
  using _permit = await condition.acquireAsync();
  assertThrows(() => condition.notify(wrong("2")), TypeError, 'found "2"');
  for (const count of [NaN, -1, 1.5]) {
    assertThrows(() => condition.notify(count), RangeError, `found ${count}`);
  }
  await assertRejects(() => condition.waitForAsync(wrong(true)), TypeError, "expected a function");
});

Deno.test("Condition.waitForAsync() names the limit that it was given, and asks once more when it is over", async () => {
  const condition = new Condition();
  using _permit = await condition.acquireAsync();
  const waiting = condition.waitForAsync(() => false, { timeout: 60 });
  setTimeout(async () => {
    using _permit = await condition.acquireAsync();
    condition.notifyAll();
  }, 20);
  const error = await assertRejects(() => waiting, Timeout, "Timed out after 60 ms");
  assertEquals(error.ms, 60);
  let asked = 0;
  await condition.waitForAsync(() => asked++ > 0, { timeout: 1 });
  assertEquals(asked, 2);
});

Deno.test("a BoundedSemaphore keeps its bound when a permit was given back by hand", async () => {
  const semaphore = new BoundedSemaphore(1);
  {
    using _permit = await semaphore.acquireAsync();
    semaphore.release();
  }
  assertEquals(semaphore.value, 1);
  const [thread, go] = [new Semaphore(0), new Semaphore(0)];
  const holder = spawn(
    (semaphore: Semaphore, thread: Semaphore, go: Semaphore) => {
      using _permit = semaphore.acquire();
      thread.release();
      go.acquire();
    },
    semaphore,
    thread,
    go,
  );
  await thread.acquireAsync();
  semaphore.release();
  go.release();
  await holder;
  assertEquals(semaphore.value, 1);
});

Deno.test("a permit of a Semaphore is given back by a thread that releases somebody else's before", async () => {
  const semaphore = new Semaphore(2);
  const release = (semaphore: Semaphore) => {
    using _own = semaphore.acquire();
    semaphore.release();
  };
  for (let i = 0; i < 3; i++) {
    await semaphore.acquireAsync();
    await hub.spawn(release, semaphore);
    assertEquals(semaphore.value, 2);
  }
});

for (const Class of [Lock, RLock, BoundedSemaphore]) {
  Deno.test(`a permit of a ${Class.name} that a thread releases by hand is not given back once more`, async () => {
    const [object, go] = [new Class(), new Semaphore(0)];
    const thread = hub.spawn(
      (object: Lock | RLock | Semaphore, go: Semaphore) => {
        const permit = object.acquire();
        go.acquire();
        object.release();
        permit.release();
        permit.release();
      },
      object,
      go,
    );
    await until(() => go.waiting === 1);
    // The next one in the line has it from then on.
    const next = object.acquireAsync();
    go.release();
    await thread;
    const permit = await next;
    assertEquals(object.tryAcquire(), undefined);
    permit.release();
    object.tryAcquire()!.release();
    assertEquals(object.locked, false);
  });
}

for (const ending of ["goes on", "crashes"] as const) {
  Deno.test(`Lock.release() by hand: the thread that had the lock and ${ending} leaves the next holder's alone`, async () => {
    await using hub = new TestHub({ maxWorkers: 1 }, { crashed: ending === "crashes" ? 1 : 0 });
    const lock = new Lock();
    const go = new Semaphore(0);
    const thread = hub.spawn(
      (lock: Lock, go: Semaphore, ending: string) => {
        using _permit = lock.acquire();
        go.acquire();
        if (ending === "crashes") Deno.exit(3);
      },
      lock,
      go,
      ending,
    );
    await until(() => go.waiting === 1);
    lock.release();
    const permit = await lock.acquireAsync();
    go.release();
    await Promise.allSettled([thread]);
    await until(() => ending === "goes on" || hub.statistics().workers === 0);
    assertEquals(lock.describe().holder, -1);
    permit.release();
    assertEquals(lock.locked, false);
  });
}

Deno.test("a lock that was released by hand is free again when the Worker of its next holder crashes", async () => {
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
  const lock = new Lock();
  const [held, go] = [new Semaphore(0), new Semaphore(0)];
  // The second one runs on the stack of the first, in its Worker.
  const thread = hub.spawn(
    (lock: Lock, held: Semaphore, go: Semaphore) => {
      using _permit = lock.acquire();
      held.release();
      spawn(
        (lock: Lock, held: Semaphore, go: Semaphore) => {
          go.acquire();
          using _permit = lock.acquire();
          held.release();
          go.acquire();
          Deno.exit(3);
        },
        lock,
        held,
        go,
      ).wait();
    },
    lock,
    held,
    go,
  );
  await held.acquireAsync();
  lock.release();
  go.release();
  await held.acquireAsync();
  assertEquals(lock.locked, true);
  go.release();
  await Promise.allSettled([thread]);
  await until(() => !lock.locked);
});
