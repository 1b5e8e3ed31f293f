import { assert, assertEquals, assertThrows } from "@std/assert";
import { decode, encode, type ReferenceKinds } from "../../../bridge/values/codec.ts";
import { isSealed, receiveAll, sealed, unseal } from "../../../bridge/wire/ref_table.ts";
import { type Entry, Format, type Payload, type Ref } from "../../../bridge/wire/payload.ts";
import { BridgeProtocolError } from "../../../bridge/errors.ts";
import { noKinds } from "../values/codec_support.ts";

/** Refers to all functions, by their names. */
const kinds: ReferenceKinds = {
  toRef: (value) => typeof value === "function" ? { kind: 3, object: value } : undefined,
  receive: (entries) => entries.map(([kind, name]) => ({ kind, about: [name] })),
  resolve: ({ about }) => about,
};

function seal(payload: Payload): Payload {
  const entries = payload.refs!.map(({ kind, object }): Entry => [kind, (object as Fn).name]);
  return sealed(payload, entries, []);
}

type Fn = () => void;

const odd: Fn = { ['"\n\\ö\u2028']() {} }['"\n\\ö\u2028'];

for (const [form, extra] of [["text", 1], ["buffers", new Uint8Array(5000)]] as const) {
  Deno.test(`sealed() puts the table before a payload with ${form}, and unseal() takes it apart`, () => {
    const payload = encode([odd, extra, "\n"], "value", kinds);
    assert(!isSealed(payload));
    const sent = seal(payload);
    assert(isSealed(sent));
    assertEquals([sent.refs, sent.attachments], [undefined, undefined]);
    const { entries, payload: rest } = unseal(sent);
    assertEquals(entries, [[3, odd.name]]);
    assertEquals([rest.text, rest.meta], [payload.text, payload.meta]);
    assertEquals(decode(sent, kinds), [[odd.name], extra, "\n"]);
  });
}

Deno.test("encode() gives a payload that refers to nothing no table", () => {
  for (
    const value of [1, "\n[]\n", ["\n[]\n"], { a: 1 }, new Map([[1, "\n"]]), new Uint8Array(5000)]
  ) {
    const payload = encode(value, "value", noKinds);
    assertEquals([payload.refs, isSealed(payload)], [undefined, false]);
    assertEquals(decode(payload, noKinds), value);
  }
});

Deno.test("encode() refers to one thing once, and counts nothing when it refuses", () => {
  const asked: object[] = [];
  const counting = { ...kinds, toRef: (value: object) => (asked.push(value), kinds.toRef(value)) };
  const { refs } = encode([odd, { odd }, new Set([odd])], "value", counting);
  assertEquals([refs?.length, asked.length], [1, 1]);
  assertThrows(() => encode([odd, Symbol()], "value", counting), Error, "cannot be cloned");
});

Deno.test("encode() puts a thing that another one needs before that", () => {
  const [lock, condition] = [{ is: "lock" }, { is: "condition" }].map((fields) =>
    Object.assign(Object.create({}), fields) as object
  );
  const needing: ReferenceKinds = {
    ...kinds,
    toRef: (object) => object === lock ? { kind: 1, object } : { kind: 2, object, of: lock },
  };
  const { refs, text } = encode([condition, lock], "value", needing);
  assertEquals(refs?.map(({ object }) => object), [lock, condition]);
  assertEquals(text, '[["~F",1],["~F",0]]');
});

Deno.test("receiveAll() receives the entries after one that fails, and throws that one's error", () => {
  const received: number[] = [];
  const receive = ([kind]: Entry): Ref => {
    if (kind === 2) throw new RangeError("two");
    received.push(kind);
    return { kind };
  };
  assertThrows(() => receiveAll([[1], [2], [3]], receive), RangeError, "two");
  assertEquals(received, [1, 3]);
});

Deno.test("unseal() refuses what is no table", () => {
  const tables = ["", "x", "{}", "[1]", "[[]]", '[["1"]]', "[[1,null]]", "[[1,[2]]]", "[[1]"];
  for (const table of tables) {
    const text = `\n${table}\n[1]`;
    const meta = new TextEncoder().encode(text);
    const payload = { format: Format.Tagged, text, meta: undefined, buffers: [] };
    const binary = { format: Format.Structured, text: "", meta, buffers: [] };
    for (const sent of [payload, binary]) {
      assertThrows(() => unseal(sent), BridgeProtocolError, "Cannot read a table of references");
      assertThrows(() => decode(sent, kinds), BridgeProtocolError);
    }
  }
  for (const text of ["\n", "\n[[1]]", "\n[[1]] "]) {
    const cut = { format: Format.Tagged, text, meta: undefined, buffers: [] };
    assertThrows(() => decode(cut, kinds), BridgeProtocolError, "it does not end");
  }
});
