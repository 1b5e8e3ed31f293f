import { Queue } from "@aiohub/aiohub";
import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { answerLate, rejection, serve, TestHub, until } from "../../support/mod.ts";
import * as signals from "../../fixtures/signals.ts";

TestHub.shared({ maxWorkers: 1 });

const newWord = () => new Int32Array(new SharedArrayBuffer(4));

Deno.test("an AbortSignal stops green code that computes and looks at it", async () => {
  const controller = new AbortController();
  const started = newWord();
  const thread = signals.computeUntil(controller.signal, started);
  await until(() => started[0] === 1);
  controller.abort(new RangeError("stop"));
  const [worked, isSignal, reason] = await thread;
  assertEquals([worked, isSignal], [true, true]);
  assertInstanceOf(reason, RangeError);
});

Deno.test("an AbortSignal tells its listeners in green code, at a blocking call", async () => {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  const thread = signals.sleepUntil({ signal: controller.signal }, resolve);
  await promise;
  controller.abort("tired");
  assertEquals(await thread, ["tired", true]);
});

Deno.test("an AbortSignal keeps its reason on the way to green code, also null", async () => {
  for (const reason of [null, 0, "", false]) {
    const controller = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    const thread = signals.sleepUntil({ signal: controller.signal }, resolve);
    await promise;
    controller.abort(reason);
    assertEquals(await thread, [reason, true]);
  }
});

Deno.test("an AbortSignal that was aborted before it is looked at arrives aborted", async () => {
  assertEquals(await signals.lookAt(AbortSignal.abort("early")), [true, "early"]);
  const controller = new AbortController();
  // The one Worker is busy: the thread has to wait, and its signal is aborted meanwhile.
  const busy = new AbortController();
  const started = newWord();
  const first = signals.computeUntil(busy.signal, started);
  await until(() => started[0] === 1);
  const thread = signals.lookAt(controller.signal);
  controller.abort("at once");
  busy.abort();
  await first;
  assertEquals(await thread, [true, "at once"]);
  assertEquals(await signals.lookAt(controller.signal), [true, "at once"]);
  const [aborted, reason] = await signals.passAborted() as [boolean, Error];
  assertEquals({ aborted, name: reason.name, message: reason.message }, {
    aborted: true,
    name: "RangeError",
    message: "early",
  });
});

Deno.test("an AbortSignal is itself when it comes home, and goes on to other green threads", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const controller = new AbortController();
  signals.lend(controller.signal);
  const started = newWord();
  const thread = signals.passOn(controller.signal, started);
  await until(() => started[0] === 1);
  controller.abort("all of you");
  assertEquals(await thread, [true, [true, true, "all of you"]]);
  const queue = new Queue<AbortSignal>();
  await queue.putAsync(controller.signal);
  assertStrictEquals(await queue.getAsync(), controller.signal);
});

Deno.test("an AbortSignal of green code is aborted on the hub", async () => {
  assertEquals(await signals.abortFromGreen(), "enough");
});

Deno.test("fetch() of ./green takes a signal", async () => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  await using server = serve((request) => {
    ask();
    return answerLate(request);
  });
  const controller = new AbortController();
  const thread = signals.fetchUntil(server.url, controller.signal);
  await asked;
  controller.abort(new TypeError("not needed"));
  const error = await rejection(thread, TypeError);
  assertEquals(error.message, "not needed");
});

Deno.test("signals that were passed to many threads are let go of", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  for (let i = 0; i < 200; i++) await signals.lookAt(new AbortController().signal);
  // The collector of the Worker is not asked: it comes when much has been made.
  await until(() => {
    void signals.litter();
    return hub.statistics().handles < 20;
  });
});

Deno.test("an AbortSignal that outlives the threads that pass it is listened to by none of them any more", async () => {
  for (let i = 0; i < 5; i++) assertEquals(await signals.passLasting(), [0, 1]);
});
