import { assertEquals } from "@std/assert";
import { Counts } from "../../../bridge/references/counts.ts";

Deno.test("Counts.take() takes back no more than there are", () => {
  const counts = new Counts();
  assertEquals([counts.add(1), counts.add(1), counts.add(2)], [true, false, true]);
  assertEquals([counts.take(1, -5), counts.take(1, 1), counts.take(3, 1)], [0, 1, 0]);
  assertEquals([counts.has(1), counts.has(3), counts.numbers], [true, false, [1, 2]]);
  assertEquals([counts.take(1, 9), counts.take(2)], [1, 1]);
  assertEquals([counts.numbers, counts.add(1)], [[], true]);
});
