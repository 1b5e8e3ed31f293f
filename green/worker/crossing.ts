/**
 * Values that cross between a Worker and the hub: the kinds of references that they are encoded and decoded with.
 *
 * Most values cross as they are. The others go by reference, and this is the one file in a Worker that knows all kinds of
 * references: handles of threads, coordination objects and blobs, functions and objects. The hub counts how often it has sent
 * each. So each reference that arrives is taken in, even if nobody wants it any more, and is given back once it is gone here.
 *
 * Each target is sent once, and is a number in messages from then on. The two directions have numbers of their own, as each side
 * numbers the targets that it sends.
 *
 * @module
 */

import {
  decode,
  encode,
  encodeThrown,
  type Ref,
  type ReferenceKinds,
} from "../../bridge/values/codec.ts";
import { mayRefer, type Payload } from "../../bridge/wire/payload.ts";
import { GreenletExit } from "../../bridge/errors.ts";
import type { FrameStack } from "./frame_stack.ts";
import { GreenReferences } from "./references.ts";
import { refusalOfLazy } from "./lazy_handle.ts";
import type { Mailbox } from "./mailbox.ts";
import { EMPTY } from "../../bridge/wire/message.ts";
import {
  intern,
  RefKind,
  type Target,
  type ThreadRef,
  Up,
} from "../../bridge/protocol/messages.ts";
import { RemoteThread, type ThreadHandles } from "./remote_thread.ts";
import {
  coreOf,
  onForgotten,
  type Passage,
  referToShared,
  resolveShared,
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
  /** For a value that nobody wants any more. */
  readonly discarder: ReferenceKinds;
  readonly #mailbox: Mailbox;
  readonly #handles: ThreadHandles;
  readonly #passage: Passage;
  /** The count of times that each coordination object has crossed between the hub and here. */
  readonly #crossings = new Map<number, number>();
  /** The references in the result of the thread that ends just now. */
  #referred: Set<object> | undefined;

  constructor(options: CrossingOptions) {
    const { mailbox, stack } = options;
    this.#mailbox = mailbox;
    this.#handles = options.handles;
    this.#passage = options.passage;
    const resolve = (kind: number, data: unknown) => this.#resolve(kind, data);
    this.kinds = { toRef: (value) => this.#toRef(value, false, false), resolve };
    // On the hub the language awaits a result, and so would run a lazy object in it.
    const returned = { refusal: refusalOfLazy, resolve };
    this.resultKinds = { ...returned, toRef: (value) => this.#toRef(value, true, false) };
    this.replyKinds = { ...returned, toRef: (value) => this.#toRef(value, false, false) };
    this.liveKinds = { ...returned, toRef: (value) => this.#toRef(value, false, true) };
    this.discarder = {
      ...this.kinds,
      resolve: (kind, data) => this.references.discard(kind, data) || this.#resolve(kind, data),
    };
    this.references = new GreenReferences({
      serial: options.serial,
      ask: options.ask,
      sayReleased: (number, count) => this.release(RefKind.HubFunction, number, count),
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
      const count = this.#crossings.get(id);
      this.#crossings.delete(id);
      if (count) this.release(RefKind.Coordination, id, count);
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

  /** Reads a payload that nobody wants, and releases its references, as the hub counts them as held here. */
  drop(payload: Payload): void {
    if (!mayRefer(payload)) return;
    try {
      decode(payload, this.discarder);
    } catch {
      // The payload cannot be read here, and need not be.
    }
  }

  /** Takes the objects that have gone by reference in results since the last call of this method. */
  takeReferred(): ReadonlySet<object> | undefined {
    const referred = this.#referred;
    this.#referred = undefined;
    return referred;
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
    const ref = value instanceof RemoteThread
      ? this.#handles.toRef(value)
      : this.#referToShared(value) ?? this.references.toRef(value, returned, all);
    if (ref && returned) (this.#referred ??= new Set()).add(value);
    return ref;
  }

  #referToShared(value: object): Ref | undefined {
    const ref = referToShared(value);
    if (ref?.kind === RefKind.Blob) this.references.noteBlob(value);
    else if (ref) this.#countCrossing(value);
    return ref;
  }

  #countCrossing(value: object): void {
    const id = coreOf(value)?.id;
    if (id !== undefined) this.#crossings.set(id, (this.#crossings.get(id) ?? 0) + 1);
  }

  #resolve(kind: number, data: unknown): unknown {
    if (kind === RefKind.Thread) return this.#handles.adopt(data as ThreadRef);
    const live = this.references.resolve(kind, data);
    if (live) return live;
    const shared = resolveShared(kind, data, this.#passage.take);
    if (shared) {
      if (kind === RefKind.Blob) {
        this.references.noteBlob(shared);
        this.release(kind, data as number, 1);
      }
      this.#countCrossing(shared);
      return shared;
    }
    throw new TypeError(`Cannot resolve a reference of kind ${kind}`);
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
