/**
 * Types of blobs, files and forms in green code.
 *
 * @module
 */

/**
 * The methods of a `Blob` in green code, in place of the platform's: they block the green thread and give the plain value. A blob
 * has them if it came from somewhere else: from the hub or from another green thread.
 *
 * @category Values
 */
export interface SyncBlobMethods {
  /**
   * Reads all of it as UTF-8.
   *
   * @returns The text.
   * @throws {BlockingCallError} If it is called outside of a green thread.
   */
  text(): string;
  /**
   * Reads all of it.
   *
   * @returns The bytes.
   * @throws {BlockingCallError} If it is called outside of a green thread.
   */
  bytes(): Uint8Array<ArrayBuffer>;
  /**
   * Reads all of it.
   *
   * @returns The bytes.
   * @throws {BlockingCallError} If it is called outside of a green thread.
   */
  arrayBuffer(): ArrayBuffer;
  /**
   * Makes a blob of a part of it. This does not block.
   *
   * @param start The first byte of the part; a negative number counts from the end. By default 0.
   * @param end The byte after the part; a negative number counts from the end. By default the size.
   * @param contentType The type of the new blob. By default none.
   * @returns The blob.
   */
  slice(start?: number, end?: number, contentType?: string): SyncBlob;
  /**
   * Gives a stream of its bytes, which is read by `for…of`.
   *
   * @returns The stream.
   */
  stream(): SyncByteStream;
}

/**
 * A `Blob` in green code. It is one of the platform's, and can be used as such: as a body, in a form, as a part of another
 * blob.
 *
 * A blob that green code has made itself (`new Blob(["x"])`) has the platform's methods, which give promises.
 *
 * @example Read a blob in green code
 * ```ts
 * import { spawn, type SyncBlob } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const thread = spawn((blob: SyncBlob) => blob.text().length + blob.size, new Blob(["four"]));
 * assertEquals(await thread, 8);
 * ```
 *
 * @category Values
 */
export type SyncBlob = SyncBlobMethods & Blob;

/**
 * A `File` in green code: as a {@linkcode SyncBlob}.
 *
 * @example Read a file in green code
 * ```ts
 * import { spawn, type SyncFile } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const thread = spawn((file: SyncFile) => `${file.name}: ${file.text()}`, new File(["hi"], "a.txt"));
 * assertEquals(await thread, "a.txt: hi");
 * ```
 *
 * @category Values
 */
export type SyncFile = SyncBlobMethods & File;

/**
 * The stream of a blob in green code: for `for…of` there, for the platform, and for functions of the hub.
 *
 * @category Values
 */
export type SyncByteStream =
  & Iterable<Uint8Array<ArrayBuffer>>
  & Disposable
  & ReadableStream<Uint8Array<ArrayBuffer>>;

/**
 * The methods of a form in green code, as far as its files go through them.
 *
 * @category Values
 */
export interface SyncFormDataMethods {
  /**
   * Gives the first value with a name.
   *
   * @param name The name.
   * @returns The value; `null` if there is none.
   */
  get(name: string): SyncFile | string | null;
  /**
   * Gives all values with a name.
   *
   * @param name The name.
   * @returns The values, in order.
   */
  getAll(name: string): (SyncFile | string)[];
  /**
   * Gives names and values, in order.
   *
   * @returns An iterator of pairs.
   */
  entries(): IterableIterator<[string, SyncFile | string]>;
  /**
   * Gives the values, in order.
   *
   * @returns An iterator of values.
   */
  values(): IterableIterator<SyncFile | string>;
  /**
   * Gives names and values, in order.
   *
   * @returns An iterator of pairs.
   */
  [Symbol.iterator](): IterableIterator<[string, SyncFile | string]>;
  /**
   * Calls a function with each value, its name, and the form.
   *
   * @param callback The function.
   * @param thisArg The `this` of the function.
   */
  forEach(
    callback: (value: SyncFile | string, name: string, form: FormData) => void,
    thisArg?: unknown,
  ): void;
}

/**
 * A `FormData` in green code, with the files that came in it.
 *
 * @example Read a form in green code
 * ```ts
 * import { spawn, type SyncFormData } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const form = new FormData();
 * form.set("name", "Ada");
 * assertEquals(await spawn((form: SyncFormData) => form.get("name"), form), "Ada");
 * ```
 *
 * @category Values
 */
export type SyncFormData = SyncFormDataMethods & FormData;
