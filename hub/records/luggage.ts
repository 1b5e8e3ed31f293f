/**
 * What the arguments of a waiting thread refer to.
 *
 * Arguments are encoded when a thread is spawned, so that what cannot cross is refused where it was passed, and later
 * changes are not seen. Which Worker will run the thread is not known then; until it is, the references in them are held
 * here.
 *
 * @module
 */

import type { Ref, ReferenceKinds } from "../../bridge/values/codec.ts";
import { RefKind } from "../../bridge/protocol/messages.ts";
import type { GreenWorker, Registry } from "./worker.ts";
import { HubThread } from "./thread.ts";
import { hubReferent } from "../references/referents.ts";
import { referTo } from "../references/worker_references.ts";
import { type Coordination, coreOf, referToShared } from "../../bridge/memory/objects.ts";
import { holdObject, releaseObject } from "../references/worker_objects.ts";

/** The references in the arguments of one thread. */
export class Luggage implements ReferenceKinds {
  readonly #registry: Registry;
  readonly #held: { readonly kind: number; readonly id: number }[] = [];
  readonly #objects: Coordination[] = [];

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  toRef(value: object): Ref | undefined {
    if (value instanceof HubThread) return this.#referToThread(value);
    return this.#referToShared(value) ?? this.#referToLive(value);
  }

  resolve(kind: number): never {
    throw new TypeError(`Cannot resolve a reference of kind ${kind}`);
  }

  /** The thread is about to run on a Worker: the references are that Worker's. */
  handTo(worker: GreenWorker): void {
    for (const { kind, id } of this.#held) worker.hold(kind, id);
    this.#held.length = 0;
    for (const object of this.#objects) worker.objects.hold(object);
    this.#dropObjects();
  }

  /** The thread will not run. */
  drop(): void {
    for (const { kind, id } of this.#held) {
      if (kind === RefKind.Thread) this.#registry.threads.release(id, 1);
      else this.#registry.exports.release(id, 1);
    }
    this.#held.length = 0;
    this.#dropObjects();
  }

  #dropObjects(): void {
    for (const object of this.#objects) releaseObject(coreOf(object)!.id, 1);
    this.#objects.length = 0;
  }

  #referToShared(value: object): Ref | undefined {
    const ref = referToShared(value);
    if (ref && coreOf(value)) {
      holdObject(value as Coordination);
      this.#objects.push(value as Coordination);
    }
    return ref;
  }

  #referToLive(value: object): Ref | undefined {
    const referent = hubReferent(value, false);
    if (!referent) return undefined;
    const { ref, number } = referTo(this.#registry.exports, referent);
    this.#held.push({ kind: referent.kind, id: number });
    return ref;
  }

  #referToThread(thread: HubThread): Ref {
    if (!thread.ended) thread = this.#registry.own(thread);
    thread.observed = true;
    const { id, name } = thread;
    if (thread.ended) {
      return { kind: RefKind.Thread, data: { id, name, ended: thread.ended.forRef } };
    }
    thread.holds++;
    this.#held.push({ kind: RefKind.Thread, id });
    return { kind: RefKind.Thread, data: { id, name } };
  }
}
