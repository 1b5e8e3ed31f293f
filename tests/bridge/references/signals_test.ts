import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { lookWhenAsked, SignalStandIns } from "../../../bridge/references/signals.ts";

Deno.test("SignalStandIns.adopt() has one stand-in for a signal, aborted when the original is", () => {
  const signals = new SignalStandIns(() => {});
  const signal = signals.adopt(7, 1);
  assertStrictEquals(signals.adopt(7, 2), signal);
  assertEquals([signals.numberOf(signal), signal.aborted, signals.size], [7, false, 1]);
  const reasons: unknown[] = [];
  signal.addEventListener("abort", () => reasons.push(signal.reason));
  signals.abort(7, "first");
  signals.abort(7, "second");
  assertEquals(reasons, ["first"]);
  assertEquals(signals.numberOf(new AbortController().signal), undefined);
});

Deno.test("SignalStandIns.abort() waits for a signal that has not come, unless it never will", () => {
  const signals = new SignalStandIns(() => {});
  signals.abort(1, "early");
  signals.abort(2, "forgotten");
  signals.forget(2);
  assertEquals([signals.adopt(1, 0).reason, signals.adopt(2, 0).aborted], ["early", false]);
  signals.abort(3, "gone");
  signals.dropAll();
  assertEquals(signals.adopt(3, 0).aborted, false);
});

Deno.test("SignalStandIns.abort() keeps the last ten thousand that have not come, whatever is announced", () => {
  const signals = new SignalStandIns(() => {});
  for (let number = 1; number <= 50_000; number++) signals.abort(number, number);
  assertEquals(signals.adopt(40_000, 0).aborted, false);
  assertEquals(signals.adopt(40_001, 0).reason, 40_001);
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
