/** Timing loops, bounded by a time budget, for code that blocks and for code that awaits. */

/** A batch this long (ms) drowns the cost of reading the clock. */
const BATCH = 2;

/** Cold calls are too few to get their code compiled: hot ones (this many ms) see to that. */
const WARM_UP = 40;

/**
 * The median of some numbers.
 *
 * @param {number[]} samples At least one number.
 * @returns {number}
 */
export function median(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Calls `fn` in batches until the budget is spent.
 *
 * @param {number} budget In ms.
 * @param {(i: number) => unknown} fn Blocks.
 * @returns {number} µs per call: the median batch.
 */
export function timeCalls(budget, fn) {
  const end = performance.now() + budget;
  let size = 1;
  let elapsed = timeBatch(size, fn);
  while (elapsed < BATCH && performance.now() < end) elapsed = timeBatch(size *= 2, fn);
  const samples = [];
  while (performance.now() < end) samples.push(timeBatch(size, fn));
  return median(samples.length ? samples : [elapsed]) / size * 1000;
}

/**
 * The same for a function whose promise is awaited, one call after another.
 *
 * @param {number} budget In ms.
 * @param {(i: number) => PromiseLike<unknown>} fn
 * @returns {Promise<number>} µs per call.
 */
export async function timeAwaits(budget, fn) {
  const end = performance.now() + budget;
  let size = 1;
  let elapsed = await timeAwaitBatch(size, fn);
  while (elapsed < BATCH && performance.now() < end) {
    elapsed = await timeAwaitBatch(size *= 2, fn);
  }
  const samples = [];
  while (performance.now() < end) samples.push(await timeAwaitBatch(size, fn));
  return median(samples.length ? samples : [elapsed]) / size * 1000;
}

/**
 * Times single calls with a pause before each, so that nobody is hot.
 *
 * @param {number} budget In ms.
 * @param {() => void} pause Blocks for several ms.
 * @param {(i: number) => unknown} fn Blocks.
 * @returns {number} µs: the median call.
 */
export function timeColdCalls(budget, pause, fn) {
  timeCalls(WARM_UP, fn);
  const end = performance.now() + budget;
  const samples = [];
  do {
    pause();
    const start = performance.now();
    fn(samples.length);
    samples.push((performance.now() - start) * 1000);
  } while (performance.now() < end || samples.length < 5);
  return median(samples);
}

/**
 * The same for a function whose promise is awaited.
 *
 * @param {number} budget In ms.
 * @param {() => PromiseLike<unknown>} pause
 * @param {(i: number) => PromiseLike<unknown>} fn
 * @returns {Promise<number>} µs: the median call.
 */
export async function timeColdAwaits(budget, pause, fn) {
  await timeAwaits(WARM_UP, fn);
  const end = performance.now() + budget;
  const samples = [];
  do {
    await pause();
    const start = performance.now();
    await fn(samples.length);
    samples.push((performance.now() - start) * 1000);
  } while (performance.now() < end || samples.length < 5);
  return median(samples);
}

/**
 * Calls `fn` until the deadline, for rows in which several Workers call at once.
 *
 * @param {number} budget In ms.
 * @param {(i: number) => unknown} fn Blocks.
 * @returns {number} The calls made per second.
 */
export function rateOfCalls(budget, fn) {
  const start = performance.now();
  let calls = 0;
  let now = start;
  do {
    fn(calls++);
    now = performance.now();
  } while (now - start < budget);
  return calls / (now - start) * 1000;
}

/**
 * The same for a function whose promise is awaited.
 *
 * @param {number} budget In ms.
 * @param {(i: number) => PromiseLike<unknown>} fn
 * @returns {Promise<number>} The calls made per second.
 */
export async function rateOfAwaits(budget, fn) {
  const start = performance.now();
  let calls = 0;
  let now = start;
  do {
    await fn(calls++);
    now = performance.now();
  } while (now - start < budget);
  return calls / (now - start) * 1000;
}

/**
 * Blocks this thread.
 *
 * @param {number} ms
 */
export function block(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * Waits without blocking.
 *
 * @param {number} ms
 * @returns {Promise<void>}
 */
export function delay(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Adds up what several Workers report.
 *
 * @param {number[]} numbers
 * @returns {number}
 */
export function sum(numbers) {
  return numbers.reduce((total, each) => total + each, 0);
}

function timeBatch(size, fn) {
  const start = performance.now();
  for (let i = 0; i < size; i++) fn(i);
  return performance.now() - start;
}

async function timeAwaitBatch(size, fn) {
  const start = performance.now();
  for (let i = 0; i < size; i++) await fn(i);
  return performance.now() - start;
}
