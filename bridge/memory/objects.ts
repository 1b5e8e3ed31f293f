/**
 * Coordination objects as values: the class of the objects that people hold, and their way across.
 *
 * An object crosses by reference: a few words about it go with the message, and its memory beside the message, through the
 * Worker's side port (rings carry bytes only). The memory is sent each time, which takes some 20 µs: so no side has to know which
 * objects another side still has. On each side an object with one id is one object, as long as anybody there holds it.
 *
 * The application's own `SharedArrayBuffer`s cross in the same way, and so do other things that only the runtime can copy:
 * compiled WebAssembly and keys. Blobs go this way as well, by their URLs and as values: see `blobs.ts`.
 *
 * @module
 */

import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { BlobUrl, isBlob, isBlobOrForm, nextBlobId, referToBlob, takeBlob } from "./blobs.ts";
import { BridgeProtocolError } from "../errors.ts";
import { crossesAsItself, ITSELF } from "../references/itself.ts";
import { RefKind } from "../protocol/messages.ts";
import type { Giver, Taker } from "../wire/message.ts";
import type { Attachment, Entry, Ref } from "../wire/payload.ts";
import type { Core, Description } from "./core.ts";
import { brand } from "../brand.ts";
import { keyOf, state } from "../state.ts";
import { here } from "./process_side.ts";

/** Key of the core of an object. */
export const CORE: unique symbol = keyOf("core") as never;

/**
 * The base of all coordination objects: those at which green threads and async code meet.
 *
 * @example Say what is stuck
 * ```ts
 * import { type Coordination, Lock, Queue } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const objects: Coordination[] = [new Lock({ name: "cache" }), new Queue(1, { name: "jobs" })];
 * assertEquals(objects.map(String), ['lock "cache"', 'queue "jobs"']);
 * assertEquals(objects.every((object) => object.describe().waiting === 0), true);
 * ```
 *
 * @category Coordination
 */
export abstract class Coordination {
  /**
   * For the library.
   *
   * @ignore
   */
  abstract readonly [CORE]: Core;
  /**
   * The mark of objects that are the same on both sides. For the library.
   *
   * @ignore
   */
  declare readonly [ITSELF]: true;
  static {
    brand(this, "Coordination");
    crossesAsItself(this.prototype);
  }

  /**
   * Describes the state of the object, to find out why threads are stuck.
   *
   * @returns A snapshot; it may have changed already.
   */
  describe(): Description {
    return this[CORE].describe();
  }

  /**
   * Describes the object for logs.
   *
   * @returns The kind of the object, with its name or its number.
   */
  toString(): string {
    return this[CORE].title;
  }

  /**
   * Describes the object for `console.log`.
   *
   * @returns The text of `toString()`, and the number of waiters.
   */
  [Symbol.for("Deno.customInspect")](): string {
    const { kind, id, name, waiting } = this.describe();
    return `${kind} ${name === undefined ? id : `"${name}"`} (${waiting} waiting)`;
  }
}

/** The way in which objects of one kind cross. */
interface Kind {
  /** Makes the object for memory that has arrived. */
  readonly revive: (
    buffer: SharedArrayBuffer,
    name: string | undefined,
    of: object | undefined,
  ) => Coordination;
  /** Gives the other object that an object needs. */
  readonly of: ((object: Coordination) => Coordination) | undefined;
}

/** The objects and buffers of one thread of execution. Shared by all copies of the library there. */
interface Known {
  readonly kinds: Map<string, Kind>;
  readonly objects: Map<number, WeakRef<Coordination>>;
  readonly buffers: Map<number, WeakRef<object>>;
  readonly bufferIds: WeakMap<object, number>;
  readonly listeners: Set<Forgotten>;
}

const known: Known = state("objects", () => ({
  kinds: new Map(),
  objects: new Map(),
  buffers: new Map(),
  bufferIds: new WeakMap(),
  listeners: new Set<Forgotten>(),
}));

/** Called with the id of an object that nobody on this side holds any more. */
type Forgotten = (id: number) => void;

const collectedObjects = new FinalizationRegistry<number>((id) => {
  if (known.objects.get(id)?.deref() !== undefined) return;
  known.objects.delete(id);
  for (const listener of known.listeners) listener(id);
});
const collectedBuffers = new FinalizationRegistry<number>((id) => {
  if (known.buffers.get(id)?.deref() === undefined) known.buffers.delete(id);
});

/** Has a function called whenever an object has been garbage-collected on this side. */
export function onForgotten(listener: Forgotten): void {
  known.listeners.add(listener);
}

