/**
 * Everything that can be thrown, along every way on which something thrown crosses, in both directions.
 *
 * @module
 */

import { handle, spawn } from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import { TestHub, thrownBy } from "../../support/mod.ts";
import * as thrown from "../../fixtures/thrown_values.ts";

TestHub.shared({ maxWorkers: 1 });

/** What is caught where that is something else than was thrown: what cannot cross is described. */
const ARRIVES: Record<string, unknown> = {
  "own class": {
    class: "HttpError",
    name: "HttpError",
    message: "gone",
    code: 404,
    data: { url: "http://x/", tried: [1n, new Date(0)] },
  },
  "AggregateError in a chain of causes": {
    class: "Error",
    name: "Error",
    message: "top",
    cause: {
      class: "AggregateError",
      name: "AggregateError",
      message: "many",
      errors: [
        {
          class: "RangeError",
          name: "RangeError",
          message: "inner",
          cause: { class: "DOMException", name: "AbortError", message: "stop", code: 20 },
        },
        {
          class: "HttpError",
          name: "HttpError",
          message: "leaf",
          code: 404,
          data: { url: "http://x/", tried: [1n, new Date(0)] },
        },
      ],
    },
  },
  "error that holds a function": error("TypeError", { code: 5, retry: '[function "retry"]' }),
  "error that holds a socket": error("Error", {
    n: 1,
    socket: '[instance of class "Socket"]',
  }),
  "error that holds a promise and a symbol": error("Error", {
    n: 1,
    later: "[Promise]",
    sign: "[symbol Symbol(s)]",
  }),
  "error whose cause is a function": error("Error", { cause: '[function "why"]' }),
  "error with a getter that throws": error("Error", {
    bad: "[getter failed: TypeError: unreadable]",
  }),
  "function": refused(
    'function "callMe"',
    "pass it as an argument or a result, where functions become callbacks",
  ),
  "symbol": refused("symbol Symbol(s)", "send a string in its place"),
  "promise": ["[Promise]"],
  "instance": refused(
    'instance of class "Socket"',
    "register the class with registerClass(Socket, { name, toWire, fromWire }) in a module that both sides import, or " +
      "pass the object by reference with handle()",
  ),
  "object that holds a function": { code: 5, run: '[function "run"]' },
  "handle": "a handle",
};

function error(name: string, fields: Record<string, unknown>): unknown {
  return { class: name, name, message: "x", ...fields };
}

function refused(what: string, advice: string): unknown {
  const name = "NotCloneableError";
  const message = `Cannot send error: ${what} cannot be cloned: ${advice}`;
  return { class: name, name, message, path: "error" };
}

function expected(what: string): unknown {
  return what in ARRIVES ? ARRIVES[what] : thrown.look(thrown.thrown[what]());
}

/** How green code may throw on the hub. */
const fromGreen: Record<string, (what: string) => PromiseLike<unknown>> = {
  "a thread": (what) => thrown.greenThrow(what),
  "a thread's promise": (what) => thrown.greenThrowAsync(what),
  "a returned function": async (what) =>
    await (await thrown.greenFunction(what) as () => Promise<unknown>)(),
  "a method": async (what) =>
    await (await thrown.greenObject(what) as unknown as { fail(): Promise<unknown> }).fail(),
  "a generator": async (what) => {
    for await (const item of await thrown.greenGenerate(what)) assertEquals(item, 1);
  },
};

/** The same where it is caught by other means than the test's. */
const elsewhere: Record<string, (what: string) => PromiseLike<unknown>> = {
  "a callback": (what) => thrown.throwInCallback(what),
  "a thread that another one waits for": (what) => thrown.waitForThrow(what),
};

Deno.test("J20 J22 J23 J24 J25 J27 J29 what the hub throws arrives in green code as a throw", async () => {
  for (const what of Object.keys(thrown.thrown)) {
    const fail = () => {
      throw thrown.thrown[what]();
    };
    for (const how of thrown.fromHub) {
      const [outcome, seen] = await thrown.catchHub(how, what, fail, handle({ fail }) as never);
      let wanted = expected(what);
      // Work on the hub that ends as aborted was killed: that is what `autokill` is about.
      if (how === "handed" && what.startsWith("DOMException")) {
        const message = "The async work was aborted";
        wanted = { class: "GreenletExit", name: "GreenletExit", message, cause: wanted };
      }
      if (wanted === undefined) wanted = "undefined";
      assertEquals([what, how, outcome, seen], [what, how, "threw", wanted]);
    }
  }
});

Deno.test("J20 J21 J23 J24 J25 J27 what green code throws arrives on the hub as a throw", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  for (const what of Object.keys(thrown.thrown)) {
    const wanted = expected(what);
    for (const [how, run] of Object.entries(fromGreen)) {
      const caught = await thrownBy(run(what));
      assertEquals([what, how, thrown.look(caught)], [what, how, wanted]);
    }
    for (const [how, run] of Object.entries(elsewhere)) {
      const seen = wanted === undefined ? "undefined" : wanted;
      assertEquals([what, how, await run(what)], [what, how, ["threw", seen]]);
    }
  }
  assertEquals(({} as { polluted?: unknown }).polluted, undefined);
});

Deno.test("J21 the stack of what is thrown tells of both sides, in both directions", async () => {
  for (const how of thrown.fromHub) {
    const fail = () => {
      throw new TypeError("far");
    };
    const stack = await thrown.stackOf(how, fail, handle({ fail }) as never);
    assertStory(stack, /thrown_(values|test)\.ts/, "at stackOf ");
  }
  for (const [how, run] of Object.entries(fromGreen)) {
    const awaitIt = async () => void await run("TypeError");
    const { stack } = await thrownBy(awaitIt()) as Error;
    assertStory(`${how}: ${stack}`, /thrown_values\.ts/, "at async awaitIt ");
  }
});

Deno.test("the stacks of causes, of parts, and of what nobody awaits are without the library's frames", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const fail = () => {
    const part = new Error("part");
    try {
      JSON.parse("{");
    } catch (cause) {
      throw new AggregateError([part], "whole", { cause });
    }
  };
  const awaited = await thrownBy(spawn(fail)) as AggregateError;
  const { promise, resolve } = Promise.withResolvers<unknown>();
  hub.addEventListener("unhandledthread", (event) => {
    event.preventDefault();
    resolve(event.reason);
  });
  hub.spawnN(fail);
  for (const error of [awaited, await promise as AggregateError]) {
    const [part] = error.errors as Error[];
    const cause = error.cause as Error;
    const lines = [error, part, cause].map(({ stack }) => {
      assertNoOwnFrames(stack!);
      return /\(inline function:(\d+):\d+\)/.exec(stack!)?.[1];
    });
    assertEquals(lines, ["6", "2", "4"]);
  }
});

/** Checks the frames of the far side, then a line that says where it crossed, then those of the near side. */
function assertStory(stack: string, far: RegExp, near: string): void {
  const at = stack.indexOf("\n    --- ");
  assert(at > 0 && far.test(stack.slice(0, at)), stack);
  assert(stack.slice(at).includes(near), stack);
  assertNoOwnFrames(stack);
}

function assertNoOwnFrames(stack: string): void {
  for (const folder of ["bridge", "hub"]) {
    assert(!stack.includes(new URL(`../../../${folder}/`, import.meta.url).href), stack);
  }
}
