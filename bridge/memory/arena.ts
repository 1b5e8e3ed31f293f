/**
 * The arena: the memory in which the waits and the permits of all sides of the process are written down.
 *
 * One fixed `SharedArrayBuffer` for the process, made on the main thread and given to each Worker at its start. It is large,
 * but the system gives memory to it only where something was written. It is made of *nodes*: one for each wait on a
 * coordination object (see `core.ts`), and one for each permit that a thread of a Worker holds.
 *
 * ```text
 * NEXT_ID      anybody adds 1 to take the id of an object, a value or a buffer
 * NEXT_THREAD  anybody adds 1 to take the id of a green thread
 * NEXT_CHUNK   anybody adds 1 to take a chunk of nodes that nobody has had
 * REUSABLE     1 while there may be chunks of dead Workers to be taken: the hub stores 1 after it has freed a chunk; a side that
 *              takes one stores 0 before it looks, and 1 when it has found one, as there may be more
 * KILLS        a side that kills a green thread adds 1, which gives the number of the kill, before it announces the kill; in a
 *              line that changes seldom
 * KILLS_SAID   the same side adds 1 after it has announced the kill
 * DUE          anybody sets bit 0 after it has set a bit among the BITS, bit 1 to have all Workers woken;
 *              the hub clears it before it looks
 * BITS         1,024 bits: the objects, by their id, with something for waiters on the hub
 * owners       the owner of each chunk: 0 nobody yet, 1 + the key of the side that took it, -1 nobody any more. That side writes
 *              it once; the hub writes -1 when the side has died; then any side takes the chunk, by compare-and-swap from -1
 * a node       STATE, DATA and the links: the side that holds the lock of the node's object; only the owner of the node,
 *              while the node is FREE
 * ```
 *
 * A node belongs to the side that took it from a chunk of its own, and goes back to that side's list of free nodes, so taking a
 * node is no race. Others change it only while it stands in an object's list, or is an account that was passed on to the hub (see
 * `permits.ts`): the hub writes FREE, and the owner, which looks now and then, puts the node into its list after that.
 *
 * **The chunks of a dead Worker** are taken again, by whichever side needs one next. Before that the hub has taken each of their
 * nodes out of its list, unless the list has died with the Worker, and written FREE; so nobody refers to one. Their other words
 * keep their old values: a side that takes a node writes them. A Worker that was given up may go on, so it keeps its chunks.
 *
 * @module
 */

const NEXT_ID = 0;
const NEXT_CHUNK = 1;
const DUE = 2;
const NEXT_THREAD = 3;
const REUSABLE = 4;
const KILLS = 16;
const KILLS_SAID = 17;
const BITS = 32;
const BUCKETS = 1024;
const OWNERS = 64;

/** The owner of a chunk whose Worker has died. */
const NOBODY = -1;

/** The count of nodes in a chunk, which a side takes at a time. */
const CHUNK_NODES = 32;

/** The words of a node: half a cache line. */
const NODE_WORDS = 8;

/** The count of chunks: a million nodes, 32 MiB of addresses. */
const CHUNKS = 1 << 15;

const NODES = OWNERS + CHUNKS;

/** The words of a node, counted from its beginning. */
export const Node = {
  /** One of {@linkcode State}. */
  State: 0,
  /** The next one in the list; 0 for none. */
  Next: 1,
  /** The one before it in the list; 0 for none. */
  Previous: 2,
  /** The id of the object. */
  Object: 3,
  /** The key of the side that took the node. */
  Owner: 4,
  /** The id of the green thread that waits; 0 for async code. */
  Thread: 5,
  /** The waiter's offer, or its grant. */
  Data: 6,
  /** The number of the object's list in which it stands, with {@linkcode TIMED} if its wait has a limit. */
  List: 7,
  /** The time of the grant, once the node was taken out of its list by one, if its wait has a limit: see {@linkcode timeNow}. */
  Time: 1,
  /** The count of kills before the grant, once the node was taken out of its list by one: see {@linkcode Arena.kills}. */
  Kills: 2,
} as const;

/**
 * A bit of {@linkcode Node.List}: the wait has a limit, so that it matters whether the grant came before that. It takes 0.1 µs to
 * look at the clock, which most grants save.
 */
export const TIMED = 1 << 8;

