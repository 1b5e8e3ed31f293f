/**
 * Blobs, files and forms: values on both sides, on all the ways that values go.
 *
 * @module
 */

import {
  BlockingCallError,
  GreenEvent,
  greenImport,
  handle,
  HubClosedError,
  NotCloneableError,
  Queue,
  spawn,
  type SyncBlob,
  type SyncFile,
  type SyncFormData,
} from "@aiohub/aiohub";
import { fetch } from "@aiohub/aiohub/green";
import { openAsBlob } from "node:fs";
import { assert, assertEquals, assertInstanceOf, assertNotStrictEquals } from "@std/assert";
import { fixture, rejection, serve, TestHub, until } from "../../support/mod.ts";
import * as blobs from "../../fixtures/blobs.ts";
import { BlobStore, type Seen } from "../../fixtures/blobs.ts";

TestHub.shared({ maxWorkers: 1 });

/** What is seen of a file with these texts. */
function fileSeen(text: string, name: string, lastModified: number): Seen {
  return { class: "File", type: "text/x", size: text.length, text, name, lastModified };
}

Deno.test("a Blob of the hub is one in green code, and all ways of reading it block", async () => {
  const bytes = [...new TextEncoder().encode("héllo")];
  assertEquals(await blobs.readAll(new Blob(["héllo"], { type: "text/x" }) as SyncBlob), {
    text: "héllo",
    bytes,
    buffer: bytes,
    ownBuffer: true,
    chunks: bytes,
    part: { class: "Blob", type: "text/part", size: 3, text: "él" },
    partOfPart: "\ufffdl",
    keys: [],
    json: "{}",
    inspected: 'Blob { size: 6, type: "text/x" }',
    plain: true,
  });
  // As the platform has it: a mark of the byte order goes, and what is no text is replaced.
  const odd = new Blob([new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff])]);
  assertEquals((await blobs.look(odd as SyncBlob)).text, await odd.text());
  assertEquals((await blobs.look(new Blob() as SyncBlob)).text, "");
});

Deno.test("the platform takes a blob of the hub in green code as any other", async () => {
  const green = greenImport<typeof blobs>(fixture("blobs.ts"));
  const blob = new Blob(["blob"], { type: "text/x" });
  const file = new File(["file"], "a.txt", { type: "text/y" });
  assertEquals(await green.usePlatform(blob as SyncBlob, file as SyncFile), {
    awaited: "blob",
    response: "blob",
    type: "text/x",
    request: "file",
    joined: "blob and file",
    file: "blob",
    same: true,
    form: [["blob", "blob", "blob"], ["file", "a.txt", "file"], ["renamed", "other.txt", "file"]],
    reader: "blob",
    stream: "blob",
    clone: "blob",
  });
});

Deno.test("blobs arrive in green code on all ways", async () => {
  const blob = new File(["argument"], "argument.txt", { type: "text/x", lastModified: 7 });
  const form = new FormData();
  form.append("file", new File(["in a form"], "form.txt", { type: "text/x", lastModified: 8 }));
  const queue = new Queue<Blob>();
  await queue.putAsync(new File(["queued"], "queued.txt", { type: "text/x", lastModified: 3 }));
  let heard: Blob | undefined;
  const { seen, shared } = await blobs.receive(
    { list: [blob, blob], map: new Map([["a", blob]]), form } as never,
    ((given: Blob) => {
      heard = given;
      return new File(["called back"], "back.txt", { type: "text/x", lastModified: 6 });
    }) as never,
    handle(new BlobStore()),
    queue as never,
  );
  const argument = fileSeen("argument", "argument.txt", 7);
  assertEquals({ shared, seen }, {
    shared: true,
    seen: {
      argument,
      map: argument,
      form: fileSeen("in a form", "form.txt", 8),
      result: fileSeen("made", "made.txt", 5),
      thrown: { class: "Blob", type: "text/x", size: 6, text: "thrown" },
      callback: fileSeen("called back", "back.txt", 6),
      imported: fileSeen("imported", "imported.txt", 4),
      method: fileSeen("stored", "stored.txt", 2),
      property: fileSeen("first", "first.txt", 1),
      queue: fileSeen("queued", "queued.txt", 3),
    },
  });
  // On the hub it is the platform's.
  assertEquals(await heard?.text(), "to the callback");
});

Deno.test("blobs arrive in one green thread at a time as well", async () => {
  await using _hub = new TestHub({ maxWorkers: 2, cooperative: true });
  const blob = new File(["x"], "x.txt", { type: "text/x", lastModified: 1 });
  assertEquals(await blobs.passOn(blob as unknown as SyncBlob), [
    fileSeen("x", "x.txt", 1),
    { class: "Blob", type: "", size: 3, text: "own" },
  ]);
});

Deno.test("a callback of green code gets blobs that it can read, and gives what the hub can", async () => {
  const callback = await blobs.giveCallback();
  const form = new FormData();
  form.append("f", new File([" and form"], "f.txt"));
  const back = await callback(new Blob(["blob"]) as never, form as never) as File;
  assertEquals([await back.text(), back.name, back.lastModified], ["blob and form", "back.txt", 9]);
});

