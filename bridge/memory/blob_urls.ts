/**
 * The way of a blob from one thread of execution to another: an object URL, which belongs to the process, as the bytes do.
 *
 * The runtime (Deno 2.9.6) also sends blobs through a `MessagePort`, but not those over files, and a blob sent to a Worker that
 * ends before it reads it is never freed. An object URL keeps its blob too, until somebody revokes it: whoever takes the blob
 * does so. The hub remembers each blob that it has sent until the Worker says that it has taken it, and when a Worker has ended,
 * revokes those that it had sent: so none is left.
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
      throw new BridgeProtocolError("Cannot take a blob: it is not there any more");
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
export interface BlobMessage {
  readonly url: string;
  /** The data of a file beside its bytes and type. */
  readonly file?: { readonly name: string; readonly lastModified: number };
}
