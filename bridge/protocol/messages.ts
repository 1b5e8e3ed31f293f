/**
 * The protocol: every message between the hub and a Worker, as types, before any behaviour.
 *
 * A message has a kind, three numbers (`id`, `a`, `b`) and a payload. `Up` is what a Worker says, `Down` what the hub says.
 * Messages of one direction arrive in the order in which they were written. *Thread ids* are taken from the arena, so they are unique in the process; *call ids* and *target numbers* are
 * counted by the side that makes the call, for each Worker.
 *
 * @module
 */

/** Messages from a Worker to the hub. */
export const Up = {
  /** The Worker has started and waits for work. */
  Ready: 8,
  /** From now on the target number `id` means the payload's {@linkcode Target}. */
  Bind: 9,
  /** The thread `b` calls the target `a` and blocks for the `Reply` to `id`. Payload: the arguments. */
  Call: 10,
  /** The thread `b` calls the target `a` and goes on; the hub makes the thread `id` of it. Payload: the arguments. */
  Start: 11,
  /** The thread `b` spawns the thread `id` to run the target `a`. Payload: the arguments. */
  Spawn: 12,
  /**
   * The Worker is about to block for the thread `id`: send its `Settled`, or have it run here by `Run` if it has not
   * started (unless `a` is 1: the wait has a time limit, which a thread run on the same stack could not keep).
   */
  Wait: 13,
  /**
   * The thread `id` ended here with the {@linkcode Ending} `a`. Payload: its value or what it threw; none if the hub killed it with
   * that reason.
   */
  Done: 14,
  /** The call `id` that the hub made (see `Down.Call`) ended with the {@linkcode Ending} `a`. */
  Reply: 15,
  /** Nobody here refers to the {@linkcode RefKind} `a` with number `id` any more; `b` times it was sent here. */
  Release: 16,
  /**
   * The thread gave up waiting for the call `id`; the hub sends no reply. `a` 1 to let the work go on all the same. Payload:
   * the reason.
   */
  Abort: 17,
  /**
   * Kill the thread `id`; `a` 1 to cancel it only if it has not started; `b`: after how many milliseconds to stop its Worker, -1
   * for never. Payload: the reason.
   */
  Kill: 18,
  /** Something failed here outside of any thread. Payload: the error; if `a` is 1, `[where, error]`. */
  Fault: 20,
  /** The options of the thread `id`, said before its `Spawn` or `Start`. Payload: {@linkcode ThreadOptions}. */
  Prepare: 21,
  /**
   * The target `id`, which the hub had it run, can from now on be run without the Worker's event loop. Payload: the names of
   * the exports of its module of which that is true too.
   */
  Loaded: 22,
  /**
   * The thread `id` has been blocked for a while; if only the thread `a` can end that, `a` is its id, else 0; `b` is the
   * id of the coordination object that it waits at, -1 if it may take another green thread to end it otherwise, else 0. Payload:
   * `[on, limited]`: what it is blocked on, as text, and whether that ends by itself, as its time is limited. Of the call `id`
   * that the hub made to an iteration: `[on, limited, name]`, with the name of the generator function.
   */
  Parked: 23,
  /** The thread `id` is not blocked any more. Sent only after a `Parked`. */
  Unparked: 24,
  /**
   * A thread that the thread `id` spawned failed, and nobody there looked at it; or something failed that the thread `id` has
   * left behind. Payload: the name of the one that failed, and the error: `[name, error]`.
   */
  Unhandled: 25,
  /** The thread `b` has given up waiting for the thread `id`. */
  Unwait: 26,
  /**
   * Async context that goes with the next message of kind `a` (`Call`, `Start` or `Spawn`) with this `id`: the difference from
   * the context with which its thread was started. Payload: see `context/wire.ts`.
   */
  Context: 27,
  /**
   * The `AbortSignal` with the number `id`, which was sent from here or is about to be, is aborted; `a` 1: it never will
   * be, as its thread has ended. Payload: the reason.
   */
  Signalled: 28,
  /**
   * Where the thread `id` is blocked, asked for by `Down.Where`; `a` 1: it leaves that now, with a kill or a timeout. Payload: a
   * text; empty if it cannot be told.
   */
  At: 29,
  /** Answer with `Down.Flush` and the same `id` when everything before this has been done. */
  Flush: 30,
  /** The event loop has had the turn that `Down.LoopTurn` has asked for, and what had failed there has been told. */
  LoopTurned: 31,
} as const;

