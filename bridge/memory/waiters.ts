/**
 * A list of waiters, in the order of their arrival, whichever side they are on.
 *
 * The list's three words (HEAD, TAIL, COUNT) lie in the memory of the object, the nodes in the arena; both change only
 * while the object's lock is held.
 *
 * ```text
 *           push                shift (grant)                    the owner, after it has looked
 * FREE  ──────────> WAITING ────────────────────> GRANTED ──────────────────────────────────────> FREE
 *                      │        (refuse)
 *                      ├────────────────────────> REFUSED ──────────────────────────────────────> FREE
 *                      └──────────────────────────────────────────────────────────────────────────> FREE, SETTLED
 *                               remove: by the owner (kill, time-out, abort), or by the hub for a dead Worker
 * ```
 *
 * A granted permit may become an account (see `sync/permits.ts`): GRANTED ──> ACCOUNT ──> FREE.
 *
 * **Races.** A grant and a withdrawal both happen under the lock, so exactly one of them comes first: a waiter that gives up
 * either finds itself WAITING and takes itself out, or finds that it was granted something, which it keeps or hands back (see
 * `core.ts`). A side that removes a node writes the node's STATE before it frees the lock: if the side dies after that, the node
 * is not removed again. STATE is written last, so an owner that sees GRANTED without the lock also sees DATA, TIME and KILLS. The
 * waker wakes the owner after it has written STATE, and the owner looks at STATE after it has read its wake counter (see
 * `board.ts`), so no wake-up is lost; if the waker dies between the two, the hub makes that good: it wakes everybody when a
 * Worker dies.
 *
 * @module
 */

import { Node, State, TIMED, timeNow } from "./arena.ts";
import type { Here } from "./process_side.ts";

const HEAD = 0;
const TAIL = 1;
const COUNT = 2;

/** The count of words that a list takes in its object's memory. */
export const LIST_WORDS = 3;

/** One list of one object. All methods but `size`: only while the object's lock is held. */
export class Waiters {
  readonly number: number;
  readonly #object: Int32Array;
  readonly #at: number;
  readonly #nodes: Int32Array;
  readonly #here: Here;

  /**
   * @param here The side that uses the list.
   * @param object The object's words.
   * @param at The index of the list's first word.
   * @param number The list's number in the object.
   */
  constructor(here: Here, object: Int32Array, at: number, number: number) {
    this.number = number;
    this.#here = here;
    this.#object = object;
    this.#at = at;
    this.#nodes = here.arena.words;
  }

  /** The count of waiters. Without the lock it is the count of a moment ago. */
  get size(): number {
    return Atomics.load(this.#object, this.#at + COUNT);
  }

  /** The node of the first waiter; 0 if nobody waits. */
  get first(): number {
    return this.#object[this.#at + HEAD];
  }

  /** Puts a node at the end. */
  push(node: number): void {
    const words = this.#object;
    const nodes = this.#nodes;
    const at = this.#at;
    const last = words[at + TAIL];
    nodes[node + Node.Next] = 0;
    nodes[node + Node.Previous] = last;
    if (last === 0) words[at + HEAD] = node;
    else nodes[last + Node.Next] = node;
    words[at + TAIL] = node;
    Atomics.store(nodes, node + Node.State, State.Waiting);
    Atomics.store(words, at + COUNT, words[at + COUNT] + 1);
  }

  /** Takes a node out, wherever it stands. */
  remove(node: number): void {
    const words = this.#object;
    const nodes = this.#nodes;
    const at = this.#at;
    const next = nodes[node + Node.Next];
    const previous = nodes[node + Node.Previous];
    if (previous === 0) words[at + HEAD] = next;
    else nodes[previous + Node.Next] = next;
    if (next === 0) words[at + TAIL] = previous;
    else nodes[next + Node.Previous] = previous;
    Atomics.store(words, at + COUNT, words[at + COUNT] - 1);
  }

  /**
   * Gives the first waiter its grant: the permit or item for which it waits.
   *
   * @param wakes The list of those to wake when the lock is free again: the owner is added to it.
   * @param data The DATA of the grant; without it, the node's DATA stays.
   * @returns The node, to be compared with 0 (nobody waits) and nothing else: it is its owner's again, who may use it at
   * another object at once.
   */
  grant(wakes: number[], data?: number): number {
    return this.#settle(wakes, State.Granted, data);
  }

  /** Tells the first waiter that it will get no grant; see {@linkcode Waiters.grant}. */
  refuse(wakes: number[]): number {
    return this.#settle(wakes, State.Refused, undefined);
  }

  /** Wakes the owners that {@linkcode Waiters.grant} has collected. After the lock is free. */
  static wake(here: Here, wakes: number[], id: number): void {
    for (let i = 0; i < wakes.length; i += 3) here.wake(wakes[i], id, wakes[i + 1], wakes[i + 2]);
    wakes.length = 0;
  }

  /** Whether a node belongs to no wait and no permit any more. */
  static isSettled(here: Here, node: number): boolean {
    const state = Atomics.load(here.arena.words, node + Node.State);
    return state === State.Free || state === State.Settled;
  }

  /** Notes in a node that the hub has settled the wait or permit of its dead Worker. Under the lock of its object. */
  static markSettled(here: Here, node: number): void {
    Atomics.store(here.arena.words, node + Node.State, State.Settled);
  }

  #settle(wakes: number[], state: number, data: number | undefined): number {
    const node = this.first;
    if (node === 0) return 0;
    this.remove(node);
    const nodes = this.#nodes;
    // The owner may go on, and use the node for something else, as soon as it sees the state.
    const owner = nodes[node + Node.Owner];
    if (data !== undefined) nodes[node + Node.Data] = data;
    if ((nodes[node + Node.List] & TIMED) !== 0) nodes[node + Node.Time] = timeNow();
    nodes[node + Node.Kills] = this.#here.arena.kills;
    Atomics.store(nodes, node + Node.State, state);
    // The owner gets its order number before the next waiter is served, which may be awake by chance and see its grant by itself.
    if (!this.#here.queue(owner)) wakes.push(owner, this.number, node);
    return node;
  }
}
