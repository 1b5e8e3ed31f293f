import { assert, assertEquals } from "@std/assert";
import { HUB_SIDE, RunLock } from "../../../bridge/wire/run_lock.ts";
import { Board } from "../../../bridge/wire/board.ts";

/** A run lock as the hub and three Workers see it, all on this thread. */
function party(): { board: Board; hub: RunLock; workers: RunLock[]; words: Int32Array } {
  const board = new Board(4);
  const hub = new RunLock(board, HUB_SIDE);
  const workers = [0, 1, 2].map((slot) => {
    hub.enroll(slot);
    return new RunLock(board, slot + 1, hub.buffer);
  });
  return { board, hub, workers, words: new Int32Array(hub.buffer) };
}

/** Who has the run lock: `undefined` if nobody has, or it is the hub's turn. */
function holder({ workers }: { workers: RunLock[] }): number | undefined {
  const holders = workers.map((runLock, slot) => runLock.isHeldBy(slot) ? slot : -1)
    .filter((slot) => slot >= 0);
  assert(holders.length < 2, `${holders} hold it`);
  return holders[0];
}

Deno.test("RunLock.request() gives the run lock at once if nobody has it, else in the order of the requests", () => {
  const all = party();
  const [a, b, c] = all.workers;
  c.request(2);
  a.request(0);
  b.request(1);
  a.request(0);
  const order: (number | undefined)[] = [];
  for (let i = 0; i < 4; i++) {
    const slot = holder(all);
    order.push(slot);
    if (slot !== undefined) all.workers[slot].idle(slot);
  }
  assertEquals(order, [2, 0, 1, undefined]);
});

Deno.test("RunLock.ready() queues who is parked, in the order of the calls, and wakes the one whose turn it is", () => {
  const all = party();
  const { board, workers: [a, b, c] } = all;
  for (const [slot, runLock] of all.workers.entries()) {
    runLock.request(slot);
    runLock.release(slot, Infinity, false);
  }
  a.request(0);
  assertEquals([a.ready(2), a.ready(1), a.ready(2), a.ready(0)], [true, true, true, true]);
  const woken = board.woken(2);
  a.release(0, Infinity, false);
  assertEquals([holder(all), board.woken(2)], [2, woken + 1]);
  assertEquals([b.isQueued(1), a.isQueued(0)], [true, false]);
  c.idle(2);
  assertEquals(holder(all), 1);
  // One that is in its event loop has to find out by itself.
  assertEquals(b.ready(2), false);
});

Deno.test("RunLock.release(again) lets those go first who can go on, and goes on itself if there are none", () => {
  const all = party();
  const [a, b] = all.workers;
  a.request(0);
  a.release(0, 0, true);
  assertEquals(holder(all), 0);
  b.request(1);
  a.release(0, 0, true);
  assertEquals(holder(all), 1);
  b.release(1, Infinity, false);
  assertEquals(holder(all), 0);
});

Deno.test("RunLock.takeOrder() keeps its number before those who come after it", () => {
  const all = party();
  const [a, b, c] = all.workers;
  b.request(1);
  b.release(1, Infinity, false);
  a.request(0);
  const order = a.takeOrder();
  a.ready(1);
  c.request(2);
  a.release(0, 0, true, order);
  assertEquals(holder(all), 0);
  a.idle(0);
  assertEquals(holder(all), 1);
});

Deno.test("RunLock.readyFirst() puts one before all others, new threads included", () => {
  const all = party();
  const { hub, workers: [a, b, c] } = all;
  for (const slot of [1, 2]) {
    all.workers[slot].request(slot);
    all.workers[slot].release(slot, Infinity, false);
  }
  a.request(0);
  const number = a.enlist();
  a.ready(1);
  a.ready(2);
  hub.readyFirst(2);
  a.idle(0);
  assertEquals(holder(all), 2);
  c.idle(2);
  assertEquals([holder(all), hub.turn], [undefined, number]);
  hub.skip(0);
  assertEquals(holder(all), 1);
  b.idle(1);
});

Deno.test("a Worker whose time has come is queued before whatever happens after that", () => {
  let all: ReturnType<typeof party>;
  // Nobody's time may come before all are there: this program may lose its core.
  for (let step = 2;; step *= 2) {
    all = party();
    const [a, b, c] = all.workers;
    b.request(1);
    const start = performance.now();
    b.release(1, start + 2 * step, false);
    c.request(2);
    c.release(2, start + step, false);
    a.request(0);
    if (performance.now() >= start + step) continue;
    while (performance.now() < start + 3 * step);
    const order = a.takeOrder();
    a.release(0, 0, true, order);
    break;
  }
  const order = [];
  for (let i = 0; i < 3; i++) {
    const slot = holder(all)!;
    order.push(slot);
    all.workers[slot].idle(slot);
  }
  assertEquals(order, [2, 1, 0]);
});

Deno.test("RunLock.enlist() has the hub begin a thread when its number comes first, on a Worker that hears of it later", () => {
  const all = party();
  const { hub, workers: [a, b, c] } = all;
  a.request(0);
  const first = a.enlist();
  c.request(2);
  const second = a.enlist();
  assertEquals([hub.turn, second > first], [0, true]);
  a.release(0, Infinity, false);
  assertEquals([holder(all), hub.turn], [undefined, first]);
  // Whoever can go on meanwhile waits.
  a.request(0);
  assertEquals(holder(all), undefined);
  hub.pass(1, second);
  assertEquals([holder(all), hub.turn], [undefined, 0]);
  b.arrived(1);
  assertEquals(holder(all), 1);
  b.idle(1);
  assertEquals(holder(all), 2);
  c.idle(2);
  assertEquals(hub.turn, second);
  hub.skip(0);
  assertEquals(holder(all), 0);
});

Deno.test("RunLock keeps its order when the order numbers begin anew", () => {
  const all = party();
  const { hub, words, workers: [a, b, c] } = all;
  words[2] = 2 ** 31 - 3;
  a.request(0);
  b.request(1);
  const number = a.enlist();
  c.request(2);
  assertEquals([number, words[2]], [-(2 ** 31), -(2 ** 31) + 1]);
  a.idle(0);
  assertEquals(holder(all), 1);
  b.idle(1);
  assertEquals(hub.turn, number);
  hub.skip(0);
  assertEquals(holder(all), 2);
  // 0 means that there is none, so it is left out.
  words[2] = -1;
  assertEquals(c.enlist(), 1);
});

Deno.test("RunLock.gone() takes the run lock, its order number and the lock from a Worker", () => {
  const all = party();
  const { hub, words, workers: [a, b, c] } = all;
  a.request(0);
  b.request(1);
  c.request(2);
  hub.gone(1);
  hub.gone(0);
  assertEquals(holder(all), 2);
  // Whatever they still do changes nothing.
  a.request(0);
  a.release(0, 0, true);
  b.idle(1);
  a.arrived(0);
  assertEquals([hub.ready(0), holder(all)], [false, 2]);
  c.idle(2);
  assertEquals(holder(all), undefined);
  // It died under the lock, when it had said who is next and nothing else.
  hub.enroll(0);
  hub.enroll(1);
  b.request(1);
  b.release(1, Infinity, false);
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
  b.request(1);
  assertEquals(holder(all), 1);
  assert(performance.now() - start >= 400);
  a.idle(0);
});
