import { assertEquals, assertStringIncludes } from "@std/assert";
import * as nested from "../../fixtures/nested_results.ts";
import { TestHub, thrownBy } from "../../support/mod.ts";

Deno.test("bytes that a thread returns are the waiter's own, wherever the thread ran", async () => {
  for (const maxWorkers of [1, 2]) {
    await using _hub = new TestHub({ maxWorkers });
    await nested.own();
    for (const length of [1000, 3_000_000]) {
      assertEquals(await nested.takes(length), [1, 1, length, length], `${maxWorkers} Workers`);
    }
  }
});

Deno.test("a result that cannot be made anew is a failure, and its thread has ended for all", async () => {
  for (const maxWorkers of [1, 2]) {
    await using hub = new TestHub({ maxWorkers });
    const [said, state] = await nested.takesUnmakable();
    assertStringIncludes(said, 'fromWire of class "test.Fussy" failed: RangeError');
    assertEquals(state, "rejected");
    assertStringIncludes(String(await thrownBy(nested.unmakable())), "test.Fussy");
    assertEquals(hub.threads(), []);
  }
});

Deno.test("a result whose `then` throws fails its thread and not the Worker", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  assertEquals(String(await thrownBy(nested.secretive())), "RangeError: no then");
  assertEquals([...await nested.own()], [1, 1, 1, 1, 1, 1, 1, 1]);
});
