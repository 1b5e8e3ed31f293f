import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertStrictEquals,
} from "@std/assert";
import { registerClass } from "../../../bridge/values/classes.ts";
import { encodeThrown } from "../../../bridge/values/codec.ts";
import { Format } from "../../../bridge/wire/payload.ts";
import { registerOwnError } from "../../../bridge/values/error_values.ts";
import { joinStacks } from "../../../bridge/values/stacks.ts";
import * as errors from "../../../bridge/errors.ts";
import { cross, crossThrown, ListKinds } from "./codec_support.ts";

type Fields = Record<string, unknown>;

/** An error as it arrives after being thrown. */
function thrown<T extends Error>(error: T): T & Fields {
  const arrived = crossThrown(error);
  assertInstanceOf(arrived, Error);
  return arrived as T & Fields;
}

function describe(name: string): PropertyDescriptor {
  return { value: name, writable: true, enumerable: false, configurable: true };
}

// The classes

Deno.test("every error of the library is named after its class, on the prototype", () => {
  for (const [name, Class] of Object.entries(errors)) {
    assert(Class.prototype instanceof Error);
    assertEquals(Object.getOwnPropertyDescriptor(Class.prototype, "name"), describe(name));
  }
});

Deno.test("every error of the library has its name in the first line of its stack", () => {
  assert(new errors.HubClosedError("closed").stack?.startsWith("HubClosedError: closed\n"));
  assert(new errors.GreenletExit().stack?.startsWith("GreenletExit: The green thread was asked"));
});

Deno.test("every error of the library crosses with its class, fields and cause", () => {
  const cause = new RangeError("why");
  // What a constructor takes beside a message and a cause.
  const options = { cause, cycle: ["a", "b"], path: "arguments[0]" };
  const { PropagateError, ...others } = errors;
  const classes: (new (message: string, options: ErrorOptions) => Error)[] = Object.values(others);
  const made = [
    new PropagateError("key", cause),
    ...classes.map((Class) => new Class("message", options)),
  ];
  for (const error of made) {
    const arrived = thrown(error);
    assertStrictEquals(Object.getPrototypeOf(arrived), Object.getPrototypeOf(error));
    assertEquals([arrived.name, arrived.message], [error.name, error.message]);
    assertEquals({ ...arrived }, { ...error });
    assertEquals(arrived.stack, error.stack);
    assertEquals((arrived.cause as Error).message, "why");
    assertEquals(Object.keys(arrived).includes("cause"), false);
  }
});

Deno.test("PropagateError tells the key and the cause, whatever they are", () => {
  const nothing = Object.create(null);
  assertEquals(
    new errors.PropagateError("a", new TypeError("bad")).message,
    'The task under key "a" failed: TypeError: bad',
  );
  assertEquals(
    new errors.PropagateError(1, nothing).message,
    "The task under key 1 failed: an object without a class",
  );
  assertEquals(new errors.PropagateError(Symbol("s"), 1).key !== undefined, true);
});

Deno.test("registerOwnError() lets another error of the library cross without its constructor", () => {
  class Timeout extends Error {
    seconds: number;
    constructor(seconds: number) {
      if (seconds === undefined) throw new Error("The constructor ran on arrival");
      super(`after ${seconds}`);
      this.seconds = seconds;
    }
  }
  registerOwnError("Timeout for a test", Timeout);
  const arrived = thrown(new Timeout(3));
  assertInstanceOf(arrived, Timeout);
  assertEquals([arrived.message, arrived.seconds], ["after 3", 3]);
});

// Errors of the language and the platform

Deno.test("encodeThrown() keeps the built-in classes", () => {
  const classes = [
    Error,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
  ];
  for (const Class of classes) {
    const error = new Class("message");
    const arrived = thrown(error);
    assertStrictEquals(Object.getPrototypeOf(arrived), Class.prototype);
    assertEquals([arrived.message, arrived.stack], ["message", error.stack]);
    assertEquals(Object.hasOwn(arrived, "name"), false);
  }
});

Deno.test("encodeThrown() keeps the errors of an AggregateError", () => {
  const arrived = thrown(new AggregateError([new TypeError("a"), 5, undefined], "all"));
  assertInstanceOf(arrived, AggregateError);
  assertInstanceOf(arrived.errors[0], TypeError);
  assertEquals(arrived.errors.slice(1), [5, undefined]);
  assertEquals(Object.keys(arrived), []);
});

