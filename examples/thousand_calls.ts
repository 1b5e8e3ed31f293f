/**
 * A thousand calls in flight: one green thread starts a thousand async calls and then waits for all of them. Then async code
 * starts a thousand green threads, which queue for four Workers.
 *
 * Run: `deno run --allow-read examples/thousand_calls.ts`
 *
 * @module
 */

import { asyncToSync, Hub, syncToAsync, useHub } from "@aiohub/aiohub";

const CALLS = 1000;

/** An async function that takes a tenth of a second. */
export const square = asyncToSync(import.meta, async function square(n: number) {
  await new Promise((resolve) => setTimeout(resolve, 100));
  return n * n;
});

/** Green code: starts all calls, then waits for each. */
export const sumOfSquares = syncToAsync(import.meta, function sumOfSquares(count: number) {
  const calls = Array.from({ length: count }, (_, n) => square.spawn(n));
  return calls.reduce((sum, call) => sum + call.wait(), 0);
});

/** A small green function. */
export const double = syncToAsync(import.meta, function double(n: number) {
  return 2 * n;
});

if (import.meta.main) {
  useHub(new Hub({ maxWorkers: 4 }));

  let begin = performance.now();
  const sum = await sumOfSquares(CALLS);
  console.log(`One green thread, ${CALLS} calls of 100 ms each: ${sum}, in ${since(begin)}.`);

  begin = performance.now();
  const doubles = await Promise.all(Array.from({ length: CALLS }, (_, n) => double(n)));
  console.log(`${CALLS} green threads in 4 Workers: ${doubles.at(-1)}, in ${since(begin)}.`);
}

function since(begin: number): string {
  return `${(performance.now() - begin).toFixed()} ms`;
}