/**
 * Says how objects of a kind cross. Beside the class, at the top level of its module.
 *
 * @param name The name of the kind.
 * @param Class The class, whose objects have no private members: one that has arrived is made without the constructor.
 * @param coreFor Makes the core for memory that has arrived.
 * @param of Gives another object that objects of this kind need, and that goes with them; none by default.
 */
export function registerKind<T extends Coordination>(
  name: string,
  Class: { readonly prototype: T },
  coreFor: (buffer: SharedArrayBuffer, name?: string, of?: object) => T[typeof CORE],
  of?: (object: T) => Coordination,
): void {
  // Each copy of the library has a class for it: an object that arrives has the class of the copy that was loaded last.
  known.kinds.set(name, {
    revive: (buffer, name, of) => objectFor(Class, coreFor(buffer, name, of)),
    of: of as Kind["of"],
  });
}

/** Makes the object of a class for a core, without running the constructor. */
function objectFor<T extends Coordination>(
  Class: { readonly prototype: T },
  core: T[typeof CORE],
): T {
  const object = Object.defineProperty(Object.create(Class.prototype), CORE, { value: core });
  core.object = object;
  return object;
}

/** The core of a value, if it is a coordination object. */
export function coreOf(value: object): Core | undefined {
  return (value as Partial<Coordination>)[CORE];
}

/** The object with an id, if anybody on this side holds it. */
export function objectById(id: number): Coordination | undefined {
  return known.objects.get(id)?.deref();
}

/** Whether a value crosses in the way of this module. */
export function isShared(value: object): boolean {
  return isCarried(value) || coreOf(value) !== undefined || isBlobOrForm(value);
}

/**
 * The reference for an object that crosses beside the message: a coordination object, a shared buffer, a blob.
 *
 * @param value Any object.
 * @returns The reference; nothing for other objects.
 */
export function referToShared(value: object): Ref | undefined {
  if (isCarried(value)) return { kind: RefKind.Memory, object: value };
  const core = coreOf(value);
  if (!core) return referToBlob(value);
  const of = known.kinds.get(core.wireName)?.of?.(value as Coordination);
  return { kind: RefKind.Coordination, object: value, of };
}

/**
 * Makes the entry for a reference that {@linkcode referToShared} made, as it is about to be sent.
 *
 * @param ref The reference.
 * @param refs The table that it is in.
 * @param beside Gets the object that goes beside the message.
 */
export function sendShared(ref: Ref, refs: readonly Ref[], beside: Attachment[]): Entry {
  const { kind } = ref;
  if (kind === RefKind.FormData) return [kind];
  const object = ref.object!;
  if (kind === RefKind.Coordination) {
    const { id, wireName, name, buffer } = coreOf(object)!;
    remember(id, object as Coordination);
    beside.push({ id, object: buffer });
    const of = ref.of === undefined ? [] : [refs.findIndex(({ object }) => object === ref.of)];
    return [kind, id, wireName, name === undefined ? 0 : 1, name ?? "", ...of];
  }
  const id = kind === RefKind.Blob ? nextBlobId() : idOfBuffer(object);
  beside.push({ id, object });
  return [kind, id];
}

/**
 * The reference for an entry that {@linkcode sendShared} made.
 *
 * @param entry The entry.
 * @param before The references before it.
 * @param take Gives the memory that came with it.
 * @returns The reference; nothing for entries of other kinds.
 */
export function receiveShared(
  entry: Entry,
  before: readonly Ref[],
  take: (id: number) => object,
): Ref | undefined {
  const kind = entry[0];
  const id = entry[1] as number;
  switch (kind) {
    case RefKind.Memory:
      return { kind, object: receiveMemory(id, take(id)) };
    case RefKind.Coordination: {
      const of = entry.length > 5 ? before[entry[5] as number]?.object : undefined;
      return { kind, object: receiveObject(entry, take(id), of), of };
    }
    case RefKind.Blob:
      return { kind, object: takeBlob(take(id)) };
    case RefKind.FormData:
      return { kind, inText: true };
  }
  return undefined;
}

function receiveMemory(id: number, buffer: object): object {
  if (!isCarried(buffer)) {
    throw new TypeError(
      "Cannot receive shared memory: expected memory that can be shared, found an object of another kind",
    );
  }
  const here = known.buffers.get(id)?.deref();
  if (here) return here;
  known.bufferIds.set(buffer, id);
  known.buffers.set(id, new WeakRef(buffer));
  collectedBuffers.register(buffer, id);
  return buffer;
}

