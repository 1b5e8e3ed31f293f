/**
 * What the tests share: hubs that check themselves when they close, child processes, and waiting for what the garbage
 * collector or another process does in its own time.
 *
 * @module
 */

import { Hub, type HubOptions, useHub } from "@aiohub/aiohub";
import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";

/** What a test means to leave behind when its hub closes. */
export interface Leftovers {
  /** Workers that ended on their own. */
  crashed?: number;
  /** Workers that were stopped by force. */
  leaked?: number;
}

/** A hub that is the default one until it closes, and then has nothing left. */
export class TestHub extends Hub {
  readonly #leftovers: Leftovers;

  constructor(options?: HubOptions, leftovers: Leftovers = {}) {
    super(options);
    this.#leftovers = leftovers;
    useHub(this);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    useHub(undefined);
    const { crashed = 0, leaked = 0 } = this.#leftovers;
    const { totalThreads: _, totalCalls: __, ...now } = this.statistics();
    assertEquals(now, {
      workers: 0,
      starting: 0,
      idle: 0,
      busy: 0,
      queued: 0,
      threads: 0,
      calls: 0,
      functions: 0,
      handles: 0,
      crashed,
      leaked,
    });
  }
}

/** The error that a promise rejects with, checked for its class. */
export async function rejection<E extends Error>(
  promise: PromiseLike<unknown>,
  // deno-lint-ignore no-explicit-any
  errorClass: abstract new (...args: any[]) => E,
): Promise<E> {
  const error = await thrownBy(promise);
  assertInstanceOf(error, errorClass);
  return error as E;
}

/** Whatever a promise rejects with. */
export async function thrownBy(promise: PromiseLike<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`Expected a rejection, got ${Deno.inspect(value)}`);
}

/**
 * Waits for a condition that comes true in its own time: after a garbage collection, or when a Worker has ended. It
 * fails after half a minute, if a test does not give it another time in milliseconds.
 */
export async function until(condition: () => boolean, patience = 30_000): Promise<void> {
  const deadline = performance.now() + patience;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`It never came true: ${condition}`);
    await delay(5);
  }
}

/** Resolves when it has been called so many times. */
export interface Meeting {
  (): Promise<void>;
  /** How many have come. */
  readonly arrived: number;
}

/** A function that resolves for all callers once there are `size` of them: proof that they wait at the same time. */
export function meeting(size: number): Meeting {
  const { promise, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  const meet = () => {
    if (++arrived === size) resolve();
    return promise;
  };
  return Object.defineProperty(meet, "arrived", { get: () => arrived }) as Meeting;
}

/** The URL of a fixture. */
export function fixture(name: string): string {
  return new URL(`../fixtures/${name}`, import.meta.url).href;
}

/** The URL of a module with this source. */
export function moduleOf(source: string): string {
  return `data:application/javascript,${encodeURIComponent(source)}`;
}

/** What came of a child process. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** How long it took, in milliseconds. */
  readonly ms: number;
}

/** Options for {@linkcode runDeno}. */
export interface RunOptions {
  /** The working directory. */
  cwd?: string;
  /** More environment variables. */
  env?: Record<string, string>;
  /** How long it may take, in milliseconds. A minute by default. */
  limit?: number;
}

/** Runs this Deno as a child process, and ends it when it takes too long. */
export async function runDeno(args: string[], options: RunOptions = {}): Promise<Ran> {
  const start = performance.now();
  const output = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: options.cwd,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...options.env },
    stdin: "null",
    signal: AbortSignal.timeout(options.limit ?? 60_000),
  }).output();
  const decoder = new TextDecoder();
  return {
    code: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
    ms: performance.now() - start,
  };
}

/**
 * A test that runs in a process of its own: for those that have a computing Worker stopped by force. Deno cannot end
 * such a Worker, so it would keep a core from the tests after it.
 */
export function testApart(file: ImportMeta, name: string, run: () => Promise<void>): void {
  if (Deno.env.get("AIOHUB_TEST_APART") === name) {
    Deno.test(name, run);
    return;
  }
  Deno.test(name, async () => {
    const pattern = `/^${name.replace(/[^\w ]/g, ".")}$/`;
    const { code, stdout, stderr } = await runDeno(
      ["test", "-A", "--no-check", "--filter", pattern, new URL(file.url).pathname],
      { env: { AIOHUB_TEST_APART: name } },
    );
    assertEquals(code, 0, `${stdout}${stderr}`);
    assertMatch(stdout, / 1 passed \| 0 failed/);
  });
}

/** Runs a program of `fixtures/programs/` with these flags. */
export async function runProgram(name: string, ...flags: string[]): Promise<Ran> {
  const path = new URL(`../fixtures/programs/${name}`, import.meta.url).pathname;
  return await runDeno(["run", "--no-prompt", ...flags, path]);
}
