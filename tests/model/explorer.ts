/**
 * Tries all orders in which the parties of a scenario can take their steps, and looks at each end.
 *
 * A *state* is the shared memory and, for each party, what its accesses have given so far. A *step* is one atomic operation of
 * one party with all that it does up to its next one; or something that happens to it: its sleep is over, its time is up, its
 * Worker dies. From the first state all steps are taken, then all steps from there, and so on, each state once. What is looked
 * for:
 *
 * - a state in which nobody can take a step and somebody has not ended: a wake-up was lost;
 * - a party that fails, a plain access to a word that somebody else may touch at that moment;
 * - an end that the scenario calls wrong: two in a lock, an item that is lost or was got twice, a wrong order.
 *
 * The first state that is wrong is reached by the fewest steps; they are the report.
 *
 * **Sound for plain accesses.** Only atomic operations are points where the parties take turns. That is all orders there are if
 * no word is accessed plainly by one while another may access it, and each plain access is checked for it, against the rules
 * at the heads of `core.ts` and `arena.ts`: an object's words need its lock; a node that is in a list needs its object's lock;
 * any other node is its owner's alone (the hub's, when the owner has died; of an account the hub may read whose it is, and end
 * it).
 *
 * **What the model leaves out.** A spin lock's turns: to take an object's lock is a step that can be taken only while it is
 * free. Spinning before a sleep, which only makes it shorter. When time passes is up to nobody: a time limit may be over at any
 * step, or never.
 *
 * @module
 */

import {
  apply,
  type Entry,
  install,
  Layout,
  type Op,
  type Rules,
  Run,
  settle,
  within,
  withinAsync,
} from "./memory.ts";

/** One party: a Worker or the main thread. */
export interface Party {
  readonly name: string;
  /** Its key as a side; see `process_side.ts`. */
  readonly key: number;
  /** Whether it may die at any point. */
  readonly mortal?: boolean;
  /** What it does first, at once and before all others. */
  prologue?(run: Run): void;
  /**
   * What it does: a function for a Worker; for the main thread one that returns a promise, and goes on by events.
   */
  body(run: Run): void | Promise<void>;
  /** Told that another party has died; main thread only. */
  onDeath?(run: Run, dead: number): void;
}

/** What is explored. */
export interface Scenario {
  readonly parties: readonly Party[];
  /** What is done first, on the main thread. */
  setUp?(run: Run): void;
  /** The names of words for the report, and whose steps are no points: see {@linkcode Words}. */
  readonly words: Words;
  /** Looks at an end. It throws if something is wrong. */
  check(end: End): void;
  /** Looks at each state: throws if something is wrong. */
  invariant?(notes: readonly string[]): void;
}

/** What the model must know of the library's words. */
export interface Words {
  nameOf(buffer: string, index: number): string;
  isQuiet(buffer: string, index: number): boolean;
  /** For a word of an object: nothing if it needs no lock, else the index of the lock. */
  lockOf(buffer: string, index: number): number | undefined;
  /** Why a word must not be accessed plainly now, for what has a rule of its own. */
  refuses(
    at: (buffer: string, index: number) => number,
    buffer: string,
    index: number,
    writes: boolean,
  ): string | undefined;
  /** For a word of a node: the words that say whose it is. */
  nodeOf(buffer: string, index: number): NodeWords | undefined;
  isLock(buffer: string, index: number): boolean;
  /** Where an object has its id. */
  readonly idAt: number;
  /** The states of a node: in a list, nobody's, and an account, which the main thread may end. */
  readonly waiting: number;
  readonly free: number;
  readonly account: number;
}

export interface NodeWords {
  readonly state: number;
  readonly owner: number;
  readonly object: number;
  /** Whether the word stays as it is while the node is in a list. */
  readonly isFixed: boolean;
}

/** An end: nobody can take a step, and all parties have ended. */
export interface End {
  /** What the parties noted, in the order in which they did. */
  readonly notes: readonly string[];
  readonly dead: readonly number[];
  /** Looks at the memory by the library's own code. */
  look<T>(act: (run: Run) => T): T;
}

/** What came of an exploration. */
export interface Explored {
  readonly states: number;
  readonly ends: number;
  /** What is wrong, and the steps that lead there. */
  readonly wrong: string | undefined;
}

/** The first word of an object's own. */
const FIRST_WORD = 4;

/** The main thread's key. */
const MAIN = 0;

interface Sleep {
  readonly number: number;
  readonly slot: number;
  woken: boolean;
}

