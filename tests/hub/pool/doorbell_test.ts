import { assert, assertEquals, assertGreater } from "@std/assert";
import { delay } from "@std/async/delay";
import { Board } from "../../../bridge/wire/board.ts";
import { Doorbell } from "../../../hub/pool/doorbell.ts";

Deno.test("Doorbell takes in what was raised before it listens and while it sleeps", async () => {
  // What the bell sleeps on does not keep the process alive; in the hub a timer does.
  const alive = setInterval(() => {}, 60_000);
  const board = new Board(40);
  const taken: number[] = [];
  let wanted = Promise.withResolvers<void>();
  const bell = new Doorbell(board, () => {
    let worked = false;
    for (let group = 0; group < board.groups; group++) {
      const flags = board.takeFlags(group);
      for (let bit = 0; bit < 32; bit++) {
        if ((flags >>> bit & 1) === 0) continue;
        taken.push(group * 32 + bit);
        worked = true;
        wanted.resolve();
      }
    }
    return worked;
  });
  board.raise(3);
  const listening = bell.listen();
  await wanted.promise;
  assertEquals(taken, [3]);
  for (const slot of [0, 31, 32, 39]) {
    wanted = Promise.withResolvers();
    // Long enough for the bell to sleep: both ways must work.
    await delay(5);
    board.raise(slot);
    await wanted.promise;
  }
  assertEquals(taken, [3, 0, 31, 32, 39]);
  bell.close();
  await listening;
  clearInterval(alive);
});

Deno.test("Doorbell gives the event loop its turns while it is busy", async () => {
  const board = new Board(1);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  let passes = 0;
  const bell = new Doorbell(board, () => {
    passes++;
    if (turns >= 20) bell.close();
    return true;
  });
  await bell.listen();
  clearInterval(timer);
  assertEquals(turns, 20);
  assertGreater(passes, 20);
});

Deno.test("Doorbell that was closed looks no more", async () => {
  const board = new Board(1);
  let passes = 0;
  const bell = new Doorbell(board, () => {
    passes++;
    return false;
  });
  const listening = bell.listen();
  bell.close();
  await Promise.all([listening, delay(1)]);
  const before = passes;
  board.raise(0);
  await delay(5);
  assertEquals(passes, before);
  assert(before >= 1);
});
