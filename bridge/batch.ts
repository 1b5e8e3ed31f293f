/**
 * How many items of an iteration go at a time.
 *
 * @module
 */

/** The most items of a batch, and of what is got ready for the next one. */
export const BATCH_ITEMS = 64;

/** About the most bytes of them, by a rough count; one item may be larger. */
export const BATCH_BYTES = 1 << 20;

/** What an item weighs, roughly: only bytes and text count, as only they get large without notice. */
export function weigh(item: unknown): number {
  if (typeof item === "string") return item.length;
  if (ArrayBuffer.isView(item) || item instanceof ArrayBuffer) return item.byteLength;
  return 64;
}
