/** The floor's Worker: calls the hub and blocks, with `Atomics` and nothing else. */
import { parentPort, workerData } from "node:worker_threads";
import { block, rateOfCalls, timeCalls, timeColdCalls } from "./measure.mjs";
import { payload } from "./payload.mjs";
import {
  Bell,
  type FloorCommand,
  type FloorWorkerData,
  read,
  RING,
  Slot,
  Word,
  write,
} from "./floor_wire.ts";

const { bell, mailbox, spin } = workerData as FloorWorkerData;
const { words, slots, numbers } = mailbox;

/** How long (ms) to spin before parking while traffic is hot. */
const SPIN = 0.1;

/** After spins that were in vain, at most this many waits go without one. */
const MAX_PENALTY = 64;

/** Workers that may spin at once: one core is the hub's. */
const SPINNERS = Math.max(1, navigator.hardwareConcurrency - 1);

/** Doubles with each spin in vain, so that a loaded machine is not made worse. */
let penalty = 1;
/** Waits still to go without a spin. */
let patience = 0;
let nextSlot = 0;

parentPort!.on("message", (command: FloorCommand) => {
  parentPort!.postMessage(obey(command));
});

function obey(command: FloorCommand): number {
  const { method, kind = "number", size = 0, budget = 0 } = command;
  const value = payload(kind, size);
  const call = kind === "number" ? (i: number) => callHub(i) : () => callHub(value);
  switch (method) {
    case "hot":
      return timeCalls(budget, call);
    case "cold":
      return timeColdCalls(budget, () => block(command.pause!), call);
    case "rate":
      return rateOfCalls(budget, call);
    case "inFlight":
      return timeCalls(budget, () => callMany(command.count!)) / command.count!;
    case "serveJobs":
      return serveJobs();
    case "park":
      block(60_000);
      return 0;
  }
}

function callHub(value: unknown): unknown {
  write(mailbox, value);
  Atomics.store(words, Word.REQUEST, 1);
  ring();
  waitUntil(() => Atomics.load(words, Word.REQUEST) === 0);
  return read(mailbox);
}

function callMany(count: number): number {
  const first = nextSlot;
  for (let i = 0; i < count; i++) {
    const slot = (first + i) % RING;
    numbers[slot] = i;
    Atomics.store(slots, slot, Slot.ASKED);
    ring();
  }
  let total = 0;
  for (let i = 0; i < count; i++) {
    const slot = (first + i) % RING;
    waitUntil(() => Atomics.load(slots, slot) === Slot.ANSWERED);
    total += numbers[slot];
    Atomics.store(slots, slot, Slot.FREE);
  }
  nextSlot = (first + count) % RING;
  return total;
}

function serveJobs(): number {
  for (let done = 0;; done++) {
    waitUntil(() => (Atomics.load(words, Word.JOB) & 1) === 1);
    if (Atomics.load(words, Word.JOB) === 3) {
      Atomics.store(words, Word.JOB, 0);
      return done;
    }
    words[Word.NUMBER] += 1;
    Atomics.store(words, Word.JOB, 2);
    ring();
  }
}

function ring(): void {
  Atomics.add(bell, Bell.COUNTER, 1);
  if (Atomics.load(bell, Bell.ARMED) === 1) Atomics.notify(bell, Bell.COUNTER);
}

function waitUntil(isDone: () => boolean): void {
  if (isDone() || (spin && spinIfItPays(isDone))) return;
  for (;;) {
    const seen = Atomics.load(words, Word.WAKE);
    Atomics.store(words, Word.PARKED, 1);
    if (isDone()) break;
    Atomics.wait(words, Word.WAKE, seen);
  }
  Atomics.store(words, Word.PARKED, 0);
}

function spinIfItPays(isDone: () => boolean): boolean {
  if (patience > 0) {
    patience--;
    return false;
  }
  const isOver = trySpin(isDone, performance.now() + SPIN);
  penalty = isOver ? 1 : Math.min(penalty * 2, MAX_PENALTY);
  patience = isOver ? 0 : penalty;
  return isOver;
}

function trySpin(isDone: () => boolean, end: number): boolean {
  const isFree = Atomics.add(bell, Bell.SPINNING, 1) < SPINNERS;
  const isOver = isFree && spinUntil(isDone, end);
  Atomics.sub(bell, Bell.SPINNING, 1);
  return isOver;
}

function spinUntil(isDone: () => boolean, end: number): boolean {
  do {
    for (let i = 0; i < 16; i++) {
      if (isDone()) return true;
      Atomics.pause();
    }
  } while (performance.now() < end);
  return false;
}
