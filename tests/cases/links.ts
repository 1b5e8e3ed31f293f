import {
  GreenEvent,
  type GreenThread,
  killAll,
  killAllAsync,
  Queue,
  Semaphore,
  spawn,
} from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";
import { define, type Ending, type Table, values, type World } from "./ways.ts";
import { enter, inverse, square } from "./work.ts";

type Events = { events: GreenEvent<number>[]; gate: Semaphore };

/** How each event was settled. */
async function settled(events: GreenEvent<number>[]): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (const event of events) {
    seen.push(await event.waitAsync().catch((error: Error) => error.message));
  }
  return seen;
}

/** Lets the functions of links run: they do so at a blocking call, or a turn. */
const threeLinks = (start: (gate: Semaphore) => GreenThread<number>) =>
async (
  { events, gate }: Events,
  { green }: World,
) => {
  const thread = start(gate);
  const link = (event: GreenEvent<number>) =>
    thread.link((thread) => event.settle(thread.outcome()!));
  link(events[0]);
  link(events[1]);
  gate.release();
  try {
    await (green ? thread.wait() : thread);
  } catch {
    // The events have it.
  }
  link(events[2]);
  return await settled(events);
};

const events = () => ({
  events: [1, 2, 3].map(() => new GreenEvent<number>()),
  gate: new Semaphore(0),
});

/** Threads that wait at a gate for ever. */
const held = { make: () => ({ gate: new Semaphore(0) }) };
const spawnThree = (gate: Semaphore) => [1, 2, 3].map((n) => spawn(enter, gate, n));

export const links: Table = {
  "P213 GreenThread.link() settles several events, before and after the end, with one value":
    define({
      make: events,
      parties: [
        threeLinks((gate) => spawn(enter, gate, 7)),
        async ({ events }) => await settled(events),
      ],
      check: (endings) => assertEquals(values(endings), [[7, 7, 7], [7, 7, 7]]),
    }),
  "P213 GreenThread.link() settles several events, before and after the end, with one error":
    define({
      make: events,
      parties: [
        threeLinks(() => spawn(inverse, 0)),
        async ({ events }) => await settled(events),
      ],
      check: (endings) =>
        assertEquals(values(endings), [["zero", "zero", "zero"], ["zero", "zero", "zero"]]),
    }),
  ...Object.fromEntries([Infinity, 0].map((size) => [
    `P214 GreenThread.link() brings ended threads into a queue of size ${size}`,
    define({
      make: () => ({ queue: new Queue<number>(size) }),
      parties: [
        async ({ queue }, { green }) => {
          const threads = [1, 2, 3].map((n) => spawn(square, n));
          for (const thread of threads) thread.link(({ id }) => queue.putAsync(id));
          for (const thread of threads) await (green ? thread.wait() : thread);
          return threads.map(({ id }) => id);
        },
        async ({ queue }) => [
          await queue.getAsync(),
          await queue.getAsync(),
          await queue.getAsync(),
        ],
      ],
      check(endings: Ending[]) {
        const [ids, arrived] = values(endings) as number[][];
        assertEquals(arrived.toSorted(), ids.toSorted());
      },
    }),
  ])),
  "P226 killAll() returns when all threads have ended": define({
    ...held,
    parties: [async ({ gate }, { green, until }) => {
      const threads = spawnThree(gate);
      await until(() => gate.waiting === 3);
      if (green) killAll(threads);
      else await killAllAsync(threads);
      return { states: new Set(threads.map(({ state }) => state)), waiting: gate.waiting };
    }],
    check: (endings) =>
      assertEquals(values(endings), [{ states: new Set(["killed"]), waiting: 0 }]),
  }),
  "P226 GreenThread.kill() of each of a group does not wait for them": define({
    ...held,
    parties: [async ({ gate }, { until }) => {
      const threads = spawnThree(gate);
      await until(() => gate.waiting === 3);
      for (const thread of threads) thread.kill();
      await until(() => threads.every(({ dead }) => dead));
      return gate.waiting;
    }],
    check: (endings) => assertEquals(values(endings), [0]),
  }),
};
