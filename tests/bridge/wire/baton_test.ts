import { assert, assertEquals } from "@std/assert";
import { Baton, HUB_SIDE } from "../../../bridge/wire/baton.ts";
import { Board } from "../../../bridge/wire/board.ts";

/** A baton as the hub and three Workers see it, all on this thread. */
function party(): { board: Board; hub: Baton; workers: Baton[]; words: Int32Array } {
  const board = new Board(4);
  const hub = new Baton(board, HUB_SIDE);
  const workers = [0, 1, 2].map((slot) => {
    hub.enroll(slot);
    return new Baton(board, slot + 1, hub.buffer);
  });
  return { board, hub, workers, words: new Int32Array(hub.buffer) };
}

/** Who has the baton: `undefined` if nobody has, or it is the hub's turn. */
function holder({ workers }: { workers: Baton[] }): number | undefined {
  const holders = workers.map((baton, slot) => baton.holds(slot) ? slot : -1)
    .filter((slot) => slot >= 0);
  assert(holders.length < 2, `${holders} hold it`);
  return holders[0];
}

Deno.test("Baton.ask() gives the baton at once if nobody has it, else in the order of asking", () => {
  const all = party();
  const [a, b, c] = all.workers;
  c.ask(2);
  a.ask(0);
  b.ask(1);
  a.ask(0);
  const order: (number | undefined)[] = [];
  for (let i = 0; i < 4; i++) {
    const slot = holder(all);
    order.push(slot);
    if (slot !== undefined) all.workers[slot].rest(slot);
  }
  assertEquals(order, [2, 0, 1, undefined]);
});

Deno.test("Baton.ready() queues who is parked, in the order of the calls, and wakes the one whose turn it is", () => {
  const all = party();
  const { board, workers: [a, b, c] } = all;
  for (const [slot, baton] of all.workers.entries()) {
    baton.ask(slot);
    baton.leave(slot, Infinity, false);
  }
  a.ask(0);
  assertEquals([a.ready(2), a.ready(1), a.ready(2), a.ready(0)], [true, true, true, true]);
  const woken = board.woken(2);
  a.leave(0, Infinity, false);
  assertEquals([holder(all), board.woken(2)], [2, woken + 1]);
  assertEquals([b.isQueued(1), a.isQueued(0)], [true, false]);
  c.rest(2);
  assertEquals(holder(all), 1);
  // One that is in its event loop has to find out by itself.
  assertEquals(b.ready(2), false);
});

Deno.test("Baton.leave(again) lets those go first who can go on, and goes on itself if there are none", () => {
  const all = party();
  const [a, b] = all.workers;
  a.ask(0);
  a.leave(0, 0, true);
  assertEquals(holder(all), 0);
  b.ask(1);
  a.leave(0, 0, true);
  assertEquals(holder(all), 1);
  b.leave(1, Infinity, false);
  assertEquals(holder(all), 0);
});

Deno.test("Baton.takePlace() keeps a place before those who come after it", () => {
  const all = party();
  const [a, b, c] = all.workers;
  b.ask(1);
  b.leave(1, Infinity, false);
  a.ask(0);
  const place = a.takePlace();
  a.ready(1);
  c.ask(2);
  a.leave(0, 0, true, place);
  assertEquals(holder(all), 0);
  a.rest(0);
  assertEquals(holder(all), 1);
});

Deno.test("Baton.readyFirst() puts one before all others, new threads included", () => {
  const all = party();
  const { hub, workers: [a, b, c] } = all;
  for (const slot of [1, 2]) {
    all.workers[slot].ask(slot);
    all.workers[slot].leave(slot, Infinity, false);
  }
  a.ask(0);
  const number = a.enlist();
  a.ready(1);
  a.ready(2);
  hub.readyFirst(2);
  a.rest(0);
  assertEquals(holder(all), 2);
  c.rest(2);
  assertEquals([holder(all), hub.turn], [undefined, number]);
  hub.pass(0);
  assertEquals(holder(all), 1);
  b.rest(1);
});

