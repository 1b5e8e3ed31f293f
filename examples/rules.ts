/**
 * Plain synchronous functions, as an old code base has them. They know nothing of green threads. `shared_module.ts` calls them by
 * `greenImport()`.
 *
 * @module
 */

/** A rule that computes for a while. */
export function countWords(titles: (string | undefined)[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of titles.join(" ").toLowerCase().match(/\w+/g) ?? []) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}
