import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { decode, encode } from "../../../bridge/values/codec.ts";
import { Format } from "../../../bridge/wire/payload.ts";
import { BridgeProtocolError, NotCloneableError } from "../../../bridge/errors.ts";
import { MAX_DEPTH } from "../../../bridge/values/plain.ts";
import { cross, noKinds } from "./codec_support.ts";

function decodeTagged(text: string, buffers: Uint8Array[] = []): unknown {
  const meta = new TextEncoder().encode(text);
  return decode({ format: Format.Structured, text: "", meta, buffers }, noKinds);
}

function assertMalformed(tree: unknown, buffers?: Uint8Array[]): void {
  const text = typeof tree === "string" ? tree : JSON.stringify(tree);
  assertThrows(() => decodeTagged(text, buffers), BridgeProtocolError, "Cannot read a message: ");
}

function nest(levels: number, wrap: (inner: unknown) => unknown, inner: unknown): unknown {
  let value = inner;
  for (let i = 0; i < levels; i++) value = wrap(value);
  return value;
}

const WRAPPERS: Record<string, (inner: unknown) => unknown> = {
  array: (inner) => [inner],
  object: (inner) => ({ inner }),
  Map: (inner) => new Map([[1, inner]]),
  Set: (inner) => new Set([inner]),
  sparse: (inner) => Object.assign([inner], { extra: 1 }),
};

Deno.test("encode() takes values as deep as the limit, and decode() too", () => {
  for (const wrap of Object.values(WRAPPERS)) {
    for (const inner of [1, undefined]) cross(nest(MAX_DEPTH, wrap, inner));
  }
});

Deno.test("encode() refuses values that are deeper, and names the limit", () => {
  for (const wrap of Object.values(WRAPPERS)) {
    for (const levels of [MAX_DEPTH + 1, 100_000]) {
      assertThrows(
        () => encode(nest(levels, wrap, 1), "value", noKinds),
        NotCloneableError,
        `${MAX_DEPTH} levels`,
      );
    }
  }
});

Deno.test("encode() says that it is too deep for a stack that is almost full", () => {
  const value = nest(MAX_DEPTH - 1, (inner) => [inner], undefined);
  const seen = new Set<string>();
  function descend(): void {
    try {
      descend();
    } catch {
      // On the way up there is a little more stack each time.
    }
    try {
      encode(value, "value", noKinds);
    } catch (error) {
      seen.add((error as Error).name);
      if (error instanceof NotCloneableError) throw error;
    }
  }
  assertThrows(() => {
    descend();
    throw new NotCloneableError();
  }, NotCloneableError);
});

Deno.test("decode() refuses messages that are nested too deeply, in any format", () => {
  const text = "[".repeat(100_000) + "]".repeat(100_000);
  assertMalformed(text);
  for (const format of [Format.Json, Format.Tagged]) {
    const payload = { format, text, meta: undefined, buffers: [] };
    assertThrows(() => decode(payload, noKinds), BridgeProtocolError, "nested");
  }
  assertMalformed('["~M",'.repeat(100_000) + "1" + "]".repeat(100_000));
  assertMalformed('["~V","Uint8Array",'.repeat(50_000) + "1" + ",0,0]".repeat(50_000));
});

Deno.test("decode() makes an array of any length that is claimed without the memory for it", () => {
  const before = Deno.memoryUsage().heapTotal;
  const arrays = decodeTagged(
    JSON.stringify(Array(50).fill(["~A", 30_000_000, {}])),
  ) as unknown[][];
  assertEquals(arrays.map((array) => array.length), Array(50).fill(30_000_000));
  assert(Deno.memoryUsage().heapTotal - before < 50e6);
});

Deno.test("decode() refuses lengths, places and counts that cannot be", () => {
  for (const length of [-1, 0.5, 2 ** 32, 1e308, "5", null, {}]) {
    assertMalformed(["~A", length, {}]);
  }
  assertMalformed(["~A", 1, { "1": 0 }]);
  assertMalformed(["~A", 1, { length: 2 ** 32 }]);
  assertMalformed(["~A", 1, []]);
  const buffer = ["~B", "AAAAAAAAAAA="];
  for (
    const [offset, length] of [[9, 0], [0, 9], [-1, 1], [0, 2 ** 53], [0.5, 1], ["0", 1], [1, -1]]
  ) {
    assertMalformed(["~V", "Uint8Array", buffer, offset, length]);
  }
  assertMalformed(["~V", "Uint16Array", buffer, 1, 1]);
  assertMalformed(["~V", "Array", buffer, 0, 1]);
  assertMalformed(["~V", "Uint8Array", {}, 0, 1]);
});

