/**
 * Plain synchronous functions that know nothing of green threads, as an old code base may have them. See
 * `shared_module.ts`, which calls them by `greenImport()`.
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
