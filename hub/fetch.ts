/**
 * The hub's half of `fetch()` in `./green`.
 *
 * @module
 */

import { currentCall } from "./call_context.ts";

/** Fetches a URL and reads the whole response; it is aborted when the green thread gives up. */
export async function fetchAll(url: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(url, { ...init, signal: currentCall()?.signal });
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
