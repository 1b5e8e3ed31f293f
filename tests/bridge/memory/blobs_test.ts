import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { resolveObjectURL } from "node:buffer";
import { MessageChannel } from "node:worker_threads";
import { BlobUrl, formOf, referToBlob, takeBlob } from "../../../bridge/memory/blobs.ts";
import { decode, encode, encodeThrown, type ReferenceKinds } from "../../../bridge/values/codec.ts";
import type { Attachment, Payload } from "../../../bridge/wire/payload.ts";
import { receiveAll, sealed } from "../../../bridge/wire/ref_table.ts";
import { BridgeProtocolError, NotCloneableError } from "../../../bridge/errors.ts";
import { Outbox } from "../../../bridge/wire/outbox.ts";
import { RefKind } from "../../../bridge/protocol/messages.ts";
import { createRing, RingWriter } from "../../../bridge/wire/ring.ts";
import { Passage, receiveShared, sendShared } from "../../../bridge/memory/objects.ts";

/** A side that sends blobs, and one that takes what has come. */
function pair(): {
  kinds: ReferenceKinds;
  /** Sends a payload, and gives it as it arrives. */
  send(payload: Payload): Payload;
  [Symbol.dispose](): void;
} {
  const { port1, port2 } = new MessageChannel();
  const [near, far] = [new Passage(port1), new Passage(port2)];
  const outbox = new Outbox(new RingWriter(createRing()), near);
  const kinds: ReferenceKinds = {
    toRef: referToBlob,
    receive: (entries) =>
      receiveAll(entries, (entry, before) => receiveShared(entry, before, far.take)!),
    resolve: ({ kind, object }, data) => kind === RefKind.FormData ? formOf(data) : object,
  };
  return {
    kinds,
    send(payload) {
      const { refs = [] } = payload;
      const beside: Attachment[] = [];
      const sent = sealed(payload, refs.map((ref) => sendShared(ref, refs, beside)), beside);
      outbox.attach(sent.attachments ?? []);
      return sent;
    },
    [Symbol.dispose]: () => near.close(),
  };
}

Deno.test("encode() names the blobs that go beside the message, each once", async () => {
  using sides = pair();
  const file = new File(["file"], "f.txt", { type: "text/x", lastModified: 5 });
  const blob = new Blob(["blob"]);
  const form = new FormData();
  form.append("f", file);
  const payload = encode({ list: [file, blob], form }, "value", sides.kinds);
  assertEquals(payload.refs?.map(({ object }) => object), [file, blob, form]);
  const sent = sides.send(payload);
  assertEquals(sent.attachments?.map(({ object }) => object), [file, blob]);
  const { list, form: there } = decode(sent, sides.kinds) as {
    list: [File, Blob];
    form: FormData;
  };
  assertStrictEquals(there.get("f"), list[0]);
  assert(list[0] !== file && list[0] instanceof File && list[1] instanceof Blob);
  const { name, type, lastModified } = list[0];
  assertEquals([name, type, lastModified], ["f.txt", "text/x", 5]);
  assertEquals([await list[0].text(), await list[1].text()], ["file", "blob"]);
});

Deno.test("encode() without blobs names nothing that goes beside the message", () => {
  using sides = pair();
  for (const value of [1, "text", { a: 1 }, new Map([[1, new Date(0)]]), new Uint8Array(9999)]) {
    assertEquals(encode(value, "value", sides.kinds).refs, undefined);
  }
});

Deno.test("encodeThrown() names no blob of a part that is only described", () => {
  using sides = pair();
  const kept = new Blob(["kept"]);
  const inMap = new Blob(["in a map"]);
  const thrown = Object.assign(new Error("x"), {
    kept,
    lost: Object.assign(new Map(), {
      *[Symbol.iterator]() {
        yield ["a", new Blob(["lost"])];
        throw new Error("in the middle");
      },
    }),
    map: new Map<unknown, unknown>([["a", inMap], ["b", Symbol("described")]]),
  });
  const payload = encodeThrown(thrown, "error", sides.kinds);
  assertEquals(payload.refs?.map(({ object }) => object), [kept, inMap]);
  const error = decode(sides.send(payload), sides.kinds) as { kept: Blob; lost: string };
  assertEquals([error.kept.size, error.lost], [4, '[instance of class "Map"]']);
});

Deno.test("encode() that refuses a message has sent none of its blobs", () => {
  using sides = pair();
  const refused = assertThrows(
    () => encode([new Blob(["x"]), Symbol("y")], "value", sides.kinds),
    NotCloneableError,
  );
  assertEquals(refused.path, "value[1]");
  // What comes next is all that has come.
  const sent = sides.send(encode(new Blob(["next"]), "value", sides.kinds));
  assertEquals((decode(sent, sides.kinds) as Blob).size, 4);
  assertThrows(() => decode(sent, sides.kinds), BridgeProtocolError, "it has not arrived");
});

Deno.test("Passage.close() on the hub leaves no URL of a blob that was on the way", () => {
  const { port1, port2 } = new MessageChannel();
  const [hub, worker] = [new Passage(port1, true), new Passage(port2)];
  const urls: string[] = [];
  const { createObjectURL } = URL;
  URL.createObjectURL = (blob: Blob) => {
    const url = createObjectURL(blob);
    urls.push(url);
    return url;
  };
  try {
    for (const id of [-1, -2, -3]) hub.send(id, new Blob(["to the Worker"]));
    for (const id of [-1, -2, -3]) worker.send(id, new File(["to the hub"], "f"));
  } finally {
    URL.createObjectURL = createObjectURL;
  }
  const isThere = (url: string) => resolveObjectURL(url) !== undefined;
  assertEquals(urls.map(isThere), [true, true, true, true, true, true]);
  // One each way is taken. The others are left.
  assertInstanceOf(takeBlob(worker.take(-2)), Blob);
  hub.taken(-2);
  assertInstanceOf(takeBlob(hub.take(-2)), File);
  assertEquals(urls.map(isThere), [true, false, true, true, false, true]);
  hub.close();
  assertEquals(urls.some(isThere), false);
});

Deno.test("a blob can be taken once", () => {
  const url = BlobUrl.of(new Blob(["x"]));
  assertEquals(url.take().size, 1);
  assertThrows(() => url.take(), BridgeProtocolError, "the URL of the blob was revoked");
});

Deno.test("a reference to a blob that is none, or to a form that is malformed, is refused", () => {
  for (const message of [{}, new Map(), { url: 5 }]) {
    assertThrows(() => takeBlob(message), BridgeProtocolError, "blob");
  }
  const forms = [
    null,
    5,
    "a form",
    {},
    [5],
    [[]],
    [["a"]],
    [[1, "b"]],
    [["a", 1]],
    [["a", {}]],
    [["a", "b", "c.txt"]],
    [["a", new Blob(["without a name"])]],
    [["a", "b"], ["c"]],
  ];
  for (const data of forms) {
    assertThrows(() => formOf(data), BridgeProtocolError, "form");
  }
});
