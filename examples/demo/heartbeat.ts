/**
 * A timer that beats on the main thread while green threads block. If the event loop stalls, a beat comes late.
 *
 * @module
 */

/** The figures of a heartbeat, in milliseconds from beat to beat. */
export interface Beats {
  readonly count: number;
  readonly median: number;
  readonly worst: number;
}

/** Starts to beat. Gives a function that stops the beat and gives the figures. */
export function startHeart(interval: number): () => Beats {
  const gaps: number[] = [];
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    gaps.push(now - last);
    last = now;
  }, interval);
  return () => {
    clearInterval(timer);
    gaps.sort((a, b) => a - b);
    return { count: gaps.length, median: gaps[gaps.length >> 1] ?? 0, worst: gaps.at(-1) ?? 0 };
  };
}
