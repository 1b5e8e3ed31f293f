/**
 * The waiter list, the lock and the park of a Worker, with no runtime above them that would look again by itself: whoever is
 * not woken here sleeps for ever.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { copyWith, type Mutation } from "../model/library.ts";
import { rounds } from "../support/rounds.ts";
import { play } from "./bare.ts";

/** How many rounds each of them plays. */
const ROUNDS = rounds(20_000);

for (const players of [2, 4, 8]) {
  Deno.test(`bare: no wake-up is lost by ${players} at a semaphore of 1`, async () => {
    assertEquals(await play("tokens", players, ROUNDS), new Array(players).fill(ROUNDS));
  });
  Deno.test(`bare: no wake-up is lost by ${players} at a queue of 3`, async () => {
    assertEquals(await play("queue", players, ROUNDS), new Array(players).fill(ROUNDS));
  });
}

Deno.test("bare: what one was granted who is killed in that moment is handed on", async () => {
  const [[first, second, third, fourth]] = await play("gone", 1, 0) as unknown[][];
  assertEquals(first, ["killed", 1, 0]);
  assertEquals(second, ["killed", 1, 5]);
  assertEquals(third, ["killed", 1, 2]);
  assertEquals(fourth, [6, 0]);
});

// That a wake-up that is lost would be found is shown by losing some.

const broken: Readonly<Record<string, Mutation>> = {
  "every 100th wake-up is left out": {
    file: "bridge/memory/waiters.ts",
    text: "    for (let i = 0; i < wakes.length; i += 3) here.wake(wakes[i],",
    instead: `    const counted = globalThis as { wakes?: number };
    counted.wakes = (counted.wakes ?? 0) + 1;
    if (counted.wakes % 100 === 0) wakes.length = 0;
    for (let i = 0; i < wakes.length; i += 3) here.wake(wakes[i],`,
  },
  "every 50th notification is left out": {
    file: "bridge/wire/board.ts",
    text: `    Atomics.add(this.#words, line + WAKE, 1);
    if (Atomics.load(this.#words, line + PARKED) !== 0) {`,
    instead: `    Atomics.add(this.#words, line + WAKE, 1);
    const counted = globalThis as { wakes?: number };
    counted.wakes = (counted.wakes ?? 0) + 1;
    if (counted.wakes % 50 !== 0 && Atomics.load(this.#words, line + PARKED) !== 0) {`,
  },
};

for (const [what, mutation] of Object.entries(broken)) {
  Deno.test(`bare: finds that ${what}`, async () => {
    await using copy = await copyWith(mutation, ["tests"]);
    const worker = new URL("tests/soak/bare_worker.ts", copy.url);
    await assertRejects(
      () => play("queue", 2, 1_000_000, { worker, stuckAfter: 3000 }),
      Error,
      "Stuck",
    );
  });
}
