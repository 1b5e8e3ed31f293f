/**
 * Semaphores, locks, events and queues: the real ones, by Workers and the main thread, in every order of their steps.
 *
 * No wake-up is lost, what is handed over is handed over once, no permit and no item is lost or doubled, first come first served;
 * also when a time is over, a thread is killed, or a Worker dies at the worst moment.
 */

import { ON_END } from "../../bridge/side/green_thread.ts";
import { expect } from "./explorer.ts";
import type { Library } from "./library.ts";
import { type Green, type Hub, meet, type MeetingEnd } from "./parties.ts";
import { tryOut } from "./mutants.ts";
import { CORE } from "../../bridge/memory/objects.ts";
import type { HubThread } from "../../hub/records/thread.ts";
import type { GreenEvent, GreenPool, Lock, Queue, Semaphore } from "../../sync/mod.ts";

const LOST = /nobody will wake/;
const UNLOCKED = /without the lock/;
const WRONG = /Expected .* found/;
const waiters = "bridge/memory/waiters.ts";
const core = "bridge/memory/core.ts";
const arena = "bridge/memory/arena.ts";
const places = "bridge/memory/process_side.ts";
const permits = "sync/permits.ts";
const queues = "sync/queue_core.ts";

// One permit, and all want it.

type Permit = { semaphore: Semaphore };
const permit = (count: number) => ({ Semaphore }: Library) => ({ semaphore: new Semaphore(count) });

/** Goes in and out again; what it notes says who is inside. */
const passer = (name: string): Green<Permit> => ({
  green({ objects: { semaphore }, note }) {
    const permit = semaphore.acquire();
    note(`${name} in`);
    note(`${name} out`);
    permit.release();
  },
});
const asyncPasser: Hub<Permit> = {
  async hub({ objects: { semaphore }, note }) {
    const permit = await semaphore.acquireAsync();
    note("hub in");
    note("hub out");
    permit.release();
  },
};

/** At each moment there is at most one inside. */
function oneAtATime(notes: readonly string[]): void {
  const inside = notes.filter((note) => note.endsWith("in")).length -
    notes.filter((note) => note.endsWith("out")).length;
  if (inside > 1) expect(inside, "at most 1 inside");
}
const allBack = (count: number) => ({ look }: MeetingEnd<Permit>) =>
  expect(look(({ semaphore }) => [semaphore.value, semaphore.waiting]), [count, 0]);

const pass = (library: Library) =>
  meet(library, permit(1), {
    parties: [passer("a"), passer("b"), passer("c")],
    invariant: oneAtATime,
    check: allBack(1),
  });

