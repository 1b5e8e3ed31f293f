import { assertEquals, assertGreater, assertLess, assertNotStrictEquals } from "@std/assert";
import { Board } from "../../../bridge/wire/board.ts";

Deno.test("Board.raise() sets one flag for each slot, and takeFlags() lowers them", () => {
  const slots = 70;
  const board = new Board(slots);
  assertEquals(board.groups, 3);
  for (let slot = 0; slot < slots; slot++) {
    board.raise(slot);
    const flags = [0, 1, 2].map((group) => board.takeFlags(group) >>> 0);
    const expected = [0, 0, 0];
    expected[slot >> 5] = 2 ** (slot % 32);
    assertEquals(flags, expected);
  }
  for (let slot = 0; slot < slots; slot++) board.raise(slot);
  const flags = [0, 1, 2].map((group) => board.takeFlags(group) >>> 0);
  assertEquals(flags, [2 ** 32 - 1, 2 ** 32 - 1, 2 ** 6 - 1]);
});

Deno.test("Board words of different slots are different", () => {
  const board = new Board(40);
  const before = Array.from({ length: 40 }, (_, slot) => board.woken(slot));
  for (let slot = 0; slot < 40; slot++) {
    board.wake(slot);
    before[slot]++;
    assertEquals(Array.from({ length: 40 }, (_, slot) => board.woken(slot)), before);
  }
  assertEquals([board.heard(), board.takeFlags(0), board.takeFlags(1)], [0, 0, 0]);
});

Deno.test("Board.arm() does not sleep when the bell has rung since", () => {
  const board = new Board(1);
  const heard = board.heard();
  board.raise(0);
  assertEquals(board.arm(heard), undefined);
  assertEquals(board.heard(), heard + 1);
});

Deno.test("Board.arm() sleeps until the bell rings, also for a ring without a flag", async () => {
  const board = new Board(1);
  const alive = setInterval(() => {}, 60_000);
  for (const ring of [() => board.raise(0), () => board.ring()]) {
    const slept = board.arm(board.heard());
    assertNotStrictEquals(slept, undefined);
    ring();
    await slept;
    board.disarm();
  }
  clearInterval(alive);
});

Deno.test("Board.park() returns at once when the slot was woken since, and after its time", () => {
  const board = new Board(2);
  const seen = board.woken(1);
  board.wake(1);
  const start = performance.now();
  board.park(1, seen, 60_000);
  board.park(1, board.woken(1), 5);
  assertLess(performance.now() - start, 30_000);
});

Deno.test("Board.parkAsync() keeps the event loop turning until the slot is woken", async () => {
  const board = new Board(1);
  const seen = board.woken(0);
  // What it sleeps on does not keep the process alive.
  const timer = setInterval(() => board.wake(0), 5);
  await board.parkAsync(0, seen);
  clearInterval(timer);
  assertGreater(board.woken(0), seen);
  await board.parkAsync(0, seen);
});

Deno.test("Board.awake counts each Worker that has risen and not lain down, once", () => {
  const board = new Board(40);
  board.rise(0);
  board.rise(33);
  assertEquals(board.awake, 2);
  board.lie(33);
  board.lie(33);
  assertEquals(board.awake, 1);
  // One that parks does not count meanwhile; here nobody wakes it, so it comes back by itself.
  board.park(0, board.woken(0), 1);
  assertEquals(board.awake, 1);
  board.lie(0);
  assertEquals(board.awake, 0);
});
