/**
 * Values that cross between a Worker and the hub: the kinds of references that they are encoded and decoded with.
 *
 * Most values cross as they are. The others go by reference, and this is the one file in a Worker that knows all kinds of
 * references: handles of threads, coordination objects and blobs, functions and objects. It seals the payloads that leave,
 * receives those that arrive, and drops those that nobody wants: see `bridge/wire/ref_table.ts`.
 *
 * Each target is sent once, and is a number in messages from then on. The two directions have numbers of their own, as each side
 * numbers the targets that it sends.
 *
 * @module
 */

import { decode, encode, encodeThrown, type ReferenceKinds } from "../../bridge/values/codec.ts";
import type { Attachment, Entry, Payload, Ref } from "../../bridge/wire/payload.ts";
import { isSealed, receiveAll, sealed, unseal } from "../../bridge/wire/ref_table.ts";
import { Counts } from "../../bridge/references/counts.ts";
import { GreenletExit } from "../../bridge/errors.ts";
import type { FrameStack } from "./frame_stack.ts";
import { GreenReferences } from "./references.ts";
import { refusalOfLazy } from "./lazy_handle.ts";
import type { Mailbox } from "./mailbox.ts";
import { EMPTY } from "../../bridge/wire/message.ts";
import { intern, RefKind, type Target, Up } from "../../bridge/protocol/messages.ts";
import { BlobUrl, blobWithin, formOf } from "../../bridge/memory/blobs.ts";
import { RemoteThread, type ThreadHandles } from "./remote_thread.ts";
import {
  coreOf,
  onForgotten,
  type Passage,
  receiveShared,
  referToShared,
  sendShared,
} from "../../bridge/memory/objects.ts";

/** The Worker, as far as a crossing needs it. */
interface CrossingOptions {
  /** The number of the Worker, which no other Worker of the hub ever has. */
  readonly serial: number;
  readonly mailbox: Mailbox;
  readonly stack: FrameStack;
  readonly handles: ThreadHandles;
  /** The side port, through which shared memory comes and goes. */
  readonly passage: Passage;
  /** Asks the hub something about one of its objects, and blocks. */
  ask(number: number, op: number, args: readonly unknown[], what: string): unknown;
  /** Takes in the messages that have arrived, if that can be done here. */
  look(): void;
  /** The milliseconds until a signal aborts, if that is known. */
  leftOf(signal: AbortSignal): number | undefined;
}

/** The border of a Worker: makes references of values that leave, and resolves those that arrive. */
export class Crossing {
  /** The functions and objects that go by reference. */
  readonly references: GreenReferences;
  /** For values that green code sends, and for all that arrive. */
  readonly kinds: ReferenceKinds;
  /** For the result of a thread: the references in it stay when the thread has ended. */
  readonly resultKinds: ReferenceKinds;
  /** For the result of a callback. */
  readonly replyKinds: ReferenceKinds;
  /** For the result of an operation on an object: a value that cannot cross goes by reference too. */
  readonly liveKinds: ReferenceKinds;
  /** For a value that stays here: another thread of this Worker gets a copy, as a thread elsewhere would. */
  readonly withinKinds: ReferenceKinds;
  readonly #mailbox: Mailbox;
  readonly #handles: ThreadHandles;
  readonly #passage: Passage;
  /** The count of times that each coordination object has crossed between the hub and here. */
  readonly #crossings = new Counts();

