import { assertEquals } from "@std/assert";
import { Patience } from "../../../bridge/wire/patience.ts";

/** How many of so many waits begin with a spin that is in vain. */
function spins(patience: Patience, waits: number): number {
  let count = 0;
  for (let i = 0; i < waits; i++) {
    if (patience.next() === 0) continue;
    count++;
    patience.judge(false);
  }
  return count;
}

Deno.test("Patience spins in each wait while spins pay", () => {
  const patience = new Patience(0.1);
  for (let i = 0; i < 100; i++) {
    assertEquals(patience.next(), 0.1);
    patience.judge(true);
  }
});

Deno.test("Patience forgives one spin in vain", () => {
  const patience = new Patience(0.1);
  patience.next();
  patience.judge(false);
  assertEquals(patience.next(), 0.1);
  patience.judge(true);
  patience.next();
  patience.judge(false);
  assertEquals(patience.next(), 0.1);
});

Deno.test("Patience spins hardly ever when spins are in vain", () => {
  const patience = new Patience(0.1);
  const first = spins(patience, 1000);
  assertEquals(first >= 3 && first <= 12, true);
  const later = spins(patience, 10_000);
  assertEquals(later >= 30 && later <= 50, true);
});

Deno.test("Patience is hot again after one spin that pays", () => {
  const patience = new Patience(0.1);
  spins(patience, 500);
  while (patience.next() === 0);
  patience.judge(true);
  for (let i = 0; i < 3; i++) {
    assertEquals(patience.next(), 0.1);
    patience.judge(true);
  }
});