Deno.test("a Worker whose time has come is queued before whatever happens after that", () => {
  let all: ReturnType<typeof party>;
  // Nobody's time may come before all are there: this program may lose its core.
  for (let step = 2;; step *= 2) {
    all = party();
    const [a, b, c] = all.workers;
    b.ask(1);
    const start = performance.now();
    b.leave(1, start + 2 * step, false);
    c.ask(2);
    c.leave(2, start + step, false);
    a.ask(0);
    if (performance.now() >= start + step) continue;
    while (performance.now() < start + 3 * step);
    const place = a.takePlace();
    a.leave(0, 0, true, place);
    break;
  }
  const order = [];
  for (let i = 0; i < 3; i++) {
    const slot = holder(all)!;
    order.push(slot);
    all.workers[slot].rest(slot);
  }
  assertEquals(order, [2, 1, 0]);
});

Deno.test("Baton.enlist() has the hub begin a thread at its place in the line, on a Worker that hears of it later", () => {
  const all = party();
  const { hub, workers: [a, b, c] } = all;
  a.ask(0);
  const first = a.enlist();
  c.ask(2);
  const second = a.enlist();
  assertEquals([hub.turn, second > first], [0, true]);
  a.leave(0, Infinity, false);
  assertEquals([holder(all), hub.turn], [undefined, first]);
  // Whoever can go on meanwhile waits.
  a.ask(0);
  assertEquals(holder(all), undefined);
  hub.give(1, second);
  assertEquals([holder(all), hub.turn], [undefined, 0]);
  b.arrived(1);
  assertEquals(holder(all), 1);
  b.rest(1);
  assertEquals(holder(all), 2);
  c.rest(2);
  assertEquals(hub.turn, second);
  hub.pass(0);
  assertEquals(holder(all), 0);
});

Deno.test("places in the line are in order when their numbers begin anew", () => {
  const all = party();
  const { hub, words, workers: [a, b, c] } = all;
  words[2] = 2 ** 31 - 3;
  a.ask(0);
  b.ask(1);
  const number = a.enlist();
  c.ask(2);
  assertEquals([number, words[2]], [-(2 ** 31), -(2 ** 31) + 1]);
  a.rest(0);
  assertEquals(holder(all), 1);
  b.rest(1);
  assertEquals(hub.turn, number);
  hub.pass(0);
  assertEquals(holder(all), 2);
  // 0 means that there is none, so it is left out.
  words[2] = -1;
  assertEquals(c.enlist(), 1);
});

Deno.test("Baton.gone() takes the baton, the place in the line and the lock from a Worker", () => {
  const all = party();
  const { hub, words, workers: [a, b, c] } = all;
  a.ask(0);
  b.ask(1);
  c.ask(2);
  hub.gone(1);
  hub.gone(0);
  assertEquals(holder(all), 2);
  // Whatever they still do changes nothing.
  a.ask(0);
  a.leave(0, 0, true);
  b.rest(1);
  a.arrived(0);
  assertEquals([hub.ready(0), holder(all)], [false, 2]);
  c.rest(2);
  assertEquals(holder(all), undefined);
  // It died under the lock, when it had said who is next and nothing else.
  hub.enroll(0);
  hub.enroll(1);
  b.ask(1);
  b.leave(1, Infinity, false);
  const state = 16 + 1 * 4;
  words[0] = 0 + 2;
  words[1] = 1 + 1;
  words[state] = 2;
  hub.breakLock(0);
  hub.gone(0);
  assertEquals([holder(all), words[0]], [1, 0]);
});

Deno.test("the lock of a Worker that is gone is broken by whoever wants it", () => {
  const all = party();
  const { hub, words, workers: [a, b] } = all;
  hub.gone(0);
  words[0] = 0 + 2;
  const start = performance.now();
  b.ask(1);
  assertEquals(holder(all), 1);
  assert(performance.now() - start >= 400);
  a.rest(0);
});
