/**
 * Probes of the runtime: each is a fact on which a file of the library stands. One that fails says that a new Deno has changed
 * it, and which file to look at.
 *
 * @module
 */

import { Worker, type WorkerOptions } from "node:worker_threads";
import { moduleOf, runDeno } from "../support/mod.ts";

/** How a Worker ended, and what it said. */
export interface WorkerRun {
  readonly code: number;
  readonly error: (Error & { code?: string }) | undefined;
  readonly messages: unknown[];
}

/** Runs a text as a thread Worker and waits for its end. */
export function runWorker(source: string, options: WorkerOptions = {}): Promise<WorkerRun> {
  const worker = new Worker(urlOf(source), options);
  const messages: unknown[] = [];
  let error: Error | undefined;
  worker.on("message", (message) => messages.push(message));
  worker.on("error", (thrown: Error) => error = thrown);
  return new Promise((resolve) => worker.on("exit", (code) => resolve({ code, error, messages })));
}

/** The URL of a module with a text. */
export function urlOf(source: string): URL {
  return new URL(moduleOf(source));
}

/** What a program of one text prints, with its exit code. */
export async function runText(source: string): Promise<string> {
  const { code, stdout, stderr } = await runDeno(["run", "-A", "--no-lock", urlOf(source).href]);
  return `${code}: ${stdout}${stderr}`;
}
