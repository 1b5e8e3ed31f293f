/** The shared memory of the floor: what a bridge cannot do without, and nothing else. */

/** The words of one Worker's mailbox. */
export const Word = {
  /** Counts what the hub did for this Worker; the word it parks on. Hub adds. */
  WAKE: 0,
  /** 1 while the Worker sleeps on `WAKE`, so that the hub knows to notify. Worker writes. */
  PARKED: 1,
  /** 1 while a request waits for the hub, 0 once it is answered. Worker sets, hub clears. */
  REQUEST: 2,
  /** What the request or reply carries: a `Kind`. */
  KIND: 3,
  /** Bytes used in the area. */
  LENGTH: 4,
  /** The number itself, for `Kind.NUMBER`. */
  NUMBER: 5,
  /** 1 while a job waits for the Worker, 2 when its result stands in `NUMBER`, 3 to stop. */
  JOB: 6,
  COUNT: 8,
} as const;

/** The words of the doorbell, shared by all Workers. */
export const Bell = {
  /** Counts requests. Workers add. */
  COUNTER: 0,
  /** 1 while the hub sleeps in `waitAsync`, so that Workers know to notify. Hub writes. */
  ARMED: 1,
  /** Workers that spin; more of them than cores to spare would only be in each other's way. */
  SPINNING: 2,
  COUNT: 3,
} as const;

/** How a value stands in the mailbox. */
export const Kind = { NUMBER: 0, BYTES: 1, TEXT: 2, JSON: 3 } as const;

/** Requests that one Worker may have in flight at once. */
export const RING = 1024;

/** States of a ring slot. */
export const Slot = { FREE: 0, ASKED: 1, TAKEN: 2, ANSWERED: 3 } as const;

/** What one Worker shares with the hub. */
export interface Mailbox {
  words: Int32Array<SharedArrayBuffer>;
  area: Uint8Array<SharedArrayBuffer>;
  slots: Int32Array<SharedArrayBuffer>;
  numbers: Int32Array<SharedArrayBuffer>;
}

/** What a Worker is started with. */
export interface FloorWorkerData {
  bell: Int32Array<SharedArrayBuffer>;
  mailbox: Mailbox;
  /** Spin before parking. */
  spin: boolean;
}

/** What the hub asks a Worker by `postMessage`, outside the measured part. */
export interface FloorCommand {
  method: "hot" | "cold" | "inFlight" | "serveJobs" | "park" | "rate";
  kind?: "number" | "object" | "bytes" | "text" | "json";
  size?: number;
  budget?: number;
  pause?: number;
  count?: number;
}

/** Makes a mailbox whose area holds `size` bytes. */
export function createMailbox(size: number): Mailbox {
  return {
    words: new Int32Array(new SharedArrayBuffer(Word.COUNT * 4)),
    area: new Uint8Array(new SharedArrayBuffer(size)),
    slots: new Int32Array(new SharedArrayBuffer(RING * 4)),
    numbers: new Int32Array(new SharedArrayBuffer(RING * 4)),
  };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Writes a value with the least work that its kind allows. */
export function write({ words, area }: Mailbox, value: unknown): void {
  if (typeof value === "number") {
    words[Word.KIND] = Kind.NUMBER;
    words[Word.NUMBER] = value;
  } else if (value instanceof Uint8Array) {
    words[Word.KIND] = Kind.BYTES;
    words[Word.LENGTH] = value.length;
    area.set(value);
  } else {
    const isText = typeof value === "string";
    words[Word.KIND] = isText ? Kind.TEXT : Kind.JSON;
    words[Word.LENGTH] = encoder.encodeInto(isText ? value : JSON.stringify(value), area).written;
  }
}

/** Reads the value that `write` left. */
export function read({ words, area }: Mailbox): unknown {
  const kind = words[Word.KIND];
  if (kind === Kind.NUMBER) return words[Word.NUMBER];
  const bytes = area.slice(0, words[Word.LENGTH]);
  if (kind === Kind.BYTES) return bytes;
  const text = decoder.decode(bytes);
  return kind === Kind.TEXT ? text : JSON.parse(text);
}