tryOut("three Workers at one permit", {
  explore: pass,
  mutants: {
    "the lock is not taken": [{
      file: "bridge/wire/spin_lock.ts",
      text:
        "    if (Atomics.compareExchange(this.#words, this.#at, 0, this.#mark) !== 0) this.#enterSlowly();",
      instead: "",
    }, UNLOCKED],
    "a waiter is woken before it is given what it waits for": [{
      file: waiters,
      text: `    Atomics.store(nodes, node + Node.State, state);
    // The owner gets its order number before the next waiter is served, which may be awake by chance and see its grant by itself.
    if (!this.#here.queue(owner)) wakes.push(owner, this.number, node);`,
      instead: `    this.#here.wake(owner, this.#object[1], this.number, node);
    Atomics.store(nodes, node + Node.State, state);`,
    }, LOST],
    "a waiter is not woken": [{
      file: core,
      text: "    if (this.wakes.length > 0) Waiters.wake(this.here, this.wakes, this.id);",
      instead: "    this.wakes.length = 0;",
    }, LOST],
    "a permit that is given back passes its waiters by": [{
      file: permits,
      text: "    else if (this.#grant() === 0) this.words[VALUE]++;",
      instead: "    else this.words[VALUE]++;",
    }, LOST],
    "a permit is granted and there all the same": [{
      file: permits,
      text: "    else if (this.#grant() === 0) this.words[VALUE]++;",
      instead: `    else {
      this.#grant();
      this.words[VALUE]++;
    }`,
    }, WRONG],
    "a node is looked at after its owner has it back": [{
      file: permits,
      text: "    return this.lists[0].grant(this.wakes);",
      instead: `    const node = this.lists[0].grant(this.wakes);
    this.words[HOLDER] = this.here.arena.words[node + Node.Data];
    return node;`,
    }, /reads Data of node .* somebody else's/],
    "a state is written before the data that goes with it": [{
      file: waiters,
      text: `    if (data !== undefined) nodes[node + Node.Data] = data;
    if ((nodes[node + Node.List] & TIMED) !== 0) nodes[node + Node.Time] = timeNow();
    nodes[node + Node.Kills] = this.#here.arena.kills;
    Atomics.store(nodes, node + Node.State, state);`,
      instead: `    Atomics.store(nodes, node + Node.State, state);
    nodes[node + Node.Data] = data ?? 0;`,
    }, /writes Data of node .* somebody else's/],
  },
});

tryOut("a Worker and two tasks of the main thread at one permit", {
  explore: (library) =>
    meet(library, permit(1), {
      parties: [passer("a"), {
        async hub(world) {
          await Promise.all([asyncPasser.hub(world), asyncPasser.hub(world)]);
        },
      }],
      invariant: oneAtATime,
      check: allBack(1),
    }),
});

// A permit comes in the moment in which its waiter gives up.

/** Waits, and notes that it got the permit; another one says what ends the wait. */
const waiter = (options?: { timeout: number }): Green<Permit> => ({
  green({ objects: { semaphore }, note, attempt }) {
    if (attempt(() => semaphore.acquire(options), "Timeout", "Killed")) note("got it");
  },
});
const releaser: Green<Permit> = { green: ({ objects: { semaphore } }) => semaphore.release() };
const killer: Green<Permit> = { green: ({ kill }) => kill(0) };
const failer: Green<Permit> = { green: ({ fail }) => fail(0) };
/** The permit is either had, or there. */
const oneInAll = ({ notes, look }: MeetingEnd<Permit>) =>
  expect(look(({ semaphore }) => [semaphore.value, semaphore.waiting]), [
    1 - notes.length,
    0,
  ]);

const WITHDRAWS = `    this.enter();
    const waits = Atomics.load(this.#arena, node + Node.State) === State.Waiting;
    if (waits) {`;

tryOut("a permit comes as its waiter's time is over", {
  explore: (library) =>
    meet(library, permit(0), {
      parties: [waiter({ timeout: 5 }), releaser],
      check: oneInAll,
    }),
  mutants: {
    "one who gives up does so without the lock": [{
      file: core,
      text: WITHDRAWS,
      instead: WITHDRAWS.replace("this.enter();", ""),
    }, UNLOCKED],
    "one who gives up does not look once more under the lock": [{
      file: core,
      text: WITHDRAWS,
      instead: `    this.enter();
    const waits = true;
    if (waits) {`,
    }, /Expected .* found|somebody else's/],
    "one who gives up drops what it was given": [{
      file: core,
      text: "    return this.#wasServed(node) || !this.#withdraw(list, node);",
      instead: `    if (performance.now() < 5) return true;
    this.#withdraw(list, node);
    return false;`,
    }, WRONG],
  },
});

tryOut("a permit comes as its waiter is killed", {
  explore: (library) =>
    meet(library, permit(0), {
      parties: [waiter(), releaser, killer],
      check: oneInAll,
    }),
  mutants: {
    "a killed waiter takes no notice of what it was given": [{
      file: core,
      text: "    return this.left = this.#core.leaves(this.#list, this.#node);",
      instead: `    const core = this.#core;
    core.enter();
    if (!this.#isOut) core.settleFor(this.#list, this.#node);
    core.leave();
    return this.left = true;`,
    }, WRONG],
  },
});

tryOut("a permit comes as what blocks its waiter fails", {
  explore: (library) =>
    meet(library, permit(0), {
      parties: [waiter(), releaser, failer],
      check: oneInAll,
    }),
  mutants: {
    "a waiter that fails does not hand back what it was given": [{
      file: core,
      text: "    } else if (state === State.Granted) this.handBack(list, node);",
      instead: "    }",
    }, WRONG],
    "a waiter that fails stays in the line": [{
      file: core,
      text: "      this.settleFor(list, node);\n      // Under",
      instead: "      // Under",
    }, /Expected .* found|without the lock/],
  },
});

// Workers give, and async code waits: marks and the doorbell.

type Two = { a: Semaphore; b: Semaphore };
const two = ({ Semaphore }: Library) => ({ a: new Semaphore(0), b: new Semaphore(0) });

/** Waits for both before any Worker begins. */
function bothWait(): Hub<Two> {
  let waits: Promise<unknown>[];
  return {
    before: ({ objects: { a, b } }) => void (waits = [a.acquireAsync(), b.acquireAsync()]),
    hub: () => Promise.all(waits).then(() => {}),
  };
}

tryOut("a Worker releases at two places what async code waits for", {
  explore: (library) =>
    meet(library, two, {
      parties: [
        {
          green({ objects: { a, b } }) {
            a.release();
            b.release();
          },
        },
        bothWait(),
      ] as (Green<Two> | Hub<Two>)[],
      check: ({ look }) => expect(look(({ a, b }) => [a.value, b.value]), [0, 0]),
    }),
  mutants: {
    "something is due before its mark is there": [{
      file: arena,
      text: `    Atomics.or(this.words, BITS + (bucket >> 5), 1 << (bucket & 31));
    Atomics.or(this.words, DUE, 1);`,
      instead: `    Atomics.or(this.words, DUE, 1);
    Atomics.or(this.words, BITS + (bucket >> 5), 1 << (bucket & 31));`,
    }, LOST],
    "the bell rings before something is due": [{
      file: places,
      text: `      this.arena.markDue(id);
      this.#board.ring();`,
      instead: `      this.#board.ring();
      this.arena.markDue(id);`,
    }, LOST],
    "marks are read and then taken away": [{
      file: arena,
      text: "let bits = Atomics.exchange(this.words, BITS + word, 0);",
      instead: `let bits = Atomics.load(this.words, BITS + word);
      Atomics.store(this.words, BITS + word, 0);`,
    }, LOST],
    "what is due is taken after the marks": [{
      file: places,
      text: `    const due = this.arena.takeDue();
    if (due === 0) return false;
    if ((due & 2) !== 0) this.wakeAll();
    for (const bucket of this.arena.takeMarks()) {`,
      instead: `    const marks = [...this.arena.takeMarks()];
    if (this.arena.takeDue() === 0) return false;
    for (const bucket of marks) {`,
    }, LOST],
  },
});

tryOut("a Worker releases as async code's time is over", {
  explore: (library) =>
    meet(library, permit(0), {
      parties: [releaser, {
        async hub({ objects: { semaphore }, note }) {
          await semaphore.acquireAsync({ timeout: 5 }).then(() => note("got it"), () => {});
        },
      }],
      check: oneInAll,
    }),
  mutants: {
    "async code that gives up drops what it was given": [{
      file: core,
      text: "        if (this.#withdraw(list, node)) outcome();\n        else resolve(true);",
      instead: "        this.#withdraw(list, node);\n        outcome();",
    }, WRONG],
  },
});

tryOut("async code releases what a Worker waits for", {
  explore: (library) =>
    meet(library, permit(0), {
      parties: [waiter(), {
        hub({ objects: { semaphore } }) {
          semaphore.release();
          return Promise.resolve();
        },
      }],
      check: oneInAll,
    }),
});

// First come, first served: the main thread is in the line before the Workers begin.

tryOut("the first in the line is served first", {
  explore: (library) =>
    meet(library, permit(0), {
      parties: [
        {
          green({ objects: { semaphore }, note, attempt }) {
            if (attempt(() => semaphore.acquire({ timeout: 5 }), "Timeout")) note("second");
          },
        },
        releaser,
        waitsFirst((note) => note("first")),
      ],
      check: ({ notes }) => expect(notes, ["first"]),
    }),
  mutants: {
    "the last one in the line is served first": [{
      file: waiters,
      text: "    return this.#object[this.#at + HEAD];",
      instead: "    return this.#object[this.#at + TAIL];",
    }, /Expected|nobody will wake/],
    "one who comes takes a permit that somebody waits for": [{
      file: permits,
      text: "    if (this.words[VALUE] < 0) this.words[VALUE]++;",
      instead: `    if (this.words[VALUE] < 1) {
      this.words[VALUE]++;
      this.wakes.push(this.here.arena.words[this.lists[0].first + Node.Owner], 0, 0);
    }`,
    }, /Expected|nobody will wake/],
  },
});

function waitsFirst(then: (note: (text: string) => void) => void): Hub<Permit> {
  let wait: Promise<unknown>;
  return {
    before: ({ objects: { semaphore } }) => void (wait = semaphore.acquireAsync()),
    hub: ({ note }) => wait.then(() => then(note)),
  };
}

// Queues.

type Items = { queue: Queue<number> };
const items = (size: number) => ({ Queue }: Library) => ({ queue: new Queue<number>(size) });
const rest = ({ queue }: Items) => {
  const items: number[] = [];
  while (!queue.empty) items.push(queue.tryGet());
  return items;
};

tryOut("items pass a queue of one in order", {
  explore: (library) =>
    meet(library, items(1), {
      parties: [
        {
          green({ objects: { queue } }) {
            for (const item of [1, 2]) queue.put(item);
          },
        },
        {
          green({ objects: { queue }, note }) {
            for (let i = 0; i < 2; i++) note(`${queue.get()}`);
          },
        },
      ],
      check: ({ notes, look }) => expect([notes, look(rest)], [["1", "2"], []]),
    }),
  mutants: {
    "the item of one who waits is read after the grant": [{
      file: queues,
      text: `    const block = this.data(first);
    this.lists[PUTTERS].grant(this.wakes);`,
      instead: `    this.lists[PUTTERS].grant(this.wakes);
    const block = this.data(first);`,
    }, /reads Data of node .* somebody else's/],
    "an item goes into the queue past one who waits for it": [{
      file: queues,
      text:
        "    if (this.lists[GETTERS].grant(this.wakes, block) === 0) this.#insert(block, false);",
      instead: "    this.#insert(block, false);",
    }, LOST],
  },
});

tryOut("a rendezvous takes place for both or for neither, when both may be late", {
  explore: (library) =>
    meet(library, items(0), {
      parties: [
        {
          green({ objects: { queue }, note, attempt }) {
            if (attempt(() => queue.put(7, { timeout: 5 }), "Full")) note("put");
          },
        },
        {
          green({ objects: { queue }, note, attempt }) {
            attempt(() => note(`got ${queue.get({ timeout: 5 })}`), "Empty");
          },
        },
      ],
      check({ notes, look }) {
        expect([notes.toSorted(), look(rest)], [notes.length === 0 ? [] : ["got 7", "put"], []]);
      },
    }),
});

tryOut("room comes as the one is killed who waits with an item", {
  explore: (library) =>
    meet(library, ({ Queue }) => {
      const queue = new Queue<number>(1);
      queue.tryPut(1);
      return { queue };
    }, {
      parties: [
        {
          green({ objects: { queue }, note, attempt }) {
            if (attempt(() => queue.put(2), "Killed")) note("put");
          },
        },
        { green: ({ objects: { queue } }) => void queue.tryGet() },
        { green: ({ kill }) => kill(0) },
      ] as Green<Items>[],
      check: ({ notes, look }) => expect(look(rest), notes.length === 0 ? [] : [2]),
    }),
  mutants: {
    "it takes no notice of the room": [{
      file: core,
      text: "    return this.left = this.#core.leaves(this.#list, this.#node);",
      instead: `    this.#core.leaves(this.#list, this.#node);
    return this.left = true;`,
    }, WRONG],
  },
});

tryOut("an item that was handed to one whose wait fails goes back to the front", {
  explore: (library) =>
    meet(library, items(Infinity), {
      parties: [
        {
          green({ objects: { queue }, note, attempt }) {
            attempt(() => note(`got ${queue.get()}`), "Killed");
          },
        },
        {
          green({ objects: { queue } }) {
            for (const item of [1, 2]) queue.put(item);
          },
        },
        { green: ({ fail }) => fail(0) },
      ] as Green<Items>[],
      check({ notes, look }) {
        expect([notes, look(rest)], notes.length === 0 ? [[], [1, 2]] : [["got 1"], [2]]);
      },
    }),
  mutants: {
    "it goes to the end": [{
      file: queues,
      text: "    if (back) this.#linkBehind(this.#lastBefore(block), block);\n    else this",
      instead: "    this",
    }, WRONG],
    "it is dropped": [{
      file: queues,
      text: "    if (list === GETTERS) this.#putBack(this.data(node));",
      instead: "",
    }, WRONG],
  },
});

// Who was killed before it was served gets nothing, and the next one gets it.

const blocking = "green/worker/blocking.ts";

const getter: Green<Items> = {
  green({ objects: { queue }, note, attempt }) {
    attempt(() => note(`got ${queue.get()}`), "Killed");
  },
};
/** Kills the first one and puts an item after that, or before. */
const killsAndPuts = (order: "kill first" | "put first"): Green<Items> => ({
  green({ objects: { queue }, kill }) {
    if (order === "kill first") kill(0);
    queue.put(7);
    if (order === "put first") kill(0);
  },
});
const LOOKS_AGAIN = "          if (condition.giveUp) this.#lookAgain();";

tryOut("an item is put after its getter was killed", {
  explore: (library) =>
    meet(library, items(Infinity), {
      parties: [getter, killsAndPuts("kill first")],
      check: ({ notes, look }) => expect([notes, look(rest)], [[], [7]]),
    }),
  mutants: {
    "a Worker reads its wake counter after it has looked": [{
      file: "green/worker/mailbox.ts",
      text: "    this.board.park(this.slot, counter, ms);",
      instead: "    this.board.park(this.slot, this.board.woken(this.slot), ms);",
    }, LOST],
    "a getter takes what it is given without looking once more": [{
      file: blocking,
      text: LOOKS_AGAIN,
      instead: "",
    }, WRONG],
    "a getter takes what is there without looking once more": [{
      file: blocking,
      text: "    return this.#stack.isKilled(this.#frames[this.#frames.length - 1]);",
      instead: "    return false;",
    }, WRONG],
    "a kill is for the next blocking call": [{
      file: blocking,
      text: "    if (this.#stack.kills > 0) {",
      instead: "    if (this.#stack.kills > 1) {",
    }, WRONG],
    "a grant does not say which kills there had been": [{
      file: waiters,
      text: "    nodes[node + Node.Kills] = this.#here.arena.kills;",
      instead: "    nodes[node + Node.Kills] = 0;",
    }, WRONG],
    "what was handed back is nobody's": [{
      file: queues,
      text: "    if (list === GETTERS) this.#putBack(this.data(node));",
      instead: "",
    }, WRONG],
  },
});

tryOut("an item is put before its getter is killed: it is got or there", {
  explore: (library) =>
    meet(library, items(Infinity), {
      parties: [getter, killsAndPuts("put first")],
      check: ({ notes, look }) => expect(look(rest), notes.length === 0 ? [7] : []),
    }),
});

tryOut("an item that a killed getter was given goes to the next one", {
  explore: (library) =>
    meet(library, items(Infinity), {
      parties: [getter, {
        green({ objects: { queue }, note }) {
          note(`next got ${queue.get()}`);
        },
      }, killsAndPuts("kill first")],
      check: ({ notes, look }) => expect([notes, look(rest)], [["next got 7"], []]),
    }),
  mutants: {
    "it goes into the queue past those who wait": [{
      file: queues,
      text:
        "    if (this.lists[GETTERS].grant(this.wakes, block) === 0) this.#insert(block, true);",
      instead: "    this.#insert(block, true);",
    }, LOST],
  },
});

tryOut("a permit is released after its waiter was killed", {
  explore: (library) =>
    meet(library, permit(0), {
      parties: [waiter(), {
        green({ objects: { semaphore }, kill }) {
          kill(0);
          semaphore.release();
        },
      }],
      check({ notes, look }) {
        expect([notes, look(({ semaphore }) => [semaphore.value, semaphore.waiting])], [[], [
          1,
          0,
        ]]);
      },
    }),
  mutants: {
    "a waiter takes what it is given without looking once more": [{
      file: blocking,
      text: LOOKS_AGAIN,
      instead: "",
    }, WRONG],
  },
});

tryOut("an item is taken from one who was killed as it waited with it: it has put it", {
  explore: (library) =>
    meet(library, ({ Queue }) => {
      const queue = new Queue<number>(1);
      queue.tryPut(1);
      return { queue };
    }, {
      parties: [
        {
          green({ objects: { queue }, note, attempt }) {
            if (attempt(() => queue.put(2), "Killed")) note("put");
          },
        },
        {
          green({ objects: { queue }, kill }) {
            kill(0);
            queue.tryGet();
          },
        },
      ] as Green<Items>[],
      check: ({ notes, look }) => expect(look(rest), notes.length === 0 ? [] : [2]),
    }),
  mutants: {
    "it fails though its item is in the queue": [{
      file: core,
      text: "      state === State.Granted && !this.isFinal(list);",
      instead: "      state === State.Granted;",
    }, WRONG],
  },
});

/** A signal whose listeners are called as functions are: what stops a party passes through that. */
function makeSignal(): { readonly signal: AbortSignal; abort(): void } {
  const listeners = new Set<() => void>();
  const own = {
    aborted: false,
    reason: new DOMException("aborted", "AbortError"),
    throwIfAborted() {},
    addEventListener: (_: string, listener: () => void) => listeners.add(listener),
    removeEventListener: (_: string, listener: () => void) => listeners.delete(listener),
  };
  const signal = Object.create(AbortSignal.prototype, Object.getOwnPropertyDescriptors(own));
  return {
    signal,
    abort() {
      signal.aborted = true;
      for (const listener of listeners) listener();
    },
  };
}

tryOut("async code aborts its wait as a Worker puts what it waits for", {
  explore: (library) =>
    meet(library, items(Infinity), {
      parties: [
        { green: ({ objects: { queue } }) => queue.put(7) },
        abortsItsWait(),
      ] as (Green<Items> | Hub<Items>)[],
      // It is one or the other, and nothing comes after the abort, where nobody looks for it.
      check: ({ notes, look }) => expect([notes, look(rest)], [["aborted"], [7]]),
    }),
  mutants: {
    "it gets what it was given all the same": [{
      file: core,
      text: "      if (inTime && ended && this.leaves(list, node)) throw ended.reason;",
      instead: "",
    }, WRONG],
    "what it was given is nobody's": [{
      file: core,
      text: "      if (inTime && ended && this.leaves(list, node)) throw ended.reason;",
      instead: "      if (inTime && ended) throw ended.reason;",
    }, WRONG],
  },
});

/** Waits before the Worker begins, and aborts that at once. */
function abortsItsWait(): Hub<Items> {
  let got: Promise<void>;
  let abort: () => void;
  return {
    before({ objects: { queue }, note }) {
      const made = makeSignal();
      abort = made.abort;
      got = queue.getAsync({ signal: made.signal }).then((item) => note(`got ${item}`), () => {});
    },
    async hub({ note }) {
      await null;
      abort();
      note("aborted");
      await got;
    },
  };
}

// An event.

type Event = { event: GreenEvent<number> };

function waitsForEvent(): Hub<Event> {
  let wait: Promise<number>;
  return {
    before: ({ objects: { event } }) => void (wait = event.waitAsync()),
    hub: ({ note }) => wait.then((value) => note(`${value}`)),
  };
}

tryOut("an event wakes all who wait, on both sides", {
  explore: (library) =>
    meet(library, ({ GreenEvent }) => ({ event: new GreenEvent<number>() }), {
      parties: [
        { green: ({ objects: { event }, note }) => note(`${event.wait()}`) },
        { green: ({ objects: { event } }) => event.send(3) },
        waitsForEvent(),
      ] as (Green<Event> | Hub<Event>)[],
      check: ({ notes }) => expect(notes, ["3", "3"]),
    }),
  mutants: {
    "it wakes the first one": [{
      file: "sync/event.ts",
      text: "    while (waiters.grant(this.wakes, block) !== 0) count++;",
      instead: "    if (waiters.grant(this.wakes, block) !== 0) count++;",
    }, LOST],
  },
});

// A Worker dies, at any moment when it does not hold an object's own lock.

type Held = { lock: Lock };
/** A lock that async code holds already. */
const held = ({ Lock }: Library) => {
  const lock = new Lock();
  lock.tryAcquire();
  return { lock };
};
const keeps: Green<Held> = {
  mortal: true,
  green({ objects: { lock }, note }) {
    lock.acquire();
    note("W0 in");
  },
};
/** Two who wait, and keep what they get; and the lock is released. */
const twoTasks: Hub<Held> = {
  hub({ objects: { lock }, note }) {
    for (let i = 0; i < 2; i++) lock.acquireAsync().then(() => note("task in"));
    lock.release();
    return Promise.resolve();
  },
};

tryOut("a lock that a dead Worker was given, or held, goes to the next one once", {
  explore: (library) =>
    meet(library, held, {
      parties: [keeps, twoTasks],
      check({ notes, dead }) {
        const tasks = notes.filter((note) => note === "task in").length;
        const mine = dead.length === 0 ? notes.length - tasks : 0;
        expect(tasks + mine, 1);
      },
    }),
  mutants: {
    "a permit is neither granted nor counted for a moment": [{
      file: permits,
      text: `    if (this.#accounts.length < this.mostAccounts) this.#accounts.push(node);
    else {
      this.#hold(words[node + Node.Thread]);
      this.#beyond++;
      this.freeNode(node);
    }
  }
`,
      instead: `    const thread = words[node + Node.Thread];
    this.freeNode(node);
    this.#account(thread);
  }
`,
    }, WRONG],
  },
});

/** Of a semaphore nobody can tell by its holder that a permit was given back already. */
const heldPermit = ({ Semaphore }: Library) => {
  const semaphore = new Semaphore(1);
  semaphore.tryAcquire();
  return { lock: semaphore as unknown as Lock };
};

tryOut("a permit that a dead Worker was given, or held, goes to the next one once", {
  explore: (library) =>
    meet(library, heldPermit, {
      parties: [keeps, twoTasks],
      check({ notes, dead }) {
        const tasks = notes.filter((note) => note === "task in").length;
        const mine = dead.length === 0 ? notes.length - tasks : 0;
        expect(tasks + mine, 1);
      },
    }),
  mutants: {
    "a permit is both granted and counted for a moment": [{
      file: permits,
      text: `    if (this.#accounts.length < this.mostAccounts) this.#accounts.push(node);
    else {
      this.#hold(words[node + Node.Thread]);
      this.#beyond++;
      this.freeNode(node);
    }
  }
`,
      instead: `    Atomics.store(words, node + Node.State, Granted);
    this.#account(words[node + Node.Thread]);
    this.freeNode(node);
  }
`,
    }, WRONG],
    "a permit is neither granted nor counted for a moment": [{
      file: permits,
      text: `    if (this.#accounts.length < this.mostAccounts) this.#accounts.push(node);
    else {
      this.#hold(words[node + Node.Thread]);
      this.#beyond++;
      this.freeNode(node);
    }
  }
`,
      instead: `    const thread = words[node + Node.Thread];
    this.freeNode(node);
    this.#account(thread);
  }
`,
    }, WRONG],
  },
});

/** Two permits, both of which async code holds. */
const heldPermits = ({ Semaphore }: Library) => {
  const semaphore = new Semaphore(2);
  while (semaphore.tryAcquire());
  return { semaphore };
};

tryOut("a Worker that dies as it gives up leaves the line as it was", {
  explore: (library) =>
    meet(library, heldPermits, {
      parties: [
        { ...waiter({ timeout: 5 }), mortal: true },
        {
          async hub({ objects: { semaphore } }) {
            const wait = semaphore.acquireAsync();
            semaphore.release();
            semaphore.release();
            await wait;
          },
        },
      ],
      check({ notes, dead, look }) {
        const mine = dead.length === 0 && notes.includes("got it") ? 1 : 0;
        expect(look(({ semaphore }) => [semaphore.value, semaphore.waiting]), [1 - mine, 0]);
      },
    }),
  mutants: {
    "one who has left the line is taken out again": [{
      file: core,
      text: `      this.freeNode(node);
    }
    this.leave();
    return waits;`,
      instead: `    }
    this.leave();
    if (waits) this.freeNode(node);
    return waits;`,
    }, /Expected|nobody will wake|without the lock/],
  },
});

tryOut("a Worker dies between giving and waking", {
  explore: (library) =>
    meet(library, heldPermits, {
      parties: [
        { ...releaser, mortal: true },
        { green: ({ objects: { semaphore } }) => void semaphore.acquire() },
        releaser,
        { hub: () => Promise.resolve() },
      ] as (Green<Permit> | Hub<Permit>)[],
      check: () => {},
    }),
  mutants: {
    "nobody is woken in its place": [{
      file: "hub/references/worker_objects.ts",
      text: "    if (inTheMiddle) here.wakeEverybody();",
      instead: "",
    }, LOST],
  },
});

// The chunks of dead Workers: one is free from the start, and another one is freed meanwhile.

const REUSABLE = 4;
const OWNERS = 64;

const takesChunk: Green<Held> = {
  green({ objects: { lock }, note }) {
    const { arena, key } = lock[CORE].here;
    note(`${arena.takeChunk(key)}`);
  },
};

const freed = (library: Library) => {
  let chunks: number[];
  return meet(library, held, {
    parties: [takesChunk, takesChunk, {
      before({ objects: { lock } }) {
        const { arena } = lock[CORE].here;
        chunks = [0, 0].map(() => arena.takeChunk(SOMEBODY));
        arena.recycle(chunks[0]);
      },
      hub({ objects: { lock } }) {
        lock[CORE].here.arena.recycle(chunks[1]);
        return Promise.resolve();
      },
    }] as (Green<Held> | Hub<Held>)[],
    check({ notes, look }) {
      expect(new Set(notes).size, 2);
      const free = chunks.filter((chunk) => !notes.includes(`${chunk}`));
      const [reusable, ...owners] = look(({ lock }) => {
        const { words } = lock[CORE].here.arena;
        return [REUSABLE, ...free.map((chunk) => OWNERS + chunk)].map((at) => words[at]);
      });
      expect(owners, free.map(() => -1));
      // Whoever looks next finds them.
      if (free.length > 0) expect(reusable, 1);
    },
  });
};

/** The key of a Worker that has died. */
const SOMEBODY = 99;

tryOut("a dead Worker's chunk is taken once, and none is forgotten", {
  explore: freed,
  mutants: {
    "it is taken by whoever sees it": [{
      file: arena,
      text: "      const found = Atomics.compareExchange(words, OWNERS + chunk, NOBODY, key + 1);",
      instead: `      const found = Atomics.load(words, OWNERS + chunk);
      if (found === NOBODY) Atomics.store(words, OWNERS + chunk, key + 1);`,
    }, WRONG],
    "one that has found none says so after looking": [{
      file: arena,
      text: `    Atomics.store(words, REUSABLE, 0);
    for (const chunk of this.#chunksWith(NOBODY)) {
      const found = Atomics.compareExchange(words, OWNERS + chunk, NOBODY, key + 1);
      if (found !== NOBODY) continue;
      Atomics.store(words, REUSABLE, 1);
      return chunk;
    }
`,
      instead: `    for (const chunk of this.#chunksWith(NOBODY)) {
      const found = Atomics.compareExchange(words, OWNERS + chunk, NOBODY, key + 1);
      if (found === NOBODY) return chunk;
    }
    Atomics.store(words, REUSABLE, 0);
`,
    }, WRONG],
    "one that has found one leaves it at that": [{
      file: arena,
      text: `      Atomics.store(words, REUSABLE, 1);
      return chunk;`,
      instead: "      return chunk;",
    }, WRONG],
    "it is said before it is so": [{
      file: arena,
      text: `    Atomics.store(this.words, OWNERS + chunk, NOBODY);
    Atomics.store(this.words, REUSABLE, 1);`,
      instead: `    Atomics.store(this.words, REUSABLE, 1);
    Atomics.store(this.words, OWNERS + chunk, NOBODY);`,
    }, WRONG],
  },
});

// A slot of a pool passes from the Worker that spawns to the hub's thread, and the Worker dies at any moment.

type Slots = { pool: GreenPool };
/** Two slots, one of which async code has taken. */
const slots = ({ GreenPool }: Library) => {
  const pool = new GreenPool(2);
  pool[CORE].tryAcquire("test");
  return { pool };
};

/** The words of the message: the account, and that it is there. */
const ACCOUNT = 0;
const SENT = 1;

const spawner: Green<Slots> = {
  mortal: true,
  before(world) {
    world.spawns = ({ slot }) => {
      Atomics.store(world.words, ACCOUNT, slot!);
      Atomics.store(world.words, SENT, 1);
      world.board.ring();
    };
  },
  green: ({ objects: { pool } }) => void pool.trySpawn(() => {}),
};

/** Makes the thread, which does not end. */
const spawns: Hub<Slots> = {
  hub: () => Promise.resolve(),
  takeIn({ objects: { pool }, library, note, words }, [objects]) {
    if (Atomics.exchange(words, SENT, 0) === 0) return false;
    const options = { pool, slot: Atomics.load(words, ACCOUNT) };
    library.takeSlot(objects, options);
    library.joinPool({ [ON_END]() {} } as unknown as HubThread, options);
    note("spawned");
    return true;
  },
};

const passOn = (library: Library) =>
  meet(library, slots, {
    parties: [spawner, spawns],
    check({ notes, dead, look }) {
      if (dead.length === 0) expect(notes, ["spawned"]);
      expect(look(({ pool }) => pool[CORE].value), 1 - notes.length);
    },
  });

tryOut("a slot is the Worker's until its thread is there, and the thread's after that", {
  explore: passOn,
  mutants: {
    "the Worker lets go of it before it says so": [{
      file: permits,
      text: "    return this.#accounts.pop()!;",
      instead: `    const account = this.#accounts.pop()!;
    this.freeNode(account);
    return account;`,
    }, /holds no slot|Expected .* found/],
    "the Worker lets go of it after it has said so": [{
      file: permits,
      text:
        "      Atomics.compareExchange(words, account + Node.State, Account, Free) === Account;",
      instead: "      Atomics.load(words, account + Node.State) === Account || Free === 1;",
    }, WRONG],
  },
});
