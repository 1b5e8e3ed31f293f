/** coincident's Worker. */
// @ts-ignore: only bench/deno.json knows this name
import coincident from "coincident/worker";
import { block, rateOfCalls, timeCalls, timeColdCalls } from "./measure.mjs";
import { payload } from "./payload.mjs";

const { proxy } = await coincident();

proxy.hot = ({ budget, kind, size }) => {
  const value = payload(kind, size);
  return timeCalls(budget, kind === "number" ? (i) => proxy.echo(i) : () => proxy.echo(value));
};
proxy.cold = ({ budget, pause }) => timeColdCalls(budget, () => block(pause), (i) => proxy.echo(i));
proxy.rate = (budget) => rateOfCalls(budget, (i) => proxy.echo(i));
proxy.park = () => proxy.never();
proxy.job = (value) => value + 1;
// A call that arrives before its function stands there fails, so say that they do.
proxy.ready();
