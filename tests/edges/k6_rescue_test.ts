/**
 * A hub whose Workers are all blocked in calls to the hub: what they wait for may be a thread that waits for a Worker.
 *
 * The scenes are played on one hub at the same time: there are as many Workers as threads that wait, each in its own way, so no
 * way may be missed, or nobody opens anything.
 */

import {
  call,
  ConnectionPool,
  handle,
  type Hub,
  hubImport,
  type HubOptions,
  Queue,
} from "@aiohub/aiohub";
import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { delay } from "@std/async/delay";
import { open } from "../fixtures/edges/gates.ts";
import { fixture, meeting, moduleOf, serve, TestHub, until } from "../support/mod.ts";

/** How long a rescue may take at the most. */
const PINNED_MS = 15_000;

type Gate = ReturnType<typeof newGate>;

/** A gate that hub code and green threads wait at. */
function newGate() {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { wait: () => promise, open: () => resolve("open") };
}

const url = fixture("edges/gates.ts");
type Gates = typeof import("../fixtures/edges/gates.ts");
type Waits = "passes" | "passesInTime" | "passesLater" | "joins" | "awaits";

/** One who waits in its own way, one who opens what it waits for, and what is to be cleaned up then. */
interface Players {
  wait(): PromiseLike<unknown>;
  open(): PromiseLike<unknown>;
  end?(): Promise<void>;
}

/** A scene, under a name that no other one has. */
type Scene = (hub: Hub, name: string) => Players;

/** Two functions of a module. */
function exported(how: Waits): Scene {
  return (hub, name) => {
    const gates = hub.greenImport<Gates>(url);
    return { wait: () => gates[how](name), open: () => gates.opens(name) };
  };
}

const scenes: Record<string, Scene> = {
  "a function of asyncToSync": exported("passes"),
  "the same with a time limit": exported("passesInTime"),
  "a promise of .async(), waited for": exported("passesLater"),
  "a promise of .async(), joined": exported("joins"),
  "an async green function": exported("awaits"),
  "call()": (hub) => {
    hub.expose(newGate());
    return {
      wait: () => hub.spawn(() => call<string>("wait")),
      open: () => hub.spawn(() => call("open")),
    };
  },
  "hubImport()": (hub, name) => {
    const module = moduleOf(
      `const { promise, resolve } = Promise.withResolvers(); // ${name}
       export const wait = () => promise;
       export const open = () => resolve("open");`,
    );
    return {
      wait: () => hub.spawn((m: string) => hubImport<Gate>(m).wait(), module),
      open: () => hub.spawn((m: string) => hubImport<Gate>(m).open(), module),
    };
  },
  "a handle's method": (hub) => {
    const gate = handle(newGate());
    return {
      wait: () => hub.spawn((gate) => gate.wait(), gate),
      open: () => hub.spawn((gate) => gate.open(), gate),
    };
  },
  "a function of the hub": (hub) => {
    const { wait, open } = newGate();
    return {
      wait: () => hub.spawn((wait) => wait(), wait),
      open: () => hub.spawn((open) => open(), open),
    };
  },
  "a callback that waits": (hub) => {
    const { wait, open } = newGate();
    const run = async (callback: () => Promise<string>) => await callback();
    const waiter = (run: (callback: () => string) => string, wait: () => string) => {
      return run(() => wait());
    };
    return {
      wait: () => hub.spawn(waiter, run as never, wait as never),
      open: () => hub.spawn((open) => open(), open),
    };
  },
  "one who has served a callback that was blocked": (hub) => {
    const { wait, open } = newGate();
    const run = async (callback: () => Promise<void>) => {
      await callback();
      return await wait();
    };
    const waiter = (run: (callback: () => void) => string, pause: () => void) => {
      return run(() => pause());
    };
    return {
      wait: () => hub.spawn(waiter, run as never, (() => delay(150)) as never),
      open: () => hub.spawn((open) => open(), open),
    };
  },
  "fetch() of a server that spawns": (hub) => {
    const { promise: go, resolve } = Promise.withResolvers<void>();
    const server = serve(async () => {
      await go;
      return new Response(await hub.spawn(() => "open"));
    });
    const { fetches } = hub.greenImport<Gates>(url);
    return {
      wait: () => fetches(server.url),
      open: () => Promise.resolve(resolve()),
      end: () => server[Symbol.asyncDispose](),
    };
  },
  "a source of the hub, iterated": (hub) => {
    const { wait, open } = newGate();
    async function* source() {
      yield await wait();
    }
    const first = (items: AsyncIterable<string>) => [...items as unknown as string[]][0];
    return {
      wait: () => hub.spawn(first, source()),
      open: () => hub.spawn((open) => open(), open),
    };
  },
  "a ConnectionPool": (hub) => {
    const pool = new ConnectionPool({ connect: () => ({ name: "open" }), maxSize: 1 });
    const taken = pool.itemAsync();
    const name = (pool: ConnectionPool<{ name: string }>) => {
      using connection = pool.item();
      return connection.name;
    };
    const giveBack = async () => await (await taken)[Symbol.asyncDispose]();
    return {
      wait: () => taken.then(() => hub.spawn(name, pool)),
      open: () => hub.spawn((giveBack) => giveBack(), giveBack),
      end: () => pool.closeAsync(),
    };
  },
};

