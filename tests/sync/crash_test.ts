import {
  Hub,
  LightQueue,
  Lock,
  Pool,
  RLock,
  Semaphore,
  spawn,
  useHub,
  WorkerCrashedError,
} from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { hereOnHub } from "../../bridge/memory/process_side.ts";
import { heldObjects } from "../../hub/references/worker_objects.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { testApart, until } from "../support/mod.ts";

async function withHub(fn: () => Promise<void>): Promise<void> {
  await using hub = new Hub({ maxWorkers: 4 });
  const before = useHub(hub);
  try {
    await fn();
  } finally {
    useHub(before);
  }
}

Deno.test("a Worker that dies gives back the permits that its threads held, and no more", () =>
  withHub(async () => {
    const semaphore = new Semaphore(3);
    const die = (semaphore: Semaphore) => {
      semaphore.acquire();
      semaphore.acquire();
      Deno.exit(3);
    };
    await assertRejects(() => spawn(die, semaphore).then());
    assertEquals(semaphore.value, 3);
    const signal = new Semaphore(0);
    signal.release();
    const take = (signal: Semaphore) => {
      signal.acquire();
      Deno.exit(3);
    };
    await assertRejects(() => spawn(take, signal).then());
    assertEquals(signal.value, 0);
  }));

Deno.test("what an ended thread has left out stays out when its Worker has nothing to do and goes", async () => {
  await using hub = new Hub({ maxWorkers: 1, idleTimeout: 0 });
  const semaphore = new Semaphore(3);
  const lock = new Lock();
  await hub.spawn(
    (semaphore: Semaphore, lock: Lock) => {
      semaphore.acquire();
      lock.acquire();
    },
    semaphore,
    lock,
  );
  await until(() => hub.statistics().workers === 0);
  assertEquals([semaphore.value, lock.locked], [2, true]);
  semaphore.release();
  lock.release();
  assertEquals([semaphore.value, lock.locked], [3, false]);
});

/** Threads on one Worker, one after the other, the last of which dies with it. */
async function dieOnOneWorker(act: (hub: Hub) => Promise<void>): Promise<void> {
  await using hub = new Hub({ maxWorkers: 1 });
  await act(hub);
  await assertRejects(() => hub.spawn(() => Deno.exit(3)).then(), WorkerCrashedError);
}

Deno.test("what an ended thread has left out stays out when another one dies with the Worker", async () => {
  const [lock, reentrant, semaphore] = [new Lock(), new RLock(), new Semaphore(2)];
  await dieOnOneWorker(async (hub) => {
    const leave = (...all: (Lock | RLock | Semaphore)[]) => {
      for (const object of all) object.acquire();
    };
    await hub.spawn(leave, lock, reentrant, semaphore);
  });
  const left = { lock: lock.locked, reentrant: reentrant.locked, semaphore: semaphore.value };
  assertEquals(left, { lock: true, reentrant: true, semaphore: 1 });
});

Deno.test("a resource that a thread has returned is not lent twice when another one dies with the Worker", async () => {
  let made = 0;
  const pool = new Pool({ create: () => ++made, maxSize: 1 });
  let resource = 0;
  await dieOnOneWorker(async (hub) => {
    resource = await hub.spawn((pool: Pool<number>) => pool.get(), pool);
  });
  assertEquals([resource, pool.free], [1, 0]);
  pool.put(resource);
  assertEquals([await pool.getAsync(), pool.free], [1, 0]);
});

Deno.test("a Worker that dies gives back what its thread held below one that ran on its stack", async () => {
  await using hub = new Hub({ maxWorkers: 1 });
  const semaphore = new Semaphore(3);
  const outer = hub.spawn((semaphore: Semaphore) => {
    semaphore.acquire();
    spawn((semaphore: Semaphore) => {
      semaphore.acquire();
      Deno.exit(3);
    }, semaphore).wait();
  }, semaphore);
  await assertRejects(() => outer.then(), WorkerCrashedError);
  assertEquals(semaphore.value, 3);
});

Deno.test("a Worker that dies gives back what its thread held beyond what ended ones have left out", async () => {
  await using hub = new Hub({ maxWorkers: 1 });
  const semaphore = new Semaphore(3);
  const take = (semaphore: Semaphore, count: number, dies: boolean) => {
    for (let i = 0; i < count; i++) semaphore.acquire();
    if (dies) Deno.exit(3);
  };
  await hub.spawn(take, semaphore, 2, false);
  for (let i = 0; i < 2; i++) semaphore.release();
  await assertRejects(() => hub.spawn(take, semaphore, 3, true).then(), WorkerCrashedError);
  assertEquals(semaphore.value, 3);
});

