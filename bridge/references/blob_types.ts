/**
 * Types of blobs, files and forms in green code.
 *
 * @module
 */

/**
 * The methods of a `Blob` in green code, in place of the platform's: they block the green thread and give the plain value. A blob
 * has them if it came from somewhere else: from the hub or from another green thread.
 */
export interface SyncBlobMethods {
  /**
   * Reads all of it as UTF-8.
   *
   * @throws {BlockingCallError} If it is called outside of a green thread.
   */
  text(): string;
  /** Reads all of it. */
  bytes(): Uint8Array<ArrayBuffer>;
  /** Reads all of it. */
  arrayBuffer(): ArrayBuffer;
  /** A blob of a part of it. This does not block. */
  slice(start?: number, end?: number, contentType?: string): SyncBlob;
  /** A stream of its bytes, which is read by `for…of`. */
  stream(): SyncByteStream;
}

/**
 * A `Blob` in green code. It is one of the platform's, and can be used as such: as a body, in a form, as a part of another
 * blob.
 *
 * A blob that green code has made itself (`new Blob(["x"])`) has the platform's methods, which give promises.
 *
 * @example
 * ```ts
 * import { spawn, type SyncBlob } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const thread = spawn((blob: SyncBlob) => blob.text().length + blob.size, new Blob(["four"]));
 * assertEquals(await thread, 8);
 * ```
 */
export type SyncBlob = SyncBlobMethods & Blob;

/** A `File` in green code: as a {@linkcode SyncBlob}. */
export type SyncFile = SyncBlobMethods & File;

/** The stream of a blob in green code: for `for…of` there, for the platform, and for functions of the hub. */
export type SyncByteStream =
  & Iterable<Uint8Array<ArrayBuffer>>
  & Disposable
  & ReadableStream<Uint8Array<ArrayBuffer>>;

/** The methods of a form in green code, as far as its files go through them. */
export interface SyncFormDataMethods {
  /** The first value with a name. */
  get(name: string): SyncFile | string | null;
  /** All values with a name. */
  getAll(name: string): (SyncFile | string)[];
  /** Names and values, in order. */
  entries(): IterableIterator<[string, SyncFile | string]>;
  /** The values, in order. */
  values(): IterableIterator<SyncFile | string>;
  /** Names and values, in order. */
  [Symbol.iterator](): IterableIterator<[string, SyncFile | string]>;
  /** Calls a function with each value, its name, and the form. */
  forEach(
    callback: (value: SyncFile | string, name: string, form: FormData) => void,
    thisArg?: unknown,
  ): void;
}

/** A `FormData` in green code, with the files that came in it. */
export type SyncFormData = SyncFormDataMethods & FormData;
