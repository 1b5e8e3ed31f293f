/**
 * Async code calls green code and awaits it.
 *
 * Run: `deno run --allow-read examples/async_calls_green.ts`
 *
 * @module
 */

import { greenletToFuture, spawn, syncToAsync } from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";

const PRICES: Readonly<Record<string, number>> = { Assam: 0.08, Gyokuro: 0.45, Mint: 0.05 };

/** A synchronous function. Each call runs in a green thread of its own. */
export const priceOf = syncToAsync(import.meta, function priceOf(tea: string, grams: number) {
  sleep(50); // stands for any blocking call
  const price = PRICES[tea];
  if (price === undefined) throw new RangeError(`Cannot find "${tea}" in the price list`);
  return Math.round(price * grams);
});

if (import.meta.main) {
  // A call returns a green thread. Await the thread.
  console.log(`100 g of Assam: ${await priceOf("Assam", 100)}.`);

  // Three at the same time.
  const threads = [priceOf("Assam", 50), priceOf("Gyokuro", 50), priceOf("Mint", 50)];
  console.log(`50 g of each: ${(await Promise.all(threads)).join(", ")}.`);

  // An inline function is sent as source text. It has its arguments and the names of the library, and no other variables.
  const parcel = spawn((teas: string[]) => {
    sleep(20);
    return teas.toSorted().join(" + ");
  }, ["Mint", "Assam"]);
  console.log(`A parcel: ${await parcel}.`);

  // An error that green code throws arrives here.
  await priceOf("coffee", 100).then(undefined, (error) => console.log(`${error}.`));

  // The hub can stop a green thread: its sleep throws, its `finally` blocks run, and it ends.
  const nap = spawn(() => sleep(60_000));
  await greenletToFuture(nap, { signal: AbortSignal.timeout(100) })
    .catch((error) => console.log(`The nap took too long: ${error.name}.`));
  await nap.then(undefined, () => console.log(`The nap was ${nap.state}.`));
}
