/**
 * The coordination objects that a Worker uses, as the hub keeps them.
 *
 * The hub holds on to each object while any Worker does, since it is the one who cleans up when a Worker dies: who waited
 * there waits no longer, what it had been given goes to the next one, and the permits that the threads running on it held are
 * given back.
 *
 * @module
 */

import type { Ref } from "../../bridge/values/codec.ts";
import { Node, State } from "../../bridge/memory/arena.ts";
import { Waiters } from "../../bridge/memory/waiters.ts";
import type { Core } from "../../bridge/memory/core.ts";
import {
  type Coordination,
  CORE,
  coreOf,
  type Passage,
  referToShared,
  resolveShared,
} from "../../bridge/memory/objects.ts";
import { hereOnHub } from "../../bridge/memory/process_side.ts";
import type { Permits } from "../../sync/permits.ts";

/** The objects that Workers hold, of all hubs. */
const held = new Map<number, { readonly object: Coordination; count: number }>();

/** The object with an id, if any Worker holds it. */
export function heldObject(id: number): Coordination | undefined {
  return held.get(id)?.object;
}

/** One thing more that refers to an object from a Worker, or is about to. */
export function holdObject(object: Coordination): void {
  const { id } = object[CORE];
  const known = held.get(id);
  if (known) known.count++;
  else held.set(id, { object, count: 1 });
}

/** So many things less refer to an object. */
export function releaseObject(id: number, count: number): void {
  const known = held.get(id);
  if (known && (known.count -= count) <= 0) held.delete(id);
}

/** The objects of one Worker. */
export class WorkerObjects {
  readonly #passage: Passage;
  readonly #key: number;
  /** How often each object has crossed between the hub and this Worker. */
  readonly #holds = new Map<number, number>();
  /** The threads that ran on it when it was settled first, by their ids as nodes have them. */
  #running: ReadonlySet<number> | undefined;

  /**
   * @param passage The hub's end of the Worker's passage for shared memory.
   * @param key The Worker's key; see `process_side.ts`.
   */
  constructor(passage: Passage, key: number) {
    this.#passage = passage;
    this.#key = key;
  }

  /** The reference for an object, a buffer or a blob that goes to the Worker. */
  toRef(value: object): Ref | undefined {
    const ref = referToShared(value);
    if (ref && coreOf(value)) this.hold(value as Coordination);
    return ref;
  }

  /** What a reference that came from the Worker is for. */
  resolve(kind: number, data: unknown): object | undefined {
    const value = resolveShared(kind, data, this.#passage.take);
    if (value && coreOf(value)) this.hold(value as Coordination);
    return value;
  }

  /** The Worker has an object. */
  hold(object: Coordination): void {
    const { id } = object[CORE];
    this.#holds.set(id, (this.#holds.get(id) ?? 0) + 1);
    holdObject(object);
  }

  /** The Worker has taken a blob that was sent to it. */
  blobTaken(id: number): void {
    this.#passage.taken(id);
  }

  /** The Worker does not hold an object any more, which had crossed so many times. */
  letGo(id: number, count: number): void {
    const held = this.#holds.get(id) ?? 0;
    const released = Math.min(held, Math.max(0, count));
    if (released === held) this.#holds.delete(id);
    else this.#holds.set(id, held - released);
    releaseObject(id, released);
  }

  /** The Worker passes on a permit that a thread of it holds; says whether one does. */
  takeOver(permits: Permits, account: number | undefined): boolean {
    return account !== undefined && permits.takeOver(account, this.#key);
  }

  /**
   * The Worker is not listened to any more: whatever its threads waited for or held is settled.
   *
   * @param running The ids of the threads that ran on it; it is the first call that counts. What is out otherwise was left out by
   * threads that have ended: somebody else may have it, and release it, whether or not their Worker is still there.
   */
  settle(running: readonly number[]): void {
    this.#running ??= new Set(running.map((id) => id | 0));
    const { arena } = hereOnHub();
    for (const chunk of arena.chunksOf(this.#key)) {
      for (const node of arena.nodesOf(chunk)) this.#settleNode(arena.words, node, this.#running);
    }
  }

  /**
   * The Worker goes on, but nobody listens to it: nothing is kept for its sake.
   *
   * It was settled when it was stopped. Since then it gets nothing (see `Blocking`), but for what it was about to take at that
   * moment: that is settled now, some hundred milliseconds later.
   */
  lost(): void {
    this.settle([]);
    for (const [id, count] of [...this.#holds]) this.letGo(id, count);
    this.#passage.close();
  }

  /**
   * The Worker has ended, and touches nothing any more.
   *
   * @param running As for {@linkcode WorkerObjects.settle}.
   */
  exited(running: readonly number[]): void {
    // One that was settled before was stopped in the middle.
    const inTheMiddle = this.#running !== undefined || running.length > 0;
    const here = hereOnHub();
    for (const id of this.#holds.keys()) held.get(id)?.object[CORE].breakLock(this.#key);
    this.settle(running);
    for (const chunk of here.arena.chunksOf(this.#key)) here.arena.recycle(chunk);
    for (const [id, count] of [...this.#holds]) this.letGo(id, count);
    this.#passage.close();
    // It may have given somebody something and not have come to wake them.
    if (inTheMiddle) here.wakeEverybody();
  }

  #settleNode(words: Int32Array, node: number, running: ReadonlySet<number>): void {
    const here = hereOnHub();
    if (Waiters.isSettled(here, node)) return;
    // An object that the hub does not know has never left the Worker, and dies with it.
    const core: Core | undefined = held.get(words[node + Node.Object])?.object[CORE];
    if (!core) return;
    core.enter();
    // Under the lock: a Worker that was given up may go on, and others may grant it something.
    if (!Waiters.isSettled(here, node)) {
      const thread = words[node + Node.Thread];
      if (words[node + Node.State] !== State.Account) core.settleFor(words[node + Node.List], node);
      else if (running.has(thread)) core.settleAccount(thread);
      Waiters.markSettled(here, node);
    }
    core.leave();
  }
}

/** How many objects Workers hold. For tests. */
export function heldObjects(): number {
  return held.size;
}