/** Plays all scenes; says what those got who waited. */
async function play(options: HubOptions): Promise<Record<string, unknown>> {
  const names = Object.keys(scenes);
  await using hub = new TestHub({ maxWorkers: names.length, ...options });
  const players = names.map((name) => scenes[name](hub, `${name} ${options.cooperative}`));
  const waiters = players.map(({ wait }) => wait());
  await until(() => hub.statistics().busy === names.length, { limit: 120_000 });
  const openers = players.map(({ open }) => open());
  const nobody = new AbortController();
  const values = await Promise.race([
    Promise.all(waiters),
    delay(PINNED_MS, { signal: nobody.signal }).then(() => names.map(() => "nobody came")),
  ]);
  nobody.abort();
  await Promise.all(openers);
  for (const { end } of players) await end?.();
  return Object.fromEntries(names.map((name, i) => [name, values[i]]));
}

const opened = Object.fromEntries(Object.keys(scenes).map((name) => [name, "open"]));

Deno.test("K6 a Worker beyond maxWorkers comes to the rescue when all are blocked in calls to the hub", async () => {
  assertEquals(await play({}), opened);
});

Deno.test("K6 it comes in a cooperative hub", async () => {
  assertEquals(await play({ cooperative: true }), opened);
});

Deno.test("K6 one Worker comes for all that the blocked ones wait for, and goes again", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const queue = new Queue<string>();
  const meet = meeting(5);
  const get = (queue: Queue<string>) => queue.get();
  const arrive = (meet: () => void) => meet();
  // One is blocked at a queue, one in a call: that there are two kinds of waits is no way out.
  const blocked = [hub.spawn(get, queue), hub.spawn(arrive, meet as () => void)];
  await until(() => queue.getting === 1 && meet.arrived === 1);
  const { whichThread } = hub.greenImport<typeof import("../fixtures/plain.ts")>(
    fixture("plain.ts"),
  );
  const steps = [1, 2, 3].map(async () => {
    const { threadId } = await whichThread();
    void meet();
    return threadId;
  });
  const last = hub.spawn((queue: Queue<string>) => queue.put("last"), queue);
  assertEquals(new Set(await Promise.all(steps)).size, 1);
  void meet();
  await Promise.all([...blocked, last]);
  await until(() => hub.statistics().workers <= 2);
});

Deno.test("K6 slow calls on a full pool get a few Workers more, each after a longer time", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const { passes, passesLater } = hub.greenImport<Gates>(url);
  const start = performance.now();
  const threads = Array.from({ length: 40 }, (_, i) => (i % 2 ? passes : passesLater)("slow"));
  // Two after 1 s and 2 s more, while 36 wait; the times are those of `saturation.ts`.
  await until(() => hub.statistics().busy === 4);
  const took = performance.now() - start;
  assertGreaterOrEqual(took, 3000);
  assertEquals(hub.statistics().queued, 36);
  await open.async("slow");
  assertEquals(new Set(await Promise.all(threads)), new Set(["open"]));
  await until(() => hub.statistics().workers <= 2);
});
