/** Green code whose Worker dies in the middle of a wait, at a moment that somebody else chooses. */

/** What the one who dies and the others share. */
export type Fate = Int32Array;

const ARMED = 0;
const STUCK = 1;
const DIES = 2;

/** How long to sleep at a time until it is armed, in milliseconds. */
const SLICE = 1;

/** The shortest sleep that is a wait of the thread: the sleeps for an object's own lock are shorter. */
const SHORTEST = 0.06;

/** A fate that is open. */
export function newFate(): Fate {
  return new Int32Array(new SharedArrayBuffer(12));
}

/**
 * From the moment when it is {@linkcode arm}ed this Worker stays in the wait that it is in, whatever it is given and whoever
 * wakes it, until it is to die. Then it dies at once, in the middle of the wait.
 */
export function dieWhenParked(fate: Fate): void {
  const { wait } = Atomics;
  Reflect.set(Atomics, "wait", (words: Int32Array, at: number, seen: number, ms = Infinity) => {
    if (ms < SHORTEST || Atomics.load(fate, ARMED) === 0) {
      return wait(words, at, seen, Math.min(ms, SLICE));
    }
    Atomics.store(fate, STUCK, 1);
    while (Atomics.load(fate, DIES) === 0) wait(fate, DIES, 0);
    Deno.exit(3);
  });
}

/** The one who is to die is where it shall: it stays there. */
export function arm(fate: Fate): void {
  Atomics.store(fate, ARMED, 1);
}

/** Whether it stays where it is. */
export function isStuck(fate: Fate): boolean {
  return Atomics.load(fate, STUCK) === 1;
}

/** Lets it die. */
export function letDie(fate: Fate): void {
  Atomics.store(fate, DIES, 1);
  Atomics.notify(fate, DIES);
}
