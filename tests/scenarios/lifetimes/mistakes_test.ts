import { futureToGreenlet, greenletToFuture, spawnWith } from "@aiohub/aiohub";
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import * as fussy from "../../fixtures/fussy.ts";
import { mistakes, nothing } from "../../fixtures/lifetimes/mistakes.ts";
import { TestHub, thrownBy } from "../../support/mod.ts";

// deno-lint-ignore no-explicit-any
type Wrong = any;

Deno.test("green code that gets a call wrong is told at once what was expected and what was found", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await mistakes(), {
    "wait for text":
      'TypeError: Cannot wait: expected a number of milliseconds for "timeout", found "5"',
    "wait for NaN":
      'TypeError: Cannot wait: expected a number of milliseconds for "timeout", found NaN',
    "link to nothing":
      "TypeError: Cannot link to a green thread: expected a function, found undefined",
    "kill with text":
      'TypeError: Cannot end a green thread: expected a number of milliseconds for "grace", found "5"',
    "Timeout of text":
      'TypeError: Cannot set a timeout: expected a number of milliseconds, found "5"',
    "Timeout with text":
      'TypeError: Cannot set a timeout: expected an error or an error class to throw, found "late"',
  });
});

Deno.test("async code that gets a call wrong is told at once what was expected and what was found", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = nothing();
  const wrong: [() => unknown, string][] = [
    [
      () => hub.with({ timout: 5 } as Wrong),
      'Cannot spawn with options: option "timout" is not known: expected name, delay, signal, timeout, grace, local',
    ],
    [
      () => spawnWith({ delay: "5" as Wrong }),
      'Cannot spawn later: expected a number of milliseconds for "delay", found "5"',
    ],
    [
      () => hub.with({ local: 1 as Wrong }),
      'Cannot spawn with options: expected a boolean for "local", found 1',
    ],
    [
      () => spawnWith({ timeout: "5" as Wrong }),
      'Cannot spawn with options: expected a number of milliseconds for "timeout", found "5"',
    ],
    [
      () => greenletToFuture(thread, { signal: "stop" as Wrong }),
      'Cannot make a future: expected an AbortSignal for "signal", found "stop"',
    ],
    [
      () => futureToGreenlet(42 as Wrong),
      "Cannot make a green thread: expected a promise or a function that makes one, found 42",
    ],
    [() => thread.link(5 as Wrong), "Cannot link to a green thread: expected a function, found 5"],
    [
      () => thread.kill(undefined, { grace: NaN }),
      'Cannot end a green thread: expected a number of milliseconds for "grace", found NaN',
    ],
    [
      () => hub.close({ grace: "1" as Wrong }),
      'Cannot end a green thread: expected a number of milliseconds for "grace", found "1"',
    ],
  ];
  for (const [call, message] of wrong) {
    assertEquals(assertThrows(call, TypeError).message, message);
  }
  await thread;
});

Deno.test("an instance that the hub cannot make fails whoever sends it to the hub, and not the Worker", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const [taken, spawned, called, returned] = await fussy.tries();
  const said = 'fromWire of class "test.Fussy" failed: RangeError: not on the hub';
  for (const text of [taken, returned]) assertStringIncludes(text, said);
  // The hub passes these on as they are.
  assertEquals([spawned, called], ["2", "3"]);
  assertStringIncludes(String(await thrownBy(fussy.make(1))), said);
  assertEquals(hub.statistics().crashed, 0);
});
