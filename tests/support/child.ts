/**
 * Deno as a child process, for what ends a process, needs flags, or must be alone.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { fixture } from "./paths.ts";

/** How a child process ended. */
export interface Ran {
  readonly code: number;
  /** The signal that ended it. */
  readonly signal: Deno.Signal | null;
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
  /**
   * How long it may take, in milliseconds.
   *
   * @default {60_000}
   */
  limit?: number;
}

/** Runs this Deno as a child process, and ends it when it takes too long. */
export async function runDeno(args: string[], options: RunOptions = {}): Promise<Ran> {
  const start = performance.now();
  const { code, signal, stdout, stderr } = await command(args, options).output();
  const decoder = new TextDecoder();
  return {
    code,
    signal,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
    ms: performance.now() - start,
  };
}

/** Starts this Deno as a child process, which is talked to while it runs. */
export function startDeno(args: string[], options: RunOptions = {}): Deno.ChildProcess {
  return command(args, options).spawn();
}

function command(args: string[], { cwd, env, limit = 60_000 }: RunOptions): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(limit),
  });
}

/** Runs a program of `fixtures/programs/` with these flags. */
export async function runProgram(name: string, ...flags: string[]): Promise<Ran> {
  return await runDeno(["run", "--no-prompt", ...flags, fixture(`programs/${name}`)]);
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
      ["test", "-A", "--no-check", "--filter", pattern, fileURLToPath(file.url)],
      { env: { AIOHUB_TEST_APART: name } },
    );
    assertEquals(code, 0, `${stdout}${stderr}`);
    assertMatch(stdout, / 1 passed \| 0 failed/);
  });
}
