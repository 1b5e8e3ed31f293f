import { assert } from "@std/assert";
import { decode, encode, type ReferenceKinds } from "../../bridge/values/codec.ts";
import { Format, type Payload } from "../../bridge/wire/payload.ts";
import { registerClass } from "../../bridge/values/classes.ts";
import { learnModule } from "../../bridge/values/known_modules.ts";
import { BridgeProtocolError } from "../../bridge/errors.ts";
import { carry, noKinds } from "../bridge/values/codec_support.ts";
import { ValueMaker } from "../bridge/values/codec_values.ts";
import { Chance } from "../support/random.ts";
import { anySeed, rounds } from "../support/rounds.ts";

const CASES = rounds(1_000_000);
const SEED = anySeed();

/** How many messages are made of one value: to make the value takes longer than all else. */
const ATTACKS = 20;

/** No message here is long, so none may take long. */
const SLOW_MS = 2_000;

class Point {
  constructor(readonly x: number, readonly y: number) {}
}
registerClass(Point, {
  name: "fuzz.Point",
  toWire: ({ x, y }) => [x, y],
  fromWire: ([x, y]) => new Point(x, y),
});

class Plain {
  constructor(readonly a: number) {}
}
class FuzzError extends Error {}
learnModule("fuzz:module", { Plain, FuzzError });

/** What a ReferenceKinds may throw: it is passed on as it is. */
class Unresolved extends Error {}

const kinds: ReferenceKinds = {
  toRef: () => undefined,
  receive: (entries) => {
    if (entries.some(([kind]) => kind < 0)) throw new Unresolved();
    return entries.map(([kind]) => ({ kind }));
  },
  resolve: ({ kind }, data) => {
    if (kind !== 1) throw new Unresolved();
    return data;
  },
};

/** What an attacker would put where something else belongs. */
const NASTY: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  0.5,
  1e308,
  2 ** 32,
  2 ** 53,
  4294967295,
  "",
  "~",
  "~~",
  "~q",
  "~M",
  "~r",
  "~r0",
  "~r1",
  "~r-1",
  "~r1e3",
  "~r99999999999999999999",
  "~b",
  "~b-",
  "~bxyz",
  "~b" + "f".repeat(1000),
  "~d",
  "~dNaN",
  "~d1e999",
  "~dx",
  "~u",
  "~uu",
  "__proto__",
  "constructor",
  "length",
  "(",
  "\ud800",
  "AAAA",
  "A",
  "DataView",
  "Uint8Array",
  "BigInt64Array",
  "SharedArrayBuffer",
  "DOMException",
  "Deno.NotFound",
  "aiohub.GreenletExit",
  "fuzz.Point",
  "no.such.Class",
  [],
  {},
  ["~A", 4294967295, {}],
  ["~A", 4294967295, { "4294967294": 1 }],
  ["~A", 3, { "7": 1 }],
  ["~A", 2, { length: 9 }],
  ["~A", 33_000_000, {}],
  ["~A", -1, {}],
  ["~A", 1, null],
  ["~B"],
  ["~B", null],
  ["~B", "AAAA", 1],
  ["~B", "AAAA", 2 ** 36],
  ["~B", "AAAA", 2 ** 52],
  ["~B", "AAAA", 100],
  ["~V", "Uint8Array", ["~B", "AAAAAAAAAAA="], 0, 8],
  ["~V", "Uint8Array", ["~B", "AAAAAAAAAAA="], 0, 2 ** 40],
  ["~V", "Float64Array", ["~B", "AAAAAAAAAAA="], 1, 1],
  ["~V", "Float64Array", ["~B", "AAAAAAAAAAA=", 64], 0, null],
  ["~V", "Map", ["~B", ""], 0, 0],
  ["~V", "Uint8Array", "~r0", 0, 0],
  ["~C", "fuzz.Point", [1, 2]],
  ["~C", "fuzz.Point", 5],
  ["~C", "fuzz.Point", 5, ["~E", "Error", "m", null, null, {}, {}]],
  ["~C", "toString", 1],
  ["~C", "fuzz.Point", "~r0"],
  ["~I"],
  ["~I", ["Plain", "fuzz:module", "Plain", 0], { a: 1 }],
  ["~I", ["Plain", "fuzz:module", "Plain", 0], { a: "~r0", __proto__: 2 }, 1],
  ["~I", ["Plain", "fuzz:module", "toString", 0], {}],
  ["~I", ["Plain", "fuzz:other", "Plain", 7], {}, 1],
  ["~E", "Error", "m", null, null, {}, {}, ["FuzzError", "fuzz:module", "FuzzError", 0]],
  ["~E", "Deno.NotFound", "m", "n", null, {}, {}, ["Plain", "fuzz:module", "Plain", 0]],
  ["~E"],
  ["~E", "Error", "m", "n", "s", {}, {}],
  ["~E", "Error", "m", null, null, { cause: "~r0" }, { code: 1, __proto__: 2, stack: 3 }],
  ["~E", "DOMException", "m", "n", "s", {}, {}],
  ["~E", "AggregateError", "m", null, null, { errors: "~u" }, {}],
  ["~E", "aiohub.DeadlockError", null, null, null, {}, { cycle: 1 }],
  ["~E", "NoSuchError", "m", null, null, {}, {}],
  ["~E", "Error", "m", null, null, { message: 1 }, {}],
  ["~F"],
  ["~F", 0],
  ["~F", 1, 5],
  ["~F", 2, 5],
  ["~F", 1, "~r0"],
  ["~F", -1],
  ["~F", "x", null],
  ["~H", "a", "b"],
  ["~H", "a"],
  ["~H", "a b", "\n"],
  ["~M", 1],
  ["~M", 1, 2],
  ["~M", "~r0", "~r0"],
  ["~O", 1],
  ["~O", null],
  ["~O", "~dNaN"],
  ["~O", "~u"],
  ["~Q", "a=b"],
  ["~R", "(", ""],
  ["~R", "a", "gg"],
  ["~R", "[\\w\\w]", "iu"],
  ["~S", "~r0", ["~S"]],
  ["~T"],
  ["~U", "http://x/"],
  ["~U", "::"],
  ["~W"],
  ["~Z", 1],
  ["~"],
  ["~M~", 1],
  JSON.parse("[".repeat(3000) + "]".repeat(3000)),
];

