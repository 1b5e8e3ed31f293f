import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { decode, encode } from "../../../bridge/values/codec.ts";
import { type Entry, Format, type Payload, type Ref } from "../../../bridge/wire/payload.ts";
import { BridgeProtocolError, NotCloneableError } from "../../../bridge/errors.ts";
import { difference } from "./codec_isomorphism.ts";
import { carry, cross, ListKinds, noKinds } from "./codec_support.ts";

function formatOf(value: unknown): number {
  return encode(value, "value", noKinds).format;
}

/** Checks that a value arrives as structured clone gives it. */
function assertCrosses(value: unknown): void {
  assertEquals(difference(structuredClone(value), cross(value)), undefined);
}

function assertRefused(value: unknown, path: string, words: string): void {
  const error = assertThrows(
    () => encode(value, "arguments", noKinds),
    NotCloneableError,
    words,
  );
  assertEquals(error.path, path);
  assert(error.message.startsWith(`Cannot send ${path}: `), error.message);
}

// What goes by which road

Deno.test("encode() sends plain data as JSON text", () => {
  for (const value of [null, true, 0.5, -1.5, [], [1.5], ["x"], {}, [{ a: [1, { b: null }] }]]) {
    assertEquals(formatOf(value), Format.Json);
    assertEquals(encode(value, "value", noKinds).text, JSON.stringify(value));
    assertCrosses(value);
  }
});

Deno.test("encode() sends a string as it is, alone and as the one long argument", () => {
  assertEquals(formatOf("short"), Format.Text);
  assertEquals(formatOf("~"), Format.Text);
  assertEquals(formatOf(["x".repeat(1000)]), Format.TextInArray);
  assertEquals(formatOf(["x"]), Format.Json);
  for (const value of ["", "~u", "\ufeffbom", "é".repeat(1000), ["\ufeff" + "x".repeat(1000)]]) {
    assertCrosses(value);
  }
});

Deno.test("encode() sends a whole number of 32 bits as that, alone and as the one argument", () => {
  for (const value of [0, 1, -1, 42, 2 ** 31 - 1, -(2 ** 31)]) {
    assertEquals(formatOf(value), Format.Int);
    assertEquals(formatOf([value]), Format.IntInArray);
    assertCrosses(value);
    assertCrosses([value]);
  }
  for (const value of [2 ** 31, -(2 ** 31) - 1, 0.5, 1e300]) {
    assertEquals(formatOf(value), Format.Json);
    assertCrosses([value]);
  }
  for (const value of [-0, NaN, Infinity]) assertEquals(formatOf([value]), Format.Tagged);
  assertCrosses(Object.assign([1], { extra: 2 }));
});

Deno.test("encode() carries bytes beside the text without copying them", () => {
  const bytes = new Uint8Array(2000).fill(7);
  const formats = [
    [bytes, Format.Bytes],
    [[bytes], Format.BytesInArray],
    [{ deep: [bytes] }, Format.Structured],
  ] as const;
  for (const [value, expected] of formats) {
    const { format, buffers } = encode(value, "value", noKinds);
    assertEquals([format, buffers.length], [expected, 1]);
    assertStrictEquals(buffers[0].buffer, bytes.buffer);
    assertCrosses(value);
  }
});

Deno.test("decode() makes a typed array a view on the blob itself", () => {
  for (
    const value of [new Uint8Array(2000), [new Uint8Array(2000)], { f: new Float64Array(500) }]
  ) {
    const payload = carry(encode(value, "value", noKinds));
    const arrived = decode(payload, noKinds);
    const view = [arrived, ...Object.values(arrived as object)].find(ArrayBuffer.isView);
    assertStrictEquals(view?.buffer, payload.buffers[0].buffer);
  }
});

Deno.test("encode() sends long strings beside the text, lone surrogates and all", () => {
  const long = "ab\ud83d\ude00".repeat(20_000);
  const lone = `${long}\ud800`;
  assertEquals(encode([long, lone], "value", noKinds).buffers.length, 2);
  assertCrosses([long, lone, { long }]);
});

