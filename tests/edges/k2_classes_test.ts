/** Classes that are exported by modules which both sides have loaded cross without being registered. */
import { greenImport, NotCloneableError, spawn } from "@aiohub/aiohub";
import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { decode } from "../../bridge/values/codec.ts";
import { Format } from "../../bridge/wire/payload.ts";
import { isBreach } from "../../bridge/values/structured_checks.ts";
import { noKinds } from "../bridge/values/codec_support.ts";
import { rejection, runDeno, TestHub, thrownBy } from "../support/mod.ts";
import * as k2 from "../fixtures/edges/k2_classes.ts";
import * as more from "../fixtures/edges/k2_more_classes.ts";

TestHub.shared({ maxWorkers: 1 });

/** What is seen of each error on the side that made it: so it has to be seen everywhere. */
function expected(name: string): unknown[] {
  if (name === "subclass that is not exported") return ["OutOfStock", 1, "order tea again"];
  return k2.look(name, k2.errors[name]());
}

Deno.test("K2 instanceof is right for errors of own classes, in all directions", async (t) => {
  await using _hub = new TestHub({ maxWorkers: 3 });
  for (const name of Object.keys(k2.errors)) {
    const seen = expected(name);
    // A class that is registered is made by its `fromWire`.
    const runs = 0;
    await t.step(`${name}: thrown in green code, caught on the hub`, async () => {
      const before = k2.made.length;
      assertEquals(k2.look(name, await thrownBy(k2.throws(name))), seen);
      assertEquals(k2.made.length, before);
    });
    await t.step(`${name}: thrown on the hub, caught in green code`, async () => {
      assertEquals(await k2.catches(name), [...seen, runs]);
    });
    await t.step(`${name}: from a green thread to one in another Worker`, async () => {
      assertEquals(await k2.catchesGreen(name, 60_000), [...seen, runs]);
    });
    await t.step(`${name}: on the stack of the one that waits`, async () => {
      const [...caught] = await k2.catchesGreen(name, Infinity);
      assertEquals(caught.slice(0, -1), seen);
    });
    await t.step(`${name}: through an inline function, which knows no class`, async () => {
      const thread = spawn((error: Error) => {
        throw new Error("outer", { cause: error });
      }, k2.errors[name]());
      const { cause } = await rejection(thread, Error);
      assertEquals(k2.look(name, cause), seen);
    });
    await t.step(`${name}: by a queue`, async () => {
      const taken = k2.takes(name);
      k2.queue.tryPut(k2.errors[name]());
      assertEquals(await taken, seen);
    });
  }
});

Deno.test("K2 what an inline function throws by a function that it was given keeps its class", async () => {
  const thrown = await thrownBy(
    spawn((fail: (name: string) => void, name: string) => fail(name), k2.throwsOnHub, "own class"),
  );
  assertEquals(k2.look("own class", thrown), expected("own class"));
});

Deno.test("K2 classes of a module that hubImport() imports", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await k2.imports(), expected("own class"));
});

Deno.test("K2 classes of a module that greenImport() imports, if the hub has it too", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const green = greenImport<typeof more>(
    import.meta.resolve("../fixtures/edges/k2_more_classes.ts"),
  );
  const error = await rejection(green.refuse("green"), more.Refused);
  assertEquals([error.by, error.name, error.message], ["green", "Refused", "refused by green"]);
});

Deno.test("K2 greenImport() does not run a module on the hub to know its classes", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  type Module = typeof import("../fixtures/edges/k2_not_loaded.ts");
  const green = greenImport<Module>(
    import.meta.resolve("../fixtures/edges/k2_not_loaded.ts"),
  );
  const error = await rejection(green.failElsewhere(), Error);
  assertEquals(error.message, "there");
  assertEquals(await green.ran(), 1);
  assertEquals((globalThis as { k2Ran?: number }).k2Ran, undefined);
  // It still can be loaded here, and then its class is known.
  const { Elsewhere } = await import("../fixtures/edges/k2_not_loaded.ts");
  assertEquals((globalThis as { k2Ran?: number }).k2Ran, 1);
  await rejection(green.failElsewhere(), Elsewhere);
});

Deno.test("K2 plain data classes arrive as themselves, both ways, and no constructor runs", async () => {
  const point = new k2.Point(3, 4);
  point.self = point;
  const before = k2.Point.made;
  const [again, ...seen] = await k2.passes(point) as [k2.Point, ...unknown[]];
  assertEquals(seen, [true, 5, true, 0]);
  assertInstanceOf(again, k2.Point);
  assert(again !== point && again.self === again);
  assertEquals([again.x, again.y, again.length], [3, 4, 5]);
  assertEquals(k2.Point.made, before);
  // deno-lint-ignore no-explicit-any
  const Old = k2.Old as any;
  const [old, ...oldSeen] = await k2.passesOld(new Old(4));
  assertEquals(oldSeen, [true, 8]);
  assertInstanceOf(old, Old);
  const [empty, bark] = await k2.passesEmpty(new k2.Empty());
  assertEquals(bark, "wuff");
  assertInstanceOf(empty, k2.Empty);
});

