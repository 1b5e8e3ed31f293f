/**
 * Shared memory as the model has it: each access of the library's own code comes by here.
 *
 * While a party of the model runs, `Atomics`, `SharedArrayBuffer`, the typed arrays, the clock and the timers are those of this
 * file. An atomic operation is a *point*: the party stops before it, and the explorer decides who goes on. JavaScript cannot
 * stop a function in its middle and go on later, so a party is stopped by an error that is thrown through it, and goes on by
 * being run again from its beginning, with what its accesses gave the first time read from a log: all that it does follows
 * from that.
 *
 * Plain accesses are no points: that is right as long as nobody else may touch the word then, and that is checked (see
 * `explorer.ts`).
 *
 * @module
 */

import { Buffer as NodeBuffer } from "node:buffer";
import { setImmediate } from "node:timers";

/** What is thrown through a party to stop it. */
const STOP = new Error("The party is stopped here");

/** An atomic operation that a party is about to do. */
export interface Op {
  readonly name: string;
  readonly slot: number;
  readonly args: readonly number[];
}

/** What an access gave, or what happened to the party: see {@linkcode Run.log}. */
export type Entry = number | string;

const INT = 0;
const BYTE = 1;
const FLOAT = 2;

/** A `SharedArrayBuffer` of the model. */
export class Buffer {
  readonly growable = true;
  readonly maxByteLength = 1 << 28;

  constructor(readonly name: string, readonly number: number, readonly byteLength: number) {}
}

// The library asks by `instanceof` whether it is given memory.
Object.setPrototypeOf(Buffer.prototype, SharedArrayBuffer.prototype);

/** Which words there are: each that was ever touched has a slot in the memory of a state. */
export class Layout {
  readonly buffers: Buffer[] = [];
  readonly #slots = new Map<number, number>();
  readonly #words: { buffer: Buffer; index: number }[] = [];

  buffer(name: string, bytes: number): Buffer {
    let buffer = this.buffers.find((buffer) => buffer.name === name);
    if (!buffer) this.buffers.push(buffer = new Buffer(name, this.buffers.length, bytes));
    return buffer;
  }

  /** The slot of a word. */
  slot(buffer: Buffer, index: number, kind: number = INT): number {
    const key = (buffer.number * 4 + kind) * 2 ** 24 + index;
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = this.#words.length;
      this.#slots.set(key, slot);
      this.#words.push({ buffer, index });
    }
    return slot;
  }

  /** Which word a slot is. */
  word(slot: number): { readonly buffer: Buffer; readonly index: number } {
    return this.#words[slot];
  }
}

/** What the explorer knows and the memory does not. */
export interface Rules {
  /** Whether an atomic operation is no point, as nobody else's steps can depend on it. In prologues all are. */
  isQuiet(run: Run, op: Op): boolean;
  /** Throws if a plain access is not allowed now. */
  check(run: Run, slot: number, writes: boolean): void;
}

/** One run of a party, up to its next point. */
export class Run {
  /** Where it stops next; nothing when it has ended, or waits for an event. */
  pending: Op | undefined;
  stopped = false;
  clock = 0;
  /** One that was cleared, or is over, keeps its number. */
  readonly timers = new Map<number, (() => void) | undefined>();
  readonly sleeps = new Map<number, { slot: number; wake(): void }>();
  readonly notes: string[] = [];
  /** The names of the buffers that it makes next. */
  bufferNames: string[] = [];
  #at = 0;
  #made = 0;
  #slept = 0;

  /**
   * @param layout The words.
   * @param rules See {@linkcode Rules}.
   * @param party The party's number.
   * @param memory The memory, which the run changes.
   * @param log What its accesses gave so far; what they give now is added.
   * @param immediate Whether atomic operations are no points yet: in a prologue.
   */
  constructor(
    readonly layout: Layout,
    readonly rules: Rules,
    readonly party: number,
    readonly memory: number[],
    readonly log: Entry[],
    public immediate = false,
  ) {}

  /** Why the run cannot go on, for the explorer: it stops the party. */
  failure: Error | undefined;

  fail(failure: Error): Error {
    this.failure ??= failure;
    this.stopped = true;
    return STOP;
  }

