/** coincident: a Worker calls the main thread and blocks; the main thread calls a Worker async. */
// @ts-ignore: only bench/deno.json knows this name
import coincident from "coincident/main";
import { delay, sum, timeAwaits, timeColdAwaits } from "./measure.mjs";
import { cpuWhileIdle, memoryPerWorker, serve } from "./serve.mjs";

const { Worker } = coincident();
const workers = [];

await serve({
  first: async () => (await proxyOf(0)).hot({ budget: 0, kind: "number" }),
  hot: async (params) => (await proxyOf(0)).hot(params),
  cold: async (params) => (await proxyOf(0)).cold(params),
  echo: async (params) => (await proxyOf(0)).hot(params),
  spawn: async ({ budget, workers }) => {
    const proxies = await all(workers);
    return timeAwaits(budget, (i) => proxies[i % workers].job(i));
  },
  spawnCold: async ({ budget, pause }) => {
    const proxy = await proxyOf(0);
    return timeColdAwaits(budget, () => delay(pause), (i) => proxy.job(i));
  },
  spawnMany: async ({ budget, workers, count }) => {
    const proxies = await all(workers);
    const many = () =>
      Promise.all(Array.from({ length: count }, (_, i) => proxies[i % workers].job(i)));
    return await timeAwaits(budget, many) / count;
  },
  throughput: async ({ budget, workers }) => {
    const proxies = await all(workers);
    return sum(await Promise.all(proxies.map((proxy) => proxy.rate(budget))));
  },
  memory: ({ workers }) => memoryPerWorker(workers, () => warm(workers)),
  cpu: async ({ workers, budget }) => {
    await warm(workers);
    for (const proxy of await all(workers)) proxy.park();
    return cpuWhileIdle(budget);
  },
});

async function proxyOf(index) {
  const { proxy, ready } = workers[index] ??= start();
  await ready;
  return proxy;
}

function start() {
  const { proxy } = new Worker(new URL("./coincident_worker.mjs", import.meta.url));
  const { promise: ready, resolve } = Promise.withResolvers();
  proxy.ready = resolve;
  proxy.echo = async (value) => await value;
  proxy.never = () => new Promise(() => {});
  return { proxy, ready };
}

function all(count) {
  return Promise.all(Array.from({ length: count }, (_, index) => proxyOf(index)));
}

async function warm(count) {
  const proxies = await all(count);
  await Promise.all(proxies.map((proxy) => proxy.hot({ budget: 0, kind: "number" })));
}
