/** aiohub itself. */
import { Hub, useHub } from "../../mod.ts";
import * as green from "./aiohub_green.ts";
import { delay, sum, timeAwaits, timeColdAwaits } from "./measure.mjs";
import { cpuWhileIdle, memoryPerWorker, serve } from "./serve.mjs";
import type { Params } from "../rows.ts";

let maxWorkers = 0;

await serve({
  first: () => onHub(1, () => green.hot({ budget: 0 })),
  hot: (params: Params) => onHub(1, () => green.hot(params)),
  cold: (params: Params) => onHub(1, () => green.cold(params)),
  inFlight: (params: Params) => onHub(1, () => green.inFlight(params)),
  echo: (params: Params) => onHub(1, () => green.hot(params)),
  spawn: ({ workers, budget }: Params) =>
    onHub(workers!, () => timeAwaits(budget!, (i) => green.job(i))),
  spawnCold: ({ budget, pause }: Params) =>
    onHub(1, () => timeColdAwaits(budget!, () => delay(pause!), (i) => green.job(i))),
  spawnMany: ({ workers, count, budget }: Params) =>
    onHub(workers!, async () => {
      const many = () => Promise.all(each(count!, (i) => green.job(i)));
      return await timeAwaits(budget!, many) / count!;
    }),
  throughput: ({ workers, budget }: Params) =>
    onHub(
      workers!,
      async () => sum(await Promise.all(each(workers!, () => green.rate({ budget })))),
    ),
  memory: ({ workers }: Params) => memoryPerWorker(workers!, () => onHub(workers!, () => {})),
  cpu: ({ workers, budget }: Params) =>
    onHub(workers!, () => {
      for (const thread of each(workers!, (i) => green.park(i))) thread.then(() => {}, () => {});
      return cpuWhileIdle(budget!);
    }),
});

/** Runs `fn` on a warm hub of that many Workers; a child process is asked for one size only. */
async function onHub<T>(workers: number, fn: () => T | PromiseLike<T>): Promise<T> {
  if (maxWorkers === 0) {
    maxWorkers = workers;
    useHub(new Hub({ maxWorkers, minWorkers: maxWorkers }));
    // Threads that linger keep one Worker each, so that all of them start.
    await Promise.all(each(workers, () => green.linger(workers > 1 ? 200 : 0)));
  }
  return await fn();
}

function each<T>(count: number, fn: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => fn(index));
}
