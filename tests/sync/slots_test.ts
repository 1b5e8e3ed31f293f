/** A slot of a `GreenPool` is given back once, whoever dies when: see also `tests/model/`. */

import {
  GreenletExit,
  GreenPool,
  type Hub,
  Lock,
  NotCloneableError,
  Semaphore,
  WorkerCrashedError,
} from "@aiohub/aiohub";
import { BridgeProtocolError } from "../../bridge/errors.ts";
import { CORE } from "../../bridge/memory/objects.ts";
import { assert, assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import { fixture, rejection, testApart, TestHub, until } from "../support/mod.ts";
import { rounds } from "../support/rounds.ts";
import "../fixtures/slot_takers.ts";

type Fixture = typeof import("../fixtures/slot_takers.ts");
const MODULE = fixture("slot_takers.ts");

/** How many members of the pool have not ended. */
function members(hub: Hub): number {
  return hub.threads().filter(({ name }) => name.startsWith("member")).length;
}

Deno.test("GreenPool keeps count when a Worker dies at any step of a spawn", async () => {
  // Each step costs a Worker: every fourth does, from any of the first ones on, if not all are to be tried.
  const stride = rounds(1, 4);
  const leftovers = { crashed: 0 };
  await using hub = new TestHub({ maxWorkers: 4 }, leftovers);
  const { dieInSpawn } = hub.greenImport<Fixture>(MODULE);
  const pool = new GreenPool(3);
  const gate = new Semaphore(0);
  // One slot is always taken, so that one which is given back twice is seen: there are never more free than there are.
  const hold = pool[CORE].tryAcquire("test")!;
  let [spawned, survived] = [0, false];
  for (let step = 1 + Math.floor(Math.random() * stride); !survived; step += stride) {
    survived = await dieInSpawn(pool, gate, step).then(() => true, () => false);
    if (!survived) leftovers.crashed++;
    const alive = members(hub);
    assertEquals(pool.running, 1 + alive, `step ${step}, ${alive} members`);
    if (alive === 0) continue;
    spawned++;
    gate.release();
    await until(() => members(hub) === 0);
    assertEquals(pool.running, 1, `step ${step}, after the member's end`);
  }
  // It has died before its message had gone, and after it.
  const died = leftovers.crashed * stride;
  assert(died > 10 && spawned * stride > 1, `${leftovers.crashed} died, ${spawned} spawned`);
  hold.release();
  assertEquals({ free: pool.free, waiting: pool.waiting, running: pool.running }, {
    free: 3,
    waiting: 0,
    running: 0,
  });
});

Deno.test("GreenPool.spawnAsync() of what cannot cross leaves the line, and takes no slot", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const [pool, gate] = [new GreenPool(1), new Semaphore(0)];
  const running = pool.spawnAsync((gate: Semaphore) => gate.acquire().release(), gate);
  assertThrows(() => pool.spawnAsync((value: unknown) => value, Symbol("no")), NotCloneableError);
  assertEquals(pool.waiting, 0);
  gate.release();
  await running;
  assertEquals(pool.free, 1);
});

Deno.test("GreenPool.spawn() gives the slot back when the hub cannot make the thread, or the thread cannot read its arguments", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { spawnWithout } = hub.greenImport<Fixture>(MODULE);
  const pool = new GreenPool(1);
  assertMatch(await spawnWithout(pool, false), /handle 999999: it was not passed to this Worker/);
  assertEquals(pool.free, 1);
  assertMatch(await spawnWithout(pool, true), /^Cannot read a message: .*class/);
  assertEquals(pool.free, 1);
});

Deno.test("Hub ends a Worker that spawns in a pool of which it holds no slot", async () => {
  const forgeries = ["none", "no node", "another pool", "a lock", "twice"] as const;
  for (const forgery of forgeries) {
    await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
    const { forgeSlot } = hub.greenImport<Fixture>(MODULE);
    const [pool, other, lock] = [new GreenPool(2), new GreenPool(2), new Lock()];
    const error = await rejection(forgeSlot(forgery, pool, other, lock), WorkerCrashedError);
    assertInstanceOf(error.cause, BridgeProtocolError);
    assertMatch(error.message, /holds no slot of it/);
    await until(() => hub.statistics().threads === 0);
    assertEquals([pool.free, other.free, lock.locked], [2, 2, false], forgery);
  }
});

/** Whether the Worker had what it took before it was given up: then it has nothing after that. */
async function takesInTime(object: GreenPool | Lock): Promise<boolean> {
  await using hub = new TestHub({ maxWorkers: 1 }, { leaked: 1 });
  const { takeWhileStopped } = hub.greenImport<Fixture>(MODULE);
  const words = new Int32Array(new SharedArrayBuffer(4));
  const thread = takeWhileStopped(object, words);
  await until(() => Atomics.load(words, 0) === 1);
  thread.kill(undefined, { grace: 20 });
  await rejection(thread, GreenletExit);
  Atomics.store(words, 0, 2);
  await until(() => Atomics.load(words, 0) === 3);
  if (hub.statistics().leaked > 0) return false;
  assertEquals(object[CORE].value, 0);
  await until(() => hub.statistics().leaked === 1);
  assertEquals(object[CORE].value, 1);
  return true;
}

testApart(
  import.meta,
  "a Worker that is stopped as it takes a slot or a lock keeps nothing",
  async () => {
    for (const make of [() => new GreenPool(1), () => new Lock()]) {
      // On a machine that has too much to do it may be given up before that.
      let tries = 1;
      while (!await takesInTime(make())) assert(++tries <= 5);
    }
  },
);
