/**
 * The options of a hub, with the defaults and the checks.
 *
 * @module
 */

import { MAX_SLOTS } from "../../bridge/wire/board.ts";
import { checkOptionsObject, durationOf, show } from "../../bridge/checks.ts";

/**
 * Limits on a Worker's memory, in MiB.
 *
 * @category Hubs
 */
export interface ResourceLimits {
  /**
   * The most that long-lived objects may take.
   *
   * @default {1024}
   */
  maxOldGenerationSizeMb?: number;
  /** The most that new objects may take. The runtime's own default is used if it is not given. */
  maxYoungGenerationSizeMb?: number;
  /** The size of the stack. The runtime's own default is used if it is not given. */
  stackSizeMb?: number;
}

/**
 * Options for {@linkcode Hub}.
 *
 * @category Hubs
 */
export interface HubOptions {
  /**
   * The number of Workers that there may be, and so of green threads that have started and not ended. More threads wait for a
   * Worker, first come, first served. A blocked Worker costs about 20 MB and no processor time, so this is meant to be
   * larger than the number of cores.
   *
   * Threads that wait for others do not keep those from starting: there may be `2 × maxWorkers + 32` Workers in all, as long as
   * those that run are blocked on what other threads may have to end. When these are all blocked so for five seconds, without
   * a time limit, the threads that have waited for a Worker all the while end with a `HubSaturatedError`.
   *
   * When all have been blocked for a second and some of them are in calls to the hub, which may be slow or may wait for a thread
   * that has not started, there is one more Worker; and one more after each two seconds in which that goes on.
   *
   * @default {4 for each core, at least 16 and at most 128}
   */
  maxWorkers?: number;
  /**
   * The number of Workers to start at once and to keep when they are idle.
   *
   * @default {0}
   */
  minWorkers?: number;
  /**
   * The idle time after which a Worker beyond `minWorkers` is ended, in milliseconds; `Infinity` for never.
   *
   * @default {10_000}
   */
  idleTimeout?: number;
  /**
   * The number of green threads that may wait for a Worker. One more ends with a `HubSaturatedError`.
   *
   * @default {Infinity}
   */
  maxQueue?: number;
  /** The memory that each Worker may use: a Worker that needs more ends, and nothing else does. */
  resourceLimits?: ResourceLimits;
  /**
   * The kind of Worker that runs green threads. Only `"thread"` (`node:worker_threads`) is there now.
   *
   * @default {"thread"}
   */
  worker?: "thread";
  /**
   * Whether to record where each thread was spawned, so that the stack of a failure tells who spawned whom. It costs a
   * few microseconds for each thread. It also warns of a timer that cannot fire, while its thread blocks with a signal of an
   * `AbortController` that the timer may be meant to abort, and, once for each class of errors, of an error that loses its
   * class on the other side, where `instanceof` is then false. For the default hub: `useHub(new Hub({ debug: true }))`.
   *
   * @default {false}
   */
  debug?: boolean;
  /**
   * A function of the hub that keeps the event loop for longer than this, in milliseconds, is reported by name, with a
   * `"blocked"` event. Only its synchronous beginning is measured.
   *
   * @default {Infinity}
   */
  blockedWarning?: number;
  /**
   * The old name of `blockedWarning`, which is taken until 1.0.
   *
   * @deprecated Use `blockedWarning`.
   */
  blockedWarningMs?: number;
  /**
   * The modules that green code may import on the hub, where they run with all the permissions of the process: `true` for
   * all, `false` for none, or a list of specifiers as `hubImport()` gets them; an entry that ends in `/` has all
   * URLs below it. With less than `true`, functions of `asyncToSync()` and objects of `shared()` can be used if the hub
   * has imported their module itself, or the list has it. What was exposed or passed can be called in any case.
   *
   * @default {true}
   */
  hubImport?: boolean | readonly string[];
  /**
   * Whether only one green thread runs at a time, and hands over at each blocking call, in the order in which the others became
   * able to go on: as eventlet does it. For code that relies on no other green thread running between two blocking calls.
   * Async functions on the hub are not held up by it.
   *
   * @default {false}
   */
  cooperative?: boolean;
  /**
   * The hub's name, in the names of its Workers and in messages.
   *
   * @default {"hub"}
   */
  name?: string;
}

/** Options as the hub uses them: complete and checked. */
export type Settings = Readonly<Required<Omit<HubOptions, "blockedWarningMs">>>;

