/**
 * The demo of the library, in a few seconds: `deno task demo`.
 *
 * Green code (`demo/crawler.ts`) reads a site with blocking calls. Async code (this file) awaits fifty such threads. A timer on
 * the main thread shows that the event loop never waits for any of them.
 *
 * @module
 */

import { getHub, type GreenThread, Hub, useHub } from "@aiohub/aiohub";
import { crawl, type Say, type Tea, visit } from "./demo/crawler.ts";
import { type Beats, startHeart } from "./demo/heartbeat.ts";
import { openSite, type Site } from "./demo/site.ts";
import { Trace } from "./demo/trace.ts";

const BEAT_MS = 5;

async function main(): Promise<void> {
  // Sixteen Workers from the start, so that the heartbeat measures the work, without the starts of Workers.
  const hub = new Hub({ minWorkers: 16, maxWorkers: 16 });
  useHub(hub);
  await using site = await openSite();
  const trace = new Trace();
  trace.line(
    "aiohub for Deno: sync-looking code and async code in one process, calling each other",
  );
  trace.line(`A tea shop with 56 pages is at ${site.url} until this demo ends.`);
  while (hub.statistics().starting > 0) await new Promise((resolve) => setTimeout(resolve, 5));

  // First the timer beats alone, for comparison.
  const stopIdleHeart = startHeart(BEAT_MS);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const idleBeats = stopIdleHeart();

  trace.start();
  const stopHeart = startHeart(BEAT_MS);
  const addresses = await showGreenCallsAsync(trace, site);
  const run = await showAsyncCallsGreen(trace, site, addresses);
  showSummary(trace, run, stopHeart(), idleBeats);
}

/** One green thread reads the lists, one page after another, with calls that block it. */
async function showGreenCallsAsync(trace: Trace, site: Site): Promise<string[]> {
  trace.heading(
    "1  Green code calls async code",
    "crawl() is plain synchronous code. Each of its calls blocks its Worker, and gets a plain value.",
  );
  trace.lanes("async code on the hub", "one green thread in a Worker");
  trace.hubCalls("await crawl(site)", "crawl(site)");
  const say: Say = (hub, green) => hub ? trace.greenCalls(hub, green) : trace.green(green);
  const addresses = await crawl(site.url, say);
  trace.greenCalls(`${addresses.length} addresses`, "return addresses");
  return addresses;
}

/** The results of fifty green threads. */
interface Run {
  readonly failures: readonly Error[];
  /** The time from the first spawn to the last ending, in milliseconds. */
  readonly wall: number;
  /** The time for which all of them together were blocked, in milliseconds. */
  readonly blocked: number;
}

/** Fifty green threads read a page each; async code awaits them all. */
async function showAsyncCallsGreen(trace: Trace, site: Site, addresses: string[]): Promise<Run> {
  trace.heading(
    "2  Async code calls green code",
    "The main thread calls visit() for fifty pages and awaits them all. Two of them tell what they do.",
  );
  trace.lanes("async code on the hub", "fifty green threads in Workers");
  const begin = performance.now();
  const say: Say = (hub, green) => trace.greenCalls(hub, green);
  const threads = addresses.map((address, i) => visit(address, site.key, i < 2 ? say : undefined));
  trace.hubCalls(`visit(page, key) × ${threads.length}`, "visit(page, key)");
  const endings = await watch(trace, threads);
  const wall = performance.now() - begin;
  const teas = endings.filter((ending) => ending.status === "fulfilled");
  const failures = endings.filter((ending) => ending.status === "rejected")
    .map(({ reason }) => reason as Error);
  trace.greenCalls(`${teas.length} teas`, "return { title, blocked }");
  for (const { name } of failures) trace.greenCalls(name, "throws what jwtVerify() threw");
  return { failures, wall, blocked: teas.reduce((sum, { value }) => sum + value.blocked, 0) };
}

/** Awaits all threads and shows their progress. */
async function watch(
  trace: Trace,
  threads: GreenThread<Tea>[],
): Promise<PromiseSettledResult<Tea>[]> {
  let done = 0;
  const show = () => {
    const { busy, queued } = getHub().statistics();
    const more = `${busy} at work, ${queued} wait for a Worker`;
    trace.progress(done, threads.length, more, done % 10 === 0);
  };
  const timer = trace.live ? setInterval(show, 30) : undefined;
  for (const thread of threads) {
    thread.link(() => {
      done++;
      show();
    });
  }
  const endings = await Promise.allSettled(threads);
  clearInterval(timer);
  return endings;
}

function showSummary(trace: Trace, run: Run, beats: Beats, idleBeats: Beats): void {
  const { workers, totalThreads, totalCalls } = getHub().statistics();
  const { failures, blocked, wall } = run;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const tell = ({ median, worst }: Beats) =>
    `median ${median.toFixed(1)} ms, worst ${worst.toFixed(1)} ms`;
  const rows = [
    ["green threads", `${totalThreads} in ${workers} Workers, with ${totalCalls} calls to the hub`],
    ["time", `they were blocked for ${seconds(blocked)} in all, within ${seconds(wall)}`],
    [
      "errors",
      `1 dead link, caught in green code; ${failures.length} forged seal, caught on the hub`,
    ],
    ["event loop", `a ${BEAT_MS} ms timer on the main thread beat ${beats.count} times meanwhile:`],
    ["", `${tell(beats)} (with nothing to do: ${tell(idleBeats)})`],
  ];
  trace.heading("Summary");
  for (const [name, text] of rows) trace.row(name, text);
  trace.line();
  trace.line(
    "  The code: examples/demo/crawler.ts (green), examples/demo.ts (async). More: examples/",
  );
}

if (import.meta.main) await main();
