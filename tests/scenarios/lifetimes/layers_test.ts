import { BlockingCallError, handle } from "@aiohub/aiohub";
import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import * as layers from "../../fixtures/lifetimes/layers.ts";
import { rejection, TestHub, until } from "../../support/mod.ts";

Deno.test("P288 green code that calls async code: its result, its error, and the error of the green code itself", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await layers.doubled(21), 42);
  assertEquals((await rejection(layers.doubled(-1), RangeError)).message, "-1 is less than zero");
  assertEquals((await rejection(layers.doubled(13), EvalError)).message, "not this one");
});

Deno.test("P290 asyncToSync() called outside of green code is an error, and nothing was begun", () => {
  layers.begun.length = 0;
  const error = assertThrows(() => layers.double(1), BlockingCallError);
  assertEquals(
    error.message,
    "Cannot call double() on the hub as it would block the event loop: use await double.async()",
  );
  assertEquals(layers.begun, []);
});

Deno.test("P261 withTimeoutAsync() around green code that a call of green code awaits", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const [inner, caller, outer] = await layers.outer(0, 60_000) as number[];
  // Each has its own thread, and the call knows whose it is.
  assertEquals(caller, outer);
  assert(inner !== outer);
  const [value] = await layers.outer(2000, 10) as unknown[];
  assertEquals(value, "late");
  // Nobody told the innermost one to end.
  await until(() => hub.threads().length === 0);
});

Deno.test("P279 `using` in green code on what is disposed of asynchronously, with errors in the block and at its end", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const good = new layers.Resource(false);
  assertEquals(await layers.uses(handle(good) as never, false), "used");
  assertEquals(good.log, ["used", "disposed"]);
  const used = new layers.Resource(false);
  const inBlock = await rejection(layers.uses(handle(used) as never, true), EvalError);
  assertEquals([inBlock.message, used.log], ["in the block", ["used", "disposed"]]);
  const failing = handle(new layers.Resource(true)) as never;
  assertEquals((await rejection(layers.uses(failing, false), RangeError)).message, "at the end");
  const both = handle(new layers.Resource(true)) as never;
  const error = await rejection(layers.uses(both, true), SuppressedError);
  assertInstanceOf(error.error, RangeError);
  assertInstanceOf(error.suppressed, EvalError);
});