type Fields = Record<string, unknown>;

/** What an attacker would put before the text, as the table of references. */
const TABLES: readonly string[] = [
  "\n",
  "\n\n",
  "\n[]\n",
  "\n[[1],[2]]\n",
  '\n[[1],[-1],[1,2,"x"]]\n',
  "\n[[]]\n",
  '\n[["x"]]\n',
  "\n[[1,null]]\n",
  "\n[[1,[2]]]\n",
  "\n{}\n",
  "\n[1]\n",
  "\n[[1]\n",
  "\n[[1]]",
];

/** What random text is made of. */
const ALPHABET = '~~[[]]{}",,::0123456789-.eE tfnulrABCEFHMOQRSTUVWabdijz\\\ud800é';

/** Makes messages that another side could have written. */
class Attacker {
  readonly #chance: Chance;
  readonly #payload: Payload;
  readonly #tree: unknown;

  constructor(chance: Chance) {
    this.#chance = chance;
    this.#payload = carry(encode(this.#victim(), "value", noKinds));
    this.#tree = treeOf(this.#payload);
  }

  attack(): Payload {
    const kind = this.#chance.next();
    if (kind < 0.1) return this.#random();
    if (kind < 0.6 && this.#tree !== undefined) return this.#rebuild(this.#payload, this.#tree);
    return this.#disturb(this.#payload);
  }

  /** Bytes and characters by chance alone. */
  #random(): Payload {
    const chance = this.#chance;
    const text = () =>
      Array.from({ length: chance.below(40) }, () => ALPHABET[chance.below(ALPHABET.length)])
        .join("");
    const bytes = () => Uint8Array.from({ length: chance.below(40) }, () => chance.below(256));
    const meta = chance.next() < 0.5 ? bytes() : new TextEncoder().encode(text());
    const buffers = Array.from({ length: chance.below(3) }, bytes);
    return { format: chance.below(12), text: text(), meta, buffers, int: chance.below(9) };
  }

  #victim(): unknown {
    try {
      const value = new ValueMaker(this.#chance, 12).make();
      encode(value, "value", noKinds);
      return value;
    } catch {
      return [new Map()];
    }
  }

