/**
 * Giving bytes away instead of copying them for oneself.
 *
 * @module
 */

import { state } from "../state.ts";

/**
 * Takes the memory out of a buffer, for a value that is about to be sent and not needed here any more: the original is
 * detached at once, without a copy, and its memory is freed as soon as the value has gone.
 *
 * From a megabyte on the memory itself goes to the other side, and nobody copies it: the result is detached then, so
 * send it once. Smaller bytes go through shared memory, into which they are copied and out of which they are copied again,
 * as that is faster. Bytes that are sent without `transfer` are copied once more in both cases. Do not change the result. A
 * `SharedArrayBuffer` is not copied at all.
 *
 * @param bytes A buffer, or a view of one. Other views of the same buffer are detached as well.
 * @returns The same bytes in a buffer of their own; of a view a view.
 * @throws {TypeError} If it is neither, or is detached already.
 *
 * @example Give 8 MB to a green thread
 * ```ts
 * import { spawn, transfer } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array(8e6);
 * const thread = spawn((bytes: Uint8Array) => bytes.length, transfer(bytes));
 * assertEquals(bytes.length, 0);
 * assertEquals(await thread, 8e6);
 * ```
 *
 * @category Values
 */
export function transfer<T extends ArrayBuffer | ArrayBufferView<ArrayBuffer>>(bytes: T): T {
  if (bytes instanceof ArrayBuffer) return take(bytes) as T;
  if (!ArrayBuffer.isView(bytes) || !((bytes.buffer as unknown) instanceof ArrayBuffer)) {
    throw new TypeError("Cannot transfer: expected an ArrayBuffer or a view of one");
  }
  const View = bytes.constructor as new (
    buffer: ArrayBuffer,
    byteOffset: number,
    length: number,
  ) => T;
  const { byteOffset } = bytes;
  const length = (bytes as { length?: number }).length ?? bytes.byteLength;
  return new View(take(bytes.buffer), byteOffset, length);
}

/** Buffers that nobody changes any more: while they are on their way they need not be copied. */
const given = state("transferred", () => new WeakSet<ArrayBufferLike>());

function take(buffer: ArrayBuffer): ArrayBuffer {
  const taken = buffer.transfer();
  given.add(taken);
  return taken;
}

/** Whether the bytes of a buffer were given away by {@linkcode transfer}. */
export function isTransferred(buffer: ArrayBufferLike): boolean {
  return given.has(buffer);
}
