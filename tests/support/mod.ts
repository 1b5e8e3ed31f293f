/**
 * What tests share, each of it once. Fixtures and programs, which run in Workers and in processes of their own, import the one
 * file that they need.
 *
 * @module
 */

export { type Ran, runDeno, type RunOptions, runProgram, startDeno, testApart } from "./child.ts";
export { cooperative, type Leftovers, TestHub } from "./hub.ts";
export { caught, ending, rejection, thrownBy } from "./outcome.ts";
export { fixture, moduleOf, ROOT, temporaryFolder } from "./paths.ts";
export { Chance } from "./random.ts";
export { answerLate, serve, type Server } from "./server.ts";
export { meeting, parked, timed, turn, until } from "./until.ts";
