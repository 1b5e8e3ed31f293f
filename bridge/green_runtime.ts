/**
 * What green code can do: the Worker's side of the bridge.
 *
 * One of these lives in each Worker. Everything in it happens on the Worker's one thread, so its own fields need no
 * care; what it shares are its two rings and the board (see there for the races).
 *
 * **Blocking.** All blocking calls end in {@linkcode GreenRuntime.block}: take in what has arrived, look whether the
 * condition holds, look whether the thread is to end, spin a little, sleep. Taking in comes first each time, so a wake-up
 * that came early, late or for nothing is no wake-up lost. What arrives may have to be run on top of the blocked
 * thread: a thread that it waits for and that had not started (`Down.Run`), or one of its callbacks (`Down.Call`).
 *
 * **Order.** What is ready wins over what is due: the condition is looked at before kills and timeouts, and where others can make
 * it true at any moment, once more by who gives up (see {@linkcode Condition.giveUp}).
 *
 * **Turns.** In a cooperative hub green code runs only with the baton (see `turns.ts`): a blocking call gives it up and comes
 * back with it. What arrives is taken in without it; what is to be run waits.
 *
 * @module
 */

import { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from "node:timers";
import type { Board } from "./board.ts";
import { callSite } from "./call_site.ts";
import {
  type Body,
  decode,
  encode,
  encodeThrown,
  mayRefer,
  type Reference,
  type Referrer,
} from "./codec.ts";
import { type Changes, type ContextValues, type Scope, usesContext } from "./context.ts";
import { copyWithin } from "./copy_within.ts";
import { BlockingCallError, GreenletExit, HubClosedError } from "./errors.ts";
import { joinStacks } from "./error_values.ts";
import { Frame } from "./frame.ts";
import { FrameStack, isMeantFor, isNothingBut } from "./frame_stack.ts";
import { GreenContext } from "./green_context.ts";
import type { GivenCounts } from "./given.ts";
import { GreenReferences } from "./green_references.ts";
import { isThenable, Op } from "./live.ts";
import type { GreenThread } from "./green_thread.ts";
import { Line } from "./line.ts";
import { type Callable, Loader } from "./loader.ts";
import type { Inbox } from "./inbox.ts";
import { EMPTY, type Message } from "./message.ts";
import type { Outbox } from "./outbox.ts";
import { describeParking, type Parking, REPORT_AFTER, REPORT_EVERY } from "./parking.ts";
import {
  Down,
  Ending,
  intern,
  PART_OF_CALL,
  type Particulars,
  Referent,
  type SpawnSite,
  type Target,
  targetName,
  type ThreadReference,
  Up,
} from "./protocol.ts";
import { outcomeOf, RemoteThread, selfWait } from "./remote_thread.ts";
import { coreOf, onForgotten, type Passage, referToShared, resolveShared } from "./sync/objects.ts";
import { place } from "./sync/place.ts";
import { hasRoom, MUCH_ROOM, SOME_ROOM } from "./stack_room.ts";
import { ThreadHandles } from "./thread_handles.ts";
import { Timeout } from "./timeout.ts";
import { ITS_TURN, LOAD_MS, Turns, type Waiting } from "./turns.ts";

/** Up to so many threads on one stack nobody looks how much room there is. */
const SHALLOW = 64;

/** The longest time that a timer takes, in milliseconds. */
const NEVER_DUE = 2 ** 31 - 1;

/** A call to the hub that has not been answered. */
interface PendingCall {
  done: boolean;
  ending: number;
  body: Body;
  /** What it has changed of the async context. */
  changes: Changes | undefined;
}

/** A wait for a thread, that the hub may refuse. */
interface Wait extends Condition {
  readonly thread: RemoteThread;
  readonly frame: Frame;
  refusal: { readonly error: unknown } | undefined;
}

/** What {@linkcode GreenRuntime.block} waits for. */
export interface Condition {
  readonly done: boolean;
  /**
   * Called before a kill or a timeout is thrown: leaves what the thread waits at. If it could not, since the thread was served
   * in this very moment, nothing is thrown now: what was done for it counts, and the kill is for its next block.
   *
   * @returns Whether it has left.
   */
  giveUp?(): boolean;
}

/** A thread to run from the bottom of the stack; with its frame if its module had to be loaded first. */
interface Job {
  readonly message: Message;
  readonly frame?: Frame;
}

/** What is done to functions and objects of the hub. */
const LIVE = intern({ kind: "live" });

/** How many callbacks are served without a turn of the event loop. */
const CALLBACKS_A_TURN = 64;

/** A condition that never holds: for a wait that only time ends. */
const NEVER: Condition = { done: false };

/** What a Worker is given at its start. */
export interface RuntimeOptions {
  readonly board: Board;
  readonly slot: number;
  /** The Worker's number, which no other Worker of the hub ever has. */
  readonly serial: number;
  readonly out: Outbox;
  readonly inbox: Inbox;
  /** The modules whose exports are in scope of inline functions. */
  readonly scope: readonly string[];
  /** Whether to record where threads are spawned. */
  readonly debug: boolean;
  /** What shared memory comes and goes through. */
  readonly passage: Passage;
}

/** A Worker's side of the bridge. */
export class GreenRuntime {
  readonly #line: Line;
  readonly #loader: Loader;
  readonly #debug: boolean;
  readonly #stack = new FrameStack();
  /** The threads on this stack, the innermost last. */
  readonly #frames: readonly Frame[] = this.#stack.frames;
  readonly #calls = new Map<number, PendingCall>();
  #lastCall = 0;
  /** The waits for threads that are going on on this stack. */
  readonly #waits: Wait[] = [];
  /** Threads whose `Settled` is on its way. */
  readonly #awaited = new Map<number, RemoteThread>();
  readonly #handles = new ThreadHandles(
    this,
    (id, count) => this.#release(Referent.Thread, id, count),
  );
  readonly #references: GreenReferences;
  readonly #passage: Passage;
  /** How often each coordination object has crossed between the hub and here. */
  readonly #crossings = new Map<number, number>();
  /** The numbers of targets that the hub knows from here, by key; and the other way round. */
  readonly #bound = new Map<Target, number>();
  readonly #targets: Target[] = [];
  /** What was said about a thread before it runs here. */
  readonly #particulars = new Map<number, Particulars>();
  /** What cannot be done while a message is being written: threads to run and callbacks to call. */
  readonly #deferred: Message[] = [];
  /** Threads to run from the bottom of the stack. */
  readonly #jobs: Job[] = [];
  /** Threads that were killed after they had been sent here and before they were begun. */
  readonly #doomed = new Map<number, unknown>();
  readonly #soon: (() => unknown)[] = [];
  /** What went by reference in the result of the thread that ends just now. */
  #referred: Set<object> | undefined;
  /** What a cooperative hub has. */
  readonly #turns: Turns | undefined;
  /** The place in the line that the thread has on whose stack another one has ended. */
  #place: number | undefined;
  /** The last fence that was sent, and the last that has come back. */
  #lastFence = 0;
  #fenced = 0;
  #closing = false;
  /** The module that is being imported for a thread that is about to start. */
  #importing: string | undefined;
  /** How many callbacks were served since the last turn of the event loop. */
  #callbacks = 0;
  /** Whether anything was run since then. */
  #worked = false;

  constructor(options: RuntimeOptions) {
    const { board, slot, out, inbox } = options;
    this.#line = new Line(board, slot, out, inbox, () => this.#receive(true));
    this.#loader = new Loader(options.scope);
    this.#debug = options.debug;
    this.#references = new GreenReferences({
      serial: options.serial,
      // The arguments come first, so that an error that names one of them counts it as people do.
      ask: (number, op, args, what) => this.call(LIVE, [...args, number, op], what),
      sayReleased: (number, count) => this.#release(Referent.HubFunction, number, count),
      saySignalled: (number, aborted) => {
        const body = aborted ? encodeThrown(aborted.reason, "reason", this.#referrer) : EMPTY;
        this.#line.send(Up.Signalled, number, aborted ? 0 : 1, 0, body);
      },
      look: () => {
        if (this.#frames.length > 0 && !this.#line.empty) this.#takeIn();
      },
      owner: () => this.#frames.at(-1)?.id ?? 0,
    });
    this.#passage = options.passage;
    const { baton } = board;
    this.#turns = baton && new Turns(baton, board, slot);
    onForgotten((id) => {
      const count = this.#crossings.get(id);
      this.#crossings.delete(id);
      if (count) this.#release(Referent.Coordination, id, count);
    });
  }

  readonly #referrer: Referrer = {
    refer: (value) => this.#refer(value, false, false),
    resolve: (kind, data) => this.#resolve(kind, data),
  };
  /** For what a thread returns: it stays when the thread has ended. */
  readonly #resultReferrer: Referrer = {
    ...this.#referrer,
    refer: (value) => this.#refer(value, true, false),
  };
  /** For what is asked of an object: what cannot cross goes by reference too. */
  readonly #liveReferrer: Referrer = {
    ...this.#referrer,
    refer: (value) => this.#refer(value, false, true),
  };

  readonly #context: GreenContext = new GreenContext(this.#referrer);

  /** For a value that nobody wants any more. */
  readonly #discarder: Referrer = {
    ...this.#referrer,
    resolve: (kind, data) => this.#references.discard(kind, data) || this.#resolve(kind, data),
  };

  // What green code calls.

  /** How many functions and objects of this Worker the hub holds. For tests. */
  get given(): GivenCounts {
    return this.#references.given;
  }

  /** The handle of the green thread that runs now. */
  current(): GreenThread {
    return this.#frame("getCurrent()").thread;
  }

  /**
   * Calls something on the hub and blocks for its result.
   *
   * @param target What to call.
   * @param args What to call it with.
   * @param name What it is called in messages.
   * @param peers See {@linkcode Parking.peers}.
   * @returns Its result, awaited.
   */
  call(
    target: Target,
    args: readonly unknown[],
    name: string = targetName(target),
    peers?: boolean,
  ): unknown {
    return this.#call(target, args, name, peers, false);
  }

  /** Calls something on the hub that answers at once: no other green thread has its turn meanwhile. */
  callAtOnce(target: Target, args: readonly unknown[]): unknown {
    return this.#call(target, args, targetName(target), false, true);
  }

  #call(
    target: Target,
    args: readonly unknown[],
    name: string,
    peers: boolean | undefined,
    keeps: boolean,
  ): unknown {
    const frame = this.#frame(`${name}()`);
    // What cannot wait for the answer is not begun.
    this.#stack.interrupt(frame);
    const body = encode(args, "arguments", this.#referrer);
    const context = usesContext() ? this.#context.outgoing(frame) : undefined;
    const number = this.#bind(target);
    const id = this.#lastCall = this.#lastCall + 1 | 0;
    const call: PendingCall = { done: false, ending: 0, body: EMPTY, changes: undefined };
    this.#calls.set(id, call);
    try {
      if (context) this.#line.send(Up.Context, id, Up.Call, 0, context);
      this.#line.send(Up.Call, id, number, frame.id, body);
      this.block(call, Infinity, { what: target === LIVE ? name : target, peers, keeps });
    } catch (reason) {
      if (this.#calls.has(id)) {
        const { fired } = frame;
        const abandon = fired !== undefined && fired.error === reason && fired.timeout.abandon;
        // Work that goes on may call back until the hub has said that it knows.
        if (!abandon) this.#calls.delete(id);
        const body = encodeThrown(reason, "reason", this.#referrer);
        this.#line.send(Up.Abort, id, abandon ? 1 : 0, 0, body);
      }
      throw reason;
    }
    const value = this.decode(call.body);
    call.changes?.takeOver();
    if (call.ending === Ending.Fulfilled) return value;
    joinStacks(
      value,
      `    --- called from green thread "${frame.thread.name}" by ${name}() ---`,
      new Error().stack ?? "",
    );
    throw value;
  }

  /** Starts something on the hub without waiting for it. */
  start(target: Target, args: readonly unknown[], particulars?: Particulars): GreenThread {
    return this.#launch(Up.Start, target, args, particulars);
  }

  /** Spawns a green thread. */
  spawn(target: Target, args: readonly unknown[], particulars?: Particulars): GreenThread {
    return this.#launch(Up.Spawn, target, args, particulars);
  }

  /** Blocks for some time. Needs nobody else. */
  sleep(ms: number): void {
    this.#frame("sleep()");
    this.block(NEVER, performance.now() + ms, { what: "sleep", spin: false, yields: true });
  }

  /** Whether one green thread runs at a time. */
  get cooperative(): boolean {
    return this.#turns !== undefined;
  }

  /** In a cooperative hub: takes a place at the end of the line, for {@linkcode GreenRuntime.giveWay}. */
  takePlace(): number | undefined {
    return this.#turns?.takePlace();
  }

  /** In a cooperative hub: lets all go first that can go on, or those before a place in the line. */
  giveWay(place?: number): void {
    if (this.#turns === undefined || this.#frames.length === 0) return;
    this.block(NEVER, performance.now(), { what: ITS_TURN, yields: true, place });
  }

  /** The same when what the thread has done cannot be taken back: no kill and no timeout interrupts it. */
  giveWayDone(): void {
    if (this.#turns === undefined || this.#frames.length === 0) return;
    this.block(NEVER, performance.now(), { what: ITS_TURN, yields: true, done: true });
  }

  /** A place where a kill or a timeout can hit code that does not block. */
  checkpoint(): void {
    const frame = this.#frame("checkpoint()");
    this.#glance();
    this.#stack.interrupt(frame);
  }

  /** Calls a function during which the thread cannot be killed. */
  shield<T>(fn: () => T): T {
    const frame = this.#frame("shield()");
    frame.shields++;
    try {
      return fn();
    } finally {
      frame.shields--;
    }
  }

  /**
   * The start of a call that may block and may not: a thread that is killed does not get what it could have at once. A
   * timeout that is due does not count, as what is ready wins over it.
   *
   * @param call The call as people wrote it.
   * @returns The id of the thread that runs now.
   */
  enter(call: string): number {
    const frame = this.#frame(call);
    if (!this.#line.empty) this.#glance();
    if (this.#stack.kills > 0 && frame.shields === 0) this.#stack.throwIfKilled(frame);
    return frame.id;
  }

  /** The id of the `GreenPool` that the thread that runs now is a member of. */
  get memberOf(): number | undefined {
    return this.#frames.at(-1)?.memberOf;
  }

  /** The id of the thread that runs now, for a call that does not block. */
  threadId(call: string): number {
    return this.#frame(call).id;
  }

  /** Arms a timeout for the thread that runs now; gives what disarms it. */
  arm(timeout: Timeout): () => void {
    const { timeouts } = this.#frame("new Timeout()");
    timeouts.push(timeout);
    return () => {
      const at = timeouts.indexOf(timeout);
      if (at >= 0) timeouts.splice(at, 1);
    };
  }

  /** The values of `local()`s of the thread that runs now. */
  get locals(): Map<object, unknown> {
    return this.#frame("local()").locals ??= new Map();
  }

  /** Blocks until a thread's ending is known here. */
  waitFor(thread: RemoteThread, timeout: number): void {
    const frame = this.#frame("wait()");
    const limited = timeout !== Infinity || frame.timeouts.length > 0;
    const at = limited ? -1 : this.#frames.findIndex(({ id }) => id === thread.id);
    if (at >= 0) {
      const frames = this.#frames.slice(at);
      const sites = frames.map((_, i) => callSite(frames.length - 1 - i));
      throw selfWait(frames.map(({ thread }) => thread), sites);
    }
    this.#stack.interrupt(frame);
    this.#awaited.set(thread.id, thread);
    const wait = {
      thread,
      frame,
      refusal: undefined,
      get done() {
        return isOver(this);
      },
    } as Wait;
    this.#waits.push(wait);
    try {
      this.#line.send(Up.Wait, thread.id, limited ? 1 : 0, frame.id, EMPTY);
      // Whether it has ended is to be known, and not to depend on how fast the hub is.
      this.#fence();
      if (!this.block(wait, performance.now() + timeout, { what: thread })) throw overdue(timeout);
    } catch (error) {
      // Whoever gives up waiting is no longer one for whose sake the thread is to go on.
      if (!thread.done) this.#line.send(Up.Unwait, thread.id, 0, frame.id, EMPTY);
      throw error;
    } finally {
      this.#waits.splice(this.#waits.indexOf(wait), 1);
    }
    if (wait.refusal) {
      const { error } = wait.refusal;
      const line = `    --- in green thread "${frame.thread.name}" by wait() ---`;
      joinStacks(error, line, new Error().stack ?? "");
      throw error;
    }
    // It ran on this stack, and ended early because this thread is to end: not its reason counts but this one's.
    if (thread.state === "killed" && this.#stack.kills > 0 && frame.shields === 0) {
      this.#stack.throwIfKilled(frame);
    }
  }

  /** Asks for a thread's ending without blocking for it. */
  watch(thread: RemoteThread): void {
    if (this.#awaited.has(thread.id)) return;
    this.#awaited.set(thread.id, thread);
    this.#line.send(Up.Wait, thread.id, 1, 0, EMPTY);
    this.#fence();
  }

  /** Kills a thread; a thread that kills itself ends here and now. */
  kill(thread: RemoteThread, reason: unknown, onlyPending: boolean, graceMs = Infinity): void {
    const frame = this.#stack.find(thread.id);
    if (frame) {
      if (onlyPending) return;
      this.#stack.kill(frame, reason ?? new GreenletExit());
      return this.#stack.interrupt(this.#frames.at(-1)!);
    }
    const body = encodeThrown(reason, "reason", this.#referrer);
    const grace = graceMs === Infinity ? -1 : Math.max(0, Math.trunc(graceMs));
    this.#line.send(Up.Kill, thread.id, onlyPending ? 1 : 0, grace, body);
    if (!this.#turns?.holding) return;
    this.#fence();
    // The killed one has the first place in the line now.
    if (!onlyPending) this.giveWay();
  }

  /** Calls a function at the next turn; what it throws is reported and harms nobody. */
  soon(fn: () => unknown): void {
    this.#soon.push(fn);
  }

  /** Decodes a value that came from the hub. */
  decode(body: Body): unknown {
    return decode(body, this.#referrer);
  }

  /**
   * Blocks the thread that runs now.
   *
   * @param condition What to wait for. It is looked at after each message and each wake-up.
   * @param deadline When to give up, in `performance.now()` time.
   * @param parking What it is blocked on, and whether spinning may pay.
   * @returns Whether the condition holds; `false` when the time is over.
   * @throws What the thread was killed with, or a timeout of the thread that is due.
   */
  block(condition: Condition, deadline: number, parking: Parking): boolean {
    const frame = this.#frames[this.#frames.length - 1];
    if (this.#turns !== undefined) {
      return this.#blockInTurn(this.#turns, frame, condition, deadline, parking);
    }
    let report = 0;
    let reported = false;
    try {
      for (;;) {
        const seen = this.#line.woken();
        this.#takeIn();
        if (this.#line.shut) throw stopped();
        if (frame.passing && leaves(condition)) this.#stack.throwPassing(frame);
        if (condition.done) {
          // It can go on after all, and not only until the next time that it blocks.
          frame.thrown = undefined;
          return true;
        }
        if (this.#stack.isStruck(frame) && leaves(condition)) this.#stack.interrupt(frame);
        const now = performance.now();
        if (now >= deadline) return false;
        if (report === 0) report = now + REPORT_AFTER;
        else if (now >= report) {
          reported = true;
          this.#reportParked(frame, parking, deadline - now);
          report = parking.holder ? now + REPORT_EVERY : Infinity;
        }
        this.#line.tidy(now);
        const until = Math.min(deadline, frame.deadline, report, this.#line.tidyAt);
        if (parking.spin !== false) this.#line.pause(seen, now, until);
        else this.#line.park(seen, now, until);
      }
    } finally {
      if (reported) this.#line.send(Up.Unparked, frame.id, 0, 0, EMPTY);
    }
  }

  /**
   * As {@linkcode GreenRuntime.block}, in a cooperative hub: comes back with the baton. What need not wait does not give it up,
   * unless `parking.yields`. What has to be run on top of the thread has a turn of its own, each.
   */
  #blockInTurn(
    turns: Turns,
    frame: Frame,
    condition: Condition,
    deadline: number,
    parking: Parking,
  ): boolean {
    const due = Math.min(deadline, frame.deadline);
    const hasWork = () =>
      condition.done || this.#deferred.length > 0 || this.#soon.length > 0 ||
      performance.now() >= due || frame.thrown !== undefined ||
      frame.shields === 0 && this.#stack.kills > 0;
    let report = performance.now() + REPORT_AFTER;
    let reported = false;
    const waiting: Waiting = {
      receive: () => this.#receive(true),
      isShut: () => this.#line.shut,
      hasWork,
      sleep: (seen) => {
        const now = performance.now();
        // Who is queued is not blocked; the hub can see that, and it is woken when it is its turn.
        const { queued } = turns;
        if (now >= report && !queued) {
          reported = true;
          this.#reportParked(frame, parking, due - now);
          report = parking.holder ? now + REPORT_EVERY : Infinity;
        }
        this.#line.tidy(now);
        const until = Math.min(queued ? Infinity : Math.min(due, report), this.#line.tidyAt);
        if (parking.spin !== false) this.#line.pause(seen, now, until);
        else this.#line.park(seen, now, until);
      },
    };
    let owes = parking.yields === true;
    let { place } = parking;
    try {
      waiting.receive();
      if (turns.holding && !parking.keeps) this.#runSoon();
      for (;;) {
        if (this.#line.shut) throw stopped();
        if (turns.holding || parking.keeps) {
          if (condition.done && !owes) {
            // As in `block()`: what was found out about this wait is not for the next one.
            frame.thrown = undefined;
            return true;
          }
          if (!parking.done && this.#stack.isStruck(frame) && leaves(condition)) {
            this.#stack.interrupt(frame);
          }
          if (performance.now() >= deadline && !owes) return false;
        }
        if (parking.keeps) {
          this.#pauseOnce(waiting, condition);
          continue;
        }
        turns.standBy(waiting, due, owes && hasWork(), place);
        place = undefined;
        if (!turns.holding) continue;
        owes = this.#serveNext();
        place = this.#place;
        this.#place = undefined;
        this.#runSoon();
      }
    } finally {
      if (reported) this.#line.send(Up.Unparked, frame.id, 0, 0, EMPTY);
    }
  }

  /** Sleeps once, and takes in what has arrived. */
  #pauseOnce(waiting: Waiting, condition: Condition): void {
    const seen = this.#line.woken();
    waiting.receive();
    if (!condition.done && !waiting.isShut()) waiting.sleep(seen);
  }

  /** In a cooperative hub: waits until the hub has done all that it was asked for, while nobody else goes on. */
  #fence(): void {
    if (!this.#turns?.holding) return;
    const fence = this.#lastFence = this.#lastFence + 1 | 0;
    this.#line.send(Up.Fence, fence, 0, 0, EMPTY);
    for (;;) {
      const seen = this.#line.woken();
      this.#receive(true);
      if (this.#fenced === fence || this.#line.shut) return;
      this.#line.pause(seen, performance.now(), Infinity);
    }
  }

  /** Tells the hub what a thread that has been blocked for a while is blocked on. */
  #reportParked(frame: Frame, { what, holder, object, peers }: Parking, left: number): void {
    const limited = left < Infinity || frame.deadline < Infinity;
    const body = encode([describeParking(what, left), limited], "text", this.#referrer);
    const at = object ?? (peers || what instanceof RemoteThread ? -1 : 0);
    this.#line.send(Up.Parked, frame.id, holder?.() ?? 0, at, body);
  }

  // What the Worker's entry calls.

  /**
   * Serves the hub until there is nothing to do that needs no event loop.
   *
   * @returns A promise to wait for before the next call; `undefined` when the Worker is to end.
   */
  serve(): Promise<unknown> | undefined {
    for (let jobs = 0;; jobs++) {
      const job = this.#nextJob();
      if (!job && this.#closing && !this.#references.blobs.clear()) return undefined;
      if (!job) return this.#rest();
      this.#worked = true;
      const rest = this.#run(job);
      if (rest) return rest;
      // Finalizers, timers and the like of the threads that have ended get a turn of the event loop now and then.
      if ((jobs & 63) === 63) return Promise.resolve();
    }
  }

  /** Tells the hub that this Worker has started. */
  ready(): void {
    this.#line.rise();
    this.#line.send(Up.Ready, 0, 0, 0, EMPTY);
  }

  /** Tells the hub of something that failed outside of any thread. */
  fault(error: unknown): void {
    this.#line.send(Up.Fault, 0, 0, 0, encodeThrown(error, "error", this.#referrer));
  }

  /** A turn of the event loop, for finalizers. */
  #rest(): Promise<void> {
    this.#callbacks = 0;
    this.#worked = false;
    return Promise.resolve();
  }

  /** The next thread to run; none when the Worker is to end, or its event loop is to have a turn. */
  #nextJob(): Job | undefined {
    const turns = this.#turns;
    if (this.#jobs.length === 0) turns?.rest();
    for (;;) {
      const seen = this.#line.woken();
      if (turns === undefined) this.#takeIn();
      else this.#takeInAtBottom(turns);
      if (this.#line.shut) this.#closing = true;
      const job = this.#line.shut || turns?.holding === false ? undefined : this.#jobs.shift();
      if (job || this.#closing) return job;
      if (this.#callbacks >= CALLBACKS_A_TURN) return undefined;
      if (this.#worked && this.#references.takeLitter()) return undefined;
      const now = performance.now();
      this.#line.tidy(now);
      this.#line.pause(seen, now, this.#line.tidyAt);
    }
  }

  /** Takes in all that has arrived, on an empty stack of a cooperative hub. */
  #takeInAtBottom(turns: Turns): void {
    for (;;) {
      this.#receive(true);
      while (this.#deferred[0]?.kind === Down.Run) {
        this.#jobs.push({ message: this.#deferred.shift()! });
      }
      const isIdle = this.#jobs.length === 0 && this.#deferred.length === 0 &&
        this.#soon.length === 0;
      if (isIdle || this.#line.shut) return turns.rest();
      turns.ask();
      if (this.#jobs.length > 0 || !turns.holding) return;
      this.#serveNext();
      this.#runSoon();
      turns.rest();
      if (this.#callbacks >= CALLBACKS_A_TURN) return;
    }
  }

  // Running threads.

  /**
   * Runs a thread; gives a promise when it needs the event loop first. Green code is always run by `serve()`, never by a
   * microtask: a Worker that runs out of memory in a microtask goes on as if nothing had happened (Deno 2.9.6).
   */
  #run(job: Job): Promise<unknown> | undefined {
    const { message } = job;
    const target = this.#targets[message.a];
    const frame = job.frame ?? this.#enter(message, target);
    const fn = this.#loader.find(target);
    if (fn) return this.#begin(message, frame, target, fn);
    // Its kill came together with it: what it needs may take for ever to load.
    if (frame.killed) return this.#endUnrun(message, frame);
    return this.#turnUntil(this.#load(message, frame, target), true);
  }

  /** Loads what a thread is to run. A thread that is killed meanwhile ends at once; the module goes on loading. */
  #load(message: Message, frame: Frame, target: Target): Promise<void> {
    this.#importing = target.kind === "export" ? target.url : "";
    return new Promise<void>((resolve) => {
      let left = false;
      const leave = (act: () => void) => {
        if (left) return;
        left = true;
        frame.onKill = undefined;
        this.#importing = undefined;
        act();
        resolve();
      };
      frame.onKill = () => leave(() => this.#endUnrun(message, frame));
      this.#loader.load(target).then(
        () => {
          this.#sayLoaded(message.a, target);
          leave(() => this.#jobs.unshift({ message, frame }));
        },
        (error) =>
          leave(() => {
            this.#dropJob(message);
            this.#end(frame, Ending.Rejected, error);
          }),
      );
    });
  }

  #sayLoaded(number: number, target: Target): void {
    const names = target.kind === "export" ? this.#loader.synchronousNames(target.url) : [];
    this.#line.send(Up.Loaded, number, 0, 0, encode(names, "names", this.#referrer));
  }

  /** A thread was killed before it was begun: its body never runs. */
  #endUnrun(message: Message, frame: Frame): undefined {
    this.#dropJob(message);
    return this.#end(frame, Ending.Killed, frame.killed!.reason);
  }

  #begin(
    message: Message,
    frame: Frame,
    target: Target,
    fn: Callable,
  ): Promise<unknown> | undefined {
    if (frame.killed) return this.#endUnrun(message, frame);
    let value: unknown;
    try {
      value = this.#apply(message, frame, fn);
    } catch (error) {
      return this.#end(frame, ...this.#judge(frame, this.#loader.explain(target, error)));
    }
    if (!isThenable(value)) return this.#end(frame, Ending.Fulfilled, value);
    const settled = Promise.resolve(value).then(
      (value) => this.#end(frame, Ending.Fulfilled, value),
      (error) => this.#end(frame, ...this.#judge(frame, this.#loader.explain(target, error))),
    );
    return this.#turnUntil(settled);
  }

  /** Runs a thread on top of the one that waits for it. */
  #runNested(job: Message): void {
    const target = this.#targets[job.a];
    const frame = this.#enter(job, target);
    if (frame.killed) return this.#endUnrun(job, frame);
    if (this.#frames.length > SHALLOW && !hasRoom(MUCH_ROOM)) {
      this.#dropJob(job);
      return this.#end(frame, Ending.Rejected, tooDeep(frame, this.#frames.length));
    }
    const fn = this.#loader.find(target);
    let ending: number = Ending.Fulfilled;
    let value: unknown;
    try {
      if (!fn) throw new Error(`Cannot run "${targetName(target)}": its module is not loaded here`);
      value = this.#apply(job, frame, fn);
      if (isThenable(value)) {
        throw new TypeError(
          `Cannot run "${
            targetName(target)
          }" on the stack of a thread that waits for it: it returned a promise`,
        );
      }
    } catch (error) {
      [ending, value] = this.#judge(frame, this.#loader.explain(target, error));
    }
    this.#end(frame, ending, value);
  }

  /** Calls a thread's function, in the thread's async context. */
  #apply(message: Message, frame: Frame, fn: Callable): unknown {
    if (!usesContext()) return fn(...this.decode(message.body) as unknown[]);
    return this.#context.enter(
      message,
      frame,
      () => fn(...this.decode(message.body) as unknown[]),
    );
  }

  #enter(job: Message, target: Target): Frame {
    const particulars = this.#particulars.get(job.id);
    const name = particulars?.name ?? `${targetName(target)}-${job.id}`;
    this.#particulars.delete(job.id);
    const thread = this.#awaited.get(job.id) ?? this.#handles.of(job.id, name);
    thread.start();
    const frame = new Frame(job.id, thread);
    frame.memberOf = particulars?.memberOf;
    frame.sites = particulars?.sites;
    this.#stack.frames.push(frame);
    if (this.#doomed.has(job.id)) this.#stack.kill(frame, this.#doomed.get(job.id));
    this.#doomed.delete(job.id);
    return frame;
  }

  /** How a thread ended that threw: a thread that lets its kill through was killed. */
  #judge({ killed }: Frame, error: unknown): [number, unknown] {
    if (killed && isNothingBut(killed.reason, error)) return [Ending.Killed, killed.reason];
    return [error instanceof GreenletExit ? Ending.Killed : Ending.Rejected, error];
  }

  #end(frame: Frame, ending: number, value: unknown): undefined {
    this.#stack.remove(frame);
    if (frame.sites && ending === Ending.Rejected) tellWhoSpawned(value, frame.sites);
    let body: Body;
    this.#referred = undefined;
    try {
      body = ending === Ending.Fulfilled
        ? this.#references.attempt(() => encode(value, "result", this.#resultReferrer))
        : encodeThrown(value, "error", this.#resultReferrer);
    } catch (error) {
      ending = Ending.Rejected;
      body = encodeThrown(value = error, "error", this.#resultReferrer);
    }
    let context: Body | undefined;
    try {
      if (frame.changes) {
        context = this.#references.attempt(() =>
          this.#context.changes(frame, this.#resultReferrer)
        );
      }
    } catch (error) {
      if (ending !== Ending.Fulfilled) this.fault(error);
      else {
        ending = Ending.Rejected;
        body = encodeThrown(value = error, "error", this.#resultReferrer);
      }
    }
    this.#references.endThread(frame.id);
    for (const failed of frame.failed) this.#reportUnseen(frame.id, failed);
    const { thread } = frame;
    // Always: green code may have kept the handle that `getCurrent()` gave, and the hub forgets the thread.
    this.#awaited.delete(frame.id);
    this.#settleHere(thread, ending, value, body, context && frame.changes);
    this.#handles.letGo(thread);
    if (context) this.#line.send(Up.Context, frame.id, Up.Done, 0, context);
    this.#line.send(Up.Done, frame.id, ending, 0, body);
    if (!this.#turns?.holding) return;
    // Whoever waits for it gets a place in the line before anybody goes on; the first of them is the one on whose stack it ran.
    if (this.#frames.length > 0) this.#place = this.#turns.takePlace();
    this.#fence();
  }

  /** Those who wait here get a copy too; but references in the body have been counted for the hub. */
  #settleHere(
    thread: RemoteThread,
    ending: number,
    value: unknown,
    body: Body,
    changes: ContextValues | undefined,
  ): void {
    const referred = this.#referred as Set<object> | undefined;
    this.#referred = undefined;
    const copy = referred && copyWithin(value, referred, ending !== Ending.Fulfilled);
    thread.settle(ending, body, changes, referred && outcomeOf(ending, copy));
  }

  /** Keeps the event loop turning, and takes in what arrives, until a promise has settled. */
  async #turnUntil(promise: Promise<unknown>, loading = false): Promise<void> {
    const turns = this.#turns;
    let done = false;
    const patience = loading && turns ? setTimeout(() => turns.rest(), LOAD_MS) : undefined;
    // Neither the promise nor what it parks on keeps a Worker alive, and it may be for the hub to settle the promise.
    const alive = setInterval(() => {}, NEVER_DUE);
    const settled = promise.finally(() => done = true);
    try {
      while (!done) {
        const seen = this.#line.woken();
        if (turns === undefined) this.#takeIn();
        else if (loading) this.#receive(true);
        else await this.#takeInTurn(turns);
        if (this.#line.shut) return;
        if (done) break;
        await Promise.race([settled, this.#line.parkAsync(seen)]);
        this.#line.rise();
      }
      await settled;
    } finally {
      clearInterval(alive);
      clearTimeout(patience);
      this.#line.unpark();
    }
  }

  /**
   * Takes in what has arrived for an `async` green function of a cooperative hub. What was resumed by this, or by a blocking call
   * of its own, goes on to its next `await` with the baton.
   */
  async #takeInTurn(turns: Turns): Promise<void> {
    this.#receive(true);
    for (;;) {
      if (turns.holding) {
        this.#serveNext();
        this.#runSoon();
        await new Promise<void>((resolve) => void setImmediate(resolve));
        turns.rest();
        this.#receive(true);
      }
      if (this.#deferred.length === 0 && this.#soon.length === 0) return;
      turns.ask();
      if (!turns.holding) return;
    }
  }

  /** The thread that runs now, for a call that needs one. */
  #frame(call: string): Frame {
    const frame = this.#frames[this.#frames.length - 1];
    if (this.#importing !== undefined) throw topLevel(call, this.#importing);
    if (this.#line.shut) throw stopped();
    if (frame) return frame;
    throw new BlockingCallError(
      `Cannot call ${call} outside of a green thread: the thread that started this has ended`,
    );
  }

  // Messages.

  /** Takes in all that has arrived, and does what can be done at a blocking point only. */
  #takeIn(): void {
    this.#receive(false);
    while (this.#serveNext());
    this.#runSoon();
  }

  /** Takes in what has arrived, at a place that does not block: in a cooperative hub nothing is run there. */
  #glance(): void {
    if (this.#turns === undefined) this.#takeIn();
    else this.#receive(true);
  }

  /** Runs the first of what has arrived to be run; says whether there was anything. */
  #serveNext(): boolean {
    if (this.#deferred.length === 0) return false;
    // What there is no room for stays, for a place where the stack is less full.
    if (this.#frames.length > 0 && !hasRoom(SOME_ROOM)) {
      throw new RangeError(
        "Cannot block: there is no room on the stack for what arrived meanwhile",
      );
    }
    this.#serve(this.#deferred.shift()!);
    return true;
  }

  #runSoon(): void {
    for (;;) {
      const fn = this.#soon.shift();
      if (!fn) break;
      try {
        const result = fn();
        if (!(result instanceof Promise)) continue;
        result.catch((error) => this.fault(error));
        // It goes on when the event loop has a turn.
        this.#callbacks = CALLBACKS_A_TURN;
      } catch (error) {
        this.fault(error);
      }
    }
  }

  /** @param writing Whether a message is being written: what would write another one is put off. */
  #receive(writing: boolean): void {
    for (;;) {
      const message = this.#line.receive();
      if (!message) break;
      const { kind } = message;
      if (kind === Down.Run) this.#turns?.arrived();
      if (kind === Down.Run || kind === Down.Call) {
        if (usesContext()) this.#context.attach(message);
        this.#deferred.push(message);
      } else if (kind === Down.Where) this.#deferred.push(message);
      else this.#take(message);
      if (!writing && this.#deferred.length > 0) break;
    }
    this.#line.makeRoom();
  }

  #serve(message: Message): void {
    if (message.kind === Down.Call) this.#callBack(message);
    else if (message.kind === Down.Where) this.#sayWhere(message.id);
    else if (this.#frames.length > 0) this.#runNested(message);
    else this.#jobs.push({ message });
    this.#receive(this.#turns !== undefined);
  }

  /** Tells where a thread on this stack is blocked. */
  #sayWhere(id: number): void {
    const at = this.#frames.findLastIndex((frame) => frame.id === id);
    const site = at < 0 ? undefined : callSite(this.#frames.length - 1 - at);
    this.#line.send(Up.At, id, 0, 0, encode(site ?? "", "text", this.#referrer));
  }

  #take(message: Message): void {
    const { kind, id, a, body } = message;
    switch (kind) {
      case Down.Reply: {
        const call = this.#calls.get(id);
        const changes = usesContext() ? this.#takeChanges() : undefined;
        if (!call) return this.#drop(body); // The thread gave up waiting for it.
        this.#calls.delete(id);
        call.changes = changes;
        call.ending = a;
        call.body = body;
        call.done = true;
        return;
      }
      case Down.Settled: {
        const thread = this.#awaited.get(id);
        const changes = usesContext() ? this.#takeChanges() : undefined;
        if (!thread) return this.#drop(body); // It ended here, or was told twice.
        this.#awaited.delete(id);
        thread.settle(a, body, changes?.values);
        return this.#handles.letGo(thread);
      }
      case Down.Bind:
        this.#targets[id] = intern(this.decode(body) as Target);
        return;
      case Down.Prepare:
        this.#particulars.set(id, this.decode(body) as Particulars);
        return;
      case Down.Kill:
        return this.#takeKill(id, this.#decodeReason(body), message.b === 1);
      case Down.Release:
        return this.#references.release(id, message.b);
      case Down.Signalled: {
        const reason = this.#decodeReason(body);
        // Its listeners may do anything: not in the middle of a message that is being written.
        return this.soon(() => this.#references.signalled(id, reason));
      }
      case Down.Refuse: {
        const wait = this.#waits.findLast(({ thread, frame }) =>
          thread.id === id && frame.id === a
        );
        if (wait) wait.refusal = { error: this.#decodeReason(body) };
        return;
      }
      case Down.Context:
        return this.#context.arrive(body);
      case Down.Close:
        this.#closing = true;
        return;
      case Down.Fence:
        this.#fenced = id;
        return;
    }
  }

  /** What the message that has arrived now says of the async context; what cannot be understood here is reported. */
  #takeChanges(): Changes | undefined {
    const body = this.#context.take();
    if (!body) return undefined;
    try {
      return this.#context.changesFrom(body);
    } catch (error) {
      this.fault(error);
      return undefined;
    }
  }

  #takeKill(id: number, reason: unknown, once: boolean): void {
    const frame = this.#stack.find(id);
    if (frame && once) {
      frame.thrown = { error: reason };
      return;
    }
    if (frame) return this.#stack.kill(frame, reason);
    const isHere =
      this.#deferred.some((message) => message.id === id && message.kind === Down.Run) ||
      this.#jobs.some(({ message }) => message.id === id);
    if (isHere && !this.#doomed.has(id)) this.#doomed.set(id, reason);
  }

  /** Why something is to end; that it is to end counts even if the reason cannot be understood here. */
  #decodeReason(body: Body): unknown {
    try {
      return this.decode(body) ?? new GreenletExit();
    } catch (cause) {
      return new GreenletExit(undefined, { cause });
    }
  }

  /** A thread that was sent here will not run. */
  #dropJob(message: Message): void {
    if (usesContext()) this.#context.drop(message, this.#discarder);
    this.#drop(message.body);
  }

  /** What has come for nobody is taken in all the same: the hub counts what it refers to as held here. */
  #drop(body: Body): void {
    if (!mayRefer(body)) return;
    try {
      decode(body, this.#discarder);
    } catch {
      // It cannot be understood here, and need not be.
    }
  }

  /** Calls a function that green code gave away, for the hub. */
  #callBack(message: Message): void {
    const { id, a, body } = message;
    const op = message.b & ~PART_OF_CALL;
    // What a callback asks of the hub it asks as a thread: the one that is blocked here, or one of its own.
    const below = this.#frames.at(-1);
    let frame = below ? undefined : this.#enterCallback();
    const armed = below && below.timeouts.length > 0 ? [...below.timeouts] : [];
    const importing = this.#importing;
    this.#importing = undefined;
    this.#callbacks++;
    this.#worked = true;
    let ending: number = Ending.Fulfilled;
    let reply: Body;
    const scope: Scope = {};
    const act = () => {
      const args = this.decode(body) as unknown[];
      if (op !== message.b && !this.#calls.has(args.pop() as number)) {
        frame ??= this.#enterCallback();
        const exit = new GreenletExit("The call that this callback belongs to was aborted");
        this.#stack.kill(frame, exit);
      }
      return this.#references.perform(a, op, args);
    };
    let context: Body | undefined;
    try {
      const value = usesContext() ? this.#context.enter(message, scope, act) : act();
      if (isThenable(value)) {
        throw new TypeError(
          "Cannot return a promise from a green function that the hub calls: green code that the hub waits for has to " +
            "be synchronous",
        );
      }
      const referrer = op === Op.Call ? this.#referrer : this.#liveReferrer;
      reply = this.#references.attempt(() => {
        if (scope.changes) context = this.#context.changes(scope, referrer);
        return encode(value, "result", referrer);
      });
    } catch (error) {
      if (!frame && isMeantFor(below!, error, armed)) below!.passing = { error };
      ending = Ending.Rejected;
      reply = encodeThrown(error, "error", this.#referrer);
    } finally {
      this.#importing = importing;
      if (frame) this.#stack.remove(frame);
    }
    if (context) this.#line.send(Up.Context, id, Up.Reply, 0, context);
    this.#line.send(Up.Reply, id, ending, 0, reply);
  }

  #enterCallback(): Frame {
    const id = place().arena.takeThreadId();
    const frame = new Frame(id, this.#handles.of(id, `callback-${id}`));
    frame.thread.start();
    this.#stack.frames.push(frame);
    return frame;
  }

  #launch(
    kind: number,
    target: Target,
    args: readonly unknown[],
    particulars?: Particulars,
  ): RemoteThread {
    const frame = this.#frame(`${targetName(target)}()`);
    if (this.#debug) particulars = { ...particulars, site: new Error().stack };
    const takesTurn = this.#turns && kind === Up.Spawn && particulars?.delay === undefined;
    const body = encode(args, "arguments", this.#referrer);
    const context = usesContext() ? this.#context.outgoing(frame) : undefined;
    const number = this.#bind(target);
    const id = place().arena.takeThreadId();
    if (takesTurn) particulars = { ...particulars, turn: this.#turns!.enlist() };
    const thread = this.#handles.of(id, particulars?.name ?? `${targetName(target)}-${id}`);
    thread.hold.count = 1;
    this.#awaited.set(id, thread);
    // The failure of a detached thread is reported by the hub.
    if (!particulars?.detached) thread.spawner = frame.id;
    if (particulars) {
      this.#line.send(Up.Prepare, id, 0, 0, encode(particulars, "options", this.#referrer));
    }
    if (context) this.#line.send(Up.Context, id, kind, 0, context);
    this.#line.send(kind, id, number, frame.id, body);
    return thread;
  }

  #bind(target: Target): number {
    let number = this.#bound.get(target);
    if (number === undefined) {
      number = this.#bound.size + 1;
      this.#bound.set(target, number);
      this.#line.send(Up.Bind, number, 0, 0, encode(target, "target", this.#referrer));
    }
    return number;
  }

  // References.

  #refer(value: object, returned: boolean, all: boolean): Reference | undefined {
    const reference = value instanceof RemoteThread
      ? this.#handles.refer(value)
      : this.#referToShared(value) ?? this.#references.refer(value, returned, all);
    if (reference && returned) (this.#referred ??= new Set()).add(value);
    return reference;
  }

  #referToShared(value: object): Reference | undefined {
    const reference = referToShared(value);
    if (reference?.kind === Referent.Blob) this.#references.blobs.note(value);
    else if (reference) this.#countCrossing(value);
    return reference;
  }

  #countCrossing(value: object): void {
    const id = coreOf(value)?.id;
    if (id !== undefined) this.#crossings.set(id, (this.#crossings.get(id) ?? 0) + 1);
  }

  #resolve(kind: number, data: unknown): unknown {
    if (kind === Referent.Thread) return this.#handles.adopt(data as ThreadReference);
    const live = this.#references.resolve(kind, data);
    if (live) return live;
    const shared = resolveShared(kind, data, this.#passage.take);
    if (shared) {
      if (kind === Referent.Blob) {
        this.#references.blobs.note(shared);
        this.#release(kind, data as number, 1);
      }
      this.#countCrossing(shared);
      return shared;
    }
    throw new TypeError(`Cannot resolve a reference of kind ${kind}`);
  }

  /**
   * A thread failed, and nobody here has asked for its result. Its spawner may still do so; nobody will when that has
   * ended.
   */
  failedUnseen(thread: RemoteThread): void {
    // One that was spawned elsewhere is looked after there.
    if (thread.spawner === 0) return;
    const frame = this.#frames.find(({ id }) => id === thread.spawner);
    if (frame) frame.failed.add(thread);
    else this.#reportUnseen(thread.spawner, thread);
  }

  #reportUnseen(spawner: number, thread: RemoteThread): void {
    if (thread.seen) return;
    const outcome = thread.outcome()!;
    // Whoever closed the hub wanted this: there is nothing to report.
    if (outcome.status !== "rejected" || outcome.reason instanceof HubClosedError) return;
    const body = encodeThrown([thread.name, outcome.reason], "error", this.#referrer);
    this.#line.send(Up.Unseen, spawner, 0, 0, body);
  }

  #release(kind: number, id: number, count: number): void {
    this.#line.send(Up.Release, id, kind, count, EMPTY);
  }
}

/** Whether a thread that is to be interrupted leaves what it waits for; it does not if that has come just now. */
function leaves(condition: Condition): boolean {
  return condition.giveUp === undefined || condition.giveUp();
}

function isOver({ thread, refusal }: Wait): boolean {
  return thread.done || refusal !== undefined;
}

/** Has the stack of an error tell where its thread was spawned, and by whom, as far as it does not yet. */
function tellWhoSpawned(error: unknown, sites: readonly SpawnSite[]): void {
  for (const { name, stack } of sites) {
    const line = `    --- spawned as "${name}" ---`;
    const known = error instanceof Error ? String(error.stack) : "";
    if (!known.includes(line)) joinStacks(error, line, stack);
  }
}

/** What is thrown when a wait takes too long. It is not armed: it is thrown here and now. */
function overdue(ms: number): Timeout {
  const timeout = new Timeout(ms);
  timeout.cancel();
  return timeout;
}

/** What every call throws in a Worker that was stopped by force: nobody listens to it any more. */
function stopped(): GreenletExit {
  return new GreenletExit("The green thread was killed and did not end: its Worker was stopped");
}

function tooDeep({ thread }: Frame, depth: number): Error {
  return new RangeError(
    `Cannot run "${thread.name}" on the stack of a thread that waits for it: ${
      depth - 1
    } green threads wait there, each one ` +
      "for the next, and there is no room for more",
  );
}

/** A Worker imports the module of a function that it is to run; that must not run the app again. */
function topLevel(call: string, url: string): Error {
  return new Error(
    `Cannot call ${call} while a Worker imports ${url ? `"${url}"` : "a module"}: ` +
      "a Worker imports the module of each green function, so put code that is to run once, in the main program, " +
      "under `if (import.meta.main)`",
  );
}
