/** comlink: async calls in both directions; nobody blocks. */
// @ts-ignore: only bench/deno.json knows this name
import * as comlink from "comlink";
import { delay, sum, timeAwaits, timeColdAwaits } from "./measure.mjs";
import { cpuWhileIdle, memoryPerWorker, serve } from "./serve.mjs";

const workers = [];

await serve({
  first: async () => (await apiOf(0)).hot({ budget: 0, kind: "number" }),
  hot: async (params) => (await apiOf(0)).hot(params),
  cold: async (params) => (await apiOf(0)).cold(params),
  inFlight: async (params) => (await apiOf(0)).inFlight(params),
  echo: async (params) => (await apiOf(0)).hot(params),
  spawn: async ({ budget, workers }) => {
    const apis = await all(workers);
    return timeAwaits(budget, (i) => apis[i % workers].job(i));
  },
  spawnCold: async ({ budget, pause }) => {
    const api = await apiOf(0);
    return timeColdAwaits(budget, () => delay(pause), (i) => api.job(i));
  },
  spawnMany: async ({ budget, workers, count }) => {
    const apis = await all(workers);
    const many = () =>
      Promise.all(Array.from({ length: count }, (_, i) => apis[i % workers].job(i)));
    return await timeAwaits(budget, many) / count;
  },
  throughput: async ({ budget, workers }) => {
    const apis = await all(workers);
    return sum(await Promise.all(apis.map((api) => api.rate(budget))));
  },
  memory: ({ workers }) => memoryPerWorker(workers, () => warm(workers)),
  cpu: async ({ workers, budget }) => {
    await warm(workers);
    return cpuWhileIdle(budget);
  },
});

async function apiOf(index) {
  const { api, ready } = workers[index] ??= start();
  await ready;
  return api;
}

function start() {
  const url = new URL("./comlink_worker.mjs", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  const { promise, resolve } = Promise.withResolvers();
  worker.addEventListener("message", resolve, { once: true });
  const api = comlink.wrap(worker);
  const { port1, port2 } = new MessageChannel();
  comlink.expose({ echo: async (value) => await value }, port1);
  const ready = promise.then(() => api.useMain(comlink.transfer(port2, [port2])));
  return { api, ready };
}

function all(count) {
  return Promise.all(Array.from({ length: count }, (_, index) => apiOf(index)));
}

async function warm(count) {
  const apis = await all(count);
  await Promise.all(apis.map((api) => api.hot({ budget: 0, kind: "number" })));
}
