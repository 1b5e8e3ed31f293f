/**
 * Ported code that relies on one thing: no other thread runs between two blocking calls. It looks for a free seat and then takes
 * the seat, with no lock. That is right under eventlet, and in a cooperative hub. In another hub two clerks could sell one seat.
 *
 * Under eventlet the seats were a list in a module. Workers share no variables, so here the seats lie in shared memory. The code
 * that uses them has not changed.
 *
 * Run: `deno run --allow-read examples/cooperative.ts`
 *
 * @module
 */

import { Hub, syncToAsync } from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";

type Seats = Int32Array<SharedArrayBuffer>;

/** Sells seats until there are none. */
export const sell = syncToAsync(import.meta, function sell(clerk: number, seats: Seats) {
  let sold = 0;
  for (;;) {
    const seat = seats.indexOf(0);
    if (seat < 0) return sold;
    // No other thread runs here, so the seat is still free.
    for (let i = 0; i < 10_000; i++) Math.sqrt(i);
    if (seats[seat] !== 0) throw new Error(`Seat ${seat} was sold twice`);
    seats[seat] = clerk;
    sold++;
    sleep(0); // Now the others have a turn each.
  }
});

if (import.meta.main) {
  await using hub = new Hub({ cooperative: true });
  const seats: Seats = new Int32Array(new SharedArrayBuffer(4 * 12));
  const sold = await Promise.all([1, 2, 3].map((clerk) => hub.spawn(sell, clerk, seats)));
  console.log(`Seats by clerk: ${seats.join(" ")}`);
  console.log(`Each has sold ${sold.join(", ")}`);
}
