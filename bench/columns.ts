/** The table's columns: aiohub, the floors, and the peers. */
import type { Row } from "./rows.ts";

/** One column of the table. */
export interface Column {
  name: string;
  /** File in `peers/`, run as a child process. */
  file: string;
  args?: string[];
  runtime: "Deno" | "Node";
  /** The npm package whose version is printed. */
  npm?: string;
  /** Runs only when named by `--only`. */
  optional?: boolean;
  /** Notes by method: the meaning of the cell, or why there is none. */
  notes: Partial<Record<Row["method"], string>>;
}

const task = "main thread → Worker: a pool knows tasks, and no calls back from them";
const idle = "16 idle Workers: nothing in it parks a task";
const poolNotes = {
  hot: task,
  cold: task,
  inFlight: task,
  echo: task,
  throughput: task,
  cpu: idle,
};

const reverse = "the main thread blocks for a Worker, the other way round";
const blocked = "its main thread blocks: one call at a time, nothing to await";
const blockingNotes = {
  hot: reverse,
  cold: reverse,
  echo: reverse,
  inFlight: blocked,
  spawn: blocked,
  spawnCold: blocked,
  spawnMany: blocked,
  throughput: blocked,
  cpu: blocked,
};

const synckitNotes = { ...blockingNotes, memory: "one Worker per module, never more" };

const awaits = "the Worker awaits the main thread's function; it does not block";
const noPool = "it has no pool: the bench hands calls to the Workers in turn";

/** All columns, in the order of the table. */
export const columns: Column[] = [
  { name: "aiohub", file: "aiohub.ts", runtime: "Deno", notes: {} },
  {
    name: "floor, spinning",
    file: "floor.ts",
    runtime: "Deno",
    notes: {},
  },
  {
    name: "floor, parking",
    file: "floor.ts",
    args: ["--park"],
    runtime: "Deno",
    notes: {},
  },
  {
    name: "coincident",
    file: "coincident.mjs",
    runtime: "Deno",
    npm: "coincident",
    notes: {
      inFlight: "one call at a time per Worker",
      spawn: noPool,
      spawnMany: noPool,
      cpu: "each Worker spins while it waits for the main thread",
    },
  },
  {
    name: "comlink",
    file: "comlink.mjs",
    runtime: "Deno",
    npm: "comlink",
    notes: {
      hot: awaits,
      cold: awaits,
      inFlight: awaits,
      echo: awaits,
      throughput: awaits,
      spawn: noPool,
      spawnMany: noPool,
      cpu: idle,
    },
  },
  { name: "tinypool", file: "tinypool.mjs", runtime: "Node", npm: "tinypool", notes: poolNotes },
  { name: "piscina", file: "piscina.mjs", runtime: "Deno", npm: "piscina", notes: poolNotes },
  {
    name: "workerpool",
    file: "workerpool.mjs",
    runtime: "Deno",
    npm: "workerpool",
    notes: poolNotes,
  },
  {
    name: "await-sync",
    file: "await_sync.mjs",
    runtime: "Deno",
    npm: "await-sync",
    notes: blockingNotes,
  },
  {
    name: "synckit",
    file: "synckit.mjs",
    runtime: "Deno",
    npm: "synckit",
    notes: synckitNotes,
  },
  {
    name: "piscina-node",
    file: "piscina.mjs",
    runtime: "Node",
    npm: "piscina",
    optional: true,
    notes: poolNotes,
  },
  {
    name: "workerpool-node",
    file: "workerpool.mjs",
    runtime: "Node",
    npm: "workerpool",
    optional: true,
    notes: poolNotes,
  },
  {
    name: "synckit-node",
    file: "synckit.mjs",
    runtime: "Node",
    npm: "synckit",
    optional: true,
    notes: synckitNotes,
  },
];