interface PartyState {
  log: Entry[];
  /** A number for the log: two parties with the same one have seen the same. */
  history: number;
  pending: Op | undefined;
  ended: boolean;
  dead: boolean;
  /** In `Atomics.wait`: whether it was notified. */
  asleep: { woken: boolean } | undefined;
  /** Pending `Atomics.waitAsync`s. */
  sleeps: Sleep[];
  timers: number[];
  /** Whom it has been told of. */
  told: number;
}

interface State {
  memory: number[];
  parties: PartyState[];
  notes: string[];
  before: State | undefined;
  step: string;
}

/** How many states are too many. */
const MOST_STATES = 400_000;

class Wrong extends Error {}

/** Explores a scenario. */
export async function explore(scenario: Scenario): Promise<Explored> {
  const layout = new Layout();
  const accesses = new Accesses(scenario, layout);
  using _installed = install();
  for (;;) {
    try {
      return await new Explorer(scenario, layout, accesses).run();
    } catch (error) {
      if (error !== AGAIN) throw error;
    }
  }
}

/** What is thrown when an operation was taken for quiet that is not: the exploration begins anew, and knows more. */
const AGAIN = new Error("The exploration has to begin again");

/**
 * Who accesses which word how: which operations are quiet, and whether what is done is allowed.
 *
 * Quiet are: all operations on a word that no other party touches; loads of a word that no other party writes; operations on an
 * object's word under its lock, if nobody touches it without; the owner's operations on a node that is in no list. The first
 * three are guesses until the end, as another party may touch the word later: then the exploration begins anew. A party that
 * may die has no quiet operations, since it may die between any two.
 */
class Accesses implements Rules {
  /** The dead of the state that is at hand. */
  dead: ReadonlySet<number> = new Set();
  readonly #scenario: Scenario;
  readonly #layout: Layout;
  /** For each slot the parties that touch it, and those that write it: a bit each. */
  readonly #touched: number[] = [];
  readonly #written: number[] = [];
  /** The slots of objects that are touched without the lock. */
  readonly #open = new Set<number>();
  readonly #guessed = new Set<number>();

  constructor(scenario: Scenario, layout: Layout) {
    this.#scenario = scenario;
    this.#layout = layout;
  }

  isQuiet(run: Run, { name, slot }: Op): boolean {
    const { words, parties } = this.#scenario;
    const { buffer, index } = this.#layout.word(slot);
    if (words.isQuiet(buffer.name, index)) return true;
    const node = words.nodeOf(buffer.name, index);
    if (node) this.#checkNode(run, buffer.name, node, slot, name !== "load");
    const sleeps = name.startsWith("wait") || name === "notify";
    const lock = words.lockOf(buffer.name, index);
    const locked = lock !== undefined && this.#value(run, buffer.name, lock) === this.#key(run) + 1;
    this.#note(run, slot, name !== "load" && !name.startsWith("wait"), locked);
    if (parties[run.party].mortal || sleeps) return false;
    if (node && this.#value(run, buffer.name, node.state) !== words.waiting) return true;
    const others = ~(1 << run.party);
    const quiet = locked && !this.#open.has(slot) || (this.#touched[slot] & others) === 0 ||
      name === "load" && (this.#written[slot] & others) === 0;
    if (quiet) this.#guessed.add(slot);
    return quiet;
  }

  /** Notes who touches what; if that proves a guess wrong, all begins anew. */
  #note(run: Run, slot: number, writes: boolean, locked: boolean): void {
    const mine = 1 << run.party;
    const touched = this.#touched[slot] ?? 0;
    const written = this.#written[slot] ?? 0;
    const opens = !locked && !this.#open.has(slot);
    if (opens) this.#open.add(slot);
    this.#touched[slot] = touched | mine;
    this.#written[slot] = written | (writes ? mine : 0);
    const news = opens || this.#touched[slot] !== touched || this.#written[slot] !== written;
    if (news && this.#guessed.has(slot) && this.#open.has(slot)) {
      this.#guessed.delete(slot);
      throw run.fail(AGAIN);
    }
  }

  check(run: Run, slot: number, writes: boolean): void {
    const { words } = this.#scenario;
    const { buffer, index } = this.#layout.word(slot);
    const lock = words.lockOf(buffer.name, index);
    if (lock !== undefined && this.#value(run, buffer.name, lock) !== this.#key(run) + 1) {
      this.#refuse(run, slot, writes, "without the lock");
    }
    const node = words.nodeOf(buffer.name, index);
    if (node) this.#checkNode(run, buffer.name, node, slot, writes);
    const at = (buffer: string, index: number) => this.#value(run, buffer, index);
    const why = words.refuses(at, buffer.name, index, writes);
    if (why !== undefined) this.#refuse(run, slot, writes, why);
  }

  #checkNode(run: Run, arena: string, node: NodeWords, slot: number, writes: boolean): void {
    const { words, parties } = this.#scenario;
    const key = this.#key(run);
    const state = this.#value(run, arena, node.state);
    const owner = this.#value(run, arena, node.owner);
    const isState = slot === this.#layout.slot(this.#layout.buffer(arena, 0), node.state);
    const looks = !writes && (isState || node.isFixed);
    if (state === words.free) return;
    const ofDead = parties.some((party, i) => party.key === owner && this.dead.has(i));
    const isMine = owner === key || key === MAIN && ofDead;
    if (state === words.waiting) {
      if (!(isMine && looks) && !this.#holdsLockOf(run, this.#value(run, arena, node.object))) {
        this.#refuse(run, slot, writes, "while the node is in a list, without the lock");
      }
    } else if (!isMine && !(key === MAIN && state === words.account && (looks || isState))) {
      this.#refuse(run, slot, writes, "of a node that is somebody else's");
    }
  }