  constructor(options: CrossingOptions) {
    const { mailbox, stack } = options;
    this.#mailbox = mailbox;
    this.#handles = options.handles;
    this.#passage = options.passage;
    mailbox.seal = (payload) => this.seal(payload);
    const arriving = {
      receive: (entries: readonly Entry[]) => this.#receive(entries),
      resolve: (ref: Ref, data: unknown) => this.#resolve(ref, data),
    };
    this.kinds = { ...arriving, toRef: (value) => this.#toRef(value, false, false) };
    // On the hub the language awaits a result, and so would run a lazy object in it.
    const returned = { ...arriving, refusal: refusalOfLazy };
    this.resultKinds = { ...returned, toRef: (value) => this.#toRef(value, true, false) };
    this.replyKinds = { ...returned, toRef: (value) => this.#toRef(value, false, false) };
    this.liveKinds = { ...returned, toRef: (value) => this.#toRef(value, false, true) };
    this.withinKinds = {
      ...this.kinds,
      // A blob that has come from another thread can be read without a promise, wherever that thread was.
      resolve: (ref, data) =>
        ref.kind === RefKind.Blob ? blobWithin(ref.object as Blob) : this.#resolve(ref, data),
    };
    this.references = new GreenReferences({
      serial: options.serial,
      ask: options.ask,
      sayReleased: (number, count) => this.release(RefKind.Function, number, count),
      saySignalled: (number, aborted) => {
        const payload = aborted ? encodeThrown(aborted.reason, "reason", this.kinds) : EMPTY;
        mailbox.send(Up.Signalled, number, aborted ? 0 : 1, 0, payload);
      },
      look: options.look,
      leftOf: options.leftOf,
      catchUp: () => mailbox.catchUpWithHub(),
      owner: () => stack.frames.at(-1)?.id ?? 0,
      stack,
    });
    onForgotten((id) => {
      const count = this.#crossings.take(id);
      if (count > 0) this.release(RefKind.Coordination, id, count);
    });
  }

  /** Decodes the reason of a kill or the like, which counts even if its reason cannot be read here. None is a `GreenletExit`. */
  decodeReason(payload: Payload): unknown {
    return this.decodeAbort(payload) ?? new GreenletExit();
  }

  /** Decodes the reason of an aborted signal, which may be `null`. */
  decodeAbort(payload: Payload): unknown {
    try {
      return decode(payload, this.kinds);
    } catch (cause) {
      return new GreenletExit(undefined, { cause });
    }
  }

  /**
   * Seals a payload that is about to be sent, and counts what it refers to: the one place in a Worker that does. The mailbox
   * seals what it sends; only a payload whose references are to be counted earlier is sealed before.
   */
  seal(payload: Payload): Payload {
    const { refs } = payload;
    if (refs === undefined) return payload;
    const beside: Attachment[] = [];
    return sealed(payload, refs.map((ref) => this.#send(ref, refs, beside)), beside);
  }

  /** Notes that a payload has arrived: it is received or dropped later. */
  arrived(payload: Payload): void {
    if (!isSealed(payload)) return;
    for (const entry of unseal(payload).entries) this.references.arrived(entry);
  }

  /** Gives back the counts of a payload that nobody wants. */
  drop(payload: Payload): void {
    if (!isSealed(payload)) return;
    for (const entry of unseal(payload).entries) this.#drop(entry);
  }

  /** Tells the hub that a thing is not held here any more, and how many times the hub has sent it. */
  release(kind: number, id: number, count: number): void {
    this.#mailbox.send(Up.Release, id, kind, count, EMPTY);
  }

  /** Tells the hub of a failure outside of any thread. */
  fault(error: unknown): void {
    this.#mailbox.send(Up.Fault, 0, 0, 0, encodeThrown(error, "error", this.kinds));
  }

  #toRef(value: object, returned: boolean, all: boolean): Ref | undefined {
    if (value instanceof RemoteThread) return this.#handles.toRef(value);
    return referToShared(value) ?? this.references.toRef(value, returned, all);
  }

  #send(ref: Ref, refs: readonly Ref[], beside: Attachment[]): Entry {
    const { kind, object } = ref;
    switch (kind) {
      case RefKind.Thread:
        return this.#handles.send(ref);
      case RefKind.Function:
      case RefKind.Object:
      case RefKind.Signal:
        return this.references.send(ref);
      case RefKind.Blob:
        this.references.noteBlob(object!);
        break;
      case RefKind.Coordination:
        this.#crossings.add(coreOf(object!)!.id);
    }
    return sendShared(ref, refs, beside);
  }

  #receive(entries: readonly Entry[]): readonly Ref[] {
    return receiveAll(entries, (entry, before) => {
      const [kind, id] = entry;
      if (kind === RefKind.Thread) return this.#handles.receive(entry);
      const ref = this.references.receive(entry) ??
        receiveShared(entry, before, this.#passage.take);
      if (!ref) throw new TypeError(`Cannot receive a reference of kind ${kind}`);
      if (kind === RefKind.Coordination) this.#crossings.add(id as number);
      if (kind === RefKind.Blob) {
        this.references.noteBlob(ref.object!);
        this.release(kind, id as number, 1);
      }
      return ref;
    });
  }

  #drop(entry: Entry): void {
    const [kind, id] = entry as [number, number];
    if (this.references.drop(entry)) return;
    if (kind === RefKind.Thread) return void (entry[3] === 0 && this.release(kind, id, 1));
    if (kind === RefKind.FormData) return;
    const object = this.#passage.take(id);
    if (kind === RefKind.Blob) BlobUrl.from(object)?.revoke();
    if (kind !== RefKind.Memory) this.release(kind, id, 1);
  }

  #resolve(ref: Ref, data: unknown): unknown {
    if (ref.kind === RefKind.Thread) return this.#handles.resolve(ref, data);
    return ref.kind === RefKind.FormData ? formOf(data) : ref.object;
  }
}

/** The targets that a Worker and the hub have told each other. */
export class TargetNumbers {
  readonly #mailbox: Mailbox;
  readonly #crossing: Crossing;
  /** The numbers of targets that the hub knows from here. */
  readonly #bound = new Map<Target, number>();
  /** The targets that are known here from the hub, by number. */
  readonly #targets: Target[] = [];

  constructor(mailbox: Mailbox, crossing: Crossing) {
    this.#mailbox = mailbox;
    this.#crossing = crossing;
  }

  /** The number of a target that is about to be sent; the hub is told of it the first time. */
  bind(target: Target): number {
    let number = this.#bound.get(target);
    if (number === undefined) {
      number = this.#bound.size + 1;
      this.#bound.set(target, number);
      this.#mailbox.send(Up.Bind, number, 0, 0, encode(target, "target", this.#crossing.kinds));
    }
    return number;
  }

  /** Takes a target's number, which the hub tells. */
  learn(number: number, target: Target): void {
    this.#targets[number] = intern(target);
  }

  /** The target that the hub means by a number. */
  at(number: number): Target {
    return this.#targets[number];
  }
}
