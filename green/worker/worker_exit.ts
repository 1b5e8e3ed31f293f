/**
 * Makes `process.exit()` end a Worker that its hub has given up.
 *
 * In a Worker, Deno's (2.9.6) `process.exit()` asks for the Worker's termination and then spins until that comes. It never comes
 * where the hub has asked for it first, as it does of a Worker that seems to compute (see `hub/pool/stopped.ts`): a thread
 * that wants to end, late, would keep a core busy for as long as the process lives. So the function by which `process.exit()`
 * asks throws if nothing has come of it: the code unwinds, and the Worker ends in its event loop.
 *
 * @module
 */

import process from "node:process";

/** Node's name of the part of `process.exit()` that comes after the `"exit"` event. */
type ReallyExit = { reallyExit(code?: number): void };

/** Turns of a loop to wait for termination: one that was asked for comes at the next turn. */
const TURNS = 1000;

/** The error that `process.exit()` throws in a Worker that was given up. */
export class GivenUpError extends Error {
  override name = "GivenUpError";

  constructor() {
    super("The hub has given this Worker up: it ends as soon as its code returns");
  }
}

/** Changes `process.exit()` of this Worker. */
export function exitWithoutSpinning(): void {
  const host = process as unknown as ReallyExit;
  const { reallyExit } = host;
  host.reallyExit = (code) => {
    reallyExit.call(host, code);
    for (let turn = 0; turn < TURNS; turn++);
    throw new GivenUpError();
  };
}
