/**
 * Blobs, files and forms as values.
 *
 * The bytes of a blob belong to the process, and all its threads of execution can have blobs over them. So a blob goes beside the
 * message, through the side port, by its URL: nothing is copied, whatever its size. A form goes as its
 * entries.
 *
 * Blobs are values and have no identity: each arrival is a blob of its own.
 *
 * **Object URLs** are the way of a blob from one thread of execution to another, as they belong to the process, like the bytes.
 * The runtime (Deno 2.9.6) also sends blobs through a `MessagePort`, but not those over files, and a blob sent to a Worker that
 * ends before it reads it is never freed. An object URL keeps its blob too, until a side revokes it: the side that takes the blob
 * does so. The hub remembers each blob that it has sent until the Worker says that it has taken it, and when a Worker has ended,
 * revokes those that it had sent: so none is left.
 *
 * **In green code** reading a blob blocks, without the event loop, and gives the plain value. A blob that has arrived in green
 * code is the platform's own, so that the whole platform takes it. Methods of its own hide those that give promises, and ask the
 * hub to read the blob. The result of `stream()` has to be a `ReadableStream` as well as an iterable, since the platform calls
 * that method itself: for the body of a `Response`, for a `FileReader`.
 *
 * @module
 */

import { BridgeProtocolError } from "../errors.ts";
import { RefKind, type Target } from "../protocol/messages.ts";
import type { Ref } from "../wire/payload.ts";
import { blocking, greenSide } from "../side/side.ts";
import { resolveObjectURL } from "node:buffer";
import type { SyncBlobMethods, SyncByteStream } from "../references/blob_types.ts";
import { proxyForLater } from "../references/remote_object.ts";
import { servedTarget } from "../protocol/served.ts";

/**
 * The number of the last blob that this thread has sent. These numbers go down, since other objects in the side port have numbers
 * that go up; they begin again when 32 bits are used up: by then nobody has the first blobs any more.
 */
let last = 0;
const LOWEST = -(2 ** 31);

/** Whether a value crosses in the way of this module. */
export function isBlobOrForm(value: object): boolean {
  return isBlob(value) || isForm(value);
}

/** Whether a value is a blob or a file. One of a subclass is not: how that crosses, if it does, is for its class to say. */
export function isBlob(value: object): value is Blob {
  // To name these classes may load a part of the runtime: so only for values that say they are an instance.
  switch (tagOf(value)) {
    case "Blob":
      return Object.getPrototypeOf(value) === Blob.prototype;
    case "File":
      return Object.getPrototypeOf(value) === File.prototype;
    default:
      return false;
  }
}

function isForm(value: object): value is FormData {
  return tagOf(value) === "FormData" && Object.getPrototypeOf(value) === FormData.prototype;
}

function tagOf(value: object): unknown {
  return (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
}

/** The reference for a blob, a file or a form; nothing for other objects. */
export function referToBlob(value: object): Ref | undefined {
  if (isBlob(value)) return { kind: RefKind.Blob, object: value };
  return isForm(value) ? { kind: RefKind.FormData, object: value, data: [...value] } : undefined;
}

/** The number for a blob that is about to be sent. */
export function nextBlobId(): number {
  return last = last === LOWEST ? -1 : last - 1;
}

/**
 * The blob or file that has come beside a message, as it is on this side.
 *
 * @param message The object that has come: the blob's URL.
 */
export function takeBlob(message: object): Blob {
  const url = BlobUrl.from(message);
  if (!url) {
    throw new BridgeProtocolError(
      "Cannot receive a blob: expected the URL of a blob, found something else",
    );
  }
  const blob = url.take();
  return greenSide() ? blockingBlob(blob) : blob;
}

/** A blob as if it had been sent and had arrived: for a value that stays within a Worker. */
export function blobWithin(blob: Blob): Blob {
  return blockingBlob(BlobUrl.of(blob).take());
}

/** A form made of entries that have arrived, with the very files that have. */
export function formOf(entries: unknown): FormData {
  const form = new FormData();
  if (!Array.isArray(entries)) throw malformed();
  for (const entry of entries) {
    const [name, value, ...more] = Array.isArray(entry) ? entry : [];
    if (typeof name !== "string" || more.length > 0) throw malformed();
    if (value instanceof File) form.append(name, value);
    else if (typeof value === "string") form.append(name, value);
    else throw malformed();
  }
  return form;
}

function malformed(): BridgeProtocolError {
  return new BridgeProtocolError(
    "Cannot receive a form: expected a list of names, each with a text or a file",
  );
}

/** A blob on its way. */
export class BlobUrl {
  readonly #url: string;
  readonly #file: { readonly name: string; readonly lastModified: number } | undefined;

  private constructor(url: string, file: BlobMessage["file"]) {
    this.#url = url;
    this.#file = file;
  }

  /** Gives a blob a URL. */
  static of(blob: Blob): BlobUrl {
    const file = blob instanceof File
      ? { name: blob.name, lastModified: blob.lastModified }
      : undefined;
    return new BlobUrl(URL.createObjectURL(blob), file);
  }

  /** The blob in a message; nothing if the message is about something else. */
  static from(message: unknown): BlobUrl | undefined {
    const { url, file } = (message ?? {}) as Partial<BlobMessage>;
    return typeof url === "string" ? new BlobUrl(url, file) : undefined;
  }

  /** The message to send. */
  get message(): BlobMessage {
    return { url: this.#url, file: this.#file };
  }

  /**
   * Takes the blob, and revokes the URL.
   *
   * @throws {BridgeProtocolError} If the URL was revoked before.
   */
  take(): Blob {
    const blob = resolveObjectURL(this.#url);
    if (!(blob instanceof Blob)) {
      throw new BridgeProtocolError("Cannot receive a blob: the URL of the blob was revoked");
    }
    this.revoke();
    const file = this.#file;
    if (!file) return blob;
    const { lastModified } = file;
    return new File([blob], String(file.name), { type: blob.type, lastModified });
  }

  /** Lets go of the blob, which nobody will take. */
  revoke(): void {
    URL.revokeObjectURL(this.#url);
  }
}

/** A blob as it is sent. */
interface BlobMessage {
  readonly url: string;
  /** The data of a file beside its bytes and type. */
  readonly file?: { readonly name: string; readonly lastModified: number };
}

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
    if (stream.locked) throw new TypeError("Cannot use a stream: a reader has locked it");
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
