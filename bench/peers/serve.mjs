/** A peer's child process: answers the orchestrator's requests, one line of JSON each. */
import { writeSync } from "node:fs";
import process from "node:process";

/** Sets our lines apart from what a peer prints. */
const MARK = "@bench ";

/**
 * Serves the methods of one peer until stdin ends. Started with `--first` it only calls
 * `methods.first` and reports that it has a result.
 *
 * @param {Record<string, (params: any) => number | Promise<number>>} methods
 */
export async function serve(methods) {
  if (process.argv.includes("--first")) {
    await methods.first({});
    say({ value: 0 });
    return;
  }
  const { createInterface } = await import("node:readline");
  const lines = createInterface({ input: process.stdin });
  say({ methods: Object.keys(methods) });
  for await (const line of lines) say(await answer(methods, JSON.parse(line)));
  process.exit(0);
}

/**
 * The memory that a Worker costs.
 *
 * @param {number} workers
 * @param {() => unknown} start Starts the Workers and resolves when each has done a call.
 * @returns {Promise<number>} MB per Worker.
 */
export async function memoryPerWorker(workers, start) {
  await pauseForMemory();
  const before = process.memoryUsage().rss;
  await start();
  await pauseForMemory();
  return (process.memoryUsage().rss - before) / workers / 1e6;
}

/**
 * The CPU that this process uses while nobody has anything to do.
 *
 * @param {number} ms How long to watch.
 * @returns {Promise<number>} Per cent of one core.
 */
export async function cpuWhileIdle(ms) {
  await new Promise((resolve) => setTimeout(resolve, 500));
  const start = performance.now();
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / (performance.now() - start) * 100;
}

async function answer(methods, { method, params }) {
  try {
    return { value: await methods[method](params) };
  } catch (error) {
    return { error: String(error?.stack ?? error) };
  }
}

function say(message) {
  writeSync(1, `${MARK}${JSON.stringify(message)}\n`);
}

function pauseForMemory() {
  return new Promise((resolve) => setTimeout(resolve, 300));
}
