/**
 * The functions of the hub that the library's own green code calls, by name.
 *
 * A name and not a URL: in a bundle the modules have no URLs of their own. A hub that allows no imports serves them too;
 * nothing in them does harm.
 *
 * @module
 */

import type { Callable } from "../bridge/loader.ts";
import { depositParcel, dropParcel, peekParcel } from "../bridge/sync/parcels.ts";
import { askDagPool } from "../sync/dag_pool.ts";
import { kill } from "./afterwards.ts";
import { readBlob, streamOfBlob } from "./blobs.ts";
import { fetch } from "./fetch.ts";

const SERVED: ReadonlyMap<string, Callable> = new Map<string, Callable>(Object.entries({
  askDagPool,
  depositParcel,
  dropParcel,
  fetch,
  kill,
  peekParcel,
  readBlob,
  streamOfBlob,
}));

/** The function with a name; nothing if the library serves none. */
export function servedFunction(name: string): Callable | undefined {
  return SERVED.get(name);
}
