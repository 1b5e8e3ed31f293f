/** The table's rows: the operations that are measured. */

/** The parameters of a peer's method. */
export interface Params {
  /** The time to measure for, in ms. */
  budget?: number;
  /** The payload that is passed and returned. */
  kind?: "number" | "object" | "bytes" | "text" | "json";
  /** Bytes of the payload. */
  size?: number;
  /** Workers in use. */
  workers?: number;
  /** Calls in flight. */
  count?: number;
  /** Pause (ms) before each cold call. */
  pause?: number;
}

/** One row of the table. */
export interface Row {
  /** The title, as it is printed. */
  title: string;
  unit: "µs" | "ms" | "calls/s" | "MB" | "% of a core";
  /** The peer's method that measures it; `"start"` is measured from outside. */
  method: string;
  params: Params;
  /** Rows of one group share a child process per peer. */
  group: string;
  /** Whether each round has a new child process, which gets warm only if `warmUp` says so. */
  fresh?: boolean;
  /** The length of the warm-up, in budgets, if it is not the usual one. */
  warmUp?: number;
  /** The number of rounds, if fewer than usual are enough. */
  rounds?: number;
  /** The floor that the ratio is taken to. */
  floor: "floor, spinning" | "floor, parking";
  /** Whether the row is part of a `--quick` run. */
  quick?: boolean;
}

/** Warm calls: the engine takes more than a second to make their code as fast as it will be, on both sides, in several goes. */
const calls = { group: "calls", unit: "µs", floor: "floor, spinning", warmUp: 16 } as const;
const cold = { ...calls, floor: "floor, parking", params: { pause: 5 } } as const;
const spawns = { unit: "µs", floor: "floor, spinning" } as const;
const processes = { fresh: true, floor: "floor, parking" } as const;
/**
 * A copy into memory that the process had before is up to five times faster than one into pages that are new to it. It depends
 * on the state of the heap which of the two happens: with one process for a column, a row would measure its luck.
 */
const largeBytes = { fresh: true, warmUp: 4 } as const;

/** All rows, in the order of the table. */
export const rows: Row[] = [
  {
    title: "Hot call, a number",
    method: "hot",
    ...calls,
    params: { kind: "number" },
    quick: true,
  },
  {
    title: "Hot call, a small object",
    method: "hot",
    ...calls,
    params: { kind: "object" },
    quick: true,
  },
  { title: "Cold call, a number", method: "cold", ...cold, quick: true },
  {
    title: "1,000 calls in flight, each",
    method: "inFlight",
    ...calls,
    params: { count: 1000 },
    quick: true,
  },
  {
    title: "Spawn → result, 1 Worker",
    method: "spawn",
    group: "spawn 1",
    ...spawns,
    params: { workers: 1 },
    quick: true,
  },
  { title: "Spawn → result, cold", method: "spawnCold", ...cold, group: "spawn 1" },
  {
    title: "Spawn → result, 4 Workers",
    method: "spawn",
    group: "spawn 4",
    ...spawns,
    params: { workers: 4 },
  },
  {
    title: "1,000 spawns in flight, 4 Workers, each",
    method: "spawnMany",
    group: "spawn 4",
    ...spawns,
    params: { workers: 4, count: 1000 },
  },
  ...payloadRows(),
  ...[1, 4, 16].map((workers): Row => ({
    title: `${workers} Worker${workers > 1 ? "s" : ""} calling at once, in all`,
    unit: "calls/s",
    method: "throughput",
    params: { workers },
    group: `workers ${workers}`,
    floor: "floor, spinning",
    quick: workers === 4,
  })),
  {
    title: "Start-up: process to first result",
    unit: "ms",
    method: "start",
    params: {},
    group: "start",
    ...processes,
    quick: true,
  },
  {
    title: "Memory per Worker (of 16)",
    unit: "MB",
    method: "memory",
    params: { workers: 16 },
    group: "memory",
    rounds: 3,
    ...processes,
  },
  {
    title: "CPU with 16 parked threads, hub idle",
    unit: "% of a core",
    method: "cpu",
    params: { workers: 16, budget: 3000 },
    group: "cpu",
    rounds: 1,
    ...processes,
  },
];

function payloadRows(): Row[] {
  const sizes = { "10 B": 10, "1 KB": 1e3, "100 KB": 1e5, "1 MB": 1e6, "10 MB": 1e7 };
  const kinds = { bytes: "typed array", text: "string", json: "JSON data" } as const;
  return (Object.keys(kinds) as (keyof typeof kinds)[]).flatMap((kind) =>
    Object.entries(sizes).map(([label, size]): Row => ({
      title: `Echo a ${kinds[kind]} of ${label}`.replace("a JSON", "JSON"),
      unit: "µs",
      method: "echo",
      params: { kind, size },
      group: "payload",
      ...(kind === "bytes" && size >= 1e6 ? largeBytes : {}),
      floor: "floor, spinning",
      quick: size === 1e5,
    }))
  );
}
