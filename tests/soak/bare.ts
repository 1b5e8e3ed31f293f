/**
 * Games for Workers with nothing but the waiter list, the lock and the park: no runtime above them looks again by itself, so
 * whoever is not woken sleeps for ever.
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import { Board } from "../../bridge/wire/board.ts";
import { Arena } from "../../bridge/memory/arena.ts";
import { CORE } from "../../bridge/memory/objects.ts";
import { LightQueue, Semaphore } from "../../sync/mod.ts";
import type { BareStart } from "./bare_worker.ts";

/** Options for {@linkcode play}. */
export interface PlayOptions {
  /** The Worker's module: one that uses a broken library, say. */
  worker?: URL;
  /** After how long without a single round they are stuck, in milliseconds. */
  stuckAfter?: number;
}

/** Rejects when no round was played for a while, after the first one. */
function watchOver(
  counts: Int32Array,
  what: string,
  stuckAfter: number,
): { stuck: Promise<never>; end(): void } {
  let [seen, since] = [0, performance.now()];
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setInterval(() => {
    const rounds = Atomics.load(counts, 1);
    if (rounds !== seen || rounds === 0) [seen, since] = [rounds, performance.now()];
    else if (performance.now() - since > stuckAfter) {
      reject(new Error(`Stuck in ${what} after ${rounds} rounds`));
    }
  }, 100);
  return { stuck: promise, end: () => clearInterval(timer) };
}

/** Memory of a semaphore and of a queue. */
function memories() {
  return {
    semaphore: new Semaphore(1)[CORE].buffer,
    queue: new LightQueue<number>(3)[CORE].buffer,
  };
}

/**
 * Plays a game.
 *
 * @param game Which one.
 * @param players How many Workers play.
 * @param rounds How many rounds each of them plays.
 * @param options See {@linkcode PlayOptions}.
 * @returns What each of them returns.
 * @throws {Error} If nobody gets on any more.
 */
export async function play(
  game: BareStart["game"],
  players: number,
  rounds: number,
  options: PlayOptions = {},
): Promise<unknown[]> {
  const { worker = new URL("./bare_worker.ts", import.meta.url), stuckAfter = 60_000 } = options;
  const { buffer: arena } = new Arena();
  const board = new Board(players);
  const seed = Math.floor(Math.random() * 1e6);
  const shared = { ...memories(), gate: new SharedArrayBuffer(8) };
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
    const thread = new Worker(worker, { workerData: start });
    workers.push(thread);
    return new Promise<unknown>((resolve, reject) => {
      thread.on("message", resolve);
      thread.on("error", reject);
    });
  });
  const watch = watchOver(new Int32Array(shared.gate), `"${game}" with seed ${seed}`, stuckAfter);
  try {
    return await Promise.race([Promise.all(results), watch.stuck]);
  } finally {
    watch.end();
    for (let slot = 0; slot < players; slot++) board.wake(slot);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
