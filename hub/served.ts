/**
 * The hub's halves of what the library's own green code has: they go by name, and need no permission.
 *
 * Each is served under the name that green code called, for messages.
 *
 * @module
 */

import { serve } from "../bridge/protocol/served.ts";
import type { HubThread } from "./records/thread.ts";
import { currentCall } from "./base/call_context.ts";

/** Waits until a killed thread has ended, and the async work that was aborted with it. It is called as `kill`. */
async function awaitKilled(thread: HubThread): Promise<void> {
  await thread.afterwards();
}

/** Reads a blob. It is called for its bytes only: to make text or anything else of them is for whoever wants it. */
function readBlob(blob: Blob): Promise<Uint8Array> {
  return checked(blob).bytes();
}

/** A stream of a blob. */
function streamOfBlob(blob: Blob): ReadableStream<Uint8Array> {
  return checked(blob).stream();
}

function checked(blob: unknown): Blob {
  if (blob instanceof Blob) return blob;
  throw new TypeError(`Cannot read a blob: expected one, found ${typeof blob}`);
}

/**
 * Fetches a URL and reads the whole response; it is aborted when the green thread gives up. It has the name that green code
 * called, for messages and stacks.
 */
async function fetch(url: string, init: RequestInit): Promise<unknown> {
  const signals = [init.signal, currentCall()?.signal].filter((signal) => !!signal);
  const response = await globalThis.fetch(url, { ...init, signal: AbortSignal.any(signals) });
  const { status, statusText, redirected } = response;
  return {
    status,
    statusText,
    url: response.url,
    redirected,
    headers: [...response.headers],
    body: await response.bytes(),
  };
}

for (const [name, fn] of Object.entries({ fetch, kill: awaitKilled, readBlob, streamOfBlob })) {
  serve(name, fn);
}
