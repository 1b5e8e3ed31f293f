import {
  Barrier,
  CappedSemaphore,
  Condition,
  type Coordination,
  getHub,
  GreenEvent,
  Hub,
  Lock,
  Queue,
  Semaphore,
  spawn,
} from "@aiohub/aiohub";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { coreOf } from "../../bridge/memory/objects.ts";
import { hereOnHub } from "../../bridge/memory/process_side.ts";

Deno.test("an object that goes to green code and comes back is the same object", async () => {
  const lock = new Lock({ name: "mine" });
  const [back, name] = await spawn((lock: Lock) => [lock, String(lock)] as const, lock);
  assertStrictEquals(back, lock);
  assertEquals(name, 'lock "mine"');
});

Deno.test("a lock that threads of two hubs share knows which of them holds it", async () => {
  await using a = new Hub({ name: "a", maxWorkers: 1 });
  await using b = new Hub({ name: "b", maxWorkers: 1 });
  const lock = new Lock();
  const [held, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holder = a.spawn(
    (lock: Lock, hold: () => void) => {
      using _permit = lock.acquire();
      hold();
      return "a";
    },
    lock,
    () => (held.resolve(), gate.promise),
  );
  await held.promise;
  // Each is the first thread of its hub.
  const other = b.spawn((lock: Lock) => {
    using _permit = lock.acquire();
    return "b";
  }, lock);
  while (lock.waiting === 0 && !other.dead) await new Promise((resolve) => setTimeout(resolve, 1));
  gate.resolve();
  assertEquals(await Promise.all([holder, other]), ["a", "b"]);
});

Deno.test("an object is one object within a Worker, whichever way it comes", async () => {
  const lock = new Lock();
  const queue = new Queue<Lock>();
  await queue.putAsync(lock);
  const same = await spawn(
    (a: Lock, { b }: { b: Lock }, queue: Queue<Lock>) => a === b && a === queue.get(),
    lock,
    { b: lock },
    queue,
  );
  assert(same);
});

Deno.test("an object made in a green thread goes from thread to thread, and outlives its maker", async () => {
  const queue = await spawn(() => {
    const queue = new Queue<string>(1);
    queue.put("kept");
    return queue;
  });
  const item = await spawn(
    (queue: Queue<string>) => spawn((queue: Queue<string>) => queue.get(), queue).wait(),
    queue,
  );
  assertEquals(item, "kept");
});

Deno.test("a SharedArrayBuffer stays shared, and is the same one on each side", async () => {
  const buffer = new SharedArrayBuffer(8);
  const words = new Int32Array(buffer);
  const [back, same] = await spawn(
    (buffer: SharedArrayBuffer, words: Int32Array) => {
      Atomics.add(words, 1, 5);
      return [buffer, words.buffer === buffer] as const;
    },
    buffer,
    words,
  );
  assertStrictEquals(back, buffer);
  assert(same);
  assertEquals(words[1], 5);
});

Deno.test("an object serves green threads of two hubs, and each wakes the other", async () => {
  await using first = new Hub({ name: "first" });
  await using second = new Hub({ name: "second" });
  const [ping, pong] = [new Semaphore(0), new Semaphore(0)];
  const play = (mine: Semaphore, other: Semaphore) => {
    for (let i = 0; i < 50; i++) {
      mine.acquire();
      other.release();
    }
    return "played";
  };
  const players = [first.spawn(play, ping, pong), second.spawn(play, pong, ping)];
  ping.release();
  assertEquals(await Promise.all(players), ["played", "played"]);
});

Deno.test("an uncontended lock and small queue items make no call to the hub", async () => {
  const before = getHub().statistics().totalCalls;
  await spawn(
    (lock: Lock, queue: Queue<unknown>) => {
      for (let i = 0; i < 100; i++) {
        using _permit = lock.acquire();
        queue.put({ i, text: "small" });
        queue.get();
      }
    },
    new Lock(),
    new Queue(),
  );
  assertEquals(getHub().statistics().totalCalls, before);
});

Deno.test("blocking calls on the hub name their twins", () => {
  assertThrows(() => new Lock().acquire(), Error, "await acquireAsync");
  assertThrows(() => new Queue().get(), Error, "await getAsync()");
  assertThrows(() => new Queue().put(1), Error, "await putAsync()");
});

Deno.test("describe() says who holds a lock and how many wait", async () => {
  const [lock, gate] = [new Lock({ name: "cache" }), new Semaphore(0)];
  const holder = spawn(
    (lock: Lock, gate: Semaphore) => {
      using _permit = lock.acquire();
      gate.acquire();
    },
    lock,
    gate,
  );
  while (gate.waiting === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  const waiter = lock.acquireAsync();
  const { kind, name, holder: id, waiting } = lock.describe();
  assertEquals({ kind, name, id, waiting }, {
    kind: "lock",
    name: "cache",
    id: holder.id,
    waiting: 1,
  });
  gate.release();
  (await waiter).release();
  await holder;
  assertEquals(lock.describe().holder, undefined);
});

for (const value of [0, 3]) {
  Deno.test(`a semaphore of ${value} whose permits others release uses up nothing of the arena`, async () => {
    await using hub = new Hub({ maxWorkers: 2 });
    // How many were ever taken: see `arena.ts`.
    const chunks = () => Atomics.load(hereOnHub().arena.words, 1);
    const semaphore = new Semaphore(value);
    const back = new Semaphore(0);
    const before = chunks();
    const pass = (from: Semaphore, to: Semaphore) => {
      for (let i = 0; i < 3000; i++) {
        from.acquire();
        to.release();
      }
    };
    const threads = [hub.spawn(pass, semaphore, back), hub.spawn(pass, back, semaphore)];
    if (value === 0) semaphore.release();
    await Promise.all(threads);
    // There are 32 nodes in a chunk.
    assert(chunks() < before + 10, `${before} chunks became ${chunks()}`);
    assertEquals(semaphore.value, Math.max(1, value));
  });
}

const fullArena: Readonly<Record<string, () => [Coordination, () => PromiseLike<unknown>]>> = {
  Lock: () => {
    const lock = new Lock();
    lock.tryAcquire();
    return [lock, () => lock.acquireAsync()];
  },
  GreenEvent: () => {
    const event = new GreenEvent();
    return [event, () => event.waitAsync()];
  },
  Condition: () => {
    const condition = new Condition();
    condition.lock.tryAcquire();
    return [condition, () => condition.waitAsync()];
  },
  Barrier: () => {
    const barrier = new Barrier(2);
    return [barrier, () => barrier.waitAsync()];
  },
  CappedSemaphore: () => {
    const semaphore = new CappedSemaphore(1, 1);
    return [semaphore, () => semaphore.releaseAsync()];
  },
  "Queue.getAsync()": () => {
    const queue = new Queue();
    return [queue, () => queue.getAsync()];
  },
  "Queue.putAsync()": () => {
    const queue = new Queue(0);
    return [queue, () => queue.putAsync(1)];
  },
  "Queue.joinAsync()": () => {
    const queue = new Queue();
    queue.tryPut(1);
    return [queue, () => queue.joinAsync()];
  },
};

for (const [name, make] of Object.entries(fullArena)) {
  Deno.test(`${name} is free for others when there is no memory for one who is to wait`, async () => {
    const [object, wait] = make();
    const core = coreOf(object)!;
    const { nodes } = core.here;
    // What a million waits do to it.
    Object.defineProperty(nodes, "take", {
      configurable: true,
      value: () => {
        throw new RangeError(
          "Cannot wait: the process has a million waits and permits already, and cannot have more",
        );
      },
    });
    try {
      await assertRejects(async () => await wait(), RangeError, "a million waits");
    } finally {
      Reflect.deleteProperty(nodes, "take");
    }
    assertEquals(core.words[0], 0);
    assertEquals(object.describe().waiting, 0);
  });
}
