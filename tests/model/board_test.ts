/** The board's two ways to sleep, and the ring: every order in which sleepers and wakers can take their steps. */

import type { Library } from "./library.ts";
import { meet, type World } from "./parties.ts";
import { tryOut } from "./mutants.ts";
import { expect } from "./explorer.ts";

const nothing = () => ({});
const LOST = /nobody will wake/;
const board = "bridge/wire/board.ts";

// A Worker sleeps until a word is set, by two others.

const sleeper = ({ board, words }: World<unknown>) => {
  for (;;) {
    const seen = board.woken(0);
    if (Atomics.load(words, 0) + Atomics.load(words, 1) === 2) return;
    board.park(0, seen, Infinity);
  }
};
const waker = (word: number) => ({ board, words }: World<unknown>) => {
  Atomics.store(words, word, 1);
  board.wake(0);
};

const sleep = (
  library: Library,
  { sleeps = sleeper, wakes = waker }: { sleeps?: typeof sleeper; wakes?: typeof waker } = {},
) =>
  meet(library, nothing, {
    parties: [{ green: sleeps }, { green: wakes(0) }, { green: wakes(1) }],
    check() {},
  });

const WAKES = `    Atomics.add(this.#words, line + WAKE, 1);
    if (Atomics.load(this.#words, line + PARKED) !== 0) {
      Atomics.notify(this.#words, line + WAKE);
    }`;
const SAYS = `    Atomics.store(this.#words, line + PARKED, 1);
    this.lie(slot);
    Atomics.wait(this.#words, line + WAKE, counter, ms);`;

tryOut("a Worker that parks is woken", {
  explore: sleep,
  mutants: {
    "the waker looks whether the sleeper sleeps before it counts": [{
      file: board,
      text: WAKES,
      instead: `    const parked = Atomics.load(this.#words, line + PARKED);
    Atomics.add(this.#words, line + WAKE, 1);
    if (parked === 1) Atomics.notify(this.#words, line + WAKE);`,
    }, LOST],
    "the waker does not count": [{
      file: board,
      text: WAKES,
      instead: `    Atomics.notify(this.#words, line + WAKE);`,
    }, LOST],
    "the waker notifies before it counts": [{
      file: board,
      text: WAKES,
      instead: `    Atomics.notify(this.#words, line + WAKE);
    Atomics.add(this.#words, line + WAKE, 1);`,
    }, LOST],
    "the sleeper does not say that it sleeps": [{
      file: board,
      text: SAYS,
      instead: `    Atomics.wait(this.#words, line + WAKE, counter, ms);`,
    }, LOST],
    "the sleeper sleeps whatever the counter is": [{
      file: board,
      text: "line + WAKE, counter, ms);",
      instead: "line + WAKE, Atomics.load(this.#words, line + WAKE), ms);",
    }, LOST],
  },
  variants: {
    "the sleeper looks for work before it reads the counter": [(library) =>
      sleep(library, {
        sleeps({ board, words }) {
          for (;;) {
            if (Atomics.load(words, 0) + Atomics.load(words, 1) === 2) return;
            board.park(0, board.woken(0), Infinity);
          }
        },
      }), LOST],
    "the waker wakes before it publishes": [(library) =>
      sleep(library, {
        wakes: (word) => ({ board, words }) => {
          board.wake(0);
          Atomics.store(words, word, 1);
        },
      }), LOST],
  },
});

// The hub sleeps until two Workers have raised their flags.

const ring = (library: Library) =>
  meet(library, nothing, {
    parties: [0, 1].map((slot) => ({
      green({ board, words }: World<unknown>) {
        Atomics.store(words, slot, 1);
        board.raise(slot);
      },
    })).concat([hubThatHears()] as never),
    check() {},
  });

/** Its async code waits until all that the Workers have published was taken in. */
function hubThatHears() {
  let heard: (() => void) | undefined;
  let taken = new Set<number>();
  return {
    hub() {
      taken = new Set();
      return new Promise<void>((resolve) => heard = resolve);
    },
    takeIn({ board, words }: World<unknown>) {
      const flags = board.takeFlags(0);
      for (const slot of [0, 1]) {
        if ((flags & 1 << slot) !== 0 && Atomics.load(words, slot) === 1) taken.add(slot);
      }
      if (taken.size === 2) heard?.();
      return flags !== 0;
    },
  };
}

