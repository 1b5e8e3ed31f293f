/**
 * A hub whose Workers are all blocked in calls to the hub: what they wait for may be a thread that waits for a Worker.
 *
 * Each scene has a hub of its own, with one Worker, on which a thread waits for what the one behind it in the queue does. They are
 * played at the same time, as each takes a second.
 */

import { call, ConnectionPool, handle, Hub, hubImport, type HubOptions } from "@aiohub/aiohub";
import { assertEquals, assertLessOrEqual } from "@std/assert";
import { delay } from "@std/async/delay";
import { fixture, moduleOf, until } from "../support.ts";

const PINNED_MS = 15_000;

/** A gate that hub code and green threads wait at. */
function newGate() {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { wait: () => promise, open: () => resolve("open") };
}

const url = fixture("edges/gates.ts");
type Gates = typeof import("../fixtures/edges/gates.ts");
type Waits = "passes" | "passesInTime" | "passesLater" | "joins" | "awaits";

/** One who waits, and behind that one who opens. */
async function both(waiter: PromiseLike<unknown>, opener: PromiseLike<unknown>): Promise<unknown> {
  const [value] = await Promise.all([waiter, opener]);
  return value;
}

/** Two functions of a module. */
function exported(how: Waits): Scene {
  return (hub, name) => {
    const gates = hub.greenImport<Gates>(url);
    return both(gates[how](name), gates.opens(name));
  };
}

/** What plays on a hub with one Worker, under a name that no other scene has. */
type Scene = (hub: Hub, name: string) => Promise<unknown>;

const scenes: Record<string, Scene> = {
  "a function of asyncToSync": exported("passes"),
  "the same with a time limit": exported("passesInTime"),
  "a promise of .async(), waited for": exported("passesLater"),
  "a promise of .async(), joined": exported("joins"),
  "an async green function": exported("awaits"),
  "call()": (hub) => {
    const gate = newGate();
    hub.expose(gate);
    return both(hub.spawn(() => call<string>("wait")), hub.spawn(() => call("open")));
  },
  "hubImport()": (hub, name) => {
    const module = moduleOf(
      `const { promise, resolve } = Promise.withResolvers(); // ${name}
       export const wait = () => promise;
       export const open = () => resolve("open");`,
    );
    return both(
      hub.spawn((m: string) => hubImport<ReturnType<typeof newGate>>(m).wait(), module),
      hub.spawn((m: string) => hubImport<ReturnType<typeof newGate>>(m).open(), module),
    );
  },
  "a handle's method": (hub) => {
    const gate = handle(newGate());
    return both(hub.spawn((gate) => gate.wait(), gate), hub.spawn((gate) => gate.open(), gate));
  },
  "a function of the hub": (hub) => {
    const { wait, open } = newGate();
    return both(hub.spawn((wait) => wait(), wait), hub.spawn((open) => open(), open));
  },
  "a callback that waits": (hub) => {
    const { wait, open } = newGate();
    const run = async (callback: () => Promise<string>) => await callback();
    const waiter = hub.spawn(
      (run: (callback: () => string) => string, wait: () => string) => run(() => wait()),
      run as never,
      wait as never,
    );
    return both(waiter, hub.spawn((open) => open(), open));
  },
  "one who has served callbacks that wait": (hub) => {
    const { wait, open } = newGate();
    const run = async (callback: () => Promise<void>) => {
      await callback();
      return await wait();
    };
    const waiter = hub.spawn(
      (run: (callback: () => void) => string, pause: () => void) => run(() => pause()),
      run as never,
      (() => delay(150)) as never,
    );
    return both(waiter, hub.spawn((open) => open(), open));
  },
  "fetch() of a server that spawns": async (hub) => {
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      async () => new Response(await hub.spawn(() => "open")),
    );
    const { fetches } = hub.greenImport<Gates>(url);
    return await fetches(`http://127.0.0.1:${server.addr.port}`);
  },
  "a source of the hub, iterated": (hub) => {
    const { wait, open } = newGate();
    async function* source() {
      yield await wait();
    }
    return both(
      hub.spawn((items: AsyncIterable<string>) => [...items as unknown as string[]][0], source()),
      hub.spawn((open) => open(), open),
    );
  },
  "a ConnectionPool": async (hub) => {
    await using pool = new ConnectionPool({ connect: () => ({ name: "open" }), maxSize: 1 });
    const taken = await pool.itemAsync();
    const waiter = hub.spawn((pool: ConnectionPool<{ name: string }>) => {
      using connection = pool.item();
      return connection.name;
    }, pool);
    return await both(
      waiter,
      hub.spawn((giveBack) => giveBack(), () => taken[Symbol.asyncDispose]()),
    );
  },
};

/** Plays all scenes at the same time. */
async function play(options: HubOptions): Promise<Record<string, unknown>> {
  const names = Object.keys(scenes);
  const kind = options.cooperative ? "in turn" : "at once";
  const ends = await Promise.all(names.map(async (name) => {
    const hub = new Hub({ ...options, name });
    try {
      const start = performance.now();
      const value = await scenes[name](hub, `${name}, ${kind}`);
      assertLessOrEqual(performance.now() - start, PINNED_MS, name);
      await until(() => hub.statistics().workers <= 1);
      return value;
    } finally {
      await hub.close();
    }
  }));
  return Object.fromEntries(names.map((name, i) => [name, ends[i]]));
}

const opened = Object.fromEntries(Object.keys(scenes).map((name) => [name, "open"]));

Deno.test("K6 a Worker beyond maxWorkers comes to the rescue when all are blocked in calls to the hub", async () => {
  assertEquals(await play({ maxWorkers: 1 }), opened);
});

Deno.test("K6 the same in cooperative hubs", async () => {
  assertEquals(await play({ maxWorkers: 1, cooperative: true }), opened);
});
