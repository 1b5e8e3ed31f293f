/**
 * The table of references of a payload: how it travels, and who counts.
 *
 * A value that goes by reference is not in the text of its message. The text has a place in the table, `["~F", 3]`, and the table
 * has a {@linkcode Ref}. So a payload can be counted, passed on and dropped without being decoded.
 *
 * ```text
 * encode ──> payload with refs ──> sealed, as it is sent ──> sealed, as it arrives ──> received: refs again ──> decoded
 *                                                                              └─────> dropped
 * received ──> sealed for another Worker
 * ```
 *
 * A payload is *sealed* when its table stands before its text, as a line of JSON: an entry for each reference. The transport
 * knows nothing of that. Most payloads refer to nothing: they have no `refs`, and are never sealed.
 *
 * **Who owns a reference**
 *
 * 1. *Encoding counts nothing.* A `Ref` has the object itself, so nothing that it refers to is collected on the way. A value that
 *    is refused half-way, or a payload that is never sent, leaves nothing behind: the garbage collector takes it.
 * 2. *Sealing counts*, on the side that exports: once for each entry. It is done in the very moment in which a message is handed
 *    to the mailbox or the post, for one receiver. The receiver owns that count from then on, arrived or not.
 * 3. *Receiving takes the count over*, once for each entry, all of them or as many as are valid: an entry that cannot be received
 *    fails the payload, but not the other entries. The count belongs to the proxy, and is given back when the proxy is released
 *    by hand or has been collected. So a received payload may be decoded many times, or never.
 *    A thing that has come back home needs no count. But the message may be read late, after the proxy was let go of, and so a
 *    Worker keeps the thing from the moment in which the message has arrived.
 * 4. *Dropping gives the counts back at once*, entry by entry, without a proxy: for a message that nobody wants any more.
 * 5. *Passing on* is receiving from one Worker and sealing for another: the text stays, and the entries are made anew.
 * 6. *A crash* ends the counts of both directions. The hub takes back all that the dead Worker has held, with what was on the way
 *    to it; exports of the Worker are gone, and a use of a proxy for one of them fails. To a dead Worker nothing is counted.
 * 7. *The hub trusts no entry.* A number counts only if it was sent to that Worker, and no Worker gives back more than it has.
 *
 * **Exceptions.** The hub still decodes an item that green code stores there (`bridge/memory/stored_values.ts`), and the arguments
 * of an operation on a proxy that it has itself: once as they are on the hub, and once as they go on. Threads and coordination
 * objects have counts of their own, beside those of functions and objects.
 *
 * @module
 */

import { BridgeProtocolError } from "../errors.ts";
import { isArray, parse, stringify } from "../primordials.ts";
import { type Attachment, type Entry, Format, type Payload, type Ref } from "./payload.ts";

/** The code of the character before and after the table. The text of a payload never begins with it, and has none in it. */
const LINE = 10;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Puts the table of a payload before its text.
 *
 * @param payload The payload.
 * @param entries The entries for its references.
 * @param attachments The objects that go beside the message.
 */
export function sealed(
  { format, text, meta, buffers }: Payload,
  entries: readonly Entry[],
  attachments: readonly Attachment[],
): Payload {
  const head = `\n[${entries.map(entryText).join()}]\n`;
  const beside = attachments.length === 0 ? undefined : attachments;
  if (meta === undefined) {
    return { format, text: head + text, meta, buffers, int: 0, attachments: beside };
  }
  const table = encoder.encode(head);
  const bytes = new Uint8Array(table.length + meta.length);
  bytes.set(table);
  bytes.set(meta, table.length);
  return { format, text: "", meta: bytes, buffers, int: 0, attachments: beside };
}

/** Not `JSON.stringify` for all of it, as that would call a `toJSON` that people have given all arrays. */
function entryText(entry: Entry): string {
  return `[${entry.map((part) => typeof part === "string" ? stringify(part) : part).join()}]`;
}

/** Whether a payload has a table before its text. */
export function isSealed({ format, text, meta }: Payload): boolean {
  if (format === Format.Tagged) return text.charCodeAt(0) === LINE;
  return format === Format.Structured && meta !== undefined && meta[0] === LINE;
}

/**
 * Takes the table of a sealed payload apart from its text.
 *
 * @throws {BridgeProtocolError} If it is malformed.
 */
export function unseal(payload: Payload): { entries: readonly Entry[]; payload: Payload } {
  const { text, meta } = payload;
  const end = meta ? meta.indexOf(LINE, 1) : text.indexOf("\n", 1);
  if (end < 0) {
    throw new BridgeProtocolError("Cannot read a table of references: it does not end");
  }
  if (!meta) {
    const entries = readTable(text.slice(1, end));
    return { entries, payload: { ...payload, text: text.slice(end + 1) } };
  }
  const entries = readTable(decoder.decode(meta.subarray(1, end)));
  return { entries, payload: { ...payload, meta: meta.subarray(end + 1) } };
}

function readTable(text: string): readonly Entry[] {
  let table: unknown;
  try {
    table = parse(text);
  } catch (cause) {
    throw new BridgeProtocolError("Cannot read a table of references: it is no JSON", { cause });
  }
  if (isArray(table) && table.every(isEntry)) return table as Entry[];
  throw new BridgeProtocolError("Cannot read a table of references: it is malformed");
}

function isEntry(entry: unknown): entry is Entry {
  return isArray(entry) && typeof entry[0] === "number" &&
    entry.every((part) => typeof part === "number" || typeof part === "string");
}

/**
 * Receives each entry of a table.
 *
 * @param entries The entries.
 * @param receive Receives one entry; gets the references before it too.
 * @throws The first error of an entry, when all others are received.
 */
export function receiveAll(
  entries: readonly Entry[],
  receive: (entry: Entry, before: readonly Ref[]) => Ref,
): Ref[] {
  const refs: Ref[] = [];
  let failure: { readonly error: unknown } | undefined;
  for (const entry of entries) {
    try {
      refs.push(receive(entry, refs));
    } catch (error) {
      failure ??= { error };
      refs.push({ kind: entry[0] });
    }
  }
  if (failure) throw failure.error;
  return refs;
}
