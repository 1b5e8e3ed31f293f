import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import type { HubThread } from "../../../hub/records/thread.ts";
import { Circle, WaitGraph } from "../../../hub/threads/wait_graph.ts";

const [a, b] = ["a", "b"].map((name) => ({ name, dead: false }) as HubThread);

Deno.test("WaitGraph.add() refuses an edge that closes a circle", () => {
  const graph = new WaitGraph();
  assert(!(graph.add({ from: a, to: b, by: "wait()", sure: true }) instanceof Circle));
  const circle = graph.add({ from: b, to: a, by: "wait()", sure: true });
  assertInstanceOf(circle, Circle);
  assertEquals((circle as Circle).threads.map(({ name }) => name), ["b", "a"]);
});

Deno.test("WaitGraph.add() sees no circle in two who have had the same lock in turn", () => {
  const graph = new WaitGraph();
  // Of the two that say that the other one has it, one speaks of the past: the lock's memory tells which.
  let holder = b;
  const waits = (from: HubThread, to: HubThread) =>
    graph.add({ from, to, by: 'lock "cache"', sure: false, holds: () => holder === to });
  assert(!(waits(a, b) instanceof Circle));
  assert(!(waits(b, a) instanceof Circle));
  holder = a;
  assert(!(waits(a, b) instanceof Circle));
});
