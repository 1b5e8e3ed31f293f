/**
 * The hub's halves of blocking functions of this library. Green code calls them by name, and needs no permission for them.
 *
 * Each is served under the name of the function that green code has called, for messages.
 *
 * @module
 */

import { serve } from "../bridge/protocol/served.ts";
import type { WaitOptions } from "../bridge/checks.ts";
import type { HubThread } from "./records/thread.ts";
import { currentCall } from "./base/call_context.ts";
import { withTimeoutAsync } from "./with_timeout_async.ts";

/** Waits until a killed thread has ended, and the async work that was aborted with it. It is served as `kill`. */
async function awaitKilled(thread: HubThread, options?: WaitOptions): Promise<void> {
  await thread.afterwards(options);
}

/** Reads the bytes of a blob. Green code makes text or anything else of them. */
function readBlob(blob: Blob): Promise<Uint8Array> {
  return checked(blob).bytes();
}

/** Makes a stream of a blob. */
function streamOfBlob(blob: Blob): ReadableStream<Uint8Array> {
  return checked(blob).stream();
}

function checked(blob: unknown): Blob {
  if (blob instanceof Blob) return blob;
  throw new TypeError(`Cannot read a blob: expected a Blob, found ${typeof blob}`);
}

/**
 * Fetches a URL and reads the whole response. The fetch is aborted when the green thread gives up. The function has the name of
 * the one that green code has called, for messages and stacks.
 */
function fetch(url: string, { timeout, ...init }: RequestInit & WaitOptions): Promise<unknown> {
  const signals = [init.signal, currentCall()?.signal].filter((signal) => !!signal);
  if (timeout === undefined) return fetchAll(url, init, signals);
  return withTimeoutAsync(timeout, (signal) => fetchAll(url, init, [...signals, signal]));
}

async function fetchAll(url: string, init: RequestInit, signals: AbortSignal[]): Promise<unknown> {
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