Deno.test("decode() refuses references to objects that are not there", () => {
  for (
    const back of ["~r", "~r1", "~r-1", "~r0x0", "~r00", "~r 0", "~r1e1", `~r${"9".repeat(400)}`]
  ) {
    assertMalformed([back]);
  }
  assertMalformed("~r0");
  assertMalformed(["~V", "Uint8Array", "~r0", 0, 0]);
  assertMalformed(["~F", 1, "~r0"]);
  const array = decodeTagged('["~r0"]') as unknown[];
  assertStrictEquals(array[0], array);
});

Deno.test("decode() refuses strings that stand for nothing", () => {
  for (
    const text of ["~", "~x", "~uu", "~n1", "~U", "~b", "~b-", "~bg", "~b0x1", "~d", "~dx", "~d1x"]
  ) {
    assertMalformed([0, text]);
  }
});

Deno.test("decode() refuses malformed parts of every kind", () => {
  for (
    const node of [
      ["~Z"],
      ["~M", 1],
      ["~O", null],
      ["~O", []],
      ["~O"],
      ["~R", "(", ""],
      ["~R", "a", "zz"],
      ["~R", 1, ""],
      ["~U", "not a url"],
      ["~U", null],
      ["~Q", 1],
      ["~H", "a"],
      ["~H", "bad name", "x"],
      ["~H", "a", 1],
      ["~B", "not base 64!"],
      ["~B", 5],
      ["~B", "AAAA", -1],
      ["~B", "AAAA", 1],
      ["~E", "Error"],
      ["~E", "NoError", "m", null, null, {}, {}],
      ["~E", "toString", "m", null, null, {}, {}],
      ["~E", "Error", 5, null, null, {}, {}],
      ["~E", "Error", "m", null, null, { toString: 1 }, {}],
      ["~E", "Error", "m", null, null, null, {}],
      ["~C", "no.such.Class", 1],
      ["~C", 5, 1],
      ["~C", "no.such.Class", 1, ["~M"]],
      ["~F", "1", 1],
    ]
  ) assertMalformed(node);
});

Deno.test("decode() refuses messages whose buffers are missing or cut", () => {
  assertMalformed(["~B", null]);
  assertMalformed(["~T"]);
  assertMalformed(["~W"], [new Uint8Array(3)]);
  for (const meta of [[], [0], [2], [3], [9]]) {
    const payload = {
      format: Format.Structured,
      text: "",
      meta: new Uint8Array(meta),
      buffers: [],
    };
    assertThrows(() => decode(payload, noKinds), BridgeProtocolError);
  }
});

Deno.test("decode() lets no field of an error run code or reach a prototype", () => {
  const text = '["~E","Error","m",null,null,{},{"__proto__":{"x":1},"stack":5,"toString":1}]';
  const error = decodeTagged(text) as Error & Record<string, unknown>;
  assertStrictEquals(Object.getPrototypeOf(error), Error.prototype);
  assertEquals(Object.keys(error).includes("__proto__"), true);
  assertEquals(error.x, undefined);
});

Deno.test("encode() and decode() limit what takes long or much to make", () => {
  const classes = new RegExp(`[${"\\w".repeat(1001)}]`, "iu");
  assertThrows(() => encode([classes], "value", noKinds), NotCloneableError, "classes such as");
  assertMalformed([["~R", "\\w".repeat(600), "u"], ["~R", "\\w".repeat(600), "u"]]);
  cross([new RegExp("\\w".repeat(2000)), new RegExp("\\w".repeat(1000), "u")]);

  const headers = Array.from({ length: 4097 }, (_, i) => [`h${i}`, "x"] as [string, string]);
  assertThrows(() => encode(new Headers(headers), "value", noKinds), NotCloneableError, "4096");
  assertMalformed(["~H", ...headers.flat()]);

  const buffer = new ArrayBuffer(0, { maxByteLength: 1 });
  const buffers = Array.from({ length: 1001 }, () => structuredClone(buffer));
  assertThrows(() => encode(buffers, "value", noKinds), NotCloneableError, "1000 resizable");
  assertMalformed(Array(1001).fill(["~B", "", 1]));
  assertMalformed(Array(3).fill(["~B", "", 2 ** 35]));
});

Deno.test("encode() carries strings that together are longer than V8's longest", () => {
  const part = "x".repeat(1 << 26);
  const { buffers } = encode(Array(9).fill(part), "value", noKinds);
  assertEquals(buffers.length, 9);
});
