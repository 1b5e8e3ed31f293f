/** All cases that are run in several ways, by their names. */
import { connections } from "./connections.ts";
import { crashes } from "./crashes.ts";
import { dags } from "./dags.ts";
import { events } from "./events.ts";
import { links } from "./links.ts";
import { locals } from "./locals.ts";
import { locks } from "./locks.ts";
import { pools } from "./pools.ts";
import { queues } from "./queues.ts";
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
