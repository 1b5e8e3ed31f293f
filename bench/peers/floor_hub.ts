/** The floor's hub: one doorbell, `Atomics.waitAsync` and a bounded spin on microtasks. */
import { Worker } from "node:worker_threads";
import { setImmediate } from "node:timers";
import {
  Bell,
  createMailbox,
  type FloorCommand,
  type FloorWorkerData,
  type Mailbox,
  read,
  RING,
  Slot,
  Word,
  write,
} from "./floor_wire.ts";

/** How long (ms) the hub spins on microtasks before it arms the doorbell. */
const SPIN = 0.03;

/** The event loop gets a real turn at least this often (ms). */
const BREATH = 1;

/** One Worker of the floor as the hub sees it. */
export class FloorWorker {
  readonly mailbox: Mailbox;
  readonly #worker: Worker;
  #next = 0;
  #finishJob?: (value: number) => void;

  constructor(bell: Int32Array<SharedArrayBuffer>, spin: boolean, area: number) {
    this.mailbox = createMailbox(area);
    this.#worker = new Worker(new URL("./floor_worker.ts", import.meta.url), {
      workerData: { bell, mailbox: this.mailbox, spin } satisfies FloorWorkerData,
    });
  }

  /** Has the Worker run one measurement; travels by `postMessage`. */
  command(command: FloorCommand): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#worker.once("message", resolve);
      this.#worker.once("error", reject);
      this.#worker.postMessage(command);
    });
  }

  /** Runs a trivial job by shared memory; the Worker must be in `serveJobs`. */
  runJob(value: number): Promise<number> {
    const { words } = this.mailbox;
    words[Word.NUMBER] = value;
    Atomics.store(words, Word.JOB, 1);
    this.#wake();
    return new Promise((resolve) => this.#finishJob = resolve);
  }

  /** Ends `serveJobs`. */
  stopJobs(): void {
    Atomics.store(this.mailbox.words, Word.JOB, 3);
    this.#wake();
  }

  /** Answers whatever the Worker asks and hands out the result of its job. */
  drain(): void {
    const { words, slots } = this.mailbox;
    if (Atomics.load(words, Word.REQUEST) === 1) {
      Atomics.store(words, Word.REQUEST, 2);
      this.#answer(read(this.mailbox));
    }
    while (Atomics.load(slots, this.#next) === Slot.ASKED) {
      Atomics.store(slots, this.#next, Slot.TAKEN);
      this.#answerSlot(this.#next);
      this.#next = (this.#next + 1) % RING;
    }
    if (this.#finishJob && Atomics.load(words, Word.JOB) === 2) {
      Atomics.store(words, Word.JOB, 0);
      const finish = this.#finishJob;
      this.#finishJob = undefined;
      finish(words[Word.NUMBER]);
    }
  }

  async #answer(value: unknown): Promise<void> {
    write(this.mailbox, await echo(value));
    Atomics.store(this.mailbox.words, Word.REQUEST, 0);
    this.#wake();
  }

  async #answerSlot(index: number): Promise<void> {
    const { slots, numbers } = this.mailbox;
    numbers[index] = await echo(numbers[index]);
    Atomics.store(slots, index, Slot.ANSWERED);
    this.#wake();
  }

  #wake(): void {
    const { words } = this.mailbox;
    Atomics.add(words, Word.WAKE, 1);
    if (Atomics.load(words, Word.PARKED) === 1) Atomics.notify(words, Word.WAKE);
  }
}

/** The floor's hub with its Workers. */
export class FloorHub {
  readonly workers: FloorWorker[] = [];
  readonly #bell = new Int32Array(new SharedArrayBuffer(Bell.COUNT * 4));
  readonly #spin: boolean;

  /** Starts `workers` Workers whose mailboxes hold `area` bytes. */
  constructor(spin: boolean, workers: number, area = 4096) {
    this.#spin = spin;
    for (let i = 0; i < workers; i++) {
      this.workers.push(new FloorWorker(this.#bell, spin, area));
    }
    this.#listen();
  }

  async #listen(): Promise<never> {
    const bell = this.#bell;
    let breath = performance.now() + BREATH;
    for (;;) {
      const seen = Atomics.load(bell, Bell.COUNTER);
      for (const worker of this.workers) worker.drain();
      if (this.#spin && await this.#spinWhile(seen)) {
        if (performance.now() < breath) continue;
        await new Promise((resolve) => setImmediate(resolve));
        breath = performance.now() + BREATH;
        continue;
      }
      Atomics.store(bell, Bell.ARMED, 1);
      const waiting = Atomics.waitAsync(bell, Bell.COUNTER, seen);
      if (waiting.async) await waiting.value;
      Atomics.store(bell, Bell.ARMED, 0);
      breath = performance.now() + BREATH;
    }
  }

  /** Yields to microtasks until the bell rings (true) or it does not pay any more (false). */
  async #spinWhile(seen: number): Promise<boolean> {
    const end = performance.now() + SPIN;
    do {
      for (let i = 0; i < 8; i++) {
        if (Atomics.load(this.#bell, Bell.COUNTER) !== seen) return true;
        await null;
      }
    } while (performance.now() < end);
    return false;
  }
}

// deno-lint-ignore require-await -- the floor answers with an async function, as a hub does
async function echo<T>(value: T): Promise<T> {
  return value;
}