Deno.test("Blob, File and FormData of green code arrive on the hub as themselves", async () => {
  const { blob, file, again, form } = await blobs.makeAll();
  assert(blob instanceof Blob && file instanceof File && form instanceof FormData);
  assert(again[0] === file && form.get("f") === file);
  assertEquals([await blob.text(), blob.type], ["blob", "text/css"]);
  assertEquals([await file.text(), file.name, file.type, file.lastModified], [
    "file",
    "x.bin",
    "image/png",
    5,
  ]);
  assertEquals([...form].map(([name]) => name), ["a", "f", "a"]);
  const handled = await blobs.wrap("from a method") as unknown as { read(): Promise<Blob> };
  assertEquals(await (await handled.read()).text(), "from a method");
});

Deno.test("a form keeps its order, names that come twice, and the names of its files", async () => {
  const form = new FormData();
  form.append("b", "1");
  form.append("file", new Blob(["x"], { type: "text/x" }), "given.txt");
  form.append("b", "2\r\n");
  form.append("a", "");
  form.append("file", new File(["y"], "näme.txt", { lastModified: 3 }));
  form.append("nameless", new Blob(["z"]));
  const list = async (form: FormData) =>
    await Promise.all(
      [...form].map(async ([name, value]) =>
        typeof value === "string"
          ? [name, value]
          : [name, value.name, value.type, value.lastModified, await value.text()]
      ),
    );
  const there = await spawn(
    (form: SyncFormData) =>
      [...form].map(([name, value]) =>
        typeof value === "string"
          ? [name, value]
          : [name, value.name, value.type, value.lastModified, value.text()]
      ),
    form,
  );
  assertEquals(there, await list(form));
  const back = await blobs.echo(form) as FormData;
  assertNotStrictEquals(back, form);
  assertEquals(await list(back), await list(form));
});

Deno.test("a blob that goes round is an equal one, and the platform's own on the hub", async () => {
  const file = new File(["round"], "r.txt", { type: "text/x", lastModified: 5 });
  const back = await blobs.echo(file) as File;
  assertEquals(
    [Object.getPrototypeOf(back) === File.prototype, Object.getOwnPropertyNames(back)],
    [true, []],
  );
  assertEquals([back.name, back.type, back.lastModified, await back.text()], [
    "r.txt",
    "text/x",
    5,
    "round",
  ]);
  // What green code made comes back to it as one that it can read.
  assertEquals(await blobs.readOwn(), [true, "my own", "my own"]);
});

Deno.test("what a green thread returns can be read by the one that waits for it, wherever it ran", async () => {
  const expected = [
    { class: "Blob", type: "text/css", size: 4, text: "blob" },
    { ...fileSeen("file", "x.bin", 5), type: "image/png" },
    { ...fileSeen("file", "x.bin", 5), type: "image/png" },
    ["1", "2"],
  ];
  {
    await using _hub = new TestHub({ maxWorkers: 1 });
    assertEquals(await blobs.spawnAndLook(), expected);
  }
  await using _hub = new TestHub({ maxWorkers: 2 });
  const made = blobs.makeAll();
  assertEquals(await blobs.lookAtResult(made as never), expected);
  // Its result is known now, and goes with the handle.
  assertEquals(await blobs.lookAtResult(made as never), expected);
});

Deno.test("blobs are passed on from one Worker to another", async () => {
  await using _hub = new TestHub({ maxWorkers: 3 });
  const blob = new File(["x"], "x.txt", { type: "text/x", lastModified: 1 });
  assertEquals(await blobs.passOn(blob as unknown as SyncBlob), [
    fileSeen("x", "x.txt", 1),
    { class: "Blob", type: "", size: 3, text: "own" },
  ]);
});

Deno.test("a callback of another Worker gets and gives blobs that can be read", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const callback = await blobs.giveCallback();
  // Its Worker is busy, so that the other thread has one of its own.
  const event = new GreenEvent<number>();
  const busy = blobs.waitFor(event);
  const form = new FormData();
  form.append("f", new File(["!"], "f"));
  assertEquals(await blobs.callWithOwn(callback as never, form as never), "called!");
  assertEquals(hub.statistics().workers, 2);
  event.send(1);
  await busy;
});

Deno.test("blobs wait in a queue and in an event for either side", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const queue = new Queue<Blob>();
  await blobs.put(queue, "green");
  assertEquals(await blobs.lookAtNext(queue), fileSeen("green", "queued.txt", 3));
  await blobs.put(queue, "green");
  assertEquals(await (await queue.getAsync()).text(), "green");
  const file = new File(["hub"], "hub.txt", { type: "text/x", lastModified: 1 });
  await queue.putAsync(file);
  assertEquals(await blobs.lookAtNext(queue), fileSeen("hub", "hub.txt", 1));
  await queue.putAsync(file);
  assertEquals(await queue.getAsync(), file);

  const event = new GreenEvent<Blob>();
  event.send(file);
  const text = await spawn(
    (event: GreenEvent<SyncBlob>) => event.wait().text(),
    event as unknown as GreenEvent<SyncBlob>,
  );
  assertEquals(text, "hub");
});

