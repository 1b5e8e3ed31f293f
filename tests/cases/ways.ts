/**
 * Runs one case in several ways: all parties in green threads, all on the hub, and mixed.
 *
 * A party is an async function that uses the async twins: in a green thread these are the blocking calls. So one text is what
 * both sides do.
 */

import { getHub, type GreenThread, syncToAsync } from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { caught } from "../support/outcome.ts";
import { until } from "../support/until.ts";

/** What a party has besides the objects. */
export interface World {
  /** Whether it runs in a green thread. */
  readonly green: boolean;
  /** Aborted when the party is stopped; in a green thread there is none, as it is killed then. */
  readonly signal: AbortSignal | undefined;
  /** Waits until something holds, looking again and again. */
  until(condition: () => boolean): Promise<void>;
}

/** How a party ended. */
export type Ending =
  | { readonly status: "fulfilled"; readonly value: unknown }
  | { readonly status: "rejected"; readonly reason: unknown };

/** What the test itself can do while the parties run. */
export interface Control extends World {
  /** Kills or aborts a party. */
  stop(party: number): void;
  /** How a party ends. */
  ending(party: number): Promise<Ending>;
}

/** One case. */
// deno-lint-ignore no-explicit-any
export interface Case<O = any> {
  make(): O;
  readonly parties: readonly ((objects: O, world: World) => unknown)[];
  drive?(objects: O, control: Control): Promise<void>;
  check?(endings: Ending[], objects: O): void | Promise<void>;
  /** Whose Worker dies under them: these are green in each way, as on the hub it would be the process that dies. */
  readonly dying?: readonly number[];
  /** How many Workers die: as many as there are `dying` by default. */
  readonly crashes?: number;
}

export type Table = Readonly<Record<string, Case>>;

/** Gives a case its type. */
export function define<O>(given: Case<O>): Case {
  return given;
}

/** The ways: for each party whether it is green. */
export const WAYS: Readonly<Record<string, (party: number) => boolean>> = {
  "all green": () => true,
  "all on the hub": () => false,
  "mixed, green first": (party) => party % 2 === 0,
  "mixed, async first": (party) => party % 2 === 1,
};

async function tables(): Promise<Table> {
  const { table } = await import("./table.ts");
  return table;
}

/**
 * The ways in which a case is run that differ: one party alone cannot be mixed, and whoever dies is green.
 *
 * @returns The name of each, and for each party whether it is green.
 */
export function waysOf({ parties, dying = [] }: Case): Map<string, readonly boolean[]> {
  const ways = new Map<string, readonly boolean[]>();
  const seen = new Set<string>();
  for (const [name, isGreen] of Object.entries(WAYS)) {
    const greens = parties.map((_, i) => dying.includes(i) || isGreen(i));
    if (seen.has(greens.join())) continue;
    seen.add(greens.join());
    ways.set(name, greens);
  }
  return ways;
}

/** How many Workers die in a case. */
export function crashesOf({ dying = [], crashes = dying.length }: Case): number {
  return crashes;
}

/** How long a case may take, in milliseconds: a cooperative one switches thousands of times, each for a core on a busy machine. */
const LIMIT = 300_000;

/** Runs a party in a green thread. */
export const runParty = syncToAsync(
  import.meta,
  function runParty(name: string, party: number, objects: unknown) {
    return tables().then((table) => table[name].parties[party](objects, greenWorld));
  },
);

const greenWorld: World = {
  green: true,
  signal: undefined,
  async until(condition) {
    for (;;) {
      if (await condition()) return;
      sleep(0.2);
    }
  },
};

/** Looks at each turn. It is the case that has a limit. */
const hubUntil: World["until"] = (condition) => until(condition, { limit: LIMIT, pause: 0 });

/**
 * Runs a case.
 *
 * @param name Its name.
 * @param given The case.
 * @param greens For each party whether it is green.
 */
export async function runCase(
  name: string,
  given: Case,
  greens: readonly boolean[],
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const threads = getHub().threads().map(({ name, parkedOn }) => `${name}: ${parkedOn}`);
      reject(new Error(`It did not end in ${LIMIT} ms; threads: ${threads.join(", ")}`));
    }, LIMIT);
  });
  try {
    await Promise.race([play(name, given, greens), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function play(name: string, given: Case, greens: readonly boolean[]): Promise<void> {
  const objects = given.make();
  const stops: (() => void)[] = [];
  const endings = given.parties.map((party, i) => {
    if (!greens[i]) {
      const controller = new AbortController();
      const world = { green: false, signal: controller.signal, until: hubUntil };
      stops.push(() => controller.abort(new Error("stopped")));
      return settle(Promise.try(() => party(objects, world)));
    }
    const thread = runParty(name, i, objects) as GreenThread<unknown>;
    stops.push(() => thread.kill(new Error("stopped")));
    return settle(thread);
  });
  await given.drive?.(objects, {
    green: false,
    signal: undefined,
    until: hubUntil,
    stop: (party) => stops[party](),
    ending: (party) => endings[party],
  });
  await given.check?.(await Promise.all(endings), objects);
}

async function settle(promise: PromiseLike<unknown>): Promise<Ending> {
  const [ending] = await Promise.allSettled([promise]);
  return ending;
}

/** The values of parties that must not have failed. */
export function values(endings: Ending[]): unknown[] {
  return endings.map((ending) => {
    if (ending.status === "rejected") throw ending.reason;
    return ending.value;
  });
}

/** The class of what a party threw. */
export function thrown(ending: Ending): string | undefined {
  if (ending.status === "fulfilled") return undefined;
  return (ending.reason as Error).name === "Error"
    ? (ending.reason as Error).message
    : (ending.reason as Error).name;
}

/** The class of what a call throws; "nothing" if it throws nothing. */
export function classThrown(call: () => unknown): string {
  const error = caught(call) as Error | undefined;
  return error?.name ?? "nothing";
}

/** A log that all parties write: numbers, in the order in which they were written. */
export class Log {
  readonly words: Int32Array;

  constructor(words: Int32Array = new Int32Array(new SharedArrayBuffer(4 * 256))) {
    this.words = words;
  }

  get entries(): number[] {
    return [...this.words.slice(1, 1 + Atomics.load(this.words, 0))];
  }
}

/** Writes into a {@linkcode Log}. */
export function write(words: Int32Array, entry: number): void {
  const at = Atomics.add(words, 0, 1) + 1;
  Atomics.store(words, at, entry);
}
