/** All cases that are run in several ways, by their names. */
import { connections } from "./cases_connections.ts";
import { crashes } from "./cases_crashes.ts";
import { dags } from "./cases_dags.ts";
import { events } from "./cases_events.ts";
import { links } from "./cases_links.ts";
import { locals } from "./cases_locals.ts";
import { locks } from "./cases_locks.ts";
import { pools } from "./cases_pools.ts";
import { queues } from "./cases_queues.ts";
import type { Table } from "./ways.ts";

export const table: Table = {
  ...locks,
  ...events,
  ...queues,
  ...pools,
  ...connections,
  ...dags,
  ...links,
  ...locals,
  ...crashes,
};