/** The default of `maxWorkers`. */
function defaultWorkers(): number {
  return Math.min(128, Math.max(16, 4 * navigator.hardwareConcurrency));
}

const LIMIT_KEYS: readonly (keyof ResourceLimits)[] = [
  "maxOldGenerationSizeMb",
  "maxYoungGenerationSizeMb",
  "stackSizeMb",
];

/** The default of `maxOldGenerationSizeMb`. */
const OLD_GENERATION_MB = 1024;

/**
 * Completes and checks the options of a hub.
 *
 * @param options The options as they were given.
 * @returns The same with defaults.
 * @throws {TypeError} If an option has the wrong type or is not known.
 * @throws {RangeError} If an option is out of range.
 */
export function checkOptions(options: HubOptions = {}): Settings {
  const known = [
    "maxWorkers",
    "minWorkers",
    "idleTimeout",
    "maxQueue",
    "resourceLimits",
    "worker",
    "debug",
    "blockedWarning",
    "hubImport",
    "cooperative",
    "name",
  ];
  checkOptionsObject("create a hub", options, "{ maxWorkers: 4 }", known);
  const {
    minWorkers = 0,
    maxWorkers = Math.max(defaultWorkers(), minWorkers),
    idleTimeout = 10_000,
    maxQueue = Infinity,
    resourceLimits = {},
    worker = "thread",
    debug = false,
    hubImport = true,
    cooperative = false,
    name = "hub",
  } = options;
  const warning = durationOf("create a hub", options, "blockedWarning");
  const blockedWarning = warning === undefined ? Infinity : warning as number;
  checkNumber("maxWorkers", maxWorkers, 1, MAX_SLOTS / 4, true);
  checkNumber("minWorkers", minWorkers, 0, maxWorkers, true);
  checkNumber("idleTimeout", idleTimeout, 0, Infinity, false);
  checkNumber("maxQueue", maxQueue, 0, Infinity, maxQueue !== Infinity);
  if (typeof resourceLimits !== "object" || resourceLimits === null) {
    throw new TypeError(
      `Cannot create a hub: expected an object for "resourceLimits", found ${show(resourceLimits)}`,
    );
  }
  checkOptionsObject("create a hub", resourceLimits, "{ stackSizeMb: 4 }", LIMIT_KEYS);
  for (const [key, value] of Object.entries(resourceLimits)) {
    if (value !== undefined) checkNumber(`resourceLimits.${key}`, value, 1, Infinity, false);
  }
  if (worker !== "thread") {
    throw new TypeError(
      `Cannot create a hub: expected "thread" for "worker", found ${show(worker)}`,
    );
  }
  if (typeof debug !== "boolean") {
    throw new TypeError(
      `Cannot create a hub: expected a boolean for "debug", found ${show(debug)}`,
    );
  }
  if (typeof cooperative !== "boolean") {
    throw new TypeError(
      `Cannot create a hub: expected a boolean for "cooperative", found ${show(cooperative)}`,
    );
  }
  checkNumber("blockedWarning", blockedWarning, 0, Infinity, false);
  if (typeof hubImport !== "boolean" && !isTextList(hubImport)) {
    throw new TypeError(
      `Cannot create a hub: expected a boolean or a list of specifiers for "hubImport", found ${
        show(hubImport)
      }`,
    );
  }
  if (typeof name !== "string") {
    throw new TypeError(`Cannot create a hub: expected a string for "name", found ${show(name)}`);
  }
  return {
    minWorkers,
    maxWorkers,
    idleTimeout,
    maxQueue,
    resourceLimits: {
      ...resourceLimits,
      maxOldGenerationSizeMb: resourceLimits.maxOldGenerationSizeMb ?? OLD_GENERATION_MB,
    },
    worker,
    debug,
    blockedWarning,
    hubImport: typeof hubImport === "boolean" ? hubImport : [...hubImport],
    cooperative,
    name,
  };
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function checkNumber(
  name: string,
  value: unknown,
  least: number,
  most: number,
  whole: boolean,
): void {
  if (typeof value !== "number" || Number.isNaN(value)) {
    throw new TypeError(
      `Cannot create a hub: expected a number for "${name}", found ${show(value)}`,
    );
  }
  if (value < least || value > most || (whole && !Number.isInteger(value))) {
    throw new RangeError(
      `Cannot create a hub: expected ${
        whole ? "a whole number" : "a number"
      } from ${least} to ${most} for "${name}", found ${value}`,
    );
  }
}
