/**
 * Spawning on either side: the methods of the hub as functions.
 *
 * @module
 */

import { show } from "../bridge/checks.ts";
import type { GreenThread } from "../bridge/side/green_thread.ts";
import { greenSide } from "../bridge/side/side.ts";
import { defaultHub } from "./default_hub.ts";
import { type GreenModule, importGreen } from "./green_import.ts";
import { checkDelay, Spawner, type SpawnOptions } from "./spawner.ts";
import type {
  Passed,
  Result,
  Returned,
  Spawnable,
  SpawnableWith,
  SpawnArguments,
} from "../bridge/side/spawnable.ts";
import { spawnTarget } from "../bridge/protocol/targets.ts";

// deno-lint-ignore no-explicit-any
type AnyThread = GreenThread<any>;

/**
 * Spawns a green thread: {@linkcode Hub.prototype.spawn | Hub.spawn} on the default hub, or on the hub of the green thread that
 * calls it.
 *
 * @param fn A function made by `syncToAsync`, a function of a module that `greenImport()` gave, or an inline
 * function.
 * @param args The arguments of the call. Functions among them become blocking callbacks.
 * @returns The thread: `await` it on the hub, `.wait()` for it in green code.
 * @throws {TypeError} If `fn` is no function, or has no source text.
 * @throws {NotCloneableError} If an argument cannot cross.
 *
 * @example An inline function
 * ```ts
 * import { spawn } from "@aiohub/aiohub";
 * import { sleep } from "@aiohub/aiohub/green";
 * import { assertEquals } from "@std/assert";
 *
 * const thread = spawn((n: number) => {
 *   sleep(10); // blocks this green thread, and nothing else
 *   return n + 1;
 * }, 41);
 * assertEquals(await thread, 42);
 * ```
 *
 * @category Threads
 * @priority 50
 */
export function spawn<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
  fn: F,
  ...args: SpawnArguments<F, P>
): GreenThread<Result<Returned<F>>>;
/** As above, for a generic function: this finds what it returns. */
export function spawn<A extends unknown[], R>(
  fn: Spawnable<A, R>,
  ...args: A | Passed<A>
): GreenThread<Result<R>>;
export function spawn(fn: Spawnable<unknown[], unknown>, ...args: unknown[]): AnyThread {
  const green = greenSide();
  return green ? green.spawn(spawnTarget(fn), args) : defaultHub().spawn(fn, ...args);
}

/**
 * Spawns a green thread after some time: {@linkcode Hub.prototype.spawnAfter | Hub.spawnAfter}.
 *
 * @param ms The delay, in milliseconds; less than zero is zero.
 * @param fn As for {@linkcode spawn}.
 * @param args As for {@linkcode spawn}.
 * @returns The thread; `cancel()` calls it off.
 * @throws {TypeError} If `ms` is not a number.
 *
 * @example Later, and called off
 * ```ts
 * import { spawnAfter } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const late = spawnAfter(60_000, () => "late");
 * const soon = spawnAfter(5, (n: number) => n + 1, 41);
 * assertEquals(await soon, 42);
 * late.cancel();
 * assertEquals(late.state, "killed");
 * ```
 *
 * @category Threads
 */
export function spawnAfter<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
  ms: number,
  fn: F,
  ...args: SpawnArguments<F, P>
): GreenThread<Result<Returned<F>>>;
/** As above, for a generic function: this finds what it returns. */
export function spawnAfter<A extends unknown[], R>(
  ms: number,
  fn: Spawnable<A, R>,
  ...args: A | Passed<A>
): GreenThread<Result<R>>;
export function spawnAfter(
  ms: number,
  fn: Spawnable<unknown[], unknown>,
  ...args: unknown[]
): AnyThread {
  const delay = checkDelay(ms);
  const green = greenSide();
  if (!green) return defaultHub().spawnAfter(ms, fn, ...args);
  return green.spawn(spawnTarget(fn), args, { delay });
}

/**
 * Spawns as {@linkcode spawnAfter} does, but calls the new thread off if the green thread that calls this ends before the time:
 * whoever waits for the new thread then gets a `GreenletExit`. On the hub, where no green thread calls it, it is `spawnAfter`.
 * Semantics: eventlet's `spawn_after_local`. It is short for {@linkcode spawnWith} with `delay` and `local`.
 *
 * @param ms The delay, in milliseconds; less than zero is zero.
 * @param fn As for {@linkcode spawn}.
 * @param args As for {@linkcode spawn}.
 * @returns The thread; `cancel()` calls it off.
 * @throws {TypeError} If `ms` is not a number.
 *
 * @example A reminder that ends with whoever asked for it
 * ```ts
 * import { GreenletExit, type GreenThread, spawn } from "@aiohub/aiohub";
 * import { assertRejects } from "@std/assert";
 *
 * const thread = spawn(() => [spawnAfterLocal(60_000, () => "remind")]);
 * const [reminder] = await thread as GreenThread<string>[]; // `thread` has ended, and so it is called off
 * await assertRejects(() => reminder, GreenletExit);
 * ```
 *
 * @category Threads
 */
