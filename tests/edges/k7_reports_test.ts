/**
 * A thread says once what it waits for. Circles that come about later by other ways than a new wait at a lock are found all the
 * same.
 */

import { DeadlockError, type GreenThread, type Hub, Lock, Queue } from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import { parked, TestHub, until } from "../support/mod.ts";

/** Holds one lock and waits for another one. */
function holdsAndWants(held: Lock, wanted: Lock): string {
  using _held = held.acquire();
  using _wanted = wanted.acquire();
  return "had both";
}

/** How threads end that are in a circle: one gets the error, and then the others go on. */
async function endings(threads: readonly PromiseLike<unknown>[]): Promise<unknown[]> {
  const outcomes = await Promise.allSettled(threads);
  const errors = outcomes.flatMap((outcome) => outcome.status === "rejected" ? outcome.reason : []);
  assertEquals(errors.length, 1, Deno.inspect(outcomes));
  assert(errors[0] instanceof DeadlockError, Deno.inspect(errors[0]));
  return errors[0].cycle;
}

/** B has one lock and waits for the other one, behind C, which will want the first. Gives both. */
async function line(hub: Hub, first: Lock, second: Lock): Promise<[GreenThread, GreenThread]> {
  const c = hub.with({ name: "c" }).spawn(holdsAndWants, second, first);
  await parked(hub, c, /lock "second"/);
  const b = hub.with({ name: "b" }).spawn(holdsAndWants, first, second);
  await parked(hub, b, /lock "second"/);
  return [b, c];
}

Deno.test("K7 a circle is found that a lock closes by going on to another thread", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const [first, second] = [new Lock({ name: "first" }), new Lock({ name: "second" })];
  const go = new Queue<number>();
  const a = hub.spawn(
    (lock: Lock, go: Queue<number>) => {
      using _permit = lock.acquire();
      go.get();
    },
    second,
    go,
  );
  await parked(hub, a, /queue/);
  const [b, c] = await line(hub, first, second);
  go.tryPut(1);
  assertEquals((await endings([a, b, c]) as string[]).toSorted(), ["b", "c"]);
});

Deno.test("K7 a circle is found that a lock closes which async code had", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const [first, second] = [new Lock({ name: "first" }), new Lock({ name: "second" })];
  const permit = await second.acquireAsync();
  const [b, c] = await line(hub, first, second);
  permit.release();
  assertEquals((await endings([b, c]) as string[]).toSorted(), ["b", "c"]);
});

Deno.test("K7 a circle is found that wait() closes long after the other one has come to its lock", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const lock = new Lock({ name: "first" });
  const other = new Queue<GreenThread>();
  const a = hub.with({ name: "a" }).spawn(
    (lock: Lock, other: Queue<GreenThread>) => {
      using _permit = lock.acquire();
      return other.get().wait();
    },
    lock,
    other,
  );
  await parked(hub, a, /queue/);
  const b = hub.with({ name: "b" }).spawn((lock: Lock) => {
    try {
      lock.acquire().release();
    } catch (error) {
      return (error as DeadlockError).cycle;
    }
  }, lock);
  await parked(hub, b, /lock "first"/);
  await other.putAsync(b);
  assertEquals((await b)?.toSorted(), ["a", "b"]);
  await a;
});

Deno.test("K7 a circle is found that a function of the hub closes long after its caller has come to wait", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const lock = new Lock({ name: "first" });
  const other = Promise.withResolvers<GreenThread[]>();
  const awaitsOther = async () => {
    const [thread] = await other.promise;
    await until(() => hub.threads().every(({ parkedOn }) => parkedOn !== undefined));
    try {
      await thread;
    } catch {
      // It is looked at below.
    }
  };
  const a = hub.with({ name: "a" }).spawn(
    (lock: Lock, awaitsOther: () => void) => {
      using _permit = lock.acquire();
      awaitsOther();
    },
    lock,
    awaitsOther as () => void,
  );
  await until(() => lock.locked);
  const b = hub.with({ name: "b" }).spawn((lock: Lock) => lock.acquire().release(), lock);
  await parked(hub, b, /lock "first"/);
  other.resolve([b]);
  const outcomes = await Promise.allSettled([a, b]);
  const reasons = outcomes.map((outcome) =>
    outcome.status === "rejected" ? (outcome.reason as Error).name : "went on"
  );
  assertEquals(reasons, ["went on", "DeadlockError"]);
});