Deno.test("encode() leaves the value as it was", () => {
  const value = { a: undefined, list: [new Date(0), , 1], map: new Map([["k", NaN]]) };
  const before = structuredClone(value);
  encode(value, "value", noKinds);
  assertEquals(difference(before, structuredClone(value)), undefined);
});

Deno.test("encode() takes frozen objects and arrays", () => {
  const value = Object.freeze({ list: Object.freeze([undefined, 1]), u: undefined });
  assertEquals(cross(value), { list: [undefined, 1], u: undefined });
});

// What JSON does not carry

Deno.test("decode() gives back numbers that JSON lacks", () => {
  for (const value of [NaN, Infinity, -Infinity, -0, [-0], { n: NaN }]) assertCrosses(value);
});

Deno.test("decode() gives back undefined wherever it stands", () => {
  assertStrictEquals(cross(undefined), undefined);
  assertCrosses([undefined]);
  assertEquals(Object.keys(cross({ a: undefined, b: 1 })), ["a", "b"]);
});

Deno.test("decode() gives back bigints of any size", () => {
  for (const value of [0n, -1n, 2n ** 64n, -(2n ** 4000n), [5n, { n: -5n }]]) assertCrosses(value);
});

Deno.test("decode() gives back strings that look like marks", () => {
  for (const mark of ["~", "~~", "~u", "~n", "~bff", "~d0", "~r0", "~M", "~A", "~E"]) {
    assertCrosses([mark, undefined]);
    assertCrosses({ [mark]: mark, u: undefined });
    assertCrosses(new Map([[mark, mark]]));
  }
});

Deno.test("decode() gives back lone surrogates in values and keys", () => {
  for (const value of ["\ud800", ["a\udc00b"], { "\ud800": "\udfff" }, new Set(["\ud800"])]) {
    assertCrosses(value);
  }
});

Deno.test("decode() gives back dates, also invalid ones", () => {
  for (const time of [0, NaN, -1, 8.64e15]) assertCrosses([new Date(time)]);
});

Deno.test("decode() gives back a RegExp with its flags, and lastIndex 0", () => {
  const pattern = /a\/b+/dgimsy;
  pattern.lastIndex = 3;
  const arrived = cross(pattern);
  assertEquals([arrived.source, arrived.flags, arrived.lastIndex], ["a\\/b+", "dgimsy", 0]);
});

Deno.test("decode() gives back boxed primitives", () => {
  for (const value of [1, -0, "~x", "", true, false, 7n]) assertCrosses(Object(value));
});

Deno.test("decode() gives back sparse arrays and properties beside the items", () => {
  assertCrosses([1, , 3]);
  assertCrosses(new Array(5));
  assertCrosses(Object.assign([1, 2], { extra: undefined, "-1": 2, "01": 3 }));
  assertCrosses(/(?<year>\d+)/.exec("in 1999"));
  const huge = new Array(4_294_967_295);
  huge[4_000_000_000] = "far";
  assertCrosses(huge);
});

Deno.test("decode() gives back an array with as many extra properties as holes", () => {
  assertCrosses(Object.assign([1, , 3], { extra: 1 }));
});

Deno.test("decode() gives back a Map and a Set in order, with any keys", () => {
  assertCrosses(
    new Map<unknown, unknown>([[{}, 1], [NaN, -0], ["~", undefined], [[1], new Map()]]),
  );
  assertCrosses(new Set<unknown>([3, "1", undefined, {}, new Set([null])]));
});

Deno.test("decode() keeps cycles and shared references", () => {
  const self: Record<string, unknown> = { list: [] };
  self.self = self;
  (self.list as unknown[]).push(self, self.list);
  assertCrosses(self);
  const map = new Map<unknown, unknown>();
  map.set(map, new Set([map]));
  assertCrosses(map);
  const shared = { x: 1 };
  const [a, b] = cross([shared, shared]);
  assertStrictEquals(a, b);
  const date = new Date();
  assertCrosses([date, { date }, [date]]);
});

