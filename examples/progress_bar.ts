/**
 * Callbacks: computing green code calls functions of the hub, and gets their answers.
 *
 * Run: `deno run --allow-read examples/progress_bar.ts`
 *
 * @module
 */

import { syncToAsync } from "@aiohub/aiohub";

const STEPS = 20;

/**
 * Counts primes. It leaves its loop only to call back.
 *
 * @param limit The number to stop at.
 * @param report Gets the progress.
 * @param goOn Says whether to go on; called after each step.
 */
export const countPrimes = syncToAsync(
  import.meta,
  function countPrimes(
    limit: number,
    report: (done: number, total: number) => void,
    goOn: (found: number) => boolean,
  ) {
    let found = 0;
    for (let step = 0; step < STEPS; step++) {
      for (let n = limit / STEPS * step; n < limit / STEPS * (step + 1); n++) {
        if (isPrime(n)) found++;
      }
      report(step + 1, STEPS);
      if (!goOn(found)) break;
    }
    return found;
  },
);

function isPrime(n: number): boolean {
  if (n < 2 || n % 2 === 0) return n === 2;
  for (let i = 3; i * i <= n; i += 2) if (n % i === 0) return false;
  return true;
}

/** Draws a bar on a terminal. Elsewhere it prints a line for each quarter. */
function draw(done: number, total: number): void {
  if (!Deno.stdout.isTerminal()) {
    if (done % (total / 4) === 0) console.log(`${100 * done / total} %`);
    return;
  }
  const bar = "━".repeat(2 * done) + " ".repeat(2 * (total - done));
  Deno.stdout.writeSync(new TextEncoder().encode(`\r${bar} ${100 * done / total} %`));
  if (done === total) console.log();
}

if (import.meta.main) {
  // The event loop goes on meanwhile. A timer shows it.
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const found = await countPrimes(1_000_000, draw, (found) => found < 1_000_000);
  clearInterval(timer);
  console.log(
    `${found} primes below 1,000,000; the event loop ${ticks > 3 ? "went on" : "stood still"}.`,
  );
}
