import { assertEquals } from "@std/assert";
import * as called from "../../fixtures/lifetimes/called_back.ts";
import { parked, TestHub, thrownBy, until } from "../../support/mod.ts";

const hub = TestHub.shared({ maxWorkers: 1 });

Deno.test("a Timeout that hits a callback is thrown, as itself, out of the call that called back", async () => {
  called.onHub.said.length = 0;
  assertEquals(await called.timesOut(), "its own timeout");
  await until(() => called.onHub.said.length > 0);
  assertEquals(called.onHub.said, ["rejected: Timeout"]);
});

Deno.test("a Timeout that a callback has set itself is the async function's business only", async () => {
  called.onHub.said.length = 0;
  assertEquals(await called.timesOutWithin(), "the outer timeout");
  assertEquals(called.onHub.said, ["rejected: Timeout"]);
});

Deno.test("a kill that hits a callback ends the thread with the very reason", async () => {
  const thread = called.blocksInCallback();
  await parked(hub, thread, /sleep/);
  const reason = new RangeError("the reason");
  thread.kill(reason);
  assertEquals(await thrownBy(thread), reason);
  assertEquals(thread.state, "killed");
});

for (
  const { abandon, block, said } of [
    { abandon: false, block: true, said: "rejected: GreenletExit" },
    { abandon: false, block: false, said: "fulfilled: called back" },
    { abandon: true, block: true, said: "fulfilled: called back" },
  ]
) {
  const call = abandon ? "an abandoned call" : "a call that was given up";
  Deno.test(`${call} may call back, ${block ? "and block" : "without blocking"}: ${said}`, async () => {
    called.onHub.said.length = 0;
    called.onHub.begun = 0;
    const gate = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    called.onHub.gate = gate.promise;
    const thread = called.leaves(() => gate.resolve(), () => end.promise, abandon, block);
    await until(() => called.onHub.said.length > 0);
    // More than one call may have been given up until one had begun.
    assertEquals([...new Set(called.onHub.said)], [said]);
    end.resolve();
    assertEquals(await thread, "done");
  });
}
