/** What the aiohub rows run: imported by the hub and by the green threads. */
import { asyncToSync, syncToAsync } from "../../mod.ts";
import { sleep } from "../../green/mod.ts";
import { rateOfCalls, timeCalls, timeColdCalls } from "./measure.mjs";
import { payload } from "./payload.mjs";
import type { Params } from "../rows.ts";

// deno-lint-ignore require-await -- the bridge is for async functions
export const echo = asyncToSync(import.meta, async function echo(value: unknown) {
  return value;
});

export const never = asyncToSync(import.meta, function never(): Promise<void> {
  return new Promise(() => {});
});

export const job = syncToAsync(import.meta, function job(value: number): number {
  return value + 1;
});

export const linger = syncToAsync(import.meta, function linger(ms: number): void {
  sleep(ms);
});

export const hot = syncToAsync(import.meta, function hot(params: Params): number {
  const { budget = 0, kind = "number", size } = params;
  const value = payload(kind, size);
  return timeCalls(budget, kind === "number" ? (i) => echo(i) : () => echo(value));
});

export const cold = syncToAsync(import.meta, function cold({ budget, pause }: Params): number {
  return timeColdCalls(budget!, () => sleep(pause!), (i) => echo(i));
});

export const rate = syncToAsync(import.meta, function rate({ budget }: Params): number {
  return rateOfCalls(budget!, (i) => echo(i));
});

export const inFlight = syncToAsync(
  import.meta,
  function inFlight({ budget, count = 1 }: Params): number {
    return timeCalls(budget!, () => {
      const calls = Array.from({ length: count }, (_, i) => echo.spawn(i));
      for (const call of calls) call.wait();
    }) / count;
  },
);

/** Half of the threads sleep, half wait for the hub. */
export const park = syncToAsync(import.meta, function park(index: number): void {
  if (index % 2) sleep(60_000);
  else never();
});
