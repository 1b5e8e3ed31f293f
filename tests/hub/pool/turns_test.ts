import { assertEquals } from "@std/assert";
import { Baton, HUB_SIDE } from "../../../bridge/wire/baton.ts";
import { Board } from "../../../bridge/wire/board.ts";
import type { GreenWorker } from "../../../hub/records/worker.ts";
import type { HubThread } from "../../../hub/records/thread.ts";
import { type Berth, Turns } from "../../../hub/pool/turns.ts";

/** Turns with threads by name, of which some have a Worker; what begins gives its turn back at once. */
function party() {
  const baton = new Baton(new Board(2), HUB_SIDE);
  baton.enroll(0);
  const worker = new Baton(new Board(2), 1, baton.buffer);
  const turns = new Turns(baton);
  const waiting = new Set<HubThread>();
  const names = new Map<HubThread, string>();
  const berths = new Map<string, Berth>();
  const free = { slot: 0 } as GreenWorker;
  return {
    baton,
    turns,
    free,
    /** What a thread can begin on from now on. */
    berths,
    spawn(name: string, turn?: number): HubThread {
      const thread = { turn } as HubThread;
      waiting.add(thread);
      names.set(thread, name);
      turns.add(thread);
      return thread;
    },
    end: (thread: HubThread) => waiting.delete(thread) && turns.remove(thread),
    /** The names of those that begin. */
    begin(): string[] {
      const begun: string[] = [];
      for (;;) {
        const next = turns.next((thread) => berths.get(names.get(thread)!), (t) => waiting.has(t));
        if (!next) return begun;
        waiting.delete(next.thread);
        begun.push(names.get(next.thread)!);
        worker.arrived(0);
        worker.rest(0);
      }
    },
  };
}

Deno.test("Turns.next() gives threads in the order of their numbers, however late the hub hears of them", () => {
  const { baton, spawn, begin, berths, free } = party();
  const [a, b, c] = [baton.enlist(), baton.enlist(), baton.enlist()];
  for (const name of ["a", "b", "c", "d"]) berths.set(name, free);
  spawn("c", c);
  spawn("a", a);
  spawn("d");
  spawn("b", b);
  assertEquals(begin(), ["a", "b", "c", "d"]);
  assertEquals(baton.turn, 0);
});

Deno.test("Turns.next() waits while a Worker is started, and passes those who have ended or are not known", () => {
  const { baton, spawn, end, begin, berths, free } = party();
  baton.enlist();
  const gone = spawn("gone");
  spawn("a");
  end(gone);
  berths.set("a", "starting");
  assertEquals(begin(), []);
  berths.set("a", free);
  assertEquals(begin(), ["a"]);
  // A number that was passed already, or that another one has, counts as none.
  berths.set("late", free);
  spawn("late", 1);
  assertEquals(begin(), ["late"]);
});

Deno.test("Turns.next() passes nobody over whose number was taken when the hub had just said which is the next", () => {
  const { baton, spawn, begin, berths, free } = party();
  for (const name of ["a", "b", "c"]) berths.set(name, free);
  spawn("a", baton.enlist());
  // Without the baton: an async function that its own timer has resumed.
  const b = baton.enlist();
  assertEquals(begin(), ["a"]);
  spawn("b", b);
  assertEquals(begin(), ["b"]);
  // Lost in any other way: it is said again when the hub looks.
  spawn("c", baton.enlist());
  baton.pass(0);
  assertEquals(begin(), ["c"]);
});

Deno.test("Turns: those who are late have the next turn for which there is a Worker, the first of them first", () => {
  const { turns, spawn, begin, berths, free } = party();
  for (const name of ["a", "b", "c"]) spawn(name);
  assertEquals(begin(), []);
  turns.recall(2);
  for (const name of ["a", "b", "c", "d"]) berths.set(name, free);
  assertEquals(begin(), ["a", "b"]);
  // The turn of a new one is that of the one who is late, and the new one is late then.
  spawn("d");
  assertEquals(begin(), ["c"]);
  turns.recall(5);
  assertEquals(begin(), ["d"]);
});

Deno.test("Turns.hurry() brings one back who is late, and does nothing for others", () => {
  const { turns, spawn, begin, berths, free } = party();
  const threads = ["a", "b"].map((name) => spawn(name));
  assertEquals(begin(), []);
  berths.set("b", free);
  turns.hurry(threads[1]);
  turns.hurry(threads[1]);
  assertEquals(begin(), ["b"]);
});
