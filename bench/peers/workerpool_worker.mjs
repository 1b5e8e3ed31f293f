/** workerpool's Worker. */
// @ts-ignore: only bench/deno.json knows this name
import workerpool from "workerpool";
import { echo, job, linger } from "./pool_tasks.mjs";

workerpool.worker({ echo, job, linger });
