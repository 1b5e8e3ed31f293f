/** The tasks of the worker pools, as exports (piscina, tinypool). */
import { delay } from "./measure.mjs";

export const job = (value) => value + 1;
export const echo = (value) => value;
export const linger = delay;
export default job;
