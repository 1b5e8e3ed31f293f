/**
 * The old names of durations, `graceMs` and `blockedWarningMs`: each place that took them takes them until 1.0. No other file
 * uses them.
 *
 * @module
 */

import {
  type GreenThread,
  Hub,
  killAll,
  killAllAsync,
  spawn,
  type Spawner,
  spawnWith,
  Timeout,
} from "@aiohub/aiohub";
import { shield, sleep } from "@aiohub/aiohub/green";
import { assertEquals, assertInstanceOf, assertLess, assertThrows } from "@std/assert";
import * as threads from "../../fixtures/lifetimes/threads.ts";
import { newMarks } from "../../fixtures/lifetimes/marks.ts";
import { caught, parked, rejection, TestHub, thrownBy, timed } from "../../support/mod.ts";

// deno-lint-ignore no-explicit-any
type Wrong = any;

/** Starts a thread that no kill ends but one with a grace. It comes in an array, as a thread by itself would be awaited. */
async function shielded(hub: Hub, spawner?: Spawner): Promise<[GreenThread<void>]> {
  const marks = newMarks();
  const thread = spawner
    ? spawner.spawn(threads.shieldedForEver, marks)
    : threads.shieldedForEver(marks);
  await parked(hub, thread);
  return [thread];
}

const ends: Readonly<Record<string, (hub: Hub) => Promise<unknown>>> = {
  "kill()": async (hub) => {
    const [thread] = await shielded(hub);
    thread.kill(undefined, { graceMs: 20 });
    await thrownBy(thread);
  },
  "killAsync()": async (hub) => {
    const [thread] = await shielded(hub);
    await thread.killAsync(undefined, { graceMs: 20 });
  },
  "killAllAsync()": async (hub) => {
    await killAllAsync(await shielded(hub), undefined, { graceMs: 20 });
  },
  "spawnWith() and a signal": async (hub) => {
    const controller = new AbortController();
    const { signal } = controller;
    const spawner = spawnWith({ signal, graceMs: 20 });
    const [thread] = await shielded(hub, spawner);
    controller.abort();
    await thrownBy(thread);
  },
  "hub.with() and a timeout": async (hub) => {
    const spawner = hub.with({ timeout: 500, graceMs: 20 });
    assertInstanceOf(await thrownBy(spawner.spawn(() => shield(() => sleep(60_000)))), Timeout);
  },
  "kill() and killAll() in green code": async (hub) => {
    const [[first], [second]] = [await shielded(hub), await shielded(hub)];
    const thread = spawn(
      (first: GreenThread, second: GreenThread) => {
        first.kill(undefined, { graceMs: 20, wait: true });
        killAll([second], undefined, { graceMs: 20 });
        return [first.state, second.state];
      },
      first,
      second,
    );
    assertEquals(await thread, ["killed", "killed"]);
  },
  "spawnWith() in green code": async () => {
    const threads: GreenThread[] = [];
    await spawn((hand: (thread: GreenThread) => void) => {
      const spawner = spawnWith({ timeout: 300, graceMs: 20 });
      hand(spawner.spawn(() => shield(() => sleep(60_000))));
    }, (thread) => void threads.push(thread));
    assertInstanceOf(await thrownBy(threads[0]), Timeout);
  },
};

for (const [name, end] of Object.entries(ends)) {
  Deno.test(`${name}: graceMs is an old name of grace`, async () => {
    await using hub = new TestHub({ maxWorkers: 4 });
    await end(hub);
  });
}

Deno.test("close(): graceMs is an old name of grace", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const [thread] = await shielded(hub);
  const reason = thrownBy(thread);
  // The default is five seconds.
  assertLess(await timed(() => hub.close({ graceMs: 0 })), 4000);
  assertEquals((await reason as Error).name, "HubClosedError");
});

Deno.test("new Hub(): blockedWarningMs is an old name of blockedWarning", async () => {
  await using hub = new TestHub({ maxWorkers: 1, blockedWarningMs: 20 });
  let blocked = 0;
  hub.addEventListener("blocked", (event) => {
    event.preventDefault();
    blocked++;
  });
  await hub.spawn((callback: () => void) => callback(), function slow() {
    const end = performance.now() + 50;
    while (performance.now() < end);
  });
  assertEquals(blocked, 1);
});

const BOTH = { grace: 5, graceMs: 5 };
const END = 'Cannot end a green thread: expected "grace" or its old name "graceMs", found both';

Deno.test("an option under both its names is refused: the message has both", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = spawn(() => 1);
  const calls = [
    () => thread.kill(undefined, BOTH),
    () => spawnWith(BOTH),
    () => hub.with(BOTH),
    () => hub.close(BOTH),
  ];
  for (const call of calls) assertEquals(assertThrows(call, TypeError).message, END);
  for (const promise of [thread.killAsync(undefined, BOTH), killAllAsync([], undefined, BOTH)]) {
    assertEquals((await rejection(promise, TypeError)).message, END);
  }
  assertEquals(
    assertThrows(() => new Hub({ blockedWarning: 5, blockedWarningMs: 5 }), TypeError).message,
    'Cannot create a hub: expected "blockedWarning" or its old name "blockedWarningMs", found both',
  );
  assertEquals(await thread, 1);
});

Deno.test("an option under both its names is refused in green code too", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const found = await spawn((both: Wrong) => {
    const thread = spawn(() => 1);
    const messages = [
      () => thread.kill(undefined, both),
      () => killAll([thread], undefined, both),
      () => spawnWith(both),
    ].map((call) => {
      try {
        call();
      } catch (error) {
        return String(error);
      }
    });
    return [...messages, thread.wait()];
  }, BOTH);
  assertEquals(found, [...Array(3).fill(`TypeError: ${END}`), 1]);
});

Deno.test("an old name is checked as the new one is, and only where the option is known", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const wrong: [() => unknown, string][] = [
    [
      () => hub.close({ graceMs: "1" as Wrong }),
      'Cannot end a green thread: expected a number of milliseconds for "grace", found "1"',
    ],
    [
      () => new Hub({ blockedWarningMs: null as Wrong }),
      'Cannot create a hub: expected a number for "blockedWarning", found null',
    ],
    [
      () => hub.close({ blockedWarningMs: 1 } as Wrong),
      'Cannot close the hub: option "blockedWarningMs" is not known: expected grace',
    ],
  ];
  for (const [call, message] of wrong) {
    assertEquals(assertThrows(call, TypeError).message, message);
  }
  // A name that is there without a value is not there.
  const thread = hub.spawn(() => 1);
  assertEquals(caught(() => thread.kill(undefined, { grace: undefined, graceMs: 5 })), undefined);
  await thrownBy(thread);
});
