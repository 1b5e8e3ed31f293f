/**
 * Pins the types of every form. What is checked here is checked by the compiler: a type that changes makes this file fail
 * to compile, and so the whole run.
 *
 * @module
 */

import { asyncToSync, call, futureToGreenlet, greenImport, greenletToFuture } from "@aiohub/aiohub";
import { getHub, type GreenThread, type Hub, hubImport, type HubPromise } from "@aiohub/aiohub";
import {
  type GreenPool,
  type Outcome,
  spawn,
  spawnAfter,
  spawnAfterLocal,
  spawnN,
} from "@aiohub/aiohub";
import { spawnWith, syncToAsync } from "@aiohub/aiohub";
import { fetch, getCurrent, type GreenResponse, sleep, urlopen } from "@aiohub/aiohub/green";
import { assertEquals } from "@std/assert";

/** True for two types that are the same, `any` and optional parts included. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true
  : false;

/** Compiles only if the value's type is `Expected`, and no other. */
function is<Expected>(): <Actual>(
  value: Actual,
  ...wrong: Same<Actual, Expected> extends true ? [] : ["these types differ", Actual]
) => void {
  return () => {};
}

/** A module of green functions, as an app has one. */
interface Rules {
  priceOf(tea: string, count?: number): number;
  later(n: number): Promise<string>;
  each(fn: (n: number) => boolean): void;
  nothing(): void;
  readonly version: string;
}

/** A module of async functions, as a library has one. */
interface Library {
  get(url: string): Promise<{ status: number }>;
  parse(text: string): string[];
  readonly version: string;
  readonly limit: number;
}

const wrapped = syncToAsync(import.meta, function wrapped(n: number, name?: string) {
  return `${n} ${name}`;
});

const callback = syncToAsync(import.meta, function callback(fn: (n: number) => boolean) {
  return fn(1);
});

const ask = asyncToSync(import.meta, async function ask(question: string) {
  await null;
  return question.length;
});

const askNow = asyncToSync(import.meta, function askNow(question: string) {
  return question.length;
});

const progress = asyncToSync(
  import.meta,
  async function progress(tell: (n: number) => Promise<string>) {
    return await tell(1);
  },
);

const greet = syncToAsync(import.meta, function greet(name: string, mark = "!", times = 2) {
  return name + mark.repeat(times);
});

const retry = asyncToSync(import.meta, async function retry(url: string, tries = 3) {
  await null;
  return url.length / tries;
});

const either = asyncToSync(import.meta, function either(n: number): string | Promise<number> {
  return n > 1 ? "many" : Promise.resolve(n);
});

const respond = asyncToSync(import.meta, async function respond(request: Request) {
  await null;
  return new Response(request.url);
});

function identity<T>(value: T): T {
  return value;
}

function firstOf<T extends { n: number }>(values: readonly T[]): T {
  return values[0];
}

/** Parameters with default values, in all forms; it is compiled and never called. */
export function defaults(hub: Hub, pool: GreenPool) {
  is<GreenThread<string>>()(greet("a"));
  is<GreenThread<string>>()(greet("a", "?", 1));
  is<string>()(greet.sync("a", "?"));
  is<[name: string, mark?: string, times?: number]>()(null! as Parameters<typeof greet.sync>);
  is<number>()(retry("a"));
  is<number>()(retry("a", 5));
  is<HubPromise<number>>()(retry.async("a", 5));
  is<GreenThread<number>>()(retry.spawn("a"));
  is<GreenThread<number>>()(spawn((a: number, b = 2) => a * b, 4));
  is<GreenThread<number>>()(spawn((a: number, b = 2) => a * b, 4, 5));
  is<GreenThread<number>>()(spawn((a = 1) => a));
  is<GreenThread<number>>()(spawnAfter(5, (a: number, b = 2) => a * b, 4));
  is<GreenThread<number>>()(spawnAfterLocal(5, (a: number, b = 2) => a * b, 4));
  is<GreenThread<unknown>>()(spawnN((a: number, b = 2) => a * b, 4));
  is<GreenThread<number>>()(hub.spawn((a: number, b = 2) => a * b, 4));
  is<GreenThread<number>>()(hub.spawnAfter(5, (a: number, b = 2) => a * b, 4));
  is<GreenThread<unknown>>()(hub.spawnN((a: number, b = 2) => a * b, 4));
  is<GreenThread<number>>()(hub.with({}).spawn((a: number, b = 2) => a * b, 4));
  is<GreenThread<number>>()(spawnWith({}).spawnAfter(5, (a: number, b = 2) => a * b, 4));
  is<GreenThread<unknown>>()(spawnWith({}).spawnN((a: number, b = 2) => a * b, 4));
  is<GreenThread<number>>()(pool.spawn((a: number, b = 2) => a * b, 4));
  is<GreenThread<number>>()(pool.spawnAsync((a: number, b = 2) => a * b, 4));
  is<GreenThread<number> | undefined>()(pool.trySpawn((a: number, b = 2) => a * b, 4));
  is<GreenThread<unknown>>()(pool.spawnN((a: number, b = 2) => a * b, 4));
  is<GreenThread<unknown>>()(pool.spawnNAsync((a: number, b = 2) => a * b, 4));
  // With callbacks, whose parameters get their types from the function.
  is<GreenThread<number>>()(
    spawn((f: (n: number) => number, times = 2) => f(1) * times, async (n) => await delayed(n)),
  );
  is<GreenThread<number>>()(
    spawn((f: (n: number) => number, times = 2) => f(1) * times, (n) => n.valueOf(), 4),
  );
  // @ts-expect-error the mark is a string
  greet("a", 1);
  // @ts-expect-error the name is missing
  greet();
  // @ts-expect-error there is no fourth argument
  greet("a", "?", 1, 2);
  // @ts-expect-error tries are a number
  retry("a", "b");
  // @ts-expect-error tries are a number
  retry.async("a", "b");
  // @ts-expect-error the first argument is missing
  spawn((a: number, b = 2) => a * b);
  // @ts-expect-error the first argument is a number
  spawn((a: number, b = 2) => a * b, "a");
  // @ts-expect-error the second argument is a number
  spawn((a: number, b = 2) => a + b.valueOf(), 4, {});
  // @ts-expect-error there is no third argument
  spawn((a: number, b = 2) => a * b, 4, 5, 6);
  // @ts-expect-error the first argument is a number
  pool.spawn((a: number, b = 2) => a * b, "a");
  // @ts-expect-error the first argument is missing
  spawnN((a: number, b = 2) => a * b);
}

