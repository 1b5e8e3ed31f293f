/**
 * Workers that the hub has given up because they computed: they end when they come to their end after all. That they do is
 * seen by their threads, which only Linux shows.
 */

import { GreenletExit, type GreenThread } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";
import * as crashes from "../../fixtures/lifetimes/crashes.ts";
import { Mark, marked, newMarks } from "../../fixtures/lifetimes/marks.ts";
import * as threads from "../../fixtures/lifetimes/threads.ts";
import { rejection, testApart, TestHub, until } from "../../support/mod.ts";

/** How many threads of this process run Workers. */
function workerThreads(): number {
  return [...Deno.readDirSync("/proc/self/task")].filter(({ name: id }) => {
    try {
      return Deno.readTextFileSync(`/proc/self/task/${id}/comm`).startsWith("worker-");
    } catch {
      // It has ended since.
      return false;
    }
  }).length;
}

/** Has the hub give up the Worker of a thread that computes, lets that go on, and waits for the Worker's end. */
async function endsLate(compute: (marks: SharedArrayBuffer) => GreenThread): Promise<void> {
  await using hub = new TestHub({ maxWorkers: 1 }, { leaked: 1 });
  const before = workerThreads();
  const marks = newMarks();
  const thread = compute(marks);
  await until(() => marked(marks, Mark.Started) === 1);
  thread.kill(undefined, { grace: 0 });
  await rejection(thread, GreenletExit);
  await until(() => hub.statistics().leaked === 1);
  assertEquals(workerThreads(), before + 1);
  Atomics.store(new Int32Array(marks), 7, 1);
  await until(() => workerThreads() === before);
}

if (Deno.build.os === "linux") {
  testApart(import.meta, "a Worker that was given up ends when its code returns", async () => {
    await endsLate(threads.busy);
  });

  testApart(import.meta, "a Worker that was given up ends when its code exits", async () => {
    await endsLate(crashes.exitsLate);
  });
}
