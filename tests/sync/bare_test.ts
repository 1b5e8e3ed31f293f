/**
 * The waiter list, the lock and the park of a Worker, with no runtime above them that would look again by itself: whoever is
 * not woken here sleeps for ever.
 *
 * That this finds a lost wake-up was tried by breaking the code, each at a time: `Waiters.wake()` without every 1,000th
 * wake-up; `Board.wake()` without every 50th notification; a wait that looks at its condition before it reads its wake
 * counter; `Core.enter()` without the lock. Each of them ends in "Stuck" in the games with a queue, whatever the number. `Permits.handBack()` and
 * `QueueCore.handBack()` that do nothing fail in the last test.
 */

import { Worker } from "node:worker_threads";
import { assertEquals } from "@std/assert";
import { Board } from "../../bridge/board.ts";
import { Arena } from "../../bridge/sync/arena.ts";
import { CORE } from "../../bridge/sync/objects.ts";
import { LightQueue, Semaphore } from "../../sync/mod.ts";
import type { BareStart } from "./bare_worker.ts";

const scale = Number(Deno.env.get("AIOHUB_STRESS") ?? 4);

/** Memory of a semaphore and of a queue. */
function memories() {
  return {
    semaphore: new Semaphore(1)[CORE].buffer,
    queue: new LightQueue<number>(3)[CORE].buffer,
  };
}

async function run(game: BareStart["game"], players: number, rounds: number): Promise<unknown[]> {
  const { buffer: arena } = new Arena();
  const board = new Board(players);
  const seed = Math.floor(Math.random() * 1e6);
  const shared = { ...memories(), gate: new SharedArrayBuffer(4) };
  const workers: Worker[] = [];
  const results = Array.from({ length: players }, (_, slot) => {
    const start: BareStart = {
      arena,
      board: board.buffer,
      slots: players,
      slot,
      ...shared,
      game,
      rounds,
      seed,
    };
    const worker = new Worker(new URL("./bare_worker.ts", import.meta.url), { workerData: start });
    workers.push(worker);
    return new Promise<unknown>((resolve, reject) => {
      worker.on("message", resolve);
      worker.on("error", reject);
    });
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Stuck in "${game}" with seed ${seed}`)), 120_000);
  });
  try {
    return await Promise.race([Promise.all(results), late]);
  } finally {
    clearTimeout(timer);
    for (let slot = 0; slot < players; slot++) board.wake(slot);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

for (const players of [2, 4, 8]) {
  const rounds = 2500 * scale;
  Deno.test(`bare: no wake-up is lost by ${players} at a semaphore of 1`, async () => {
    assertEquals(await run("tokens", players, rounds), new Array(players).fill(rounds));
  });
  Deno.test(`bare: no wake-up is lost by ${players} at a queue of 3`, async () => {
    assertEquals(await run("queue", players, rounds), new Array(players).fill(rounds));
  });
}

Deno.test("bare: what one was granted who is killed in that moment is handed on", async () => {
  const [[first, second, third, fourth]] = await run("gone", 1, 0) as unknown[][];
  assertEquals(first, ["killed", 1, 0]);
  assertEquals(second, ["killed", 1, 5]);
  assertEquals(third, ["killed", 1, 2]);
  assertEquals(fourth, [6, 0]);
});
