/**
 * How a blob gets from one thread to another: by an object URL, which the process has and not the thread, as it has the bytes.
 *
 * The runtime (Deno 2.9.6) also sends blobs through a `MessagePort`, but not those over files, and what it has sent to a Worker
 * that ends before it reads it is never freed. An object URL keeps its blob too, until somebody revokes it: who takes the blob
 * does so. The hub remembers what it has sent until a Worker says that it has taken it, and looks through what a Worker has
 * sent when that has ended: so none is left.
 *
 * @module
 */

import { resolveObjectURL } from "node:buffer";
import { BridgeProtocolError } from "../errors.ts";

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

  /** The URL that a message speaks of. */
  static from(message: unknown): BlobUrl | undefined {
    const { url, file } = (message ?? {}) as Partial<BlobMessage>;
    return typeof url === "string" ? new BlobUrl(url, file) : undefined;
  }

  /** What to send of it. */
  get message(): BlobMessage {
    return { url: this.#url, file: this.#file };
  }

  /**
   * Takes the blob. A URL can be used once.
   *
   * @throws {BridgeProtocolError} If it was revoked.
   */
  take(): Blob {
    const blob = resolveObjectURL(this.#url);
    if (!(blob instanceof Blob)) {
      throw new BridgeProtocolError("Cannot take a blob: it is not there any more");
    }
    this.revoke();
    const file = this.#file;
    if (!file) return blob;
    const { lastModified } = file;
    return new File([blob], String(file.name), { type: blob.type, lastModified });
  }

  /** Nobody will take the blob. */
  revoke(): void {
    URL.revokeObjectURL(this.#url);
  }
}

/** What is sent of a blob. */
export interface BlobMessage {
  readonly url: string;
  /** What a file has beside its bytes and type. */
  readonly file?: { readonly name: string; readonly lastModified: number };
}
