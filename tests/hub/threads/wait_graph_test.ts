import { assert, assertEquals, assertMatch } from "@std/assert";
import { Lock } from "@aiohub/aiohub";
import { Call } from "../../../hub/base/call_context.ts";
import { holdObject, releaseObject } from "../../../hub/references/worker_objects.ts";
import type { HubThread } from "../../../hub/records/thread.ts";
import { type Coordination, CORE } from "../../../bridge/memory/objects.ts";
import type { WaitReport } from "../../../bridge/protocol/messages.ts";
import { type Circle, WaitGraph } from "../../../hub/threads/wait_graph.ts";

/** A graph, and threads `a`, `b`, `c`, each on a Worker of its own. */
function graphOf() {
  const workers = ["a", "b", "c"].map(() => ({
    dead: false,
    answers: new Map<number, Call>(),
    post: { inbox: { ring: { empty: true } } },
  }));
  const threads = ["a", "b", "c"].map((name, i) =>
    ({
      id: i + 1,
      name,
      dead: false,
      killed: undefined,
      worker: workers[i],
    }) as unknown as HubThread
  );
  const graph = new WaitGraph((id) => threads[id - 1]);
  const waits = (from: number, to: number, more: { object?: number; report?: object } = {}) => {
    const { id, name } = threads[from];
    const report: WaitReport = {
      on: 'lock "cache"',
      limited: false,
      holder: threads[to].id,
      stack: [[id, false, `${name}.ts:1:1`]],
      ...more.report,
    };
    graph.report(workers[from], ++number, more.object ?? -1, report);
  };
  let number = 0;
  return { graph, threads, workers, waits };
}

const names = (circle: Circle | undefined) => circle?.error().cycle;

Deno.test("WaitGraph.circle() finds a circle, and ends the wait that came last", () => {
  const { graph, threads, waits } = graphOf();
  waits(0, 1);
  assertEquals(graph.circle(threads), undefined);
  waits(2, 0);
  waits(1, 0);
  const circle = graph.circle([threads[2]]);
  assertEquals(names(circle), ["b", "a"]);
  assertMatch(
    circle!.error().message,
    /: "b" waits for "a" by wait\(\), "a" waits for "b" by wait\(\)\n {4}"b" at b\.ts:1:1\n {4}"a" at a\.ts:1:1$/,
  );
  assertEquals(circle!.last.from, threads[1]);
});

Deno.test("WaitGraph.circle() ends a wait at a lock before one in wait()", () => {
  const { graph, threads, waits } = graphOf();
  waits(0, 1, { object: 7 });
  waits(1, 0);
  assertEquals(names(graph.circle(threads)), ["a", "b"]);
});

Deno.test("WaitGraph.circle() goes through all threads on a stack", () => {
  const { graph, threads, workers, waits } = graphOf();
  // The thread c runs on top of a.
  Object.assign(threads[2], { worker: workers[0] });
  waits(0, 1, { report: { stack: [[1, false, "a.ts:1:1"], [3, false, "c.ts:1:1"]] } });
  waits(1, 0);
  assertEquals(names(graph.circle([threads[1]])), ["b", "a", "c"]);
});

Deno.test("WaitGraph.circle() sees the threads that a function of the hub awaits, until the call has ended", () => {
  const { graph, threads, workers, waits } = graphOf();
  const call = new Call(1, "f");
  workers[0].answers.set(1, call);
  waits(0, 0, { object: 0, report: { holder: 0 } });
  waits(1, 0);
  call.awaits(threads[1]);
  assertMatch(graph.circle(threads)!.error().message, /"a" waits for "b" by a call to f\(\)/);
  call.end();
  assertEquals(graph.circle(threads), undefined);
});

Deno.test("WaitGraph.circle() asks the memory of a lock for its holder", async () => {
  const { graph, threads, waits } = graphOf();
  const lock = new Lock() as unknown as Coordination & Lock;
  const { id } = lock[CORE];
  holdObject(lock);
  // It was reported that b has the lock, and that b waits for a.
  waits(0, 1, { object: id });
  waits(1, 0);
  const permit = await lock.acquireAsync();
  assertEquals(graph.circle(threads), undefined);
  permit.release();
  assertEquals(graph.circle(threads), undefined);
  releaseObject(id, 1);
  // An object that only one Worker has has the holder that it had.
  assertEquals(names(graph.circle(threads)), ["a", "b"]);
});

Deno.test("WaitGraph.circle() is current when all that its Workers have written was read", () => {
  const { graph, threads, workers, waits } = graphOf();
  waits(0, 1);
  waits(1, 0);
  const circle = graph.circle(threads)!;
  assert(circle.isCurrent);
  workers[0].post.inbox.ring.empty = false;
  assert(!circle.isCurrent);
});

Deno.test("WaitGraph.circle() leaves out those that go on, have ended, are being ended, or may leave as they were killed", () => {
  const cases: ((of: ReturnType<typeof graphOf>) => void)[] = [
    ({ graph, workers }) => graph.forget(workers[0]),
    ({ threads }) => Object.assign(threads[0], { dead: true }),
    ({ workers }) => workers[0].dead = true,
    ({ graph, threads }) => graph.circle(threads)!.last.wait.ending = true,
    ({ graph, threads }) => graph.killed(threads[0]),
    // The report and the kill have crossed.
    ({ threads, waits }) => {
      Object.assign(threads[0], { killed: { reason: undefined } });
      waits(0, 1);
    },
  ];
  for (const [i, change] of cases.entries()) {
    const all = graphOf();
    all.waits(0, 1);
    all.waits(1, 0);
    change(all);
    assertEquals(all.graph.circle(all.threads), undefined, `case ${i}`);
  }
  // A shield() holds off the kill: the Worker knows of it, and the thread is still there.
  const { graph, threads, waits } = graphOf();
  Object.assign(threads[0], { killed: { reason: undefined } });
  waits(0, 1, { report: { stack: [[1, true, ""]] } });
  waits(1, 0);
  graph.killed(threads[0]);
  assertEquals(names(graph.circle(threads)), ["b", "a"]);
});

Deno.test("WaitGraph.wayTo() gives the last edge of a way, and does not count locks", () => {
  const { graph, threads, waits } = graphOf();
  const [a, b, c] = threads;
  waits(0, 1);
  waits(1, 2);
  assertEquals(graph.wayTo([a], (thread) => thread === c)?.from, b);
  waits(1, 2, { object: 7 });
  assertEquals(graph.wayTo([a], (thread) => thread === c), undefined);
});
