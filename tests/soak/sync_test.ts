/**
 * Many parties on both sides at a few objects, with random kills, aborts and time limits.
 *
 * With all rounds, 32 green threads and 32 async tasks do a million operations; `AIOHUB_SEED` repeats a run.
 *
 * That these tests find what they are for was tried by breaking the code: `Core.enter()` without the lock, and a waiter that
 * gives up and stays in the list, fail in the first test; `Waiters.wake()` without every 1,000th wake-up is found between green
 * code and the hub. A green thread that was not woken looks again by itself after some milliseconds, as it tells the hub what
 * it is blocked on: what that hides is found by `bare_test.ts`, and `tests/model/` tries all orders. The million operations
 * have found a node whose DATA was read after its grant, when its owner may have used it elsewhere already: some item in a
 * run was lost.
 */

import { type GreenThread, Hub, Semaphore, useHub } from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import {
  asyncParty,
  greenParty,
  makeStage,
  MOST_ITEMS,
  PERMITS,
  pingPong,
  type Stage,
  Word,
} from "./sync_party.ts";
import { anySeed, rounds } from "../support/rounds.ts";
import { randomBy } from "../support/sync_random.ts";

const scale = rounds(32, 4);
const seed = anySeed();
const limitMs = 40_000 * Math.max(1, scale / 4);

/** Rejects when the parties do not come to an end: somebody was not woken. */
async function inTime<T>(promise: Promise<T>, what: () => string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Stuck: ${what()}`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

Deno.test(`stress: mutual exclusion, permits and items (seed ${seed}, scale ${scale})`, async () => {
  await using hub = new Hub({ maxWorkers: scale });
  const before = useHub(hub);
  try {
    const stage = makeStage(2 * scale);
    // At 32 and more: a million in all.
    const operations = scale >= 32 ? 16_000 : 150 * scale;
    const random = randomBy(seed);
    const describe = () =>
      JSON.stringify(
        [stage.lock, stage.semaphore, ...stage.queues].map((object) => object.describe()),
      );
    const parties = Array.from(
      { length: 2 * scale },
      (_, party) =>
        party < scale
          ? runGreen(stage, party, operations, random)
          : runAsync(stage, party, operations, random),
    );
    await inTime(Promise.all(parties), describe);
    check(stage);
    const { [Word.Operations]: done, [Word.Longest]: longest } = stage.counts;
    console.log(`${done} operations by ${2 * scale} parties, the longest took ${longest} ms`);
    // First come, first served: nobody waits for more than the others that were there, whatever the machine is busy with.
    assertEquals(done, operations * 2 * scale);
    assert(longest < limitMs / 4, `somebody waited for ${longest} ms`);
  } finally {
    useHub(before);
  }
});

/** Half of the lives of a party are cut short, at any moment. */
function killSometimes(random: () => number, kill: () => void): () => void {
  const timer = random() < 0.5 ? setTimeout(kill, random() * random() * 400) : undefined;
  return () => clearTimeout(timer);
}

/** Runs a green party; kills it now and then, and starts it again until it has done its part. */
async function runGreen(
  stage: Stage,
  party: number,
  operations: number,
  random: () => number,
): Promise<void> {
  for (let life = 0; stage.done[party] < operations; life++) {
    const thread: GreenThread = greenParty(stage, party, seed + party * 7 + life * 101, operations);
    const lives = killSometimes(random, () => thread.kill(new Error("killed")));
    try {
      await thread;
    } catch (error) {
      if ((error as Error).message !== "killed") throw error;
    }
    lives();
  }
}

async function runAsync(
  stage: Stage,
  party: number,
  operations: number,
  random: () => number,
): Promise<void> {
  for (let life = 0; stage.done[party] < operations; life++) {
    const controller = new AbortController();
    const lives = killSometimes(random, () => controller.abort(new Error("killed")));
    try {
      await asyncParty(
        stage,
        party,
        seed + party * 7 + life * 101,
        operations,
        controller.signal,
      );
    } catch (error) {
      if ((error as Error).message !== "killed") throw error;
    }
    lives();
  }
}

function check({ lock, semaphore, queues, counts, items }: Stage): void {
  assertEquals(counts[Word.Wrong], 0, "somebody was where somebody else was");
  assertEquals(counts[Word.Plain], counts[Word.Locked], "a plain addition under the lock was lost");
  assert(!lock.locked);
  assertEquals([semaphore.value, semaphore.waiting], [PERMITS, 0]);
  for (const queue of queues) {
    assertEquals([queue.getting, queue.putting], [0, 0]);
    while (!queue.empty) Atomics.add(items, queue.tryGet(), 1 << 16);
  }
  for (let item = 0; item < items.length; item++) {
    const got = items[item] >> 16;
    const put = items[item] & 3;
    // A put that was killed may have put its item or not.
    const right = put === 3 ? got === 1 : put === 2 ? got <= 1 : got === 0;
    assert(right, `item ${item % MOST_ITEMS} of party ${item >> 12}: put ${put}, got ${got}`);
  }
}

Deno.test(`stress: no wake-up is lost in a game of ping-pong (scale ${scale})`, async () => {
  const rounds = 2500 * scale;
  const [ping, pong] = [new Semaphore(0), new Semaphore(0)];
  const players = [pingPong(ping, pong, rounds), pingPong(pong, ping, rounds)];
  ping.release();
  await inTime(
    Promise.all(players.map((player) => player.then())),
    () => JSON.stringify([ping.describe(), pong.describe()]),
  );
  assertEquals([ping.value, pong.value], [1, 0]);
});

Deno.test(`stress: no wake-up is lost between green code and the hub (scale ${scale})`, async () => {
  const rounds = 500 * scale;
  const [ping, pong] = [new Semaphore(0), new Semaphore(0)];
  const player = pingPong(ping, pong, rounds);
  const play = async () => {
    for (let i = 0; i < rounds; i++) {
      ping.release();
      await pong.acquireAsync();
    }
    await player;
  };
  await inTime(play(), () => JSON.stringify([ping.describe(), pong.describe()]));
  assertEquals([ping.value, pong.value], [0, 0]);
});
