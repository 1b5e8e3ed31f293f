/** What the peers have in common whose main thread blocks: one function `echo(value)`. */
import { block, timeCalls, timeColdCalls } from "./measure.mjs";
import { payload } from "./payload.mjs";
import { memoryPerWorker, serve } from "./serve.mjs";

/**
 * Serves the rows for one library.
 *
 * @param {(kind: string) => (value: any) => any} open Makes the function that blocks.
 * @param {boolean} [isShared] All such functions share one Worker.
 */
export function serveBlocking(open, isShared = false) {
  const echoes = new Map();

  function echoOf(kind) {
    const form = kind === "bytes" ? "bytes" : "value";
    if (!echoes.has(form)) echoes.set(form, open(form));
    return echoes.get(form);
  }

  function hot({ budget, kind, size }) {
    const echo = echoOf(kind);
    const value = payload(kind, size);
    return timeCalls(budget, kind === "number" ? (i) => echo(i) : () => echo(value));
  }

  function memory({ workers }) {
    return memoryPerWorker(workers, () => {
      for (let i = 0; i < workers; i++) open("value")(1);
    });
  }

  return serve({
    first: () => echoOf("number")(1),
    hot,
    cold: ({ budget, pause }) => timeColdCalls(budget, () => block(pause), echoOf("number")),
    echo: hot,
    ...(isShared ? {} : { memory }),
  });
}
