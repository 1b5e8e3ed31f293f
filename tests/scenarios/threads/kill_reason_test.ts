/** The reason of a kill: `undefined` is none, and each other value is kept, on both sides. */

import { GreenletExit, type GreenThread, killAllAsync, spawn, spawnAfter } from "@aiohub/aiohub";
import { getCurrent, shield, sleep } from "@aiohub/aiohub/green";
import { assertEquals, assertInstanceOf } from "@std/assert";
import { TestHub } from "../../support/mod.ts";

/** The reasons that a value could be taken for none by mistake. */
const REASONS = [null, 0, "", false, NaN];

/** Sleeps, and tells what is thrown there. */
function sleeper(started: () => void, thrown: (reason: unknown) => void): void {
  try {
    started();
    sleep(60_000);
  } catch (reason) {
    shield(() => thrown(reason));
    throw reason;
  }
}

/** Begins a thread that sleeps; returns its handle, and what is thrown in it. */
async function sleeping() {
  const started = Promise.withResolvers<void>();
  const thrown = Promise.withResolvers<unknown>();
  const thread = spawn(sleeper, started.resolve, thrown.resolve);
  await started.promise;
  return { thread, thrown: thrown.promise };
}

const ends: Record<string, (thread: GreenThread, reason: unknown) => unknown> = {
  "kill()": (thread, reason) => thread.kill(reason),
  "killAsync()": (thread, reason) => thread.killAsync(reason),
  "killAllAsync()": (thread, reason) => killAllAsync([thread], reason),
  "kill() in green code": (thread, reason) =>
    spawn((thread: GreenThread, reason: unknown) => thread.kill(reason), thread, reason),
};

for (const [name, end] of Object.entries(ends)) {
  Deno.test(`${name} keeps each reason but undefined`, async () => {
    await using _hub = new TestHub({ maxWorkers: 2 });
    for (const reason of REASONS) {
      const { thread, thrown } = await sleeping();
      await end(thread, reason);
      assertEquals(await thrown, reason);
      assertEquals(await thread.then(() => "no end", (error) => [error]), [reason]);
      assertEquals(thread.outcome(), { status: "killed", reason });
    }
    const { thread, thrown } = await sleeping();
    await end(thread, undefined);
    assertInstanceOf(await thrown, GreenletExit);
    assertInstanceOf(await thread.catch((error) => error), GreenletExit);
  });
}

Deno.test("kill() and cancel() of a thread that has not started keep each reason but undefined", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  for (const how of ["kill", "cancel"] as const) {
    for (const reason of REASONS) {
      const thread = spawnAfter(60_000, () => {});
      thread[how](reason);
      assertEquals(await thread.then(() => "no end", (error) => [error]), [reason]);
    }
    const thread = spawnAfter(60_000, () => {});
    thread[how](undefined);
    assertInstanceOf(await thread.catch((error) => error), GreenletExit);
  }
});

Deno.test("a green thread that kills itself keeps each reason but undefined", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  for (const reason of REASONS) {
    const thread = spawn((reason: unknown) => getCurrent().kill(reason), reason);
    assertEquals(await thread.then(() => "no end", (error: unknown) => [error]), [reason]);
    assertEquals(thread.state, "killed");
  }
  const thread = spawn(() => getCurrent().kill(undefined));
  assertInstanceOf(await thread.then(() => "no end", (error: unknown) => error), GreenletExit);
});
