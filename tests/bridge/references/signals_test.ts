import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { lookWhenAsked, SignalProxies } from "../../../bridge/references/signals.ts";

Deno.test("SignalProxies.import() has one proxy for a signal, aborted when the original is", () => {
  const signals = new SignalProxies(() => {});
  const signal = signals.import(7, 1);
  assertStrictEquals(signals.import(7, 2), signal);
  assertEquals([signals.numberOf(signal), signal.aborted, signals.size], [7, false, 1]);
  const reasons: unknown[] = [];
  signal.addEventListener("abort", () => reasons.push(signal.reason));
  signals.abort(7, "first");
  signals.abort(7, "second");
  assertEquals(reasons, ["first"]);
  assertEquals(signals.numberOf(new AbortController().signal), undefined);
});

Deno.test("SignalProxies.abort() waits for a signal that has not come, unless it never will", () => {
  const signals = new SignalProxies(() => {});
  signals.abort(1, "early");
  signals.abort(2, "forgotten");
  signals.forget(2);
  assertEquals([signals.import(1, 0).reason, signals.import(2, 0).aborted], ["early", false]);
  signals.abort(3, "gone");
  signals.dropAll();
  assertEquals(signals.import(3, 0).aborted, false);
});

Deno.test("SignalProxies.abort() keeps the last ten thousand that have not come, whatever is announced", () => {
  const signals = new SignalProxies(() => {});
  for (let number = 1; number <= 50_000; number++) signals.abort(number, number);
  assertEquals(signals.import(40_000, 0).aborted, false);
  assertEquals(signals.import(40_001, 0).reason, 40_001);
  assertEquals(signals.size, 2);
});

Deno.test("lookWhenAsked() looks for messages each time until the signal is aborted", () => {
  let looks = 0;
  const controller = new AbortController();
  const { signal } = controller;
  lookWhenAsked(signal, () => {
    if (++looks === 3) controller.abort(new RangeError("at last"));
  });
  signal.throwIfAborted();
  assertEquals([signal.aborted, signal.aborted, signal.aborted, looks], [false, true, true, 3]);
  assertThrows(() => signal.throwIfAborted(), RangeError, "at last");
});