/** The states of a node. */
export const State = {
  /** In its owner's list of free nodes. */
  Free: 0,
  /** In an object's list; its owner waits. */
  Waiting: 1,
  /** Taken out of the list by a grant. */
  Granted: 2,
  /** Taken out of the list: there will be no grant. */
  Refused: 3,
  /** Not in a list: one of the owner's threads holds a permit of the object. */
  Account: 4,
  /** Its owner died, and the hub has settled its wait or permit. */
  Settled: 5,
} as const;

/** A moment of the clock that all sides share, in milliseconds modulo 2^32. */
export function timeNow(): number {
  return timeOf(performance.now());
}

/** Whether a moment of {@linkcode timeNow} came after one in this side's `performance.now()` time. */
export function cameAfter(time: number, due: number): boolean {
  return (time - timeOf(due) | 0) > 0;
}

/**
 * A moment of this side's `performance.now()` on the shared clock. When the system's clock was set while a Worker was started,
 * the Worker's shared clock is off by as much. Then it may take a limit that was due before a grant for one that was not, or the
 * other way round, if both have come when it looks.
 */
function timeOf(now: number): number {
  return Math.trunc(ORIGIN + now) | 0;
}

const ORIGIN = performance.timeOrigin;

/** The arena's words, behind verbs. */
export class Arena {
  readonly buffer: SharedArrayBuffer;
  readonly words: Int32Array;

  /** @param buffer The memory of the arena that exists already; without it a new one is made. */
  constructor(buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer((NODES + CHUNKS * CHUNK_NODES * NODE_WORDS) * 4);
    this.words = new Int32Array(this.buffer);
  }

  /** Takes an id that nothing else in the process has. Any side. */
  takeId(): number {
    return Atomics.add(this.words, NEXT_ID, 1) + 1;
  }

  /** Takes an id that no other green thread of the process has, in any hub: a lock knows its holder by that id. Any side. */
  takeThreadId(): number {
    return Atomics.add(this.words, NEXT_THREAD, 1) + 1 >>> 0;
  }

  /** Takes the number of a kill that is about to be said. Any side. */
  countKill(): number {
    return Atomics.add(this.words, KILLS, 1) + 1 | 0;
  }

  /** Notes that a counted kill has been said to the Worker of its thread. Any side. */
  sayKill(): void {
    Atomics.add(this.words, KILLS_SAID, 1);
  }

  /** The count of kills that have been said. */
  get killsSaid(): number {
    return Atomics.load(this.words, KILLS_SAID);
  }

  /** The number of the last kill. */
  get kills(): number {
    return Atomics.load(this.words, KILLS);
  }

  /**
   * Takes a chunk of nodes: one of a dead Worker, or else one that nobody has had.
   *
   * @param key The key of the side that takes it.
   * @returns The number of the chunk.
   * @throws {RangeError} If there are none left: a million waits are going on.
   */
  takeChunk(key: number): number {
    const used = this.#takeReusable(key);
    if (used !== undefined) return used;
    const chunk = Atomics.add(this.words, NEXT_CHUNK, 1);
    if (chunk >= CHUNKS || chunk < 0) {
      Atomics.sub(this.words, NEXT_CHUNK, 1);
      throw new RangeError(
        "Cannot wait: the process has a million waits and permits already, and cannot have more",
      );
    }
    Atomics.store(this.words, OWNERS + chunk, key + 1);
    return chunk;
  }