/** A thread is a promise by its type; it is compiled and never called. */
export async function promises(thread: GreenThread<string>) {
  const promise: Promise<string> = thread;
  const hubPromise: Promise<number> = ask.async("a");
  is<Promise<string>>()(thread.then());
  is<Promise<string>>()(thread.catch());
  is<Promise<string | number>>()(thread.catch((error: Error) => error.message.length));
  is<Promise<string>>()(thread.finally(() => {}));
  is<Promise<number>>()(ask.async("a").finally(() => {}));
  is<Promise<number | null>>()(ask.async("a").catch(() => null));
  is<[string, number]>()(await Promise.all([thread, ask.async("a")]));
  is<string | number>()(await Promise.race([promise, hubPromise]));
  is<HubPromise<string | number>>()(either.async(1));
  is<GreenThread<string | number>>()(either.spawn(1));
  Deno.serve((request) => respond.spawn(request));
  Deno.serve(respond.async);
  // @ts-expect-error the result is a string
  const wrong: Promise<number> = thread;
  return wrong;
}

declare function delayed<T>(value: T): Promise<T>;

/** Other kinds of functions to spawn; it is compiled and never called. */
export function kinds(pool: GreenPool, either: (() => string) | (() => number)) {
  // Parameters without a type get that of the argument.
  is<GreenThread<number>>()(spawn((a) => a.length, "a"));
  is<GreenThread<number>>()(spawn((a, b = 3) => a * b, 4));
  is<GreenThread<number>>()(pool.spawnAsync((a) => a.length, "a"));
  // Optional and rest parameters.
  is<GreenThread<number>>()(spawn((a: number, b?: number) => a * (b ?? 1), 4));
  is<GreenThread<number>>()(spawn((a: number, ...rest: number[]) => a + rest.length, 4, 5, 6));
  is<GreenThread<number>>()(spawn((a: number, _: string) => a, ...[1, "a"] as [number, string]));
  is<GreenThread<"x" | "y">>()(spawn((o: { b: "x" | "y" }) => o.b, { b: "x" }));
  is<GreenThread<void>>()(spawn((wait: () => void) => wait(), () => Promise.resolve()));
  // Generic ones.
  is<GreenThread<number>>()(spawn(identity, 5));
  is<GreenThread<{ n: number; m: string }>>()(spawn(firstOf, [{ n: 1, m: "a" }]));
  is<GreenThread<string>>()(pool.spawn(<T>(values: T[]) => values[0], ["a"]));
  is<GreenThread<string | number>>()(spawn(either));
  // @ts-expect-error the rest are numbers
  spawn((a: number, ...rest: number[]) => a + rest.length, 4, 5, "a");
  // @ts-expect-error there are no such values
  spawn(firstOf, [{ m: "a" }]);
  // @ts-expect-error it is no function
  syncToAsync(import.meta, 5);
}

