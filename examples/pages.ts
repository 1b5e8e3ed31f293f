/**
 * A module that both sides import: each function in it knows which side it is on. See `shared_module.ts`.
 *
 * @module
 */

import { asyncToSync, syncToAsync } from "@aiohub/aiohub";

/** Async: runs on the hub. Green code calls it as it is. The hub calls `fetchBody.async()`. */
export const fetchBody = asyncToSync(import.meta, async function fetchBody(url: string) {
  const response = await fetch(url);
  return await response.text();
});

/** Synchronous: runs in a green thread. The hub awaits the call. Green code calls `.wait()`, or `titleOf.sync()`. */
export const titleOf = syncToAsync(import.meta, function titleOf(url: string) {
  return /<title>(.*?)</.exec(fetchBody(url))?.[1];
});

/** Green code that calls both. */
export const titlesOf = syncToAsync(import.meta, function titlesOf(urls: string[]) {
  const threads = urls.map((url) => titleOf(url));
  return threads.map((thread) => thread.wait());
});
