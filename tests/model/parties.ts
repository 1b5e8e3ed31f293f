/**
 * The parties of a model: Workers that run green code, and the main thread with its doorbell, on the library's own boards,
 * places and objects.
 *
 * A Worker has no `GreenRuntime`, but what it blocks with: the library's own `Blocking`, with one thread on its stack. Its ring
 * is one word, which says whether the thread was struck, and by what. That a thread which has been blocked for a while tells the
 * hub so is left out: it only has it look once more.
 *
 * @module
 */

import type { GreenBase } from "../../green/worker/base.ts";
import type { GreenRuntime } from "../../green/worker/runtime.ts";
import type { GreenThread } from "../../bridge/side/green_thread.ts";
import type { Inbox } from "../../bridge/wire/inbox.ts";
import type { Outbox } from "../../bridge/wire/outbox.ts";
import type { Intake } from "../../green/worker/intake.ts";
import type { RemoteThread } from "../../green/worker/remote_thread.ts";
import type { Here } from "../../bridge/memory/process_side.ts";
import type { ThreadOptions } from "../../bridge/protocol/messages.ts";
import type { Coordination, Passage } from "../../bridge/memory/objects.ts";
import { state } from "../../bridge/state.ts";
import { Node, State } from "../../bridge/memory/arena.ts";
import { CORE } from "../../bridge/memory/objects.ts";
import {
  type End,
  explore,
  type Explored,
  type Party,
  type Scenario,
  type Words,
} from "./explorer.ts";
import type { Library } from "./library.ts";
import { type Buffer, type Run, within } from "./memory.ts";

/** The number of the hub's board, and how many Workers there may be. */
const BOARD = 1;
const SLOTS = 4;
/** Where all copies of the library look for where they are. */
const current = state<{ here: unknown }>("place", () => ({ here: undefined }));
const side = state<{ runtime: unknown }>("green", () => ({ runtime: undefined }));

/** What a party has. */
export interface World<O> {
  readonly objects: O;
  readonly library: Library;
  readonly board: Board;
  /** Words that all share, for protocols that need no object. */
  readonly words: Int32Array;
  /** The memory of a ring that all share. */
  readonly ring: SharedArrayBuffer;
  /** Writes down that something happened. */
  note(text: string): void;
  /** What `spawn` does in a Worker. */
  spawns?: (options: ThreadOptions) => void;
  /** Kills the thread of a Worker. */
  kill(worker: number): void;
  /** Has what blocks the thread of a Worker fail: as when there is no room on its stack for what has arrived. */
  fail(worker: number): void;
  /** Calls something that may fail so; says whether it did. */
  attempt(call: () => unknown, ...names: string[]): boolean;
}

/** A Worker's green thread. */
export interface Green<O> {
  /** Whether its Worker may die. */
  readonly mortal?: boolean;
  /** What it does before all others begin. */
  before?(world: World<O>): void;
  green(world: World<O>): void;
}

/** The main thread: what its async code does. */
export interface Hub<O> {
  /** What it does before all others begin. */
  before?(world: World<O>): void;
  hub(world: World<O>): Promise<void>;
  /** What the doorbell has taken in besides what is due at objects. What a Worker has said before it died is taken in too. */
  takeIn?(world: World<O>, workers: readonly WorkerObjects[]): boolean;
}

type Board = InstanceType<Library["Board"]>;
type WorkerObjects = InstanceType<Library["WorkerObjects"]>;

/** What is explored: parties that meet at objects. */
export interface Meeting<O> {
  /** The main thread comes last, if it is there. */
  readonly parties: readonly (Green<O> | Hub<O>)[];
  check(end: MeetingEnd<O>): void;
  invariant?(notes: readonly string[]): void;
}

export interface MeetingEnd<O> {
  readonly notes: readonly string[];
  readonly dead: readonly number[];
  /** The objects as they are at the end. */
  look<T>(act: (objects: O) => T): T;
}

/**
 * Explores a meeting.
 *
 * @param library The library, or a broken one.
 * @param make Makes the objects.
 * @param meeting Who meets at them.
 */
export function meet<O extends Record<string, Coordination>>(
  library: Library,
  make: (library: Library) => O,
  { parties, check, invariant }: Meeting<O>,
): Promise<Explored> {
  const stage = new Stage(library, make);
  const workers = parties.filter((party) => "green" in party).length;
  const scenario: Scenario = {
    setUp: (run) => stage.setUp(run),
    parties: parties.map((party, i) =>
      "green" in party ? stage.worker(party, i) : stage.mainThread(party, workers)
    ),
    words: stage.words,
    invariant,
    check: ({ notes, dead, look }: End) =>
      check({
        notes,
        dead,
        look: (act) => look((run) => within(run, () => act(stage.objectsFor(run)))),
      }),
  };
  return explore(scenario);
}

class Stage<O extends Record<string, Coordination>> {
  readonly #library: Library;
  readonly #make: (library: Library) => O;
  #made: { name: string; kind: string; buffer: Buffer; id: number; words: number }[] = [];

  constructor(library: Library, make: (library: Library) => O) {
    this.#library = library;
    this.#make = make;
  }