Deno.test("decode() keeps equal but separate objects apart", () => {
  const [a, b] = cross([{ x: 1 }, { x: 1 }]);
  assertNotStrictEquals(a, b);
});

Deno.test("decode() finds one shared reference among many objects", () => {
  const list = Array.from({ length: 1000 }, (_, i) => ({ i }));
  list.push(list[500]);
  assertEquals(formatOf(list), Format.Tagged);
  const arrived = cross(list);
  assertStrictEquals(arrived[1000], arrived[500]);
});

// Buffers and views

Deno.test("decode() keeps each view's class, offset, length and shared buffer", () => {
  const buffer = new ArrayBuffer(4096);
  const views = [
    new Int8Array(buffer, 3, 5),
    new Uint16Array(buffer, 8),
    new Float64Array(buffer, 16, 2),
    new BigUint64Array(buffer, 0, 1),
    new DataView(buffer, 1, 7),
    new Float16Array(buffer, 2, 1),
    new Uint8ClampedArray(0),
    buffer,
  ];
  assertCrosses(views);
  const arrived = cross(views) as [Int8Array, Uint16Array];
  arrived[1][0] = 0x2211;
  assertEquals(new Int8Array(arrived[0].buffer)[8], 0x11);
});

Deno.test("decode() keeps resizable buffers, and views that follow them", () => {
  for (const [size, max] of [[8, 64], [8, 8], [0, 0], [0, 16], [2000, 2003], [2000, 9000]]) {
    const buffer = new ArrayBuffer(size, { maxByteLength: max });
    const bytes = new Uint8Array(buffer).map((_, i) => i);
    new Uint8Array(buffer).set(bytes);
    const fixed = new Uint8Array(buffer, 0, size);
    const value = [
      new Uint8Array(buffer),
      fixed,
      new DataView(buffer),
      new DataView(buffer, 0, size),
    ];
    assertCrosses(value);
    assertEquals(new Uint8Array(buffer), bytes, "probing the views changed the buffer");
    assertEquals(buffer.byteLength, size);
  }
});

Deno.test("decode() gives a node Buffer back as the Uint8Array that it is", () => {
  const { Buffer } = globalThis as unknown as { Buffer: { from(text: string): Uint8Array } };
  const arrived = cross([Buffer.from("hello"), 1])[0] as Uint8Array;
  assertStrictEquals(Object.getPrototypeOf(arrived), Uint8Array.prototype);
  assertEquals(new TextDecoder().decode(arrived), "hello");
});

Deno.test("encode() refuses a detached buffer and a view outside of its buffer", () => {
  const detached = new ArrayBuffer(8);
  const onDetached = new Uint8Array(detached);
  structuredClone(detached, { transfer: [detached] });
  assertRefused([detached], "arguments[0]", "ArrayBuffer cannot be cloned");
  const buffer = new ArrayBuffer(8, { maxByteLength: 8 });
  const view = new Uint8Array(buffer, 4, 4);
  buffer.resize(2);
  assertRefused([view], "arguments[0]", "the view is outside the buffer");
  assertRefused([onDetached], "arguments[0].buffer", "its bytes were transferred before");
});

Deno.test("encode() refuses shared memory unless the ReferenceKinds shares it", () => {
  const shared = new SharedArrayBuffer(8);
  assertRefused({ shared }, "arguments.shared", "SharedArrayBuffer cannot be cloned");
  const kinds = new ListKinds((value) => value instanceof SharedArrayBuffer);
  const view = new Int32Array(shared, 4, 1);
  const arrived = cross({ shared, view }, kinds);
  assertStrictEquals(arrived.shared, shared);
  assertStrictEquals(arrived.view.buffer, shared);
  assertEquals([arrived.view.byteOffset, arrived.view.length], [4, 1]);
});

// Platform objects

