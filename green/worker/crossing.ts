/**
 * How values cross between a Worker and the hub: what each of them is encoded and decoded with.
 *
 * Most values cross as they are. The others go by reference, and this is the one place in a Worker that knows all kinds of
 * these: handles of threads, coordination objects and blobs, functions and objects. The hub counts how often it has sent
 * each, so all that arrives is taken in, even what nobody wants any more, and is given back once it is gone here.
 *
 * @module
 */

import { decode, encodeThrown, type Ref, type ReferenceKinds } from "../../bridge/values/codec.ts";
import { mayRefer, type Payload } from "../../bridge/wire/payload.ts";
import { GreenletExit } from "../../bridge/errors.ts";
import type { FrameStack } from "./frame_stack.ts";
import { GreenReferences } from "./references.ts";
import { refusalOfLazy } from "./lazy_handle.ts";
import type { Mailbox } from "./mailbox.ts";
import { EMPTY } from "../../bridge/wire/message.ts";
import { RefKind, type ThreadRef, Up } from "../../bridge/protocol/messages.ts";
import { RemoteThread } from "./remote_thread.ts";
import {
  coreOf,
  onForgotten,
  type Passage,
  referToShared,
  resolveShared,
} from "../../bridge/memory/objects.ts";
import type { ThreadHandles } from "./thread_handles.ts";

/** What a crossing needs of its Worker. */
export interface CrossingOptions {
  /** The Worker's number, which no other Worker of the hub ever has. */
  readonly serial: number;
  readonly mailbox: Mailbox;
  readonly stack: FrameStack;
  readonly handles: ThreadHandles;
  /** What shared memory comes and goes through. */
  readonly passage: Passage;
  /** Asks the hub something about one of its objects, and blocks. */
  ask(number: number, op: number, args: readonly unknown[], what: string): unknown;
  /** Takes in what has arrived, if that can be done here. */
  look(): void;
  /** In how many milliseconds a signal is due, if that is known. */
  leftOf(signal: AbortSignal): number | undefined;
  /** Waits until the hub has done what it was told. */
  catchUp(): void;
}

/** A Worker's border. */
export class Crossing {
  /** Functions and objects. */
  readonly references: GreenReferences;
  /** For what green code sends, and for all that arrives. */
  readonly kinds: ReferenceKinds;
  /** For what a thread returns: it stays when the thread has ended. */
  readonly resultKinds: ReferenceKinds;
  /** For what a callback returns. */
  readonly replyKinds: ReferenceKinds;
  /** For what is asked of an object: what it returns, and what cannot cross goes by reference too. */
  readonly liveKinds: ReferenceKinds;
  /** For a value that nobody wants any more. */
  readonly discarder: ReferenceKinds;
  readonly #mailbox: Mailbox;
  readonly #handles: ThreadHandles;
  readonly #passage: Passage;
  /** How often each coordination object has crossed between the hub and here. */
  readonly #crossings = new Map<number, number>();
  /** What went by reference in the result of the thread that ends just now. */
  #referred: Set<object> | undefined;

  constructor(options: CrossingOptions) {
    const { mailbox, stack } = options;
    this.#mailbox = mailbox;
    this.#handles = options.handles;
    this.#passage = options.passage;
    const resolve = (kind: number, data: unknown) => this.#resolve(kind, data);
    this.kinds = { toRef: (value) => this.#toRef(value, false, false), resolve };
    // On the hub the language awaits what comes back, and would run it.
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
      catchUp: options.catchUp,
      owner: () => stack.frames.at(-1)?.id ?? 0,
      stack,
    });
    onForgotten((id) => {
      const count = this.#crossings.get(id);
      this.#crossings.delete(id);
      if (count) this.release(RefKind.Coordination, id, count);
    });
  }

  /** Why something is to end; that it is to end counts even if the reason cannot be understood here. */
  decodeReason(payload: Payload): unknown {
    try {
      return decode(payload, this.kinds) ?? new GreenletExit();
    } catch (cause) {
      return new GreenletExit(undefined, { cause });
    }
  }

  /** What has come for nobody is taken in all the same: the hub counts what it refers to as held here. */
  drop(payload: Payload): void {
    if (!mayRefer(payload)) return;
    try {
      decode(payload, this.discarder);
    } catch {
      // It cannot be understood here, and need not be.
    }
  }

  /** What has gone by reference in results since this was called last. */
  takeReferred(): ReadonlySet<object> | undefined {
    const referred = this.#referred;
    this.#referred = undefined;
    return referred;
  }

  /** Tells the hub that something which it has sent so many times is not held here any more. */
  release(kind: number, id: number, count: number): void {
    this.#mailbox.send(Up.Release, id, kind, count, EMPTY);
  }

  /** Tells the hub of something that failed outside of any thread. */
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
    if (ref?.kind === RefKind.Blob) this.references.blobs.note(value);
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
        this.references.blobs.note(shared);
        this.release(kind, data as number, 1);
      }
      this.#countCrossing(shared);
      return shared;
    }
    throw new TypeError(`Cannot resolve a reference of kind ${kind}`);
  }
}