function receiveObject(entry: Entry, buffer: object, of: object | undefined): Coordination {
  if (!(buffer instanceof SharedArrayBuffer)) {
    throw new BridgeProtocolError("Cannot receive an object: its shared memory is missing");
  }
  const [, id, kind, hasName, name] = entry as [number, number, string, number, string];
  const here = objectById(id);
  if (here) return here;
  const way = known.kinds.get(kind);
  if (!way) throw new BridgeProtocolError(`Cannot receive an object: there is no kind "${kind}"`);
  if (way.of && !(of && coreOf(of))) {
    throw new BridgeProtocolError(`Cannot receive a ${kind}: the object that it needs is missing`);
  }
  const object = way.revive(buffer, hasName === 1 ? String(name) : undefined, of);
  remember(id, object);
  return object;
}

function remember(id: number, object: Coordination): void {
  if (known.objects.get(id)?.deref() !== undefined) return;
  known.objects.set(id, new WeakRef(object));
  collectedObjects.register(object, id);
}

function idOfBuffer(buffer: object): number {
  let id = known.bufferIds.get(buffer);
  if (id === undefined) {
    id = here().arena.takeId();
    known.bufferIds.set(buffer, id);
    known.buffers.set(id, new WeakRef(buffer));
    collectedBuffers.register(buffer, id);
  }
  return id;
}

/** The tags of the objects that only the runtime can copy, beside shared memory. */
const CARRIED: ReadonlySet<unknown> = new Set(["WebAssembly.Module", "CryptoKey"]);

/** Whether a value crosses beside the message, through the port. */
function isCarried(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof SharedArrayBuffer) return true;
  const tag = (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  // To name these classes may load a part of the runtime: so only for values that say they are an instance.
  return CARRIED.has(tag) && (value instanceof WebAssembly.Module || value instanceof CryptoKey);
}

/** The way of shared memory, and of buffers that change hands, between the hub and one Worker: beside the rings. */
export class Passage implements Giver, Taker {
  readonly #port: MessagePort;
  /** Objects that have arrived and were not asked for yet: a message may be read late, or never. */
  readonly #arrived = new Map<number, { readonly buffer: object; count: number }>();
  /** The blobs that the hub has sent, and the Worker has not said to have taken. */
  readonly #sent: Map<number, BlobUrl> | undefined;

  /**
   * @param port One end of the Worker's passage.
   * @param isHub Whether it is the hub's.
   */
  constructor(port: MessagePort, isHub = false) {
    this.#port = port;
    if (isHub) this.#sent = new Map();
  }

  /** Sends a buffer or a blob; before the message that refers to it. */
  readonly send = (id: number, object: object): void => {
    if (!isBlob(object)) return this.#port.postMessage({ id, buffer: object });
    const url = BlobUrl.of(object);
    this.#sent?.set(id, url);
    this.#port.postMessage({ id, buffer: url.message });
  };

  /** The Worker has taken a blob. */
  taken(id: number): void {
    this.#sent?.delete(id);
  }

  /** Sends a buffer that has no number yet, and gives its number. */
  readonly give = (buffer: SharedArrayBuffer): number => {
    const id = here().arena.takeId();
    this.send(id, buffer);
    return id;
  };

  /** Hands buffers over, which nobody else is to have: they are detached here. Gives their number. */
  readonly hand = (buffers: ArrayBuffer[]): number => {
    const id = here().arena.takeId();
    this.#port.postMessage({ id, buffer: buffers }, buffers);
    return id;
  };

  /**
   * Takes the buffer that came with a reference.
   *
   * @throws {BridgeProtocolError} If none has come.
   */
  readonly take = (id: number): object => {
    this.#receive();
    const arrived = this.#arrived.get(id);
    if (!arrived) throw new BridgeProtocolError(`Cannot receive memory ${id}: it has not arrived`);
    if (--arrived.count === 0) this.#arrived.delete(id);
    return arrived.buffer;
  };

  /**
   * As {@linkcode take}, for a buffer that has to be shared memory.
   *
   * @throws {BridgeProtocolError} If none has come, or something else.
   */
  readonly takeMemory = (id: number): SharedArrayBuffer => {
    const memory = this.take(id);
    if (memory instanceof SharedArrayBuffer) return memory;
    throw new BridgeProtocolError(
      `Cannot receive memory ${id}: expected a SharedArrayBuffer, found another object`,
    );
  };

  /** Nothing will be sent any more. On the hub: nothing that was is left behind. */
  close(): void {
    if (this.#sent) {
      this.#receive();
      for (const { buffer } of this.#arrived.values()) BlobUrl.from(buffer)?.revoke();
      for (const url of this.#sent.values()) url.revoke();
      this.#sent.clear();
      this.#arrived.clear();
    }
    this.#port.close();
  }

  #receive(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (!received) break;
      const { id, buffer } = received.message as { id: number; buffer: object };
      const arrived = this.#arrived.get(id);
      if (arrived) arrived.count++;
      else this.#arrived.set(id, { buffer, count: 1 });
    }
  }
}