Deno.test("decode() gives back URL, URLSearchParams and Headers", () => {
  const url = cross(new URL("http://user@host:81/a?b=c#d"));
  assertInstanceOf(url, URL);
  assertEquals(url.href, "http://user@host:81/a?b=c#d");
  const search = cross(new URLSearchParams("a=1&a=2&b=%20"));
  assertInstanceOf(search, URLSearchParams);
  assertEquals([...search], [["a", "1"], ["a", "2"], ["b", " "]]);
  const headers = cross(new Headers([["set-cookie", "a"], ["set-cookie", "b"], ["x", "~y"]]));
  assertInstanceOf(headers, Headers);
  assertEquals([...headers], [["set-cookie", "a"], ["set-cookie", "b"], ["x", "~y"]]);
});

Deno.test("encode() asks the ReferenceKinds before it refuses Blob, File and FormData", () => {
  for (const value of [new Blob(["x"]), new File(["x"], "f"), new FormData()]) {
    assertRefused([value], "arguments[0]", `${value.constructor.name} cannot be cloned: send its`);
    const kinds = new ListKinds((asked) => asked === value);
    assertStrictEquals(cross({ value }, kinds).value, value);
  }
});

// Plain objects and what is in them

Deno.test("decode() makes __proto__ an own property that touches no prototype", () => {
  for (
    const text of [
      '{"__proto__":{"polluted":1}}',
      '{"__proto__":["~"],"u":[]}',
      '{"__proto__":null}',
    ]
  ) {
    for (const value of [JSON.parse(text), { deep: JSON.parse(text), u: undefined }]) {
      const arrived = cross(value);
      assertEquals(difference(structuredClone(value), arrived), undefined);
      assertStrictEquals(Object.getPrototypeOf(arrived.deep ?? arrived), Object.prototype);
    }
  }
  const cyclic = JSON.parse('{"__proto__":1}');
  Object.defineProperty(cyclic, "__proto__", { value: cyclic, enumerable: true });
  const arrived = cross(cyclic);
  assertStrictEquals(Object.getOwnPropertyDescriptor(arrived, "__proto__")?.value, arrived);
  assertEquals(({} as { polluted?: number }).polluted, undefined);
});

Deno.test("decode() gives an object with a null prototype back as a plain object", () => {
  const value = Object.assign(Object.create(null), { a: 1, u: undefined });
  assertStrictEquals(Object.getPrototypeOf(cross(value)), Object.prototype);
  assertStrictEquals(Object.getPrototypeOf(cross(Object.create(null))), Object.prototype);
});

Deno.test("encode() reads getters and leaves out symbol keys and hidden properties", () => {
  const value = {
    get double() {
      return 4;
    },
    [Symbol("s")]: 1,
  };
  Object.defineProperty(value, "hidden", { value: () => {} });
  assertEquals(cross(value), { double: 4 } as typeof value);
});

Deno.test("encode() passes on what a getter throws", () => {
  const value = {
    get bad() {
      throw new RangeError("no");
    },
  };
  assertThrows(() => encode([value], "arguments", noKinds), RangeError, "no");
});

Deno.test("encode() can be called by a getter while it walks", () => {
  const inner = [{ a: 1 }];
  const shared = {};
  const value = {
    first: shared,
    get second() {
      return cross(inner);
    },
    third: shared,
  };
  const arrived = cross(value);
  assertStrictEquals(arrived.first, arrived.third);
  assertEquals(arrived.second, inner);
});

Deno.test("encode() never calls toJSON", () => {
  const hidden = Object.defineProperty({ a: 1 }, "toJSON", { value: () => "wrong" });
  assertEquals(cross(hidden), { a: 1 });
  assertEquals(cross({ toJSON: 5 }), { toJSON: 5 });
  const kinds = new ListKinds();
  const method = { a: 1, toJSON: () => "wrong" };
  assertStrictEquals(cross(method, kinds).toJSON, method.toJSON);
});

// What is refused

