/**
 * The coordination objects that a Worker uses, as the hub keeps them.
 *
 * The hub holds on to each object while any Worker does, since the hub cleans up when a Worker dies: threads that waited there
 * leave the line, grants that they have not accepted go to the next waiter, and the permits of the threads that ran there are
 * given back.
 *
 * @module
 */

import type { Attachment, Entry, Ref } from "../../bridge/wire/payload.ts";
import { Counts } from "../../bridge/references/counts.ts";
import { Node, State, TIMED } from "../../bridge/memory/arena.ts";
import { Waiters } from "../../bridge/memory/waiters.ts";
import type { Core } from "../../bridge/memory/core.ts";
import {
  type Coordination,
  CORE,
  type Passage,
  receiveShared,
  sendShared,
} from "../../bridge/memory/objects.ts";
import { RefKind } from "../../bridge/protocol/messages.ts";
import { hereOnHub } from "../../bridge/memory/process_side.ts";
import type { Permits } from "../../sync/permits.ts";

/** The objects that Workers hold, of all hubs. */
const held = new Map<number, { readonly object: Coordination; count: number }>();

/** Gives the object with an id, if any Worker holds it. */
export function heldObject(id: number): Coordination | undefined {
  return held.get(id)?.object;
}

/** Counts one more reference to an object from a Worker, or on its way to one. */
export function holdObject(object: Coordination): void {
  const { id } = object[CORE];
  const known = held.get(id);
  if (known) known.count++;
  else held.set(id, { object, count: 1 });
}

/** Counts fewer references to an object. */
export function releaseObject(id: number, count: number): void {
  const known = held.get(id);
  if (known && (known.count -= count) <= 0) held.delete(id);
}

/** The objects of one Worker. */
export class WorkerObjects {
  readonly #passage: Passage;
  readonly #key: number;
  /** The number of times that each object has crossed between the hub and this Worker, by its id. */
  readonly #holds = new Counts();
  /** The threads that ran on the Worker when it was settled first, by their ids as nodes have them. */
  #running: ReadonlySet<number> | undefined;

  /**
   * @param passage The hub's end of the Worker's passage for shared memory.
   * @param key The Worker's key; see `process_side.ts`.
   */
  constructor(passage: Passage, key: number) {
    this.#passage = passage;
    this.#key = key;
  }

  /** Makes the entry for an object, a buffer or a blob that is about to be sent to the Worker, and counts it. */
  send(ref: Ref, refs: readonly Ref[], beside: Attachment[]): Entry {
    this.#count(ref);
    return sendShared(ref, refs, beside);
  }

  /** The reference for an entry that came from the Worker; nothing for entries of other kinds. */
  receive(entry: Entry, before: readonly Ref[]): Ref | undefined {
    const ref = receiveShared(entry, before, this.#passage.take);
    if (ref) this.#count(ref);
    return ref;
  }

  #count({ kind, object }: Ref): void {
    if (kind === RefKind.Coordination) this.hold(object as Coordination);
  }

  /** Counts one more reference that the Worker has to an object. */
  hold(object: Coordination): void {
    const { id } = object[CORE];
    this.#holds.add(id);
    holdObject(object);
  }

  /** Notes that the Worker has taken a blob that was sent to it. */
  blobTaken(id: number): void {
    this.#passage.taken(id);
  }

  /** Takes references back that the Worker had to an object: no more than it has. */
  letGo(id: number, count: number): void {
    releaseObject(id, this.#holds.take(id, count));
  }

  /** Takes over a permit that a thread of the Worker passes on. Says whether the Worker has such a permit. */
  takeOver(permits: Permits, account: number | undefined): boolean {
    return account !== undefined && permits.takeOver(account, this.#key);
  }

  /**
   * Settles all waits and permits of the Worker's threads, as nobody listens to the Worker any more.
   *
   * @param running The ids of the threads that ran on the Worker; the first call counts. Other permits that are out were left
   * so by threads that have ended: somebody else may have them, and release them, whether or not that Worker is still there.
   */
  settle(running: readonly number[]): void {
    this.#running ??= new Set(running.map((id) => id | 0));
    const { arena } = hereOnHub();
    for (const chunk of arena.chunksOf(this.#key)) {
      for (const node of arena.nodesOf(chunk)) this.#settleNode(arena.words, node, this.#running);
    }
  }

  /**
   * Gives all objects of the Worker up. It goes on, but nobody listens to it.
   *
   * The Worker was settled when it was stopped. Since then it accepts no grant (see `Blocking`), but for one that it was about to
   * accept at that moment: that is settled now, some hundred milliseconds later.
   */
  lost(): void {
    this.settle([]);
    for (const id of this.#holds.numbers) this.letGo(id, Infinity);
    this.#passage.close();
  }

  /**
   * Gives all objects of the Worker up, which has ended and touches nothing any more.
   *
   * @param running As for {@linkcode WorkerObjects.settle}.
   */
  exited(running: readonly number[]): void {
    // A Worker that was settled before was stopped in the middle.
    const inTheMiddle = this.#running !== undefined || running.length > 0;
    const here = hereOnHub();
    for (const id of this.#holds.numbers) held.get(id)?.object[CORE].breakLock(this.#key);
    this.settle(running);
    for (const chunk of here.arena.chunksOf(this.#key)) here.arena.recycle(chunk);
    for (const id of this.#holds.numbers) this.letGo(id, Infinity);
    this.#passage.close();
    // It may have granted somebody something, and have ended before it woke them.
    if (inTheMiddle) here.wakeEverybody();
  }

  #settleNode(words: Int32Array, node: number, running: ReadonlySet<number>): void {
    const here = hereOnHub();
    if (Waiters.isSettled(here, node)) return;
    // An object that the hub does not know has never left the Worker, and ends with it.
    const core: Core | undefined = held.get(words[node + Node.Object])?.object[CORE];
    if (!core) return;
    core.enter();
    // Checked again under the lock: a Worker that was given up may go on, and others may grant it something.
    if (!Waiters.isSettled(here, node)) {
      const thread = words[node + Node.Thread];
      if (words[node + Node.State] !== State.Account) {
        core.settleFor(words[node + Node.List] & ~TIMED, node);
      } else if (running.has(thread)) core.settleAccount(thread);
      Waiters.markSettled(here, node);
    }
    core.leave();
  }
}

/** The number of objects that Workers hold. For tests. */
export function heldObjects(): number {
  return held.size;
}
