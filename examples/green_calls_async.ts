/**
 * Green code calls async functions and gets their results as plain values.
 *
 * Run: `deno run --allow-read examples/green_calls_async.ts`
 *
 * @module
 */

import { asyncToSync, futureToGreenlet, hubImport, syncToAsync } from "@aiohub/aiohub";

/** An async function. It always runs on the hub. */
export const brew = asyncToSync(import.meta, async function brew(tea: string, minutes: number) {
  if (tea === "coffee") throw new RangeError("Cannot brew coffee: this is a tea shop");
  await new Promise((resolve) => setTimeout(resolve, minutes * 20));
  return `a cup of ${tea}`;
});

/** Green code: no `async`, no `await`. */
export const serve = syncToAsync(import.meta, function serve() {
  // This call blocks this green thread only.
  console.log(`First: ${brew("Assam", 3)}.`);

  // Starts two calls, and then waits for both: they run at the same time.
  const sencha = futureToGreenlet(brew.async("Sencha", 2));
  const rooibos = brew.spawn("Rooibos", 5);
  console.log(`Then: ${sencha.wait()} and ${rooibos.wait()}.`);

  // Async functions of any module work: of Node, of npm, of the app.
  const { lookup } = hubImport<typeof import("node:dns/promises")>("node:dns/promises");
  console.log(`The shop is at ${lookup("127.0.0.1").address}.`);

  // An error that the async function throws is thrown here.
  try {
    brew("coffee", 1);
  } catch (error) {
    console.log(`${error}.`);
  }
});

if (import.meta.main) await serve();