export function spawnAfterLocal<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
  ms: number,
  fn: F,
  ...args: SpawnArguments<F, P>
): GreenThread<Result<Returned<F>>>;
/** As above, for a generic function: this finds what it returns. */
export function spawnAfterLocal<A extends unknown[], R>(
  ms: number,
  fn: Spawnable<A, R>,
  ...args: A | Passed<A>
): GreenThread<Result<R>>;
export function spawnAfterLocal(
  ms: number,
  fn: Spawnable<unknown[], unknown>,
  ...args: unknown[]
): AnyThread {
  const delay = checkDelay(ms);
  const green = greenSide();
  if (!green) return defaultHub().spawnAfter(ms, fn, ...args);
  return green.spawn(spawnTarget(fn), args, { delay, local: true });
}

/**
 * Spawns a green thread whose result nobody wants: {@linkcode Hub.prototype.spawnN | Hub.spawnN}. Semantics: eventlet's
 * `spawn_n`.
 *
 * @param fn As for {@linkcode spawn}.
 * @param args As for {@linkcode spawn}.
 * @returns The thread, to watch or to kill.
 * @throws {TypeError} If `fn` is no function, or has no source text.
 * @throws {NotCloneableError} If an argument cannot cross.
 *
 * @example A thread that nobody waits for
 * ```ts
 * import { Queue, spawnN } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const log = new Queue<string>();
 * spawnN((log: Queue<string>) => log.put("done"), log);
 * assertEquals(await log.getAsync(), "done");
 * ```
 *
 * @category Threads
 */
export function spawnN<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
  fn: F,
  ...args: SpawnArguments<F, P>
): GreenThread<unknown>;
/** As above, for a generic function. */
export function spawnN<A extends unknown[]>(
  fn: Spawnable<A, unknown>,
  ...args: A | Passed<A>
): GreenThread<unknown>;
export function spawnN(
  fn: Spawnable<unknown[], unknown>,
  ...args: unknown[]
): GreenThread<unknown> {
  const green = greenSide();
  if (!green) return defaultHub().spawnN(fn, ...args);
  return green.spawn(spawnTarget(fn), args, { detached: true });
}

/**
 * Gives a module whose functions run in green threads: {@linkcode Hub.prototype.greenImport | Hub.greenImport}.
 *
 * @param url The module: `import.meta.resolve("./m.ts")`, a `URL`, or a bare name that the import map knows.
 * @returns An object with the module's functions; each call spawns a green thread.
 * @throws {TypeError} If the specifier is relative, or a name that the import map does not know.
 *
 * @example A module of plain synchronous functions
 * ```ts
 * import { greenImport } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const { basename } = greenImport<typeof import("node:path")>("node:path");
 * assertEquals(await basename("/tmp/a.txt"), "a.txt");
 * ```
 *
 * @category Calls
 */
export function greenImport<M extends object>(url: string | URL): GreenModule<M> {
  return importGreen<M>(url, (fn, args) => spawn(fn as Spawnable<unknown[], unknown>, ...args));
}

/**
 * Spawns with options: {@linkcode Hub.prototype.with | Hub.with} on the default hub, or on the hub of the green thread that calls
 * it.
 *
 * @param options See {@linkcode SpawnOptions}. In green code without `signal`: nobody would hear it there while the thread that
 * spawns computes, or after the end of that thread. `kill()` the thread, or have a function of the hub spawn it.
 * @returns An object that spawns with them: it has `spawn()`, `spawnAfter()` and `spawnN()`.
 * @throws {TypeError} If an option has the wrong type or is not known, or there is more than the options.
 * @throws {RangeError} If `delay` is longer than a timer can be, about 25 days.
 *
 * @example A name for messages
 * ```ts
 * import { spawnWith } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(spawnWith({ name: "worker bee" }).spawn(() => 1).name, "worker bee");
 * ```
 *
 * @category Threads
 */
export function spawnWith(options: SpawnOptions): Spawner;
export function spawnWith(options: SpawnOptions, ...rest: unknown[]): Spawner {
  // A function here would never run, and nobody would hear of it.
  if (rest.length > 0) {
    throw new TypeError(
      `Cannot spawn with options: expected the options alone, found ${
        show(rest[0])
      } too: use spawnWith(options).spawn(fn, ...args)`,
    );
  }
  const green = greenSide();
  if (!green) return defaultHub().with(options);
  if (options?.signal) {
    throw new TypeError(
      `Cannot spawn with options in green code: expected no "signal", found ${
        show(options.signal)
      }: call kill() of the thread instead`,
    );
  }
  return new Spawner(
    (fn, args, options) => green.spawn(spawnTarget(fn), args, options),
    options,
  );
}