  #takeReusable(key: number): number | undefined {
    const { words } = this;
    if (Atomics.load(words, REUSABLE) === 0) return undefined;
    // Before looking: a chunk freed meanwhile, where this side has looked already, is announced by a later store of 1.
    Atomics.store(words, REUSABLE, 0);
    for (const chunk of this.#chunksWith(NOBODY)) {
      const found = Atomics.compareExchange(words, OWNERS + chunk, NOBODY, key + 1);
      if (found !== NOBODY) continue;
      Atomics.store(words, REUSABLE, 1);
      return chunk;
    }
    return undefined;
  }

  /** Makes a dead Worker's chunk free to be taken again: none of its nodes is in a list. Hub only. */
  recycle(chunk: number): void {
    for (const node of this.nodesOf(chunk)) {
      Atomics.store(this.words, node + Node.State, State.Free);
    }
    Atomics.store(this.words, OWNERS + chunk, NOBODY);
    Atomics.store(this.words, REUSABLE, 1);
  }

  /** Whether there is a node at an index that another side has named. */
  isNode(at: number): boolean {
    return Number.isInteger(at) && at >= NODES &&
      at < this.words.length && (at - NODES) % NODE_WORDS === 0;
  }

  /** The nodes of a chunk, each by its index in the words. */
  *nodesOf(chunk: number): Generator<number> {
    // The nodes do not begin at index 0, so 0 can mean "none".
    const first = NODES + chunk * CHUNK_NODES * NODE_WORDS;
    for (let i = 0; i < CHUNK_NODES; i++) yield first + i * NODE_WORDS;
  }

  /** The chunks that a side has. Hub only. */
  chunksOf(key: number): Generator<number> {
    return this.#chunksWith(key + 1);
  }

  *#chunksWith(owner: number): Generator<number> {
    const most = Math.min(CHUNKS, Atomics.load(this.words, NEXT_CHUNK));
    for (let chunk = 0; chunk < most; chunk++) {
      if (Atomics.load(this.words, OWNERS + chunk) === owner) yield chunk;
    }
  }

  // Telling the hub.

  /** Notes that waiters on the hub were granted something at an object. Any Worker; ring the doorbell after it. */
  markDue(id: number): void {
    const bucket = bucketOf(id);
    Atomics.or(this.words, BITS + (bucket >> 5), 1 << (bucket & 31));
    Atomics.or(this.words, DUE, 1);
  }

  /** Asks the main thread to wake a Worker of another hub, which only the main thread can reach. Any Worker. */
  markRelay(): void {
    Atomics.or(this.words, DUE, 2);
  }

  /** Takes the bits of DUE: bit 0 for marks, bit 1 for a relay. Hub only; look at the marks after it. */
  takeDue(): number {
    if (Atomics.load(this.words, DUE) === 0) return 0;
    return Atomics.exchange(this.words, DUE, 0);
  }

  /** Takes the marks: the buckets of the objects at which waiters on the hub were granted something. Hub only. */
  *takeMarks(): Generator<number> {
    for (let word = 0; word < BUCKETS / 32; word++) {
      if (Atomics.load(this.words, BITS + word) === 0) continue;
      let bits = Atomics.exchange(this.words, BITS + word, 0);
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits);
        bits &= ~(1 << bit);
        yield word * 32 + bit;
      }
    }
  }
}

/** The number of the mark for an object, and all objects of its bucket. */
export function bucketOf(id: number): number {
  return id & BUCKETS - 1;
}

/** The free nodes of one side. */
export class Nodes {
  readonly #arena: Arena;
  readonly #key: number;
  readonly #free: number[] = [];
  /** The nodes that are free as soon as the hub says so. */
  #later: number[] = [];

  /**
   * @param arena The arena.
   * @param key The side's key.
   */
  constructor(arena: Arena, key: number) {
    this.#arena = arena;
    this.#key = key;
  }

  /**
   * Takes a node. It is not in any list yet.
   *
   * @param object The id of the object that it is for.
   * @param list The number of the object's list in which it is to stand.
   * @param thread The id of the green thread; 0 for async code.
   * @param data The waiter's offer.
   */
  take(object: number, list: number, thread: number, data: number): number {
    const node = this.#free.pop() ?? this.#again() ?? this.#more();
    const { words } = this.#arena;
    words[node + Node.Object] = object;
    words[node + Node.Owner] = this.#key;
    words[node + Node.Thread] = thread;
    words[node + Node.Data] = data;
    words[node + Node.List] = list;
    return node;
  }

  /** Frees a node, which is in no list any more. */
  free(node: number): void {
    Atomics.store(this.#arena.words, node + Node.State, State.Free);
    this.#free.push(node);
  }

  /** Notes a node that the hub will free, in its own time. */
  freeLater(node: number): void {
    this.#later.push(node);
  }

  /** Takes in the nodes that the hub has freed; returns one of them. */
  #again(): number | undefined {
    if (this.#later.length === 0) return undefined;
    const { words } = this.#arena;
    const isFree = (node: number) => Atomics.load(words, node + Node.State) === State.Free;
    const later: number[] = [];
    for (const node of this.#later) (isFree(node) ? this.#free : later).push(node);
    this.#later = later;
    return this.#free.pop();
  }

  #more(): number {
    const chunk = this.#arena.takeChunk(this.#key);
    for (const node of this.#arena.nodesOf(chunk)) this.#free.push(node);
    return this.#free.pop()!;
  }
}