Deno.test("encodeThrown() keeps both sides of a SuppressedError", () => {
  const arrived = thrown(new SuppressedError(new TypeError("later"), 5, "both"));
  assertInstanceOf(arrived, SuppressedError);
  assertEquals([arrived.error.message, arrived.suppressed], ["later", 5]);
});

Deno.test("encodeThrown() keeps the name and code of a DOMException", () => {
  const arrived = thrown(new DOMException("stopped", "AbortError"));
  assertInstanceOf(arrived, DOMException);
  assertEquals([arrived.name, arrived.message, arrived.code], ["AbortError", "stopped", 20]);
  assertInstanceOf(thrown(AbortSignal.abort().reason), DOMException);
});

Deno.test("encodeThrown() keeps the class and code of Deno.errors", () => {
  let error: unknown;
  try {
    Deno.readFileSync("/no/such/file");
  } catch (caught) {
    error = caught;
  }
  const arrived = thrown(error as Error);
  assertInstanceOf(arrived, Deno.errors.NotFound);
  assertEquals([arrived.name, arrived.code], ["NotFound", "ENOENT"]);
  for (const Class of Object.values(Deno.errors)) {
    assertStrictEquals(Object.getPrototypeOf(thrown(new Class("x"))), Class.prototype);
  }
});

Deno.test("encodeThrown() gives an unknown subclass as its nearest ancestor, with its name", () => {
  class DatabaseError extends RangeError {
    override name = "DatabaseError";
    code = "23505";
    detail = { table: "users", keys: [1n, new Date(0)] };
  }
  const arrived = thrown(new DatabaseError("duplicate"));
  assertStrictEquals(Object.getPrototypeOf(arrived), RangeError.prototype);
  assertEquals(Object.getOwnPropertyDescriptor(arrived, "name"), describe("DatabaseError"));
  assertEquals(arrived.code, "23505");
  assertEquals(arrived.detail, { table: "users", keys: [1n, new Date(0)] });
  assertEquals(Object.keys(arrived), ["code", "detail"]);
});

Deno.test("encodeThrown() takes errors that inherit the old way", () => {
  function OldError(this: Error & { code: number }) {
    this.message = "old";
    this.code = 7;
  }
  OldError.prototype = Object.create(TypeError.prototype, { name: describe("OldError") });
  const arrived = thrown(Reflect.construct(OldError, []) as Error);
  assertStrictEquals(Object.getPrototypeOf(arrived), TypeError.prototype);
  assertEquals([arrived.name, arrived.message, arrived.code], ["OldError", "old", 7]);
});

Deno.test("encodeThrown() keeps chains and circles of causes", () => {
  const arrived = thrown(new Error("a", { cause: new TypeError("b", { cause: { c: [1n] } }) }));
  assertInstanceOf(arrived.cause, TypeError);
  assertEquals((arrived.cause as Error).cause, { c: [1n] });
  const circle = new Error("circle");
  circle.cause = circle;
  const round = thrown(circle);
  assertStrictEquals(round.cause, round);
  assertEquals(Object.hasOwn(thrown(new Error("x", { cause: undefined })), "cause"), true);
  assertEquals(Object.hasOwn(thrown(new Error("x")), "cause"), false);
});

Deno.test("encodeThrown() keeps what is shared between fields", () => {
  const shared = { x: 1 };
  const arrived = thrown(Object.assign(new Error("x"), { a: shared, b: [shared] }));
  assertStrictEquals(arrived.a, (arrived.b as unknown[])[0]);
});

// Other throwables

Deno.test("encodeThrown() sends values that are not errors as they are", () => {
  for (
    const value of [undefined, null, 0, -0, 5, "", "str", true, 1n, NaN, { a: [1] }, [undefined]]
  ) {
    assertEquals(crossThrown(value), value);
  }
  assertEquals(encodeThrown(undefined, "thrown", new ListKinds()).format, Format.Undefined);
});