  #refuse(run: Run, slot: number, writes: boolean, why: string): never {
    const { buffer, index } = this.#layout.word(slot);
    const { name } = this.#scenario.parties[run.party];
    const word = this.#scenario.words.nameOf(buffer.name, index);
    throw run.fail(new Wrong(`${name} ${writes ? "writes" : "reads"} ${word} ${why}`));
  }

  #holdsLockOf(run: Run, id: number): boolean {
    const { words } = this.#scenario;
    return this.#layout.buffers.some(({ name }) => {
      const lock = words.lockOf(name, FIRST_WORD);
      return lock !== undefined && this.#value(run, name, words.idAt) === id &&
        this.#value(run, name, lock) === this.#key(run) + 1;
    });
  }

  #key(run: Run): number {
    return this.#scenario.parties[run.party].key;
  }

  #value(run: Run, buffer: string, index: number): number {
    return run.memory[this.#layout.slot(this.#layout.buffer(buffer, 0), index)] ?? 0;
  }
}

class Explorer {
  readonly #scenario: Scenario;
  readonly #layout: Layout;
  readonly #accesses: Accesses;
  readonly #histories = new Map<string, number>();
  readonly #seen = new Set<string>();
  #ends = 0;

  constructor(scenario: Scenario, layout: Layout, accesses: Accesses) {
    this.#scenario = scenario;
    this.#layout = layout;
    this.#accesses = accesses;
  }

