/** comlink's Worker. */
// @ts-ignore: only bench/deno.json knows this name
import * as comlink from "comlink";
import { delay, rateOfAwaits, timeAwaits, timeColdAwaits } from "./measure.mjs";
import { payload } from "./payload.mjs";

let main;

comlink.expose({
  useMain(port) {
    main = comlink.wrap(port);
  },
  hot({ budget, kind, size }) {
    const value = payload(kind, size);
    return timeAwaits(budget, kind === "number" ? (i) => main.echo(i) : () => main.echo(value));
  },
  cold: ({ budget, pause }) => timeColdAwaits(budget, () => delay(pause), (i) => main.echo(i)),
  rate: (budget) => rateOfAwaits(budget, (i) => main.echo(i)),
  job: (value) => value + 1,
  async inFlight({ budget, count }) {
    const many = () => Promise.all(Array.from({ length: count }, (_, i) => main.echo(i)));
    return await timeAwaits(budget, many) / count;
  },
});
// A message that arrives before this module listens is lost, so say that it does.
postMessage("ready");
