/**
 * Blobs in green code: reading them blocks, and gives the plain value.
 *
 * A blob that has arrived in green code is the platform's own, so that the whole platform takes it. Methods of its own hide those
 * that give promises, and ask the hub to read the blob. The result of `stream()` has to be a `ReadableStream` as well as an
 * iterable, since the platform calls that method itself: for the body of a `Response`, for a `FileReader`.
 *
 * @module
 */

import type { SyncBlobMethods, SyncByteStream } from "../references/blob_types.ts";
import type { Target } from "../protocol/messages.ts";
import { proxyForLater } from "../references/remote_object.ts";
import { servedTarget } from "../protocol/served.ts";
import { blocking } from "../side/side.ts";

const READ: Target = servedTarget("readBlob");
const STREAM: Target = servedTarget("streamOfBlob");

type Bytes = Uint8Array<ArrayBuffer>;

const methods: SyncBlobMethods & ThisType<Blob> = {
  text() {
    return new TextDecoder().decode(read(this, "text"));
  },
  bytes() {
    return read(this, "bytes");
  },
  arrayBuffer() {
    return read(this, "arrayBuffer").buffer;
  },
  slice(...range) {
    return blockingBlob(Blob.prototype.slice.apply(this, range));
  },
  stream() {
    return blockingStream(this);
  },
};

/** Hidden, so that the blob looks as any other does. */
const properties: PropertyDescriptorMap = Object.fromEntries(
  Object.entries(methods).map(([name, value]) => [
    name,
    { value, writable: true, configurable: true },
  ]),
);

/** Gives a blob the methods that block, and returns it. */
export function blockingBlob<B extends Blob>(blob: B): SyncBlobMethods & B {
  return Object.defineProperties(blob, properties) as SyncBlobMethods & B;
}

function read(blob: Blob, method: string): Bytes {
  const green = blocking(`${method}()`, `await Blob.prototype.${method}.call(blob)`);
  // The bytes have a buffer of their own: they are all that is in the message.
  return green.call(READ, [blob], method) as Bytes;
}

/**
 * A stream of a blob that can be iterated over as well, or go to the hub: for both, a stream of the hub is opened at that moment.
 * It can be used in one way only, as any stream can: from then on it is locked.
 */
function blockingStream(blob: Blob): SyncByteStream {
  const stream = Blob.prototype.stream.call(blob);
  let opened: SyncIterable | undefined;
  const open = () => {
    if (opened) return opened;
    const green = blocking("stream()", "for await");
    if (stream.locked) throw new TypeError("Cannot use a stream: it is locked by a reader");
    opened = green.call(STREAM, [blob], "stream") as SyncIterable;
    stream.getReader();
    return opened;
  };
  proxyForLater(stream, open);
  const hidden = { writable: true, configurable: true };
  return Object.defineProperties(stream, {
    [Symbol.iterator]: { value: () => open()[Symbol.iterator](), ...hidden },
    [Symbol.dispose]: { value: () => opened?.[Symbol.dispose](), ...hidden },
  }) as SyncByteStream;
}

type SyncIterable = Iterable<Bytes> & Disposable;