/** Messages from the hub to a Worker. */
export const Down = {
  /** From now on the target number `id` means the payload's {@linkcode Target}. */
  Bind: 8,
  /**
   * Run the target `a` as the thread `id`, spawned by the thread `b` (0: by the hub), on top of whatever runs there now. In a
   * cooperative hub it brings the run lock. Payload: the arguments.
   */
  Run: 9,
  /** The call `id` ended with the {@linkcode Ending} `a`. */
  Reply: 10,
  /** The thread `id` ended with the {@linkcode Ending} `a`. */
  Settled: 11,
  /**
   * Do `b` (see `live.ts`) to the function or object `a` that was sent from here; reply to `id`, which is the id of a thread
   * of its own, for when none runs there. Payload: the arguments; if `b` has the bit {@linkcode PART_OF_CALL}, the last of them
   * is the number of the `Up.Call` that this is a part of.
   */
  Call: 12,
  /**
   * Kill the thread `id`, which runs here. `a`: the kill's number (see `Arena.kills`); `b`: bits of {@linkcode KillMode}.
   * Payload: the reason.
   */
  Kill: 13,
  /** Nobody on the hub refers to the function or object `id` any more; `b` times it was sent there. */
  Release: 14,
  /** End: there will be no more work. */
  Close: 15,
  /** The options of the thread `id`, said before its `Run`. Payload: {@linkcode ThreadOptions}. */
  Prepare: 16,
  /** The thread `a` must not go on waiting for the thread `id`. Payload: the error to throw there. */
  Refuse: 17,
  /** Async context that goes with the next message (`Run` or `Call`): all of it. Payload: see `context/wire.ts`. */
  Context: 18,
  /** The `AbortSignal` with the number `id`, which was sent there or is about to be, is aborted. Payload: the reason. */
  Signalled: 19,
  /** Say where in people's code the thread `id` is blocked. */
  Where: 20,
  /** All that came before the `Up.Flush` with this `id` has been done. */
  Flush: 21,
  /** Give the event loop a turn when no thread runs, and say so by `Up.LoopTurned`: the process is about to end. */
  LoopTurn: 22,
} as const;

/** In `Down.Kill`. */
export const KillMode = {
  /** To throw only once, where the thread is blocked now. */
  Once: 1,
  /** The hub stops the Worker at a time of its own if the thread has not ended by then. */
  Timed: 2,
} as const;

/**
 * In `Down.Call`: the function that asks serves a call from there that has not been answered. If that has been given up
 * there meanwhile, nobody waits for what is asked either.
 */
export const PART_OF_CALL = 1 << 8;

/** The ending of a call or a thread, as it stands in a message. */
export const Ending = {
  Fulfilled: 0,
  Rejected: 1,
  Killed: 2,
} as const;

/** The status of an {@linkcode Outcome} with each {@linkcode Ending}. */
export const STATUSES = ["fulfilled", "rejected", "killed"] as const;

/** Whether a value that has arrived is one of the endings. */
export function isEnding(value: unknown): value is number {
  return value === Ending.Fulfilled || value === Ending.Rejected || value === Ending.Killed;
}

/** The {@linkcode Ending} of an {@linkcode Outcome} with each status. */
export const ENDINGS = {
  fulfilled: Ending.Fulfilled,
  rejected: Ending.Rejected,
  killed: Ending.Killed,
} as const;

/**
 * The outcome of a green thread: a tagged record, so that a value that looks like an error is still a value.
 *
 * @category Threads
 */
export type Outcome<T> =
  | { readonly status: "fulfilled"; readonly value: T }
  | { readonly status: "rejected"; readonly reason: unknown }
  | { readonly status: "killed"; readonly reason: unknown };

/** The outcome with an {@linkcode Ending}, and the value or what was thrown. */
export function outcomeOf(ending: number, value: unknown): Outcome<unknown> {
  if (ending === Ending.Fulfilled) return { status: "fulfilled", value };
  return { status: ending === Ending.Killed ? "killed" : "rejected", reason: value };
}

/** The ending of a green thread as it crosses in a reference to it: the opposite of {@linkcode outcomeOf}. */
export function endingOf(outcome: Outcome<unknown>): { ending: number; value: unknown } {
  const value = outcome.status === "fulfilled" ? outcome.value : outcome.reason;
  return { ending: ENDINGS[outcome.status], value };
}

/** The kinds of what goes by reference. The numbers are in messages, so they are only added to. */
export const RefKind = {
  /** A green thread: data is a {@linkcode ThreadRef}. */
  Thread: 1,
  /**
   * A function that lives on the hub. Data: to a Worker `[number]`, and, if it stands for one of a Worker,
   * `[number, worker, number there]`; from a Worker its number.
   */
  HubFunction: 2,
  /**
   * A function that lives in a Worker. Data: `[worker, number, whether it stays when its thread has ended, thread, name]`; the
   * thread is 0 if it stays.
   */
  GreenFunction: 3,
  /** A `SharedArrayBuffer`. Data: its id. The memory itself comes beside; see `bridge/memory/objects.ts`. */
  Memory: 4,
  /** An object that green threads and async code meet at. Data and memory: see `bridge/memory/objects.ts`. */
  Coordination: 5,
  /**
   * An object that lives on the hub. Data: to a Worker `[number, traits, class]`, and, if it stands for one of a Worker,
   * that Worker and the number there; from a Worker its number.
   */
  HubObject: 10,
  /** An object that lives in a Worker. Data: `[worker, number, whether it stays, traits, class, thread]`. */
  GreenObject: 11,
  /** A `Blob` or `File`. Data: its number. Its URL comes beside; see `blobs.ts`. Released once it is taken. */
  Blob: 12,
  /** A `FormData`. Data: its entries. */
  FormData: 13,
  /** An `AbortSignal` that lives on the hub. Data: as of a function. */
  HubSignal: 14,
  /** An `AbortSignal` that lives in a Worker. Data: as of a function, and in how many milliseconds it is due if that is known. */
  GreenSignal: 15,
} as const;

