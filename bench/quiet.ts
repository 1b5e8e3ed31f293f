/** Waits until nothing else runs on the machine. */
import { cpus } from "node:os";

/** The length (ms) of one measurement: the kernel counts in ticks of 10 ms. */
const LOOK = 100;

/** The part of all cores that other processes may use on a quiet machine. */
const QUIET = 0.15;

/** Waits before each round until the machine is quiet, as long as it may, and counts the rounds that were not. */
export class QuietMachine {
  /** The number of rounds. */
  rounds = 0;
  /** The number of rounds that began on a machine that was not quiet. */
  noisy = 0;
  #patience: number;

  /** @param patience The longest time to wait in all, in ms. */
  constructor(patience: number) {
    this.#patience = patience;
  }

  /** Called before a round, while all children are stopped: so other processes alone are measured. */
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