Deno.test("a Worker that dies in a callback gives back what that held", async () => {
  await using hub = new Hub({ maxWorkers: 1 });
  const [lock, semaphore] = [new Lock(), new Semaphore(3)];
  const die = await hub.spawn(() => (lock: Lock, semaphore: Semaphore) => {
    lock.acquire();
    semaphore.acquire();
    Deno.exit(3);
  }) as unknown as (lock: Lock, semaphore: Semaphore) => Promise<void>;
  await assertRejects(() => die(lock, semaphore), WorkerCrashedError);
  assertEquals([lock.locked, semaphore.value], [false, 3]);
});

Deno.test("a Worker that is stopped in a callback gives back what that held", async () => {
  const [lock, never] = [new Lock(), new Semaphore(0)];
  const hub = new Hub({ maxWorkers: 1 });
  const hold = await hub.spawn(() => (lock: Lock, never: Semaphore) => {
    using _permit = lock.acquire();
    never.acquire();
  }) as unknown as (lock: Lock, never: Semaphore) => Promise<void>;
  const held = hold(lock, never);
  await until(() => never.waiting === 1);
  await Promise.all([assertRejects(() => held), hub.close({ grace: 0 })]);
  assertEquals([lock.locked, never.waiting], [false, 0]);
});

testApart(
  import.meta,
  "a Worker that is stopped while its thread waits leaves the line intact",
  () =>
    withHub(async () => {
      const queue = new LightQueue<number>();
      const get = (queue: LightQueue<number>) => {
        try {
          return queue.get();
        } finally {
          // It does not end when it is killed, so its Worker is stopped.
          for (;;) checkpointless();
        }
        function checkpointless() {}
      };
      const first = spawn(get, queue);
      await until(() => queue.getting === 1);
      const second = spawn((queue: LightQueue<number>) => queue.get(), queue);
      await until(() => queue.getting === 2);
      first.kill(undefined, { grace: 20 });
      await assertRejects(() => first.then());
      assertEquals(queue.getting, 1);
      queue.tryPut(7);
      assertEquals(await second, 7);
    }),
);

for (const ending of ["has nothing to do", "crashes"]) {
  Deno.test(`the nodes of a Worker that ${ending} are used again, each by one`, async () => {
    await using hub = new Hub({ maxWorkers: 1, idleTimeout: 0 });
    // How many chunks were ever taken: see `arena.ts`.
    const chunks = () => Atomics.load(hereOnHub().arena.words, 1);
    const lock = new Lock();
    const live = async () => {
      const thread = hub.spawn(
        (lock: Lock, ending: string) => {
          using _permit = lock.acquire();
          if (ending === "crashes") Deno.exit(3);
        },
        lock,
        ending,
      );
      await Promise.allSettled([thread]);
      await until(() => hub.statistics().workers === 0);
    };
    await live();
    const before = chunks();
    for (let i = 0; i < 4; i++) await live();
    const after = chunks();
    // More waits than there are nodes in those chunks.
    const gate = new Semaphore(0);
    const waits = Array.from({ length: 300 }, () => gate.acquireAsync());
    assertEquals(gate.waiting, 300);
    for (const _ of waits) gate.release();
    assertEquals([gate.value, gate.waiting], [0, 0]);
    await Promise.all(waits);
    assertEquals(after, before);
  });
}

testApart(
  import.meta,
  "a thread that is stopped by force while it holds a lock gives it back",
  () =>
    withHub(async () => {
      const lock = new Lock();
      const hold = (lock: Lock) => {
        using _permit = lock.acquire();
        sleep(1);
        for (;;);
      };
      const thread = spawn(hold, lock);
      await until(() => lock.locked);
      thread.kill(undefined, { grace: 20 });
      await assertRejects(() => thread.then());
      (await lock.acquireAsync({ timeout: 5000 })).release();
      assert(!lock.locked);
    }),
);

Deno.test("the hub holds an object while a Worker does, and no longer", () =>
  withHub(async () => {
    const before = heldObjects();
    await spawn((lock: Lock) => lock.locked, new Lock());
    assert(heldObjects() > before);
  }).then(() => assertEquals(heldObjects(), 0)));
