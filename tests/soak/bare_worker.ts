/**
 * A Worker with nothing but a board, the arena and an object's memory: no runtime that looks again by itself now and then, so a
 * wake-up that is lost is lost for good.
 */

import { parentPort, workerData } from "node:worker_threads";
import { Board } from "../../bridge/wire/board.ts";
import type { Condition, Green } from "../../bridge/side/green.ts";
import { becomeGreen } from "../../bridge/side/side.ts";
import { becomeWorker, HereInWorker } from "../../bridge/memory/process_side.ts";
import { LightQueue, Semaphore } from "../../sync/mod.ts";
import { receiveShared } from "../../bridge/memory/objects.ts";
import { RefKind } from "../../bridge/protocol/messages.ts";
import { Chance } from "../support/random.ts";

/** What a bare Worker is given. */
export interface BareStart {
  readonly arena: SharedArrayBuffer;
  readonly board: SharedArrayBuffer;
  readonly slots: number;
  readonly slot: number;
  readonly semaphore: SharedArrayBuffer;
  readonly queue: SharedArrayBuffer;
  readonly game: "tokens" | "queue" | "gone";
  readonly rounds: number;
  /** Counts who is there; then the rounds of all. */
  readonly gate: SharedArrayBuffer;
  readonly seed: number;
}

function object<T>(kind: string, id: number, buffer: SharedArrayBuffer): T {
  const entry = [RefKind.Coordination, id, kind, 0, ""] as const;
  return receiveShared(entry, [], () => buffer)!.object as T;
}

/** What is done in the middle of a wait, once; it may throw, as a kill does. */
let meanwhile: (() => void) | undefined;

function play(start: BareStart): unknown {
  const { slot, rounds } = start;
  const board = new Board(start.slots, start.board);
  becomeWorker(new HereInWorker({ arena: start.arena, board: 1 }, board, slot));
  const bare = {
    enter: () => slot + 1,
    threadId: () => slot + 1,
    checkHeard() {},
    // Nobody kills anybody here.
    knownKills: 0,
    block(condition: Condition, deadline: number) {
      for (;;) {
        const seen = board.woken(slot);
        if (condition.done) return true;
        const act = meanwhile;
        meanwhile = undefined;
        act?.();
        const left = deadline - performance.now();
        if (left <= 0) return false;
        board.park(slot, seen, left);
      }
    },
  };
  becomeGreen(bare as unknown as Green);
  const semaphore = object<Semaphore>("Semaphore", 1, start.semaphore);
  const queue = object<LightQueue<number>>("LightQueue", 2, start.queue);
  const chance = new Chance(start.seed + slot);
  if (start.game === "gone") return gone(board);
  const there = new Int32Array(start.gate);
  Atomics.add(there, 0, 1);
  while (Atomics.load(there, 0) < start.slots);
  for (let i = 0; i < rounds; i++) {
    if (start.game === "tokens") {
      const permit = semaphore.acquire();
      if (chance.next() < 0.5) { for (let spin = chance.next() * 2000; spin > 0; spin--); }
      permit.release();
    } else if (slot % 2 === 0) queue.put(i);
    else queue.get();
    Atomics.add(there, 1, 1);
  }
  return rounds;
}

/** One who is killed in the very moment in which it is granted something. */
function gone(board: Board): unknown {
  const killed = (act: () => void) => () => {
    act();
    throw new Error("killed");
  };
  const attempt = (fn: () => unknown) => {
    try {
      return fn();
    } catch (error) {
      return (error as Error).message;
    }
  };
  const semaphore = new Semaphore(0);
  const queue = new LightQueue<number>();
  meanwhile = killed(() => semaphore.release());
  const first = [attempt(() => semaphore.acquire()), semaphore.value, semaphore.waiting];
  meanwhile = killed(() => queue.tryPut(5));
  const second = [attempt(() => queue.get()), queue.size, queue.tryGet()];
  const full = new LightQueue<number>(1);
  full.tryPut(1);
  meanwhile = killed(() => full.tryGet());
  const third = [attempt(() => full.put(2)), full.size, full.tryGet()];
  // Timed out in the same moment: what is ready wins.
  meanwhile = () => {
    queue.tryPut(6);
    Atomics.wait(new Int32Array(board.buffer), 0, -1, 0);
  };
  const fourth = [attempt(() => queue.get({ timeout: 5 })), queue.size];
  return [first, second, third, fourth];
}

parentPort?.postMessage(play(workerData as BareStart));
