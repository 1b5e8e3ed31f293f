/**
 * Blobs, files and forms as values.
 *
 * The bytes of a blob belong to the process, and all its threads of execution can have blobs over them. So a blob goes beside the
 * message, through the side port, by its URL (see `blob_urls.ts`): nothing is copied, whatever its size. A form goes as its
 * entries.
 *
 * Blobs are values and have no identity: each arrival is a blob of its own. In green code a blob can be read without the event
 * loop: see `blocking_blob.ts`.
 *
 * @module
 */

import { blockingBlob } from "./blocking_blob.ts";
import { BlobUrl } from "./blob_urls.ts";
import { BridgeProtocolError } from "../errors.ts";
import { RefKind } from "../protocol/messages.ts";
import type { Ref } from "../values/reference_kinds.ts";
import { greenSide } from "../side/side.ts";

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
  if (isBlob(value)) {
    const id = last = last === LOWEST ? -1 : last - 1;
    return { kind: RefKind.Blob, data: id, attachment: { id, object: value } };
  }
  return isForm(value) ? { kind: RefKind.FormData, data: [...value] } : undefined;
}

/**
 * The blob, file or form of a reference that {@linkcode referToBlob} made, as it is on this side.
 *
 * @param kind The reference's kind.
 * @param data The reference's data.
 * @param take Gives the object that came beside the message: the blob's URL.
 * @returns The blob, file or form; nothing for references of other kinds.
 */
export function resolveBlob(
  kind: number,
  data: unknown,
  take: (id: number) => object,
): Blob | FormData | undefined {
  if (kind === RefKind.FormData) return formOf(data);
  if (kind !== RefKind.Blob) return undefined;
  const url = BlobUrl.from(take(data as number));
  if (!url) throw new BridgeProtocolError("Cannot take a blob: something else has come");
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
  return new BridgeProtocolError("Cannot take a form: it is no list of names with texts and files");
}