  setUp(run: Run): void {
    run.bufferNames = ["board"];
    new this.#library.Board(SLOTS);
    this.#becomeMain(run);
    const { nodes } = current.here as InstanceType<Library["HereOnHub"]>;
    // Each side's first nodes are its own already, so that it is no matter in which order they are taken.
    nodes.free(nodes.take(0, 0, 0, 0));
    this.#made = Object.entries(this.#make(this.#library)).map(([name, object]) => {
      const core = object[CORE];
      const buffer = core.buffer as unknown as Buffer;
      return { name, kind: core.wireName, buffer, id: core.id, words: core.words.length };
    });
    // As on a machine that has much to do: nobody spins.
    run.memory[run.layout.slot(run.layout.buffer("board", 0), 1)] = 1000;
  }

  #becomeMain(run: Run) {
    run.bufferNames = ["arena"];
    side.runtime = undefined;
    const here = new this.#library.HereOnHub();
    current.here = here;
    return here;
  }

  #board(run: Run) {
    return new this.#library.Board(SLOTS, run.layout.buffer("board", 0) as never);
  }

  #revive(): O {
    return Object.fromEntries(
      this.#made.map(({ name, kind, buffer }) => [name, this.#library.revive(kind, buffer)]),
    ) as O;
  }

  /** The objects, for one who looks at an end. */
  objectsFor(run: Run): O {
    this.#becomeMain(run);
    return this.#revive();
  }

  worker({ green, before, mortal }: Green<O>, slot: number): Party {
    const library = this.#library;
    let world: World<O>;
    return {
      name: `W${slot}`,
      key: BOARD * 2048 + slot,
      mortal,
      prologue: (run) => {
        const board = this.#board(run);
        const arena = run.layout.buffer("arena", 0) as never;
        const here = new library.HereInWorker({ arena, board: BOARD }, board, slot);
        current.here = here;
        const spawns = (options: ThreadOptions) => world.spawns!(options);
        side.runtime = runtime(run, library, board, slot, spawns);
        here.nodes.free(here.nodes.take(0, 0, 0, 0));
        world = worldOf(run, library, board, here, this.#revive());
        before?.(world);
      },
      body: () => green(world),
    };
  }

  mainThread({ hub, before, takeIn }: Hub<O>, workers: number): Party {
    const library = this.#library;
    let world: World<O>;
    let bell: InstanceType<Library["Doorbell"]>;
    let objects: WorkerObjects[] = [];
    return {
      name: "hub",
      key: 0,
      prologue: (run) => {
        const here = this.#becomeMain(run);
        here.nodes.free(here.nodes.take(0, 0, 0, 0));
        const board = this.#board(run);
        here.addBoard(board);
        const revived = this.#revive();
        for (const { id } of this.#made) library.releaseObject(id, Infinity);
        objects = Array.from({ length: workers }, (_, slot) => {
          const objects = new library.WorkerObjects(NO_PASSAGE, BOARD * 2048 + slot);
          for (const object of Object.values(revived)) objects.hold(object);
          return objects;
        });
        world = worldOf(run, library, board, here, revived);
        bell = new library.Doorbell(board, () => {
          const more = takeIn?.(world, objects) ?? false;
          return here.takeIn() || more;
        });
        before?.(world);
      },
      body: () => {
        const end = hub(world);
        bell.listen().catch(() => {});
        return end;
      },
      onDeath(_, dead) {
        takeIn?.(world, objects);
        objects[dead].exited([threadOf(dead)]);
      },
    };
  }

  get words(): Words {
    const objectAt = (name: string) => this.#made.find(({ buffer }) => buffer.name === name);
    return {
      // A ring's frames: the writer's where nothing is unread, the reader's where something is.
      refuses(at, buffer, index, writes) {
        if (buffer !== "ring" || index < 64) return undefined;
        const [head, tail] = [at("ring", 0) >>> 0, at("ring", 16) >>> 0];
        const place = (index - 64) * 4;
        const isUnread = (place - tail & (1 << 18) - 1) >>> 0 < (head - tail >>> 0);
        return isUnread === writes ? `of a frame that is ${writes ? "" : "not "}unread` : undefined;
      },
      idAt: 1,
      waiting: State.Waiting,
      free: State.Free,
      account: State.Account,
      isLock: (buffer, index) => index === 0 && objectAt(buffer) !== undefined,
      lockOf(buffer, index) {
        const object = objectAt(buffer);
        return object && index >= 4 && index < object.words ? 0 : undefined;
      },
      nodeOf(buffer, index) {
        if (buffer !== "arena" || index < NODES) return undefined;
        const word = (index - NODES) % 8;
        const { State: state, Owner, Object: object, Thread, List } = Node;
        return {
          state: index - word + state,
          owner: index - word + Owner,
          object: index - word + object,
          isFixed: [Owner, object, Thread, List].includes(word as never),
        };
      },
      isQuiet: (buffer, index) =>
        buffer === "board" && (index === 1 || index >= 32 && index % 16 === 2),
      nameOf: (buffer, index) => {
        if (buffer === "board") return boardWord(index);
        if (buffer === "arena") return arenaWord(index);
        if (buffer === "ring") {
          return `ring.${{ 0: "HEAD", 16: "TAIL", 32: "HUNGRY" }[index] ?? index}`;
        }
        if (buffer === "kills") return `KILL of ${index}`;
        const object = objectAt(buffer);
        if (!object) return `${buffer}[${index}]`;
        return `${object.name}.${index === 0 ? "LOCK" : index}`;
      },
    };
  }
}

/** Where the nodes begin in the arena, in words. */
const NODES = 64 + (1 << 15);

function boardWord(index: number): string {
  if (index === 16) return "DOORBELL";
  if (index === 17) return "ARMED";
  if (index >= 32) return `${["WAKE", "PARKED"][index % 16] ?? index % 16} of ${(index >> 4) - 2}`;
  return `board[${index}]`;
}

function arenaWord(index: number): string {
  if (index === 2) return "DUE";
  if (index >= 32 && index < 64) return "BITS";
  if (index < NODES) return `arena[${index}]`;
  const word = Object.entries(Node).find(([, word]) => word === (index - NODES) % 8)![0];
  return `${word} of node ${index - NODES >> 3}`;
}

function worldOf<O>(
  run: Run,
  library: Library,
  board: Board,
  here: Here,
  objects: O,
): World<O> {
  const kills = new Int32Array(run.layout.buffer("kills", 64) as never);
  const strike = (worker: number, how: number) => {
    Atomics.store(kills, worker, how);
    board.wake(worker);
  };
  return {
    objects,
    library,
    board,
    words: new Int32Array(run.layout.buffer("words", 64) as never),
    ring: run.layout.buffer("ring", 1 << 19) as never,
    note(text) {
      run.effect(() => {
        run.notes.push(text);
        return 0;
      });
    },
    kill(worker) {
      const number = here.arena.countKill();
      strike(worker, number);
      here.arena.sayKill();
    },
    fail: (worker) => strike(worker, FAILED),
    attempt(call, ...names) {
      try {
        call();
        return true;
      } catch (error) {
        if (run.stopped || !names.includes((error as Error).name)) throw error;
        return false;
      }
    },
  };
}

/** In the word of a Worker what its thread has been struck by: the number of a kill, or that what blocks it fails. */
const FAILED = -1;

/** What a struck thread's blocking calls throw. */
class Killed extends Error {
  override name = "Killed";
}

/** The id of a Worker's thread. */
function threadOf(slot: number): number {
  return slot + 1;
}

/** What objects use of the runtime. */
type Used =
  | "enter"
  | "threadId"
  | "checkHeard"
  | "arm"
  | "block"
  | "isKilledBy"
  | "knownKills"
  | "spawn";

function runtime(
  run: Run,
  library: Library,
  board: Board,
  slot: number,
  spawns: (how: ThreadOptions) => void,
) {
  const ring = new Int32Array(run.layout.buffer("kills", 64) as never);
  const stack = new library.FrameStack();
  const frame = new library.Frame(threadOf(slot), {} as RemoteThread);
  stack.frames.push(frame);
  let taken = 0;
  let deadline = Infinity;
  const receive = () => {
    const said = Atomics.load(ring, slot);
    if (said === taken) return;
    taken = said;
    if (said !== FAILED) stack.kill(frame, new Killed(), said);
  };
  /** The board, without the times at which a blocked thread reports to the hub. */
  const sleepy = {
    woken: () => board.woken(slot),
    park: (_slot: number, counter: number, ms: number) =>
      board.park(slot, counter, performance.now() + ms < deadline ? Infinity : ms),
    get awake() {
      return board.awake;
    },
  } as unknown as Board;
  const down = {
    shut: false,
    behind: false,
    get empty() {
      return Atomics.load(ring, slot) === taken;
    },
  };
  const mailbox = new library.Mailbox(
    sleepy,
    slot,
    { tidyAt: Infinity } as Outbox,
    { ring: down } as unknown as Inbox,
    () => {},
  );
  const intake = {
    receive,
    takeIn() {
      receive();
      if (taken === FAILED) throw new Killed();
    },
    runSoon() {},
  };
  const scheduler = new library.Parallel(intake as unknown as Intake);
  const base = { mailbox, stack, timed: { next: Infinity }, scheduler } as unknown as GreenBase;
  const blocking = new library.Blocking(base, intake as unknown as Intake);
  const runtime: Pick<GreenRuntime, Used> = {
    enter() {
      stack.throwIfKilled(frame);
      return threadOf(slot);
    },
    threadId: () => threadOf(slot),
    checkHeard: () => {},
    arm: () => () => {},
    spawn: (_target, _args, options) => {
      spawns(options!);
      return {} as GreenThread;
    },
    block(condition, until, parking) {
      deadline = until;
      return blocking.block(condition, until, parking);
    },
    knownKills: 0,
    isKilledBy(said) {
      runtime.knownKills = said;
      return blocking.isKilled;
    },
  };
  return runtime;
}

/** Nothing crosses in a model: all have the objects. */
const NO_PASSAGE = { close() {} } as unknown as Passage;