Deno.test("K2 instances that would leave something behind are refused, and told how to cross", async (t) => {
  const why: Record<string, string> = {
    "private field": "its private fields would be lost",
    "only accessors": "it has accessors in place of fields, and their values would be lost",
    "of a built-in class":
      "it inherits from a built-in class, and what that class keeps inside would be lost",
    "hidden field": "its hidden field secret would be lost",
    "symbol": "its symbol Symbol(s) would be lost",
    "accessor of its own": "its accessor now would be lost",
  };
  for (const name of Object.keys(k2.refused)) {
    await t.step(name, async () => {
      const fromGreen = await rejection(k2.gives(name), NotCloneableError);
      assertStringIncludes(fromGreen.message, why[name]);
      assertStringIncludes(fromGreen.message, ": register the class with registerClass(");
      const toGreen = await rejection(
        Promise.try(() => spawn((value: unknown) => value, k2.refused[name]())),
        NotCloneableError,
      );
      assertEquals(toGreen.path, "arguments[0]");
      assertStringIncludes(toGreen.message, why[name]);
    });
  }
});

Deno.test("K2 an instance of a class that a Worker does not know is an error that says what to write", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const error = await rejection(spawn((point: unknown) => point, new k2.Point(1, 2)), Error);
  assertStringIncludes(error.message, 'class "Point" of "file:///');
  assertStringIncludes(error.message, "registerClass()");
  // In an error it is described, as all that cannot cross is: the error itself has to arrive.
  const thrown = spawn((fail: () => void) => {
    try {
      fail();
    } catch (error) {
      return (error as { at: unknown }).at;
    }
  }, () => {
    throw Object.assign(new Error("x"), { at: new k2.Point(1, 2) });
  });
  assertEquals(await thrown, '[instance of class "Point"]');
});

Deno.test("K2 decode() never imports a module because the other side has named it", async () => {
  const scope = globalThis as { k2Named?: boolean };
  const url = "data:text/javascript,globalThis.k2Named = true; export class X extends Error {}";
  const error = decode(
    tagged(["~E", "Error", "m", null, null, {}, {}, ["X", url, "X", 0]]),
    noKinds,
  );
  assertInstanceOf(error, Error);
  assertEquals(Object.getPrototypeOf(error), Error.prototype);
  const refused = decodingError(["~I", ["X", url, "X", 0], { a: 1 }]);
  assertStringIncludes(refused.message, 'class "X" of "data:');
  assertEquals(isBreach(refused), false);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve));
  assertEquals(scope.k2Named, undefined);
});

Deno.test("K2 decode() makes of what is named only what such a class may be", async () => {
  await k2.passesEmpty(new k2.Empty());
  const url = import.meta.resolve("../fixtures/edges/k2_classes.ts");
  // A class of no errors, a function that is none, one with private fields, and what is not exported.
  for (const name of ["Point", "throwOutOfStock", "Money", "toString", "made"]) {
    const error = decode(
      tagged(["~E", "Error", "m", null, null, {}, {}, [name, url, name, 0]]),
      noKinds,
    ) as object;
    assertEquals(Object.getPrototypeOf(error), Error.prototype, name);
  }
  for (const name of ["throws", "Money", "Bag", "toString", "made", "__proto__"]) {
    const refused = decodingError(["~I", [name, url, name, 0], { a: 1 }]);
    assertStringIncludes(refused.message, "is not known on this side", name);
  }
  // A guess is right only if the source is the same.
  const guessed = decodingError(["~I", ["Point", url, "Point", 1], { x: 1 }]);
  assertStringIncludes(guessed.message, "is not known on this side");
  for (const wire of [5, [], ["X", 1], ["X", url, "X", -1], ["X", url, 5, 0], [5]]) {
    assert(isBreach(decodingError(["~I", wire, {}])), JSON.stringify(wire));
    assert(isBreach(decodingError(["~E", "Error", "m", null, null, {}, {}, wire])));
  }
});

function tagged(wire: unknown) {
  return { format: Format.Tagged, text: JSON.stringify(wire), meta: undefined, buffers: [] };
}

function decodingError(wire: unknown): Error {
  try {
    decode(tagged(wire), noKinds);
  } catch (error) {
    return error as Error;
  }
  throw new Error("It was taken");
}

Deno.test("K2 a main program that awaits at its top level has its classes known, from the first call on", async () => {
  const path = new URL("../fixtures/edges/k2_main.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await runDeno(["run", "--allow-read", "--no-prompt", path]);
  assertEquals(stdout.trim().split("\n"), [
    "first argument true 5",
    "thrown true order tea again",
    "caught in green code true",
    "not exported false true",
  ], stderr);
  const warnings = stderr.split("\n").filter((line) => line.startsWith("Warning: "));
  assertEquals(warnings.length, 3, stderr);
  assertStringIncludes(warnings[0], 'loses its class "Local"');
  assertStringIncludes(warnings[1], 'class "Secretive" loses its private fields');
  assertStringIncludes(warnings[2], 'loses its class "OnHub"');
  assertEquals(code, 0);
});