  /** Replaces, removes and adds parts of a well-formed tree. */
  #rebuild(payload: Payload, tree: unknown): Payload {
    let changed = tree;
    for (let i = this.#chance.below(3); i >= 0; i--) changed = this.#mutate(changed, 0);
    const table = this.#chance.next() < 0.3 ? this.#chance.pick(TABLES) : "";
    const text = table + JSON.stringify(changed);
    if (payload.meta === undefined) return { ...payload, format: Format.Tagged, text };
    return this.#shuffle({ ...payload, meta: new TextEncoder().encode(text) });
  }

  #mutate(tree: unknown, depth: number): unknown {
    const chance = this.#chance;
    if (chance.next() < 0.25 || typeof tree !== "object" || tree === null) {
      return chance.pick(NASTY);
    }
    const keys = Object.keys(tree);
    if (keys.length === 0 || depth > 20) return chance.pick(NASTY);
    const copy = (Array.isArray(tree) ? [...tree] : { ...tree }) as unknown[] & Fields;
    const key = chance.pick(keys);
    const change = Array.isArray(copy) ? chance.next() : 1;
    if (change < 0.1) copy.splice(chance.below(keys.length), 1);
    else if (change < 0.2) copy.push(chance.pick(NASTY));
    else copy[key] = this.#mutate(copy[key], depth + 1);
    return copy;
  }

  /** Changes bytes and characters, whatever they mean. */
  #disturb(payload: Payload): Payload {
    const chance = this.#chance;
    const format = chance.next() < 0.2 ? chance.below(9) : payload.format;
    const text = this.#disturbText(payload.text);
    const meta = payload.meta?.slice();
    if (meta !== undefined && meta.length > 0) meta[chance.below(meta.length)] = chance.below(256);
    return this.#shuffle({ ...payload, format, text, meta });
  }

  #disturbText(text: string): string {
    const chance = this.#chance;
    const at = chance.below(text.length + 1);
    const piece = chance.pick(["", "~", "[", "]", '"', ",", "{", "0", "~M", "\ud800", "e9", "\0"]);
    return text.slice(0, at) + piece + text.slice(at + chance.below(3));
  }

  #shuffle(payload: Payload): Payload {
    const chance = this.#chance;
    if (chance.next() < 0.7) return payload;
    const buffers = payload.buffers.filter(() => chance.next() < 0.7);
    if (chance.next() < 0.5) buffers.push(new Uint8Array(chance.below(64)));
    return { ...payload, buffers };
  }
}

/** The tree in a payload, when there is one. */
function treeOf({ format, text, meta }: Payload): unknown {
  if (format === Format.Tagged || format === Format.Json) return JSON.parse(text);
  if (meta?.[0] === 1) return JSON.parse(new TextDecoder().decode(meta.subarray(1)));
  return undefined;
}

/** Decodes some messages; says what is wrong with how that went. */
function checkCases(seed: number): string | undefined {
  const attacker = new Attacker(new Chance(seed));
  for (let i = 0; i < ATTACKS; i++) {
    const found = check(attacker.attack());
    if (found !== undefined) return found;
  }
}

function check(payload: Payload): string | undefined {
  const begin = performance.now();
  try {
    decode(payload, kinds);
  } catch (error) {
    const isRight = error instanceof BridgeProtocolError || error instanceof Unresolved;
    if (!isRight) return `decode() threw ${Deno.inspect(error)} for ${Deno.inspect(payload)}`;
  }
  const took = performance.now() - begin;
  return took > SLOW_MS ? `decode() took ${took} ms for ${Deno.inspect(payload)}` : undefined;
}

Deno.test("decode() throws only BridgeProtocolError and stays quick for any bytes", () => {
  const before = Deno.memoryUsage().rss;
  for (let seed = SEED; seed < SEED + CASES / ATTACKS; seed++) {
    const found = checkCases(seed);
    assert(found === undefined, `AIOHUB_SEED=${seed}: ${found}`);
  }
  const grown = Deno.memoryUsage().rss - before;
  assert(grown < 1e9, `Memory grew by ${grown} bytes from seed ${SEED}`);
});
