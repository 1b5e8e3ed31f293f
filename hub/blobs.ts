/**
 * The hub's half of reading blobs in green code: see `blocking_blob.ts`.
 *
 * @module
 */

/** Reads a blob. It is called for its bytes only: to make text or anything else of them is for whoever wants it. */
export function readBlob(blob: Blob): Promise<Uint8Array> {
  return checked(blob).bytes();
}

/** A stream of a blob. */
export function streamOfBlob(blob: Blob): ReadableStream<Uint8Array> {
  return checked(blob).stream();
}

function checked(blob: unknown): Blob {
  if (blob instanceof Blob) return blob;
  throw new TypeError(`Cannot read a blob: expected one, found ${typeof blob}`);
}
