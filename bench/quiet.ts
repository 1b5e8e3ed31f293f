/** Waits for a machine on which nobody else is busy. */
import { cpus } from "node:os";

/** How long (ms) to look: the kernel counts in ticks of 10 ms. */
const LOOK = 100;

/** A machine is quiet while others use less than this part of all cores. */
const QUIET = 0.15;

/** Keeps count of how quiet it was, and waits while it is not, as long as it may. */
export class QuietMachine {
  /** Rounds in all. */
  rounds = 0;
  /** Rounds that began although others were busy. */
  noisy = 0;
  #patience: number;

  /** Waits no longer than `patience` ms in all. */
  constructor(patience: number) {
    this.#patience = patience;
  }

  /** Called before a round, while all children are stopped: whoever is busy is somebody else. */
  async wait(): Promise<void> {
    this.rounds++;
    for (;;) {
      if (await othersUse() < QUIET) return;
      if (this.#patience <= 0) break;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      this.#patience -= 1000 + LOOK;
    }
    this.noisy++;
  }
}

/** The part of all cores that is in use, from 0 to 1. */
async function othersUse(): Promise<number> {
  const before = readTimes();
  await new Promise((resolve) => setTimeout(resolve, LOOK));
  const after = readTimes();
  return 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all);
}

function readTimes(): { idle: number; all: number } {
  let idle = 0;
  let all = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, all };
}