  async run(): Promise<Explored> {
    let states = 1;
    try {
      let frontier = [await this.#first()];
      while (frontier.length > 0) {
        const next: State[] = [];
        for (const state of frontier) {
          const steps = this.#steps(state);
          if (steps.length === 0) this.#end(state);
          for (const step of steps) {
            const after = await step();
            if (!this.#isNew(after)) continue;
            if (++states > MOST_STATES) throw new Error(`More than ${MOST_STATES} states`);
            next.push(after);
          }
        }
        frontier = next;
      }
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      return { states, ends: this.#ends, wrong: error.message };
    }
    return { states, ends: this.#ends, wrong: undefined };
  }

  async #first(): Promise<State> {
    const { parties, setUp } = this.#scenario;
    const memory: number[] = [];
    const begin = (party: number) => new Run(this.#layout, this.#accesses, party, memory, [], true);
    const first = begin(-1);
    within(first, () => setUp?.(first));
    const logs: Entry[][] = [];
    for (const [i, party] of parties.entries()) {
      const run = begin(i);
      within(run, () => party.prologue?.(run));
      logs.push(run.log);
    }
    const state: State = { memory, parties: [], notes: [], before: undefined, step: "" };
    for (const log of logs) {
      state.parties.push({
        log,
        history: 0,
        pending: undefined,
        ended: false,
        dead: false,
        asleep: undefined,
        sleeps: [],
        timers: [],
        told: 0,
      });
    }
    for (let i = 0; i < parties.length; i++) await this.#goOn(state, i, []);
    return state;
  }

  #isNew(state: State): boolean {
    let key = state.memory.join();
    for (const { history, asleep, sleeps, dead } of state.parties) {
      key += `;${history}${dead ? "d" : ""}${asleep ? asleep.woken ? "w" : "a" : ""}`;
      for (const sleep of sleeps) if (sleep.woken) key += `,${sleep.number}`;
    }
    key += `;${state.notes.join()}`;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }

  /** All that can come next. */
  #steps(state: State): (() => Promise<State>)[] {
    const steps: (() => Promise<State>)[] = [];
    for (const [i, party] of state.parties.entries()) {
      if (party.dead) continue;
      const { pending, asleep } = party;
      const what = this.#scenario.parties[i];
      const step = (text: string, entry: Entry) => {
        steps.push(() => this.#step(state, i, text, entry));
      };
      if (asleep) {
        if (asleep.woken) step("wakes up", "ok");
        else if (pending!.args[1] < Infinity) step("waits too long", "timed-out");
      } else if (pending) {
        if (this.#isEnabled(state, pending)) steps.push(() => this.#operate(state, i, pending));
      } else {
        for (const { number, woken } of party.sleeps) {
          if (woken) step("hears the bell", `woke ${number}`);
        }
        for (const timer of party.timers) step("is late", `timer ${timer}`);
        const deaths = state.parties.flatMap(({ dead }, j) => dead ? [j] : []);
        if (what.onDeath && deaths.length > party.told) {
          step("hears of a death", `death ${deaths[party.told]}`);
        }
      }
      if (what.mortal && !party.ended && !this.#holdsLock(state, what.key)) {
        steps.push(() => this.#die(state, i));
      }
    }
    return steps;
  }

  /** To take a lock is possible only while it is free: one that finds it taken tries again and again. */
  #isEnabled({ memory }: State, { name, slot, args }: Op): boolean {
    if (name !== "compareExchange" || args[0] !== 0) return true;
    const { buffer, index } = this.#layout.word(slot);
    return !this.#scenario.words.isLock(buffer.name, index) || (memory[slot] ?? 0) === 0;
  }

  #holdsLock({ memory }: State, key: number): boolean {
    const { words } = this.#scenario;
    return this.#layout.buffers.some((buffer) =>
      words.isLock(buffer.name, 0) && memory[this.#layout.slot(buffer, 0)] === key + 1
    );
  }

  async #step(before: State, i: number, step: string, entry: Entry): Promise<State> {
    const state = this.#copy(before, `${this.#scenario.parties[i].name} ${step}`);
    const party = state.parties[i];
    if (party.asleep) party.asleep = undefined;
    else if (typeof entry === "string") {
      const [what, number] = entry.split(" ");
      if (what === "woke") party.sleeps = party.sleeps.filter((s) => s.number !== Number(number));
      else if (what === "death") party.told++;
    }
    await this.#goOn(state, i, [entry]);
    return state;
  }

  /** One atomic operation. */
  async #operate(before: State, i: number, op: Op): Promise<State> {
    const state = this.#copy(before, "");
    const party = state.parties[i];
    const { slot, name, args } = op;
    const old = state.memory[slot] ?? 0;
    let result: Entry = old;
    if (name === "wait" || name === "waitAsync") {
      result = old === args[0] ? "asleep" : "not-equal";
    } else {
      result = apply(state.memory, op);
      if (name === "notify") this.#notify(state, slot);
    }
    state.step = this.#describe(i, op, result);
    if (name === "wait" && result === "asleep") {
      party.asleep = { woken: false };
      return state;
    }
    await this.#goOn(state, i, [result]);
    return state;
  }

  #notify(state: State, slot: number): void {
    for (const party of state.parties) {
      if (party.asleep && party.pending!.slot === slot) party.asleep = { woken: true };
      party.sleeps = party.sleeps.map((s) => s.slot === slot ? { ...s, woken: true } : s);
    }
  }

