import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { registerClass } from "../../../bridge/values/classes.ts";
import { decode, encode } from "../../../bridge/values/codec.ts";
import { Format } from "../../../bridge/wire/payload.ts";
import { BridgeProtocolError, NotCloneableError } from "../../../bridge/errors.ts";
import { carry, cross, noKinds } from "./codec_support.ts";

class Money {
  #cents: bigint;
  constructor(cents: bigint) {
    this.#cents = cents;
  }
  get cents(): bigint {
    return this.#cents;
  }
}

registerClass(Money, {
  name: "test.Money",
  toWire: (money) => money.cents,
  fromWire: (cents) => new Money(cents),
});

class Purse {
  constructor(readonly coins: Map<string, Money>, public owner?: unknown) {}
}

registerClass(Purse, {
  toWire: ({ coins, owner }) => ({ coins, owner }),
  fromWire: ({ coins, owner }) => new Purse(coins, owner),
});

Deno.test("registerClass() lets instances cross, private fields and all", () => {
  const arrived = cross({ price: new Money(5n), list: [new Money(-1n)] });
  assertInstanceOf(arrived.price, Money);
  assertEquals([arrived.price.cents, arrived.list[0].cents], [5n, -1n]);
});

Deno.test("registerClass() lets what toWire returned hold other instances", () => {
  const arrived = cross(new Purse(new Map([["a", new Money(5n)]])));
  assertInstanceOf(arrived, Purse);
  assertEquals(arrived.coins.get("a")?.cents, 5n);
});

Deno.test("registerClass() keeps an instance one within a message", () => {
  const money = new Money(5n);
  const shared = {};
  const [a, b, purse, other] = cross([
    money,
    money,
    new Purse(new Map([["m", money]]), shared),
    shared,
  ]);
  assertStrictEquals(a, b);
  assertStrictEquals((purse as Purse).coins.get("m"), a);
  assertStrictEquals((purse as Purse).owner, other);
});

Deno.test("registerClass() makes an array, a Map or a function's instance cross when it is told how", () => {
  class Rows extends Array<number> {}
  registerClass(Rows, {
    name: "test.Rows",
    toWire: (rows) => [...rows],
    fromWire: (rows) => Rows.from(rows) as Rows,
  });
  const rows = cross(Rows.from([1, 2]));
  assertInstanceOf(rows, Rows);
  assertEquals([...rows], [1, 2]);
});

Deno.test("encode() refuses an instance that is part of its own wire form", () => {
  const purse = new Purse(new Map());
  purse.owner = { purse };
  const error = assertThrows(
    () => encode([purse], "arguments", noKinds),
    NotCloneableError,
    "the result of its toWire contains the instance itself",
  );
  assertEquals(error.path, "arguments[0].owner.purse");
});

Deno.test("encode() refuses an instance whose toWire fails, and says with what", () => {
  class Broken {}
  registerClass(Broken, {
    name: "test.Broken",
    toWire: () => {
      throw new RangeError("not now");
    },
    fromWire: () => new Broken(),
  });
  const error = assertThrows(
    () => encode([new Broken()], "arguments", noKinds),
    NotCloneableError,
    'instance of class "test.Broken" cannot be cloned: its toWire failed: RangeError: not now',
  );
  assertInstanceOf(error.cause, RangeError);
});

Deno.test("encode() refuses a subclass of a registered class", () => {
  class Euro extends Money {}
  assertThrows(() => encode(new Euro(1n), "value", noKinds), NotCloneableError, 'class "Euro"');
});

Deno.test("decode() says how to register a class that it does not know", () => {
  const text = '["~C","shop.Order",1]';
  const error = assertThrows(
    () => decode({ format: Format.Tagged, text, meta: undefined, buffers: [] }, noKinds),
    BridgeProtocolError,
    'no class is registered as "shop.Order" on this side: call registerClass()',
  );
  assert(error.message.includes("module that both sides import"));
});

Deno.test("decode() says that fromWire failed, and with what", () => {
  class Strict {}
  registerClass(Strict, {
    name: "test.Strict",
    toWire: () => 1,
    fromWire: () => {
      throw new RangeError("not a number");
    },
  });
  const payload = carry(encode(new Strict(), "value", noKinds));
  const error = assertThrows(
    () => decode(payload, noKinds),
    BridgeProtocolError,
    'fromWire of class "test.Strict" failed: RangeError: not a number',
  );
  assertInstanceOf(error.cause, RangeError);
});

Deno.test("registerClass() may be called again for the same class and name", () => {
  class Again {
    constructor(readonly n: number) {}
  }
  const wire = {
    name: "test.Again",
    toWire: ({ n }: Again) => n,
    fromWire: (n: number) => new Again(n),
  };
  registerClass(Again, wire);
  registerClass(Again, { ...wire, toWire: ({ n }) => n + 1 });
  assertEquals(cross(new Again(1)).n, 2);
});

Deno.test("registerClass() refuses a name or a class that is taken", () => {
  class Other {}
  const wire = { toWire: () => 1, fromWire: () => new Other() };
  assertThrows(
    () => registerClass(Other, { ...wire, name: "test.Money" }),
    TypeError,
    'Cannot register class "test.Money": another class has that name already',
  );
  registerClass(Other, { ...wire, name: "test.Other" });
  assertThrows(
    () => registerClass(Other, { ...wire, name: "test.Another" }),
    TypeError,
    'it is registered as "test.Other"',
  );
});

Deno.test("registerClass() refuses what is not a class, has no name or no functions", () => {
  const wire = { toWire: () => 1, fromWire: () => ({}) };
  // deno-lint-ignore no-explicit-any -- what a caller without types may pass
  const anything = registerClass as (...args: any[]) => void;
  assertThrows(
    () => anything({}, wire),
    TypeError,
    "expected a class as the first argument, found an object",
  );
  assertThrows(
    () => anything(() => {}, wire),
    TypeError,
    "expected a class as the first argument, found the function",
  );
  assertThrows(() => anything(class {}, wire), TypeError, "it has no name");
  assertThrows(
    () => anything(class A {}, { toWire: () => 1 }),
    TypeError,
    'found the function "toWire" and undefined',
  );
  assertThrows(() => anything(class A {}), TypeError, "found undefined and undefined");
});

Deno.test("registerClass() shares its registry with another copy of the library", async () => {
  const url = new URL("../../../bridge/values/classes.ts?another-copy", import.meta.url).href;
  const other = await import(url) as typeof import("../../../bridge/values/classes.ts");
  class Shared {}
  other.registerClass(Shared, {
    name: "test.Shared",
    toWire: () => 1,
    fromWire: () => new Shared(),
  });
  assertInstanceOf(cross(new Shared()), Shared);
});