/** All forms of the hub's side; it is compiled and never called. */
export async function onTheHub(hub: Hub) {
  // One function.
  is<GreenThread<string>>()(wrapped(1));
  is<GreenThread<string>>()(wrapped(1, "a"));
  is<string>()(await wrapped(1));
  is<GreenThread<boolean>>()(callback((n) => n > 1));
  is<GreenThread<boolean>>()(callback(async (n) => await Promise.resolve(n > 1)));
  is<HubPromise<number>>()(ask.async("a"));
  is<number>()(await ask.async("a"));
  is<HubPromise<number>>()(askNow.async("a"));
  is<GreenThread<number>>()(ask.spawn("a"));
  // @ts-expect-error the first argument is a number
  wrapped("a");
  // @ts-expect-error the first argument is missing
  wrapped();
  // @ts-expect-error there is no third argument
  wrapped(1, "a", 2);
  // @ts-expect-error the callback gets a number
  callback((n: string) => n.length > 1);
  // @ts-expect-error the callback gives a boolean
  callback(async (n) => await Promise.resolve(n));
  // @ts-expect-error the question is a string
  ask.async(1);

  // A whole module.
  const rules = greenImport<Rules>("app:rules");
  is<GreenThread<number>>()(rules.priceOf("tea"));
  is<number>()(await rules.priceOf("tea", 2));
  is<GreenThread<string>>()(rules.later(1));
  is<GreenThread<void>>()(rules.each(async (n) => await Promise.resolve(n > 1)));
  is<GreenThread<void>>()(rules.nothing());
  is<GreenThread<number>>()(hub.greenImport<Rules>("app:rules").priceOf("tea"));
  is<"priceOf" | "later" | "each" | "nothing">()(null! as keyof typeof rules);
  // @ts-expect-error tea is a string
  rules.priceOf(1);
  // @ts-expect-error a value is no green function
  rules.version;
  // @ts-expect-error a module cannot be changed from outside
  rules.nothing = () => null!;

  // A running thing.
  is<GreenThread<number>>()(spawn((a: number, b: number) => a + b, 1, 2));
  is<GreenThread<number>>()(hub.spawn(async (a: number) => await Promise.resolve(a), 1));
  is<GreenThread<string>>()(spawn(wrapped as unknown as () => string));
  is<GreenThread<number>>()(spawnAfter(5, (a: number) => a, 1));
  is<GreenThread<number>>()(hub.spawnAfter(5, (a: number) => a, 1));
  is<GreenThread<unknown>>()(spawnN((a: number) => a, 1));
  is<GreenThread<string>>()(spawn((fn: (n: number) => string) => fn(1), (n) => String(n)));
  is<GreenThread<string>>()(
    spawn((fn: (n: number) => string) => fn(1), async (n) => await Promise.resolve(String(n))),
  );
  is<Promise<number>>()(greenletToFuture(spawn(() => 1)));
  is<GreenThread<number>>()(futureToGreenlet(Promise.resolve(1)));
  is<GreenThread<number>>()(futureToGreenlet((signal) => Promise.resolve(signal.aborted ? 1 : 2)));
  is<Outcome<number> | undefined>()(spawn(() => 1).outcome());
  is<Hub>()(getHub());
  // @ts-expect-error the argument is a number
  spawn((a: number) => a, "1");
  // @ts-expect-error the argument is missing
  spawn((a: number) => a);
  // @ts-expect-error there is no second argument
  spawn((a: number) => a, 1, 2);
  // @ts-expect-error the callback gets a number
  spawn((fn: (n: number) => string) => fn(1), (text: string) => text);
  // @ts-expect-error it is no function
  spawn(5);
}

/** All forms of green code; it is compiled and never called. */
export function inGreenCode(thread: GreenThread<string>) {
  is<string>()(thread.wait());
  is<string>()(wrapped(1).wait({ timeout: 5 }));
  is<string>()(wrapped.sync(1));
  is<number>()(ask("a"));
  is<number>()(askNow("a"));
  is<number>()(ask.spawn("a").wait());
  is<number>()(futureToGreenlet(ask.async("a")).wait());
  is<string>()(progress((n) => String(n)));
  is<unknown>()(call("name", 1));
  is<number>()(call<number>("name", 1));
  const library = hubImport<Library>("npm:library");
  is<string[]>()(library.parse("a b"));
  is<number>()(library.get("url").status);
  is<string>()(library.version);
  is<number>()(library.limit);
  is<GreenThread>()(getCurrent());
  is<void>()(sleep(1));
  const response = fetch("url", { method: "POST", body: "text" });
  is<GreenResponse>()(response);
  is<string>()(response.text());
  is<Headers>()(response.headers);
  is<number>()(response.status);
  is<boolean>()(response.ok);
  is<string>()(urlopen("url").read());
  // @ts-expect-error the callback gives a string
  progress((n) => n);
  // @ts-expect-error a question is a string
  ask(1);
  // @ts-expect-error an async function's result arrives as a plain value
  library.get("url").then;
  // @ts-expect-error a module of the hub cannot be changed
  library.limit = 5;
}

Deno.test("the types of all forms follow through to their results", async () => {
  await using hub = getHub();
  const sum: number = await hub.spawn((a: number, b: number) => a + b, 20, 22);
  assertEquals([sum, ...[onTheHub, inGreenCode, defaults, kinds, promises].map((f) => typeof f)], [
    42,
    "function",
    "function",
    "function",
    "function",
    "function",
  ]);
});