  #die(before: State, i: number): Promise<State> {
    const state = this.#copy(before, `${this.#scenario.parties[i].name} dies`);
    const party = state.parties[i];
    party.dead = true;
    party.asleep = undefined;
    return Promise.resolve(state);
  }

  /** Runs a party up to its next point. */
  async #goOn(state: State, i: number, entries: Entry[]): Promise<void> {
    const what = this.#scenario.parties[i];
    const before = state.parties[i];
    const log = [...before.log, ...entries];
    const from = before.log.length;
    const run = new Run(this.#layout, this.#accesses, i, state.memory, log);
    this.#accesses.dead = new Set(state.parties.flatMap(({ dead }, j) => dead ? [j] : []));
    let ended = false;
    let failure: { error: unknown } | undefined;
    const fails = (error: unknown) => {
      if (!run.stopped) failure ??= { error };
    };
    let rest: Promise<void> | undefined;
    within(run, () => {
      try {
        run.immediate = true;
        what.prologue?.(run);
        run.immediate = false;
        rest = what.body(run)?.then(() => void (ended = true), fails);
        if (!rest) ended = true;
      } catch (error) {
        fails(error);
      }
    });
    if (rest) await withinAsync(run, () => this.#serve(run, what));
    let { history } = before;
    for (const entry of log.slice(from)) history = this.#history(history, entry);
    const sleeps = [...run.sleeps].map(([number, { slot }]) => ({
      number,
      slot,
      woken: before.sleeps.some((sleep) => sleep.number === number && sleep.woken),
    }));
    state.parties[i] = {
      ...before,
      log,
      history,
      pending: run.pending,
      ended,
      asleep: undefined,
      sleeps,
      timers: [...run.timers].flatMap(([number, act]) => act ? [number] : []),
    };
    state.notes = [...state.notes, ...run.notes];
    if (run.failure === AGAIN) throw AGAIN;
    if (run.failure) this.#wrong(state, run.failure.message);
    if (failure) this.#wrong(state, `${what.name}: ${inspect(failure.error)}`);
    try {
      if (run.notes.length > 0) this.#scenario.invariant?.(state.notes);
    } catch (error) {
      this.#wrong(state, inspect(error));
    }
  }

  /** The main thread: its events come one after another, each when all promises have gone on. */
  async #serve(run: Run, what: Party): Promise<void> {
    for (;;) {
      await settle();
      if (run.stopped) return;
      const event = run.nextEvent();
      if (event === undefined) return;
      try {
        this.#happen(run, what, event);
      } catch (error) {
        if (!run.stopped) throw error;
      }
    }
  }

  #happen(run: Run, what: Party, event: string): void {
    const [kind, text] = event.split(" ");
    const number = Number(text);
    if (kind === "woke") {
      const { wake } = run.sleeps.get(number)!;
      run.sleeps.delete(number);
      wake();
    } else if (kind === "timer") {
      const act = run.timers.get(number)!;
      run.timers.set(number, undefined);
      act();
    } else what.onDeath!(run, number);
  }

  #history(before: number, entry: Entry): number {
    const key = `${before} ${entry}`;
    let history = this.#histories.get(key);
    if (history === undefined) this.#histories.set(key, history = this.#histories.size + 1);
    return history;
  }

  #copy(before: State, step: string): State {
    const parties = before.parties.map((party) => ({ ...party }));
    return { memory: [...before.memory], parties, notes: before.notes, before, step };
  }

  /** Nobody can take a step. */
  #end(state: State): void {
    this.#ends++;
    const stuck = this.#scenario.parties.filter((_, i) => {
      const { ended, dead } = state.parties[i];
      return !ended && !dead;
    });
    if (stuck.length > 0) {
      this.#wrong(state, `nobody will wake ${stuck.map(({ name }) => name).join(" and ")}`);
    }
    try {
      this.#scenario.check({
        notes: state.notes,
        dead: state.parties.flatMap(({ dead }, i) => dead ? [i] : []),
        look: (act) => this.#look(state, act),
      });
    } catch (error) {
      this.#wrong(state, inspect(error));
    }
  }

  #look<T>(state: State, act: (run: Run) => T): T {
    return act(new Run(this.#layout, this.#accesses, -1, [...state.memory], [], true));
  }

  #wrong(state: State, what: string): never {
    const steps: string[] = [];
    for (let at: State | undefined = state; at?.before; at = at.before) steps.unshift(at.step);
    throw new Wrong(
      `${what}\n  after\n${
        steps.map((step, i) => `  ${`${i + 1}`.padStart(3)}  ${step}`).join("\n")
      }${state.notes.length > 0 ? `\n  noted: ${state.notes.join(", ")}` : ""}`,
    );
  }

  #describe(i: number, { name, slot, args }: Op, result: Entry): string {
    const { buffer, index } = this.#layout.word(slot);
    const word = this.#scenario.words.nameOf(buffer.name, index);
    const values = args.filter((value) => value !== Infinity).join(", ");
    return `${this.#scenario.parties[i].name}: ${name}(${word}${
      values && `, ${values}`
    }) → ${result}`;
  }
}

function inspect(error: unknown): string {
  if (error instanceof WrongEnd) return error.message;
  return error instanceof Error ? error.stack ?? error.message : Deno.inspect(error);
}

class WrongEnd extends Error {}

/** Checks something about an end. */
export function expect(actual: unknown, expected: unknown): void {
  const [found, wanted] = [actual, expected].map((value) => JSON.stringify(value));
  if (found !== wanted) throw new WrongEnd(`Expected ${wanted}, found ${found}`);
}