Deno.test("encodeThrown() describes a value that cannot cross at all", () => {
  class Point {}
  for (
    const [value, words] of [
      [() => {}, "function"],
      [Symbol("s"), "symbol Symbol(s)"],
      [new Point(), 'instance of class "Point"'],
      [Promise.resolve(), "Promise"],
    ] as [unknown, string][]
  ) {
    const arrived = crossThrown(value, new ListKinds(() => false)) as Error;
    assertInstanceOf(arrived, errors.NotCloneableError);
    assert(arrived.message.startsWith(`Cannot send thrown: ${words}`), arrived.message);
  }
});

Deno.test("encodeThrown() never throws, whatever is thrown", () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const trap = new Proxy({}, {
    getPrototypeOf: () => {
      throw new TypeError("no");
    },
  });
  const nasty = Object.create(Error.prototype, {
    message: { get: () => fail(), enumerable: true },
    name: { get: () => fail() },
    stack: { get: () => fail() },
  });
  function fail(): never {
    throw Object.create(null);
  }
  for (const value of [proxy, trap, new Error("x", { cause: proxy }), [trap], nasty]) {
    assert(crossThrown(value) !== undefined);
  }
  assertInstanceOf(crossThrown(nasty), Error);
});

Deno.test("encodeThrown() describes what cannot cross, and the rest survives", () => {
  class Connection {}
  const kinds = new ListKinds();
  const error = Object.assign(new TypeError("failed"), {
    code: "E1",
    retry() {},
    symbol: Symbol("s"),
    deep: { list: [1, () => {}, { connection: new Connection() }], date: new Date(5) },
    map: new Map<unknown, unknown>([["ok", 1], ["bad", () => {}]]),
    get broken() {
      return 1;
    },
  });
  Object.defineProperty(error, "broken", {
    get: () => {
      throw new RangeError("cannot be read");
    },
    enumerable: true,
  });
  const arrived = crossThrown(error, kinds) as TypeError & Fields;
  assertInstanceOf(arrived, TypeError);
  assertEquals({ ...arrived }, {
    code: "E1",
    retry: '[function "retry"]',
    symbol: "[symbol Symbol(s)]",
    deep: {
      list: [1, "[function]", { connection: '[instance of class "Connection"]' }],
      date: new Date(5),
    },
    map: new Map<unknown, unknown>([["ok", 1], ["bad", "[function]"]]),
    broken: "[getter failed: RangeError: cannot be read]",
  });
  assertEquals(kinds.referred, [], "a function in a thrown value was sent as a callback");
});

Deno.test("encodeThrown() keeps count of objects after it has described one", () => {
  const shared = { x: 1 };
  const error = Object.assign(new Error("x"), {
    before: shared,
    bytes: new Uint8Array(3000).fill(1),
    bad: [{ y: shared }, new Uint8Array(3000), { z: [() => {}, new WeakMap()] }],
    after: [shared],
    last: new Uint8Array(3000).fill(2),
  });
  const arrived = thrown(error) as unknown as typeof error;
  assertStrictEquals(arrived.after[0], arrived.before);
  assertEquals([arrived.bytes[0], arrived.last[0]], [1, 2]);
});

Deno.test("encodeThrown() describes what is nested too deeply", () => {
  let deep: unknown = 1;
  for (let i = 0; i < 100_000; i++) deep = [deep];
  const arrived = thrown(Object.assign(new Error("x"), { deep, code: 5 }));
  assertEquals([arrived.message, arrived.code], ["x", 5]);
});

// Errors as values

Deno.test("encode() lets an error that is returned stay a value", () => {
  const arrived = cross({ error: Object.assign(new TypeError("x"), { code: 5 }) });
  assertInstanceOf(arrived.error, TypeError);
  assertEquals([arrived.error.message, arrived.error.code], ["x", 5]);
  assertStrictEquals(cross([new Error("a")])[0].name, "Error");
});

Deno.test("encode() lets functions in an error that is returned become callbacks", () => {
  const retry = () => {};
  const kinds = new ListKinds();
  assertStrictEquals(cross(Object.assign(new Error("x"), { retry }), kinds).retry, retry);
});

// Registered classes

class AppError extends Error {
  override name = "AppError";
  #secret: string;
  constructor(message: string, secret: string, options?: ErrorOptions) {
    super(message, options);
    this.#secret = secret;
  }
  get secret(): string {
    return this.#secret;
  }
}

class MissingError extends AppError {}

