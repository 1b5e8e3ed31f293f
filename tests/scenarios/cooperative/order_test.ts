import { assertEquals } from "@std/assert";
import * as threads from "../../fixtures/cooperative_threads.ts";
import { cooperative } from "../../support/mod.ts";
import { newTrace, notes } from "../../support/trace.ts";

Deno.test("P36 GreenPool.spawn() starts a consumer, then a producer, in that order", async () => {
  await using _hub = cooperative();
  const trace = newTrace();
  await threads.multipleCoros(trace);
  assertEquals(notes(trace), ["cons1", "prod", "cons2"]);
});

Deno.test("P84 Queue.put() of a rendezvous goes on after the one who gets the item", async () => {
  await using _hub = cooperative();
  const trace = newTrace();
  await threads.channelSend(trace);
  assertEquals(notes(trace), ["sending", "hello", "sent hello", "world", "sent world"]);
});

Deno.test("P85 Queue.get() of a rendezvous goes on first, and the one who put after a yield", async () => {
  await using _hub = cooperative();
  const trace = newTrace();
  await threads.channelWait(trace);
  assertEquals(notes(trace), [
    "waiting",
    "sending hello",
    "hello",
    "sending world",
    "world",
    "no yield since",
    "sent world",
    "after a yield",
  ]);
});

Deno.test("Queue.put() of a rendezvous that has passed its item on is not undone by a kill: that hits the next block", async () => {
  await using _hub = cooperative();
  const trace = newTrace();
  await threads.channelKill(trace);
  assertEquals(notes(trace), ["hello", "put", "cleaned up", "killed"]);
});

Deno.test("spawn() starts nothing before the spawner blocks, and in the order of the spawns", async () => {
  await using hub = cooperative();
  const trace = newTrace();
  await Promise.all(["a", "b", "c", "d"].map((name) => hub.spawn(threads.repeats, trace, name, 3)));
  assertEquals(
    notes(trace),
    [0, 1, 2].flatMap((i) => ["a", "b", "c", "d"].map((name) => `${name}${i}`)),
  );
});

Deno.test("what need not block does not switch: locks, queues, events, spawns, checkpoint(), ended threads", async () => {
  await using _hub = cooperative();
  const trace = newTrace();
  await threads.doesNotSwitch(trace);
  assertEquals(notes(trace), [
    "before",
    "after",
    "spawned",
    "member",
    "yielded",
    "sent",
    "waited for who has ended",
    "waiter",
    "end",
  ]);
});

Deno.test("threads go on in the order in which they were woken, new ones among them", async () => {
  await using _hub = cooperative();
  const trace = newTrace();
  await threads.wakesInOrder(trace);
  assertEquals(notes(trace), [
    "all sent",
    "woken 2",
    "woken 0",
    "spawned in between",
    "woken 3",
    "woken 1",
  ]);
});

Deno.test("sleep() ends in the order of the times, however late it is", async () => {
  await using _hub = cooperative();
  assertEquals(await threads.sleepers(), [
    "computed",
    "slept 1",
    "slept 2",
    "slept 3",
    "slept 4",
    "spawned when all were due",
  ]);
});

Deno.test("kill() hands over to the killed one, which goes before all others", async () => {
  await using _hub = cooperative();
  const trace = newTrace();
  await threads.kills(trace);
  assertEquals(notes(trace), [
    "sleeps",
    "other",
    "kills",
    "cleans up",
    "spawned before the kill",
    "killed true",
    "unborn is killed",
    "cancelled is killed",
  ]);
});
