/**
 * The side of the process on which this thread of execution is, as coordination objects need it: the arena, free nodes, and the
 * ways to wake the other sides.
 *
 * The main thread makes its {@linkcode Here} at the first call of {@linkcode here}, with no need of a hub: objects that only
 * async code uses work without one. A Worker's entry makes the Worker's before anything else.
 *
 * **A key** names a side: 0 the main thread, else the number of a hub's board and the Worker's slot in it.
 *
 * **Waking.** A Worker wakes another one of its hub by the board they share, the main thread by a mark in the arena and its
 * hub's doorbell, and a Worker of another hub by asking the main thread, which has the boards of all. Waiters on the main
 * thread are promises: see {@linkcode HereOnHub.watch}.
 *
 * @module
 */

import { type Board, MAX_SLOTS } from "../wire/board.ts";
import { state } from "../state.ts";
import { Arena, bucketOf, Node, Nodes, State } from "./arena.ts";

/** The key of the main thread. */
export const HUB = 0;

/** The key of a Worker. */
export function keyOf(board: number, slot: number): number {
  return board * MAX_SLOTS + slot;
}

/** The side of the process on which this thread of execution is. */
export interface Here {
  readonly arena: Arena;
  /** The side's free nodes. */
  readonly nodes: Nodes;
  /** The side's key. */
  readonly key: number;
  /**
   * Tells the owner of a node that it was taken out of its list.
   *
   * @param owner The owner's key.
   * @param id The object.
   * @param list The list.
   * @param node The node.
   */
  wake(owner: number, id: number, list: number, node: number): void;
  /**
   * Gives the owner of a node that was taken out of its list an order number for the run lock, if its hub is cooperative.
   *
   * @param owner The owner's key.
   * @returns Whether the owner has got one, and need not be woken.
   */
  queue(owner: number): boolean;
}

/** The data for a Worker's {@linkcode Here}, which the Worker is given at its start. */
export interface HereStart {
  readonly arena: SharedArrayBuffer;
  /** The number of its hub's board. */
  readonly board: number;
}

/** The side of a Worker. */
export class HereInWorker implements Here {
  readonly arena: Arena;
  readonly nodes: Nodes;
  readonly key: number;
  readonly #board: Board;
  readonly #number: number;

  constructor(start: HereStart, board: Board, slot: number) {
    this.arena = new Arena(start.arena);
    this.key = keyOf(start.board, slot);
    this.nodes = new Nodes(this.arena, this.key);
    this.#board = board;
    this.#number = start.board;
  }

  wake(owner: number, id: number): void {
    if (owner === HUB) {
      this.arena.markDue(id);
      this.#board.ring();
    } else if (Math.trunc(owner / MAX_SLOTS) === this.#number) {
      this.#board.wake(owner % MAX_SLOTS);
    } else {
      this.arena.markRelay();
      this.#board.ring();
    }
  }

  queue(owner: number): boolean {
    const { order } = this.#board;
    return order !== undefined && Math.trunc(owner / MAX_SLOTS) === this.#number &&
      order.ready(owner % MAX_SLOTS);
  }
}

/** The side of the main thread, with all its hubs. */
export class HereOnHub implements Here {
  readonly arena: Arena = new Arena();
  readonly key = HUB;
  readonly nodes: Nodes = new Nodes(this.arena, HUB);
  readonly #boards = new Map<number, Board>();
  #lastBoard = 0;
  /** The waits of async code: for each list of an object its nodes in the order of their arrival. */
  readonly #watched = new Map<number, Map<number, () => void>>();
  /** The lists with waits, by the marks of their objects. */
  readonly #buckets = new Map<number, Set<number>>();

  /** Adds the board of a new hub; returns its number. */
  addBoard(board: Board): number {
    this.#boards.set(++this.#lastBoard, board);
    return this.#lastBoard;
  }

  /** Removes the board of a hub that has ended: none of its Workers waits any more. */
  removeBoard(number: number): void {
    this.#boards.delete(number);
  }