Deno.test("encode() names the path to what it refuses", () => {
  const onClick = () => {};
  assertRefused(
    [{ user: { onClick } }],
    "arguments[0].user.onClick",
    "arguments[0].user.onClick: function",
  );
  assertRefused([1, [Symbol("s")]], "arguments[1][0]", "symbol Symbol(s) cannot be cloned");
  assertRefused({ "a b": [onClick] }, 'arguments["a b"][0]', "function");
  assertRefused(new Map([["k", onClick]]), 'arguments.get("k")', "function");
  assertRefused(new Map([[onClick, 1]]), "arguments.keys()[0]", "function");
  assertRefused(new Set([0, onClick]), "arguments.values()[1]", "function");
  assertRefused(new Error("x", { cause: { onClick } }), "arguments.cause.onClick", "function");
  assertRefused(Object.assign([1], { f: onClick }), "arguments.f", "function");
  assertRefused(onClick, "arguments", "function");
});

Deno.test("encode() says what to do about what it refuses", () => {
  class Point {}
  class Names extends Map {}
  assertRefused([new Point()], "arguments[0]", "registerClass(Point, { name, toWire, fromWire })");
  assertRefused([new Names()], "arguments[0]", "registerClass(Names,");
  assertRefused([Promise.resolve()], "arguments[0]", "Promise cannot be cloned: await it first");
  assertRefused([new WeakMap()], "arguments[0]", "WeakMap cannot be cloned");
  assertRefused([Object.create({ inherited: 1 })], "arguments[0]", "a custom prototype");
  assertRefused([(function* () {})()], "arguments[0]", "Generator cannot be cloned");
  assertRefused([Object(Symbol("s"))], "arguments[0]", "cannot be cloned");
  assertRefused([new (class extends Array {})()], "arguments[0]", "cannot be cloned");
  assertRefused([Object.setPrototypeOf([], null)], "arguments[0]", "cannot be cloned");
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assertThrows(() => encode([proxy], "arguments", noKinds));
});

// References

Deno.test("encode() lets the ReferenceKinds send functions, nested anywhere", () => {
  const kinds = new ListKinds();
  const done = () => {};
  const value = { done, list: [done], map: new Map([[done, { done }]]) };
  const arrived = cross(value, kinds);
  assertStrictEquals(arrived.done, done);
  assertStrictEquals(arrived.map.get(done)?.done, done);
  assertEquals(kinds.referred.length, 1, "the same function was referred to more than once");
});

Deno.test("encode() asks the ReferenceKinds for instances, but not for what it knows itself", () => {
  const asked: object[] = [];
  class Lock {}
  const lock = new Lock();
  const kinds = {
    toRef: (value: object) => {
      asked.push(value);
      if (value !== lock) return undefined;
      return { kind: 3, object: value, data: { deep: [undefined, 1n] } };
    },
    receive: (entries: readonly Entry[]) => entries.map(([kind]) => ({ kind })),
    resolve: ({ kind }: Ref, data: unknown) => ({ kind, data }),
  };
  const known = [new Date(), new Map(), new TypeError(), new Uint8Array(1), new URL("a:b"), {}, []];
  const arrived = cross([lock, ...known, lock] as unknown[], kinds);
  assertEquals(asked, [lock]);
  assertEquals(arrived[0], { kind: 3, data: { deep: [undefined, 1n] } });
  assertStrictEquals(arrived[0], arrived.at(-1));
});

Deno.test("decode() passes on what the ReferenceKinds throws", () => {
  const payload = encode([() => {}], "value", new ListKinds());
  assertThrows(
    () => decode(carry(payload), noKinds),
    RangeError,
    "Nothing goes by reference here",
  );
});

// Payloads

Deno.test("decode() takes only the formats there are", () => {
  const empty: Payload = { format: 99, text: "", meta: undefined, buffers: [] };
  for (const format of [99, -1, NaN, Format.Structured, Format.Json, Format.Tagged]) {
    assertThrows(() => decode({ ...empty, format }, noKinds), BridgeProtocolError);
  }
});