tryOut("the hub hears all who ring", {
  explore: ring,
  mutants: {
    "it is armed after it sleeps": [{
      file: board,
      text: `    Atomics.store(this.#words, ARMED, 1);
    const sleep = Atomics.waitAsync(this.#words, DOORBELL, heard);`,
      instead: `    const sleep = Atomics.waitAsync(this.#words, DOORBELL, heard);
    Atomics.store(this.#words, ARMED, 1);`,
    }, LOST],
    "one rings before its flag is up": [{
      file: board,
      text: `    Atomics.or(this.#words, FLAGS + (slot >> 5), 1 << (slot & 31));
    this.ring();`,
      instead: `    this.ring();
    Atomics.or(this.#words, FLAGS + (slot >> 5), 1 << (slot & 31));`,
    }, LOST],
    "one looks whether the hub sleeps before it counts": [{
      file: board,
      text: `    Atomics.add(this.#words, DOORBELL, 1);
    if (Atomics.load(this.#words, ARMED) === 1) Atomics.notify(this.#words, DOORBELL);`,
      instead: `    const armed = Atomics.load(this.#words, ARMED) === 1;
    Atomics.add(this.#words, DOORBELL, 1);
    if (armed) Atomics.notify(this.#words, DOORBELL);`,
    }, LOST],
    "flags are read and then lowered": [{
      file: board,
      text: "return Atomics.exchange(this.#words, word, 0);",
      instead: `const flags = Atomics.load(this.#words, word);
    Atomics.store(this.#words, word, 0);
    return flags;`,
    }, LOST],
    "the hub reads the counter after it has looked": [{
      file: "hub/pool/doorbell.ts",
      text: `      const heard = this.#board.heard();
      const worked = this.#takeIn();`,
      instead: `      const worked = this.#takeIn();
      const heard = this.#board.heard();`,
    }, LOST],
  },
});

// A writer that finds no room says that it is hungry, and sleeps until the reader has made some.

const FRAME = 1 << 16;

type Writer = InstanceType<Library["RingWriter"]>;

function writeFrame(writer: Writer, frame: number): boolean {
  const at = writer.reserve(FRAME);
  if (at < 0) return false;
  writer.words[at >> 2] = FRAME;
  writer.words[(at >> 2) + 1] = frame;
  writer.publish(FRAME);
  return true;
}

let writer: Writer;

const write = (library: Library) =>
  meet(library, nothing, {
    parties: [
      {
        // Four frames fill the ring; there is room again when two were read: then it is half empty.
        before({ library, ring }) {
          writer = new library.RingWriter(ring);
          for (const frame of [1, 2, 3, 4]) writeFrame(writer, frame);
        },
        green({ board }) {
          // As in mailbox.ts: it says that it is hungry before it looks again.
          writer.setHungry(true);
          for (;;) {
            const seen = board.woken(0);
            if (writeFrame(writer, 5)) break;
            board.park(0, seen, Infinity);
          }
          writer.setHungry(false);
          board.wake(1);
        },
      },
      {
        green({ library, board, ring, note }) {
          const reader = new library.RingReader(ring);
          for (let frame = 0; frame < 5;) {
            const seen = board.woken(1);
            const at = reader.next();
            if (at < 0) {
              board.park(1, seen, Infinity);
              continue;
            }
            note(`${reader.words[(at >> 2) + 1]}`);
            reader.consume();
            frame++;
            if (reader.takeHungry()) board.wake(0);
          }
        },
      },
    ],
    check: ({ notes }) => expect(notes, ["1", "2", "3", "4", "5"]),
  });

tryOut("a writer that waits for room is woken, and each frame is read once", {
  explore: write,
  mutants: {
    "a frame is published before it is written": [{
      file: "bridge/wire/ring.ts",
      text: `    if (left >= size) return DATA + at;`,
      instead: `    Atomics.store(this.words, HEAD, this.#head + size | 0);
    if (left >= size) return DATA + at;`,
    }, /W0 writes ring\[?.*of a frame that is unread/],
    "nobody wakes the writer who is hungry": [{
      file: "bridge/wire/ring.ts",
      text: "return Atomics.exchange(this.words, HUNGRY, 0) === 1;",
      instead: "return Atomics.exchange(this.words, HUNGRY, 0) === 2;",
    }, LOST],
    "the reader gives the frame's room back before it has read it": [{
      file: "bridge/wire/ring.ts",
      text: `        this.size = size;
        return DATA + at;`,
      instead: `        this.#advance(size);
        this.size = 0;
        return DATA + at;`,
    }, /W1 reads ring.* of a frame that is not unread/],
  },
});