  /** Whether what it does now was done in an earlier run already. */
  get replays(): boolean {
    return this.#at < this.log.length;
  }

  /** A plain access, or another effect of the party. */
  effect(act: () => Entry): Entry {
    if (this.stopped) throw STOP;
    if (this.#at === this.log.length) this.log.push(act());
    return this.log[this.#at++];
  }

  read(slot: number): Entry {
    if (this.stopped) throw STOP;
    if (this.#at === this.log.length) {
      if (!this.immediate) this.rules.check(this, slot, false);
      this.log.push(this.memory[slot] ?? 0);
    }
    return this.log[this.#at++];
  }

  write(slot: number, value: number): void {
    if (this.stopped) throw STOP;
    if (this.#at === this.log.length) {
      if (!this.immediate) this.rules.check(this, slot, true);
      this.memory[slot] = value;
      this.log.push(0);
    }
    this.#at++;
  }

  atomic(name: string, slot: number, args: readonly number[]): Entry {
    if (this.stopped) throw STOP;
    if (this.#at < this.log.length) return this.log[this.#at++];
    const op = { name, slot, args };
    if (!this.immediate && !this.rules.isQuiet(this, op)) {
      this.pending = op;
      this.stopped = true;
      throw STOP;
    }
    this.#at++;
    const result = apply(this.memory, op);
    this.log.push(result);
    return result;
  }

  /** The event that came next, if one did. */
  nextEvent(): string | undefined {
    if (!this.replays) return undefined;
    return this.log[this.#at++] as string;
  }

  /** A pending `Atomics.waitAsync`. */
  sleep(slot: number): Promise<string> {
    return new Promise<string>((resolve) => {
      this.sleeps.set(this.#slept++, { slot, wake: () => resolve("ok") });
    });
  }

  makeBuffer(bytes: number): Buffer {
    const name = this.bufferNames.shift() ?? `${this.party}.${this.#made++}`;
    return this.layout.buffer(name, bytes);
  }
}

/** Does an operation that neither sleeps nor wakes. */
export function apply(memory: number[], { name, slot, args }: Op): number {
  const old = memory[slot] ?? 0;
  const [value] = args;
  if (name === "store" || name === "exchange") memory[slot] = value;
  else if (name === "add") memory[slot] = old + value;
  else if (name === "sub") memory[slot] = old - value;
  else if (name === "or") memory[slot] = old | value;
  else if (name === "compareExchange") {
    if (old === value) memory[slot] = args[1];
  } else if (name === "notify") return 0;
  else if (name !== "load") throw new Error(`Cannot do "${name}" here`);
  return name === "store" ? value : old;
}

// What takes the platform's place.

interface View {
  readonly buffer: Buffer;
  readonly kind: number;
  readonly offset: number;
  readonly length: number;
}

const VIEW = Symbol();
let current: Run | undefined;

/** Bytes are parts of the words. */
function readByte({ buffer }: View, at: number): number {
  const word = current!.read(current!.layout.slot(buffer, at >> 2)) as number;
  return word >>> 8 * (at & 3) & 255;
}

function writeByte({ buffer }: View, at: number, value: number): boolean {
  const run = current!;
  const slot = run.layout.slot(buffer, at >> 2);
  const shift = 8 * (at & 3);
  run.write(slot, (run.memory[slot] ?? 0) & ~(255 << shift) | (value & 255) << shift);
  return true;
}

const handler: ProxyHandler<View> = {
  get(view, property) {
    if (property === VIEW) return view;
    const index = Number(property);
    if (Number.isNaN(index)) return Reflect.get(view, property);
    if (view.kind === BYTE) return readByte(view, view.offset + index);
    return current!.read(current!.layout.slot(view.buffer, view.offset + index, view.kind));
  },
  set(view, property, value) {
    if (view.kind === BYTE) return writeByte(view, view.offset + Number(property), value);
    const slot = current!.layout.slot(view.buffer, view.offset + Number(property), view.kind);
    current!.write(slot, value);
    return true;
  },
};

function slotOf(words: Int32Array, index: number): number | undefined {
  const view = (words as unknown as { [VIEW]?: View })[VIEW];
  return view && current!.layout.slot(view.buffer, view.offset + index, view.kind);
}

// deno-lint-ignore no-explicit-any
type Class = new (...args: any[]) => any;

/** A typed array's class, whose instances over a buffer of the model are the model's. */
function viewClass(real: Class, kind: number, bytes: number): Class {
  return new Proxy(real, {
    construct(real, args) {
      const [buffer, at = 0, length] = args;
      if (!(buffer instanceof Buffer)) return Reflect.construct(real, args);
      const view = {
        buffer,
        kind,
        offset: at / bytes,
        length: length ?? (buffer.byteLength - at) / bytes,
      };
      return new Proxy(view, handler);
    },
  });
}

const bufferFrom = NodeBuffer.from;

const platform = { Atomics, SharedArrayBuffer, Int32Array, Uint8Array, Float64Array };
const { now } = performance;
const { setTimeout, clearTimeout } = globalThis;

const op = (name: string) => (words: Int32Array, index: number, ...args: number[]) => {
  const slot = slotOf(words, index);
  if (slot !== undefined) return current!.atomic(name, slot, args);
  const real = platform.Atomics as unknown as Record<string, (...args: unknown[]) => unknown>;
  return real[name](words, index, ...args);
};

const fakes = {
  Atomics: {
    load: op("load"),
    store: op("store"),
    add: op("add"),
    sub: op("sub"),
    or: op("or"),
    exchange: op("exchange"),
    compareExchange: op("compareExchange"),
    notify: op("notify"),
    wait(words: Int32Array, index: number, value: number, ms: number) {
      const result = op("wait")(words, index, value, ms);
      if (result === "timed-out") current!.clock += 1e9;
      return result;
    },
    waitAsync(words: Int32Array, index: number, value: number) {
      const run = current!;
      const result = op("waitAsync")(words, index, value);
      if (result === "not-equal") return { async: false, value: result };
      return { async: true, value: run.sleep(slotOf(words, index)!) };
    },
  },
  SharedArrayBuffer: new Proxy(platform.SharedArrayBuffer, {
    construct: (real, args) =>
      current ? current.makeBuffer(args[0]) : Reflect.construct(real, args),
  }),
  Int32Array: viewClass(platform.Int32Array, INT, 4),
  Uint8Array: viewClass(platform.Uint8Array, BYTE, 1),
  Float64Array: viewClass(platform.Float64Array, FLOAT, 8),
};

const timers = {
  setTimeout(act: () => void, ms: number) {
    if (!current) return setTimeout(act, ms);
    const { timers } = current;
    const number = timers.size + 1;
    timers.set(number, act);
    return number;
  },
  clearTimeout(number: number | undefined) {
    if (!current) return clearTimeout(number);
    if (number !== undefined) current.timers.set(number, undefined);
  },
};

/** Has the model in the platform's place until it is disposed. What is not the model's goes to the platform all the same. */
export function install(): Disposable {
  Object.assign(globalThis, fakes, timers);
  globalThis.addEventListener("unhandledrejection", forgive);
  NodeBuffer.from =
    ((memory: unknown, ...rest: never[]) =>
      memory instanceof Buffer
        ? new fakes.Uint8Array(memory)
        : Reflect.apply(bufferFrom, NodeBuffer, [memory, ...rest])) as typeof NodeBuffer.from;
  performance.now = () => current ? current.clock : now.call(performance);
  return {
    [Symbol.dispose]() {
      Object.assign(globalThis, platform, { setTimeout, clearTimeout });
      globalThis.removeEventListener("unhandledrejection", forgive);
      NodeBuffer.from = bufferFrom;
      performance.now = now;
    },
  };
}

/** A party that is stopped may leave promises behind that nobody listens to. */
function forgive(event: PromiseRejectionEvent): void {
  if (event.reason === STOP) event.preventDefault();
}

/** Runs something as a party, until it ends or stops. */
export function within<T>(run: Run, act: () => T): T {
  current = run;
  try {
    return act();
  } finally {
    current = undefined;
  }
}

/** As {@linkcode within}, for what awaits. */
export async function withinAsync(run: Run, act: () => Promise<void>): Promise<void> {
  current = run;
  try {
    await act();
  } finally {
    current = undefined;
  }
}

/** Lets all promises of a party go on as far as they can. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
