/** The bare `Atomics` floor; `--park` for the one in which nobody spins. */
import process from "node:process";
import { FloorHub } from "./floor_hub.ts";
import { delay, sum, timeAwaits, timeColdAwaits } from "./measure.mjs";
import { cpuWhileIdle, memoryPerWorker, serve } from "./serve.mjs";
import type { FloorCommand } from "./floor_wire.ts";
import type { Params } from "../rows.ts";

const spin = !process.argv.includes("--park");
const hubs = new Map<string, FloorHub>();

await serve({
  first: () => command({ method: "hot", budget: 0 }, 1),
  hot: ({ kind, budget }: Params) => command({ method: "hot", kind, budget }),
  cold: ({ budget, pause }: Params) => command({ method: "cold", budget, pause }),
  inFlight: ({ count, budget }: Params) => command({ method: "inFlight", count, budget }),
  echo: ({ kind, size, budget }: Params) =>
    command({ method: "hot", kind, size, budget }, 1, 16 << 20),
  // The Worker that was busy last is the warmest: a pool should take it, the others sleep.
  spawn: ({ workers, budget }: Params) =>
    withJobs(workers!, (run) => timeAwaits(budget!, () => run(0))),
  spawnCold: ({ budget, pause }: Params) =>
    withJobs(1, (run) => timeColdAwaits(budget!, () => delay(pause!), () => run(0))),
  spawnMany: ({ workers, count, budget }: Params) =>
    withJobs(workers!, async (run) => {
      const all = () => runMany(workers!, count!, run);
      return await timeAwaits(budget!, all) / count!;
    }),
  throughput: async ({ workers, budget }: Params) => {
    const rates = floorHub(workers!).workers.map((each) =>
      each.command({ method: "rate", budget })
    );
    return sum(await Promise.all(rates));
  },
  memory: ({ workers }: Params) => memoryPerWorker(workers!, () => warm(workers!)),
  cpu: async ({ workers, budget }: Params) => {
    await warm(workers!);
    for (const worker of floorHub(workers!).workers) worker.command({ method: "park" });
    return cpuWhileIdle(budget!);
  },
});

function floorHub(workers: number, area?: number): FloorHub {
  const key = `${workers} ${area}`;
  const hub = hubs.get(key) ?? new FloorHub(spin, workers, area);
  hubs.set(key, hub);
  return hub;
}

function command(command: FloorCommand, workers = 1, area?: number): Promise<number> {
  return floorHub(workers, area).workers[0].command(command);
}

async function warm(workers: number): Promise<void> {
  const { workers: all } = floorHub(workers);
  await Promise.all(all.map((worker) => worker.command({ method: "hot", budget: 0 })));
}

/** Puts the Workers into their job loop for as long as `fn` measures. */
async function withJobs<T>(
  workers: number,
  fn: (run: (worker: number) => Promise<number>) => Promise<T>,
): Promise<T> {
  await warm(workers);
  const { workers: all } = floorHub(workers);
  const served = all.map((worker) => worker.command({ method: "serveJobs" }));
  const result = await fn((worker) => all[worker].runJob(1));
  for (const worker of all) worker.stopJobs();
  await Promise.all(served);
  return result;
}

/** Runs `count` jobs, each Worker one after another. */
async function runMany(
  workers: number,
  count: number,
  run: (worker: number) => Promise<number>,
): Promise<void> {
  const lanes = Array.from({ length: workers }, async (_, worker) => {
    for (let i = worker; i < count; i += workers) await run(worker);
  });
  await Promise.all(lanes);
}