  /**
   * Calls a function once when a node is taken out of its list; at once if it has been already.
   *
   * @param id The object.
   * @param list The list.
   * @param node The node, which was put into the list.
   * @param settle The function.
   */
  watch(id: number, list: number, node: number, settle: () => void): void {
    const key = listKey(id, list);
    let nodes = this.#watched.get(key);
    if (!nodes) {
      this.#watched.set(key, nodes = new Map());
      const bucket = bucketOf(id);
      const lists = this.#buckets.get(bucket);
      if (lists) lists.add(key);
      else this.#buckets.set(bucket, new Set([key]));
    }
    nodes.set(node, settle);
    // The node may have been taken out since it was put in; then nobody may look at it again.
    if (Atomics.load(this.arena.words, node + Node.State) !== State.Waiting) {
      this.#settle(id, key, nodes, node);
    }
  }

  /** Takes a {@linkcode HereOnHub.watch} back; returns whether its function had not been called. */
  unwatch(id: number, list: number, node: number): boolean {
    const key = listKey(id, list);
    const nodes = this.#watched.get(key);
    if (!nodes?.delete(node)) return false;
    this.#forgetIfEmpty(id, key, nodes);
    return true;
  }

  wake(owner: number, id: number, list: number, node: number): void {
    if (owner === HUB) {
      const key = listKey(id, list);
      const nodes = this.#watched.get(key);
      if (nodes?.has(node)) this.#settle(id, key, nodes, node);
      return;
    }
    this.#boards.get(Math.trunc(owner / MAX_SLOTS))?.wake(owner % MAX_SLOTS);
  }

  queue(owner: number): boolean {
    const order = this.#boards.get(Math.trunc(owner / MAX_SLOTS))?.order;
    return order !== undefined && order.ready(owner % MAX_SLOTS);
  }

  /**
   * Settles the waits of async code that Workers have granted since the last look.
   *
   * @returns Whether anything was due.
   */
  takeIn(): boolean {
    const due = this.arena.takeDue();
    if (due === 0) return false;
    if ((due & 2) !== 0) this.wakeAll();
    for (const bucket of this.arena.takeMarks()) {
      for (const key of [...this.#buckets.get(bucket) ?? []]) this.#settleList(key);
    }
    return true;
  }

  /** Wakes all Workers of all hubs, so that each looks again whether its condition holds. */
  wakeAll(): void {
    for (const board of this.#boards.values()) {
      for (let slot = 0; slot < board.slots; slot++) board.wake(slot);
    }
  }

  /** Wakes all waiters, as a Worker has died: it may have granted something, and not woken the waiter. */
  wakeEverybody(): void {
    this.wakeAll();
    for (const key of [...this.#watched.keys()]) this.#settleList(key);
  }

  /** Settles the nodes of a list that were taken out of it: lists are served from the front, so they are the first. */
  #settleList(key: number): void {
    const nodes = this.#watched.get(key);
    if (!nodes) return;
    const { words } = this.arena;
    for (const node of nodes.keys()) {
      if (Atomics.load(words, node + Node.State) === State.Waiting) return;
      this.#settle(Math.trunc(key / LISTS), key, nodes, node);
    }
  }

  #settle(id: number, key: number, nodes: Map<number, () => void>, node: number): void {
    const settle = nodes.get(node)!;
    nodes.delete(node);
    this.#forgetIfEmpty(id, key, nodes);
    settle();
  }

  #forgetIfEmpty(id: number, key: number, nodes: Map<number, () => void>): void {
    if (nodes.size > 0) return;
    this.#watched.delete(key);
    const bucket = bucketOf(id);
    const lists = this.#buckets.get(bucket);
    lists?.delete(key);
    if (lists?.size === 0) this.#buckets.delete(bucket);
  }
}

/** The most lists that an object may have. */
const LISTS = 8;

function listKey(id: number, list: number): number {
  return id * LISTS + list;
}

const current = state("place", (): { here: Here | undefined } => ({ here: undefined }));

/** The side on which this thread of execution is. */
export function here(): Here {
  return current.here ??= new HereOnHub();
}

/** The side of the main thread. Hub only. */
export function hereOnHub(): HereOnHub {
  return here() as HereOnHub;
}

/** Makes this thread a Worker's. For the Worker's entry. */
export function becomeWorker(here: HereInWorker): void {
  current.here = here;
  Object.freeze(current);
}