registerClass(AppError, {
  name: "test.AppError",
  toWire: ({ message, secret }) => {
    if (secret === "unsendable") throw new Error("cannot be taken apart");
    return { message, secret };
  },
  fromWire: ({ message, secret }) => {
    if (secret === "unreadable") throw new Error("cannot be put together");
    return new AppError(message, secret);
  },
});

Deno.test("encodeThrown() keeps a registered error class, its stack and its cause", () => {
  const error = new AppError("failed", "s3", { cause: new AppError("inner", "s4") });
  const nested = thrown(new Error("outer", { cause: error })).cause as AppError;
  for (const arrived of [thrown(error), cross(error), nested]) {
    assertInstanceOf(arrived, AppError);
    assertEquals([arrived.message, arrived.secret, arrived.stack], ["failed", "s3", error.stack]);
    assertInstanceOf(arrived.cause, AppError);
    assertEquals((arrived.cause as AppError).secret, "s4");
  }
});

Deno.test("encodeThrown() gives a subclass of a registered error as that", () => {
  const arrived = thrown(new MissingError("gone", "s5"));
  assertStrictEquals(Object.getPrototypeOf(arrived), AppError.prototype);
  assertEquals((arrived as AppError).secret, "s5");
});

Deno.test("encodeThrown() falls back to the nearest built-in when toWire or fromWire fails", () => {
  for (const secret of ["unsendable", "unreadable"]) {
    const arrived = thrown(new AppError("failed", secret, { cause: 5 }));
    assertStrictEquals(Object.getPrototypeOf(arrived), Error.prototype);
    assertEquals([arrived.name, arrived.message, arrived.cause], ["AppError", "failed", 5]);
  }
});

// Stacks

const NEAR = [
  "Error: two",
  "lines of message",
  `    at wait (${new URL("../../../green/worker/blocking.ts", import.meta.url)}:10:1)`,
  `    at GreenThread.then (${new URL("../../../hub/green_thread.ts", import.meta.url)}:5:1)`,
  "    at caller (file:///app/main.ts:3:1)",
  `    at sleep (${new URL("../../../green/sleep.ts", import.meta.url)}:5:1)`,
  "    at file:///app/main.ts:9:1",
].join("\n");

Deno.test("joinStacks() makes one story: far frames, the crossing, the caller's near frames", () => {
  const error = new TypeError("far");
  error.stack = "TypeError: far\n    at work (file:///app/work.ts:1:1)";
  joinStacks(error, '    --- called by green thread "x" ---', NEAR);
  assertEquals(
    error.stack,
    [
      "TypeError: far",
      "    at work (file:///app/work.ts:1:1)",
      '    --- called by green thread "x" ---',
      "    at caller (file:///app/main.ts:3:1)",
      "    at file:///app/main.ts:9:1",
    ].join("\n"),
  );
});

Deno.test("joinStacks() can be applied again at each crossing", () => {
  const error = thrown(new Error("x"));
  joinStacks(error, "    --- first ---", NEAR);
  joinStacks(error, "    --- second ---", error.stack ?? "");
  assertEquals(error.stack?.match(/--- first ---/g)?.length, 2);
  assertNotEquals(error.stack?.indexOf("--- second ---"), -1);
});

Deno.test("joinStacks() works on a DOMException and on an error that has arrived", () => {
  for (const error of [new DOMException("m", "AbortError"), thrown(new RangeError("x"))]) {
    joinStacks(error, "    --- here ---", NEAR);
    assert(error.stack?.includes("    --- here ---\n    at caller"));
    assert(Deno.inspect(error).includes("--- here ---"));
  }
});

Deno.test("joinStacks() leaves frozen errors and other values as they are", () => {
  const frozen = Object.freeze(new Error("x"));
  const before = frozen.stack;
  joinStacks(frozen, "    --- here ---", NEAR);
  assertEquals(frozen.stack, before);
  const bad = Object.defineProperty(new Error("x"), "stack", {
    get: () => {
      throw new Error("no");
    },
  });
  for (const value of [undefined, null, 5, "x", {}, () => {}, bad]) {
    joinStacks(value, "    --- here ---", NEAR);
  }
  const without = new Error("x");
  without.stack = undefined;
  joinStacks(without, "    --- here ---", "no frames");
  assertEquals(without.stack, undefined);
});
