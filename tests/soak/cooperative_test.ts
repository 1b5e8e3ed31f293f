import { GreenEvent, Hub, Lock, Queue, spawn } from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import { newWords, Word } from "../fixtures/cooperative_faults.ts";
import { program } from "../fixtures/cooperative_mix.ts";
import * as stress from "../fixtures/cooperative_stress.ts";
import { until } from "../support/mod.ts";
import { cooperative, newTrace, notes } from "../support/cooperative.ts";
import { rounds } from "../support/rounds.ts";

/** How many threads block, and how often each of them does. */
const [THREADS, TIMES] = [rounds(20, 8), rounds(150)];

Deno.test("a count that is not atomic loses nothing, over many threads and all ways to block", async () => {
  await using hub = cooperative({ maxWorkers: THREADS + 4 });
  hub.expose({ turn: async () => await null });
  const words = newWords();
  const objects = {
    words,
    lock: new Lock(),
    queue: new Queue<number>(3),
    channel: new Queue<number>(0),
    event: new GreenEvent<number>(),
  };
  const all = Array.from({ length: THREADS }, (_, i) => stress.blocks(objects, i, TIMES));
  const counted = await Promise.all(all);
  assertEquals(words[Word.company], 0);
  assertEquals(words[Word.count], counted.reduce((a, b) => a + b));
  assert(words[Word.count] > THREADS * TIMES);
});

Deno.test("threads that are spawned without the run lock, by what timers resume, all have their turn", async () => {
  await using hub = cooperative({ maxWorkers: 6 });
  const times = rounds(100, 30);
  const spawnsFromTimers = async (times: number) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      sum += spawn(() => 1).wait();
    }
    return sum;
  };
  const all = Array.from({ length: 4 }, () => hub.spawn(spawnsFromTimers, times));
  assertEquals(await Promise.all(all), [times, times, times, times]);
});

Deno.test("in a hub that is not cooperative the same threads have company", async () => {
  await using hub = new Hub({ maxWorkers: 4 });
  const words = newWords();
  const all = [1, 2, 3, 4].map(() => hub.spawn(stress.countsOn, words));
  await until(() => Atomics.load(words, Word.company) > 0);
  Atomics.store(words, Word.stop, 1);
  await Promise.all(all);
});

Deno.test("the same program has the same order of events each time", async () => {
  let first: string[] | undefined;
  // The first round starts the Workers, and finds the pool in another state than the others.
  await using _hub = cooperative({ maxWorkers: 32 });
  for (let round = 0; round < rounds(20, 3); round++) {
    const trace = newTrace();
    assertEquals(await program(trace), 8);
    // Numbers of threads go on.
    const events = notes(trace).map((line) => line.replace(/-\d+/, ""));
    first ??= events;
    assertEquals(events, first, `round ${round}`);
    assert(events.length > 80, `${events.length} events`);
  }
});