/** A green thread as it crosses: with its ending when that is known, else by its id alone. */
export interface ThreadRef {
  readonly id: number;
  readonly name: string;
  /** A result known to the sender; the payload of the value follows in the same form as any value. */
  readonly ended?: { readonly ending: number; readonly value: unknown };
}

/** A function of a module: an export, or one that was wrapped under an explicit name. */
export interface ExportTarget {
  readonly kind: "export";
  readonly url: string;
  readonly name: string;
}

/** A target: something that can be run or called. Plain data: it crosses as JSON. */
export type Target =
  | ExportTarget
  /** A function in its source form, with the library's names in scope. */
  | { readonly kind: "source"; readonly source: string; readonly name: string }
  /** A function that was exposed on the hub by name. */
  | { readonly kind: "exposed"; readonly name: string }
  /** An export of a module on the hub, loaded there by `hubImport`. */
  | { readonly kind: "hub"; readonly specifier: string; readonly name: string }
  /** A function that the library itself serves on the hub: see `served.ts`. */
  | { readonly kind: "library"; readonly name: string }
  /** An object made by `shared()`, an export of a module: gives a handle to it. */
  | { readonly kind: "shared"; readonly url: string; readonly name: string }
  /** The exports of a module on the hub: functions by name, and plain values. */
  | { readonly kind: "exports"; readonly specifier: string }
  /**
   * Something done to a function or an object of the hub that was passed to this Worker. The arguments: what that needs,
   * then its number and what to do (see `live.ts`).
   */
  | { readonly kind: "live" };

/** The site at which a thread was spawned. */
export interface SpawnSite {
  /** The thread's name. */
  readonly name: string;
  readonly stack: string;
}

/** The options of a thread: what is not as usual about it. Plain data: it crosses as JSON. */
export interface ThreadOptions {
  /** Its name, when it was given one. */
  readonly name?: string;
  /** The delay before it starts, in milliseconds. */
  readonly delay?: number;
  /** Whether nobody holds a handle to it (`spawnN`): its failure is reported at once. */
  readonly detached?: boolean;
  /** After how long it is killed with a `Timeout`, counted from its start, in milliseconds. */
  readonly timeout?: number;
  /** The time that it may take to end when it is killed so, in milliseconds. */
  readonly grace?: number;
  /** Whether it is not to start once the thread that spawned it has ended. */
  readonly local?: boolean;
  /** The site at which it was spawned: a stack, if the hub records that. */
  readonly site?: string;
  /** The sites at which the thread, its parent, and so on were spawned; to a Worker only. */
  readonly sites?: readonly SpawnSite[];
  /** The `GreenPool` whose slot it has, given back when it ends: said to the hub. */
  readonly pool?: object;
  /** That slot, by the account of the Worker that spawns: said to the hub. */
  readonly slot?: number;
  /** The id of the `GreenPool` that it is a member of: said to its Worker. */
  readonly memberOf?: number;
  /** Its order number, if the hub is cooperative and it waits for nothing else: said to the hub. */
  readonly order?: number;
}

/** Names a target, as people know it: `titleOf`. */
export function targetName(target: Target): string {
  switch (target.kind) {
    case "export":
    case "hub":
    case "exposed":
    case "library":
    case "shared":
      return target.name;
    case "source":
      return target.name || "anonymous";
    case "exports":
      return target.specifier;
    case "live":
      return "a callback or handle";
  }
}

const interned = new Map<string, Target>();

/**
 * The one object for a target, so that two of them can be compared as they are.
 *
 * @param target A target.
 * @returns The first target that said the same.
 */
export function intern(target: Target): Target {
  const key = targetKey(target);
  const known = interned.get(key);
  if (known) return known;
  interned.set(key, target);
  return target;
}

/** Two targets are the same when their keys are. */
function targetKey(target: Target): string {
  switch (target.kind) {
    case "export":
      return `e ${target.name} ${target.url}`;
    case "source":
      return `s ${target.name} ${target.source}`;
    case "exposed":
      return `x ${target.name}`;
    case "hub":
      return `h ${target.name} ${target.specifier}`;
    case "library":
      return `b ${target.name}`;
    case "exports":
      return `m ${target.specifier}`;
    case "live":
      return "l";
    case "shared":
      return `g ${target.name} ${target.url}`;
  }
}