Deno.test("a stream of a blob is an iterable that blocks, the platform's, and the hub's own", async () => {
  const blob = new Blob(Array.from({ length: 10 }, () => new Uint8Array(100_000)));
  assertEquals(await blobs.streamOf(blob, handle(new BlobStore())), {
    isStream: true,
    taken: true,
    size: 1_000_000,
    partOf: 999_990,
    afterBreak: 0,
    afterAll: 0,
    lockedByIteration: "ReadableStream is locked",
    locked: "Cannot use a stream: a reader has locked it",
    unused: false,
  });
});

Deno.test("a blob of 50 MB is not copied, however often it crosses", async () => {
  const blob = new Blob([new Uint8Array(50_000_000).fill(7)]);
  // The Worker starts, and so does all that it loads.
  await blobs.holdMany(blob as SyncBlob, 1);
  const { sizes, grown } = await blobs.holdMany(blob as SyncBlob, 30);
  assertEquals(sizes, [50_000_000]);
  assert(grown < 200e6, `60 crossings took ${grown} bytes`);
  const bytes = await spawn((blob: SyncBlob) => blob.bytes(), blob);
  assertEquals([bytes.length, bytes[0], bytes.at(-1)], [50_000_000, 7, 7]);
});

Deno.test("a blob over a file crosses as any other", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "on the disk");
    const blob = await openAsBlob(path, { type: "text/x" });
    const seen = { class: "Blob", type: "text/x", size: 11, text: "on the disk" };
    assertEquals(await blobs.look(blob as SyncBlob), seen);
    const [back, part] = await blobs.partOf(blob as SyncBlob, 7);
    assertEquals([await back.text(), await part.text()], ["on the disk", "disk"]);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("a blob that is read outside of a green thread says so", async () => {
  await blobs.readLater(new Blob(["x"]) as SyncBlob, () => {});
  let [message] = await blobs.whatCameLater();
  for (; message === undefined; [message] = await blobs.whatCameLater());
  assertEquals(
    message,
    "BlockingCallError: Cannot call text() outside of a green thread: the green thread that started this code has ended",
  );
});

Deno.test("a green thread that reads a blob when its hub closes is ended", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn((blob: SyncBlob) => {
    for (;;) blob.text();
  }, new Blob(["x"]));
  await until(() => hub.statistics().totalCalls > 100);
  const [error] = await Promise.all([
    rejection(thread, HubClosedError),
    hub.close({ grace: 0 }),
  ]);
  assertEquals(error.message, 'Cannot use the hub "hub": it is closed');
});

Deno.test("blobs are read where green code may import nothing", async () => {
  await using _hub = new TestHub({ maxWorkers: 1, hubImport: false });
  const text = await spawn((blob: SyncBlob) => blob.text(), new Blob(["allowed"]));
  assertEquals(text, "allowed");
});

Deno.test("a subclass of Blob crosses as what it is registered as, or is refused", async () => {
  class Own extends Blob {}
  const error = await rejection(
    Promise.try(() => blobs.echo(new Own(["x"]))),
    NotCloneableError,
  );
  assert(error.message.includes("arguments[0]"), error.message);
  const upload = new blobs.Upload(["registered"], "u.txt");
  upload.by = "Ada";
  assertEquals(await blobs.readUpload(upload), [true, "Ada", "registered"]);
  const back = await blobs.echo(upload) as blobs.Upload;
  assertInstanceOf(back, blobs.Upload);
  assertEquals([back.by, back.name, await back.text()], ["Ada", "u.txt", "registered"]);
});

Deno.test("handle(blob) is a handle still", async () => {
  const blob = new Blob(["by reference"]);
  const [is, text, same] = await spawn((blob: SyncBlob) => {
    return [blob instanceof Blob, blob.text(), blob];
  }, handle(blob) as never);
  assertEquals([is, text, same === blob], [false, "by reference", true]);
});

Deno.test("fetch() of green code sends blobs and forms", async () => {
  await using server = serve(async (request) => {
    const type = request.headers.get("content-type")!;
    if (!type.startsWith("multipart/")) return new Response(`${type} ${await request.text()}`);
    const file = (await request.formData()).get("f") as File;
    return new Response(`${file.name} ${await file.text()}`);
  });
  const answers = await spawn((url: string) => {
    const form = new FormData();
    form.append("f", new File(["in a form"], "f.txt"));
    const body = new Blob(["blob"], { type: "text/x" });
    return [form, body].map((body) => fetch(url, { method: "POST", body }).text());
  }, server.url);
  assertEquals(answers, ["f.txt in a form", "text/x blob"]);
});

Deno.test("BlockingCallError is what a blob of green code throws on the hub", async () => {
  // Only the library itself could bring one there.
  const { blockingBlob } = await import("../../../bridge/memory/blobs.ts");
  const blob = blockingBlob(new Blob(["x"]));
  const error = await rejection(Promise.try(() => blob.text()), BlockingCallError);
  assertEquals(
    error.message,
    "Cannot call text() on the hub as it would block the event loop: use await Blob.prototype.text.call(blob)",
  );
});
