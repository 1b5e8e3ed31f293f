/**
 * The hub's half of `fetch()` in `./green`.
 *
 * @module
 */

import { currentCall } from "./base/call_context.ts";

/**
 * Fetches a URL and reads the whole response; it is aborted when the green thread gives up. It has the name that green code
 * called, for messages and stacks.
 */
export async function fetch(url: string, init: RequestInit): Promise<unknown> {
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
