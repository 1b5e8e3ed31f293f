import { assertEquals } from "@std/assert";
import { HUB_SIDE, RunLock } from "../../../bridge/wire/run_lock.ts";
import { Board } from "../../../bridge/wire/board.ts";
import type { GreenWorker } from "../../../hub/records/worker.ts";
import type { HubThread } from "../../../hub/records/thread.ts";
import { type Berth, StartOrder } from "../../../hub/pool/start_order.ts";

/** Turns with threads by name, of which some have a Worker; what begins gives its turn back at once. */
function party() {
  const runLock = new RunLock(new Board(2), HUB_SIDE);
  runLock.enroll(0);
  const worker = new RunLock(new Board(2), 1, runLock.buffer);
  const order = new StartOrder(runLock);
  const waiting = new Set<HubThread>();
  const names = new Map<HubThread, string>();
  const berths = new Map<string, Berth>();
  const free = { slot: 0 } as GreenWorker;
  return {
    runLock,
    order,
    free,
    /** What a thread can begin on from now on. */
    berths,
    spawn(name: string, number?: number): HubThread {
      const thread = { order: number } as HubThread;
      waiting.add(thread);
      names.set(thread, name);
      order.add(thread);
      return thread;
    },
    end: (thread: HubThread) => waiting.delete(thread) && order.remove(thread),
    /** The names of those that begin. */
    begin(): string[] {
      const begun: string[] = [];
      for (;;) {
        const next = order.next((thread) => berths.get(names.get(thread)!), (t) => waiting.has(t));
        if (!next) return begun;
        waiting.delete(next.thread);
        begun.push(names.get(next.thread)!);
        worker.arrived(0);
        worker.idle(0);
      }
    },
  };
}

Deno.test("StartOrder.next() gives threads in the order of their numbers, however late the hub hears of them", () => {
  const { runLock, spawn, begin, berths, free } = party();
  const [a, b, c] = [runLock.enlist(), runLock.enlist(), runLock.enlist()];
  for (const name of ["a", "b", "c", "d"]) berths.set(name, free);
  spawn("c", c);
  spawn("a", a);
  spawn("d");
  spawn("b", b);
  assertEquals(begin(), ["a", "b", "c", "d"]);
  assertEquals(runLock.turn, 0);
});

Deno.test("StartOrder.next() waits while a Worker is started, and passes those who have ended or are not known", () => {
  const { runLock, spawn, end, begin, berths, free } = party();
  runLock.enlist();
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

Deno.test("StartOrder.next() passes nobody over whose number was taken when the hub had just said which is the next", () => {
  const { runLock, spawn, begin, berths, free } = party();
  for (const name of ["a", "b", "c"]) berths.set(name, free);
  spawn("a", runLock.enlist());
  // Without the run lock: an async function that its own timer has resumed.
  const b = runLock.enlist();
  assertEquals(begin(), ["a"]);
  spawn("b", b);
  assertEquals(begin(), ["b"]);
  // Lost in any other way: it is said again when the hub looks.
  spawn("c", runLock.enlist());
  runLock.skip(0);
  assertEquals(begin(), ["c"]);
});

Deno.test("Turns: those who are late have the next turn for which there is a Worker, the first of them first", () => {
  const { order, spawn, begin, berths, free } = party();
  for (const name of ["a", "b", "c"]) spawn(name);
  assertEquals(begin(), []);
  order.recall(2);
  for (const name of ["a", "b", "c", "d"]) berths.set(name, free);
  assertEquals(begin(), ["a", "b"]);
  // The turn of a new one is that of the one who is late, and the new one is late then.
  spawn("d");
  assertEquals(begin(), ["c"]);
  order.recall(5);
  assertEquals(begin(), ["d"]);
});

Deno.test("StartOrder.hurry() brings one back who is late, and does nothing for others", () => {
  const { order, spawn, begin, berths, free } = party();
  const threads = ["a", "b"].map((name) => spawn(name));
  assertEquals(begin(), []);
  berths.set("b", free);
  order.hurry(threads[1]);
  order.hurry(threads[1]);
  assertEquals(begin(), ["b"]);
});
