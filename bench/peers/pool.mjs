/** What the worker pools have in common: `run(task, value)` on a pool of n Workers. */
import { delay, rateOfAwaits, sum, timeAwaits, timeColdAwaits } from "./measure.mjs";
import { payload } from "./payload.mjs";
import { cpuWhileIdle, memoryPerWorker, serve } from "./serve.mjs";

/**
 * Serves the rows for one pool library.
 *
 * @param {(workers: number) => (task: "job" | "echo" | "linger", value: any) => PromiseLike<any>} open
 *   Opens a pool of that many Workers and returns its `run`.
 */
export function servePool(open) {
  const pools = new Map();

  async function warmPool(workers) {
    let run = pools.get(workers);
    if (run) return run;
    pools.set(workers, run = open(workers));
    // Tasks that linger keep one Worker each, so that all of them start.
    await Promise.all(Array.from({ length: workers }, () => run("linger", 200)));
    return run;
  }

  return serve({
    first: () => open(1)("job", 1),
    spawn: async ({ budget, workers }) => {
      const run = await warmPool(workers);
      return timeAwaits(budget, (i) => run("job", i));
    },
    spawnCold: async ({ budget, pause }) => {
      const run = await warmPool(1);
      return timeColdAwaits(budget, () => delay(pause), (i) => run("job", i));
    },
    spawnMany: async ({ budget, workers, count }) =>
      await timeAwaits(budget, many(await warmPool(workers), count)) / count,
    inFlight: async ({ budget, count }) =>
      await timeAwaits(budget, many(await warmPool(1), count)) / count,
    echo: async ({ budget, kind, size }) => {
      const run = await warmPool(1);
      const value = payload(kind, size);
      return timeAwaits(budget, () => run("echo", value));
    },
    throughput: async ({ budget, workers }) => {
      const run = await warmPool(workers);
      const lane = () => rateOfAwaits(budget, (i) => run("job", i));
      return sum(await Promise.all(Array.from({ length: workers }, lane)));
    },
    memory: ({ workers }) => memoryPerWorker(workers, () => warmPool(workers)),
    cpu: async ({ workers, budget }) => {
      await warmPool(workers);
      return cpuWhileIdle(budget);
    },
  });
}

function many(run, count) {
  return () => Promise.all(Array.from({ length: count }, (_, i) => run("job", i)));
}
