/** A small random generator that is the same everywhere. */
export function randomBy(seed: number): () => number {
  let state = seed % 2147483646 + 1;
  return () => (state = state * 48271 % 2147483647) / 2147483647;
}
