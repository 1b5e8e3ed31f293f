/**
 * The Worker's side of the bridge: all that green code can do.
 *
 * Each Worker has one runtime. Everything in it happens on the Worker's one thread, so the fields of its parts need no care; only
 * the two rings and the board are shared (see there for the races). Green code sees this class, and the parts meet in it. Each
 * part has one idea:
 *
 * ```text
 * intake.ts           arrived messages: done at once, or put off until they can be run
 * blocking.ts         blocks a thread, and runs others on top of it meanwhile
 * hub_calls.ts        calls to the hub              callbacks.ts        calls from it
 * thread_waits.ts     waits for threads, kills      green_spawns.ts     new threads
 * thread_runner.ts    running threads               thread_endings.ts   their endings
 * loop.ts             the bottom of the stack       awaiting.ts         waits in the event loop
 * crossing.ts         the crossing of values
 * ```
 *
 * Each part uses only those before it, and `base.ts`; arrived messages find their way up through `Receiver`.
 *
 * @module
 */

import { Awaiting } from "./awaiting.ts";
import { Blocking } from "./blocking.ts";
import type { RunLock } from "../../bridge/wire/run_lock.ts";
import type { Board } from "../../bridge/wire/board.ts";
import { Callbacks } from "./callbacks.ts";
import { Caller } from "./caller.ts";
import { decode } from "../../bridge/values/codec.ts";
import { Crossing, TargetNumbers } from "./crossing.ts";
import { LoopTurns } from "./loop_turns.ts";
import { FrameStack } from "./frame_stack.ts";
import type { ExportCounts } from "../../bridge/references/exports.ts";
import { GreenContext } from "./context.ts";
import { GreenSpawns } from "./green_spawns.ts";
import type { GreenThread } from "../../bridge/side/green_thread.ts";
import { HubCalls } from "./hub_calls.ts";
import type { Inbox } from "../../bridge/wire/inbox.ts";
import { Intake } from "./intake.ts";
import { Mailbox } from "./mailbox.ts";
import { Loader } from "./loader.ts";
import { EMPTY, type Message } from "../../bridge/wire/message.ts";
import type { Outbox } from "../../bridge/wire/outbox.ts";
import type { Condition, Green, Parking } from "../../bridge/side/green.ts";
import {
  Down,
  KillMode,
  RefKind,
  type Target,
  targetName,
  type ThreadOptions,
  Up,
} from "../../bridge/protocol/messages.ts";
import { Serving } from "./loop.ts";
import { Unhandled } from "./unhandled.ts";
import type { Passage } from "../../bridge/memory/objects.ts";
import type { RemoteObject } from "../../bridge/references/remote_object.ts";
import { SyncIteration } from "./sync_iteration.ts";
import { ThreadEndings } from "./thread_endings.ts";
import { ThreadHandles } from "./remote_thread.ts";
import { ThreadRunner } from "./thread_runner.ts";
import { ThreadWaits } from "./thread_waits.ts";
import { replaceSignals, TimedSignals } from "../../bridge/references/timed_signals.ts";
import type { Timeout } from "../../bridge/side/timeout.ts";
import { warnOfTimers } from "./timer_warnings.ts";
import { Cooperative } from "./cooperative.ts";
import { Parallel } from "./parallel.ts";
import type { Scheduler } from "./scheduler.ts";

/** The data that a Worker is given at its start. */
export interface RuntimeOptions {
  readonly board: Board;
  /** The run lock, in a cooperative hub. */
  readonly runLock: RunLock | undefined;
  readonly slot: number;
  /** The Worker's number, which no other Worker of the hub ever has. */
  readonly serial: number;
  readonly out: Outbox;
  readonly inbox: Inbox;
  /** The modules whose exports are in scope of inline functions. */
  readonly scope: readonly string[];
  /** Whether to record where threads are spawned. */
  readonly debug: boolean;
  /** The way of shared memory, beside the rings. */
  readonly passage: Passage;
}

const NO_LIMITS: readonly Timeout[] = [];

/** A Worker's side of the bridge. */
export class GreenRuntime implements Green {
  // The parts that handles of threads use themselves.

  readonly waits: ThreadWaits;
  readonly intake: Intake;
  readonly crossing: Crossing;
  readonly endings: ThreadEndings;
  readonly #mailbox: Mailbox;
  readonly #stack = new FrameStack();
  readonly #caller: Caller;
  readonly #context: GreenContext;
  readonly #targets: TargetNumbers;
  readonly #scheduler: Scheduler;
  readonly #blocking: Blocking;
  readonly #calls: HubCalls;
  readonly #callbacks: Callbacks;
  readonly #spawns: GreenSpawns;
  readonly #runner: ThreadRunner;
  readonly #serving: Serving;
  readonly #unhandled = new Unhandled();

  constructor(options: RuntimeOptions) {
    const { board, slot, out, inbox, serial, passage } = options;
    const stack = this.#stack;
    const mailbox = this.#mailbox = new Mailbox(
      board,
      slot,
      out,
      inbox,
      () => this.intake.receive(true),
    );
    const handles = new ThreadHandles(
      this,
      (id, count) => this.crossing.release(RefKind.Thread, id, count),
    );
    const look = () => {
      // Work that came together with the thread may be waiting for a point where it can be done.
      if (stack.frames.length > 0 && (!mailbox.down.empty || this.intake.hasWork)) {
        this.intake.takeIn();
      }
    };
    const timed = new TimedSignals(look);
    replaceSignals(timed);
    const crossing = this.crossing = new Crossing({
      serial,
      mailbox,
      stack,
      handles,
      passage,
      ask: (number, op, args, what) => this.#calls.ask(number, op, args, what),
      look,
      leftOf: (signal) => timed.leftOf(signal),
    });
    const ground = {
      mailbox,
      stack,
      handles,
      crossing,
      caller: this.#caller = new Caller(stack, mailbox),
      context: this.#context = new GreenContext(crossing.kinds),
      targets: this.#targets = new TargetNumbers(mailbox, crossing),
      timed,
      unhandled: this.#unhandled,
    };
    const loopTurns = new LoopTurns();
    const intake = this.intake = new Intake(ground, loopTurns, {
      take: (message) => this.#take(message),
      // No function in between: a thread that is run nested has as much of the stack as may be.
      serve: (message) => {
        if (message.kind === Down.Call) this.#callbacks.serve(message);
        else if (stack.frames.length > 0) this.#runner.runNested(message);
        else this.#runner.tasks.push({ message });
      },
      arrived: () => this.#scheduler.arrived(),
    });
    const scheduler = this.#scheduler = options.runLock
      ? new Cooperative(options.runLock, ground, intake, loopTurns)
      : new Parallel(intake);
    const base = { ...ground, scheduler };
    const blocking = this.#blocking = new Blocking(base, intake);
    if (options.debug) warnOfTimers(timed, () => blocking.blockedAt);
    const calls = this.#calls = new HubCalls(base, blocking);
    const waits = this.waits = new ThreadWaits(base, blocking);
    this.#spawns = new GreenSpawns(base, waits, options.debug);
    const endings = this.endings = new ThreadEndings(base, waits);
    this.#callbacks = new Callbacks(base, calls, endings, loopTurns);
    const awaiting = new Awaiting(base);
    const loader = new Loader(options.scope);
    const runner = this.#runner = new ThreadRunner(base, {
      intake,
      awaiting,
      waits,
      endings,
      loader,
    });
    this.#serving = new Serving(base, runner, loopTurns);
    this.#unhandled.listen((failure) => endings.reportLeftBehind(failure));
  }

  // What green code calls.

  /** The counts of functions and objects of this Worker that the hub holds. For tests. */
  get exports(): ExportCounts {
    return this.crossing.references.exports;
  }

  /** The handle of the green thread that runs now. */
  current(): GreenThread {
    const { thread } = this.#caller.frame("getCurrent()");
    thread.given = true;
    return thread;
  }

  /**
   * Calls something on the hub and blocks for its result.
   *
   * @param target The target to call.
   * @param args Its arguments.
   * @param name Its name in messages.
   * @param peers See {@linkcode Parking.peers}.
   * @returns Its result, awaited.
   */
  call(
    target: Target,
    args: readonly unknown[],
    name: string = targetName(target),
    peers?: boolean,
    limited?: boolean,
  ): unknown {
    return this.#calls.call(target, args, name, peers, false, limited);
  }

  /** Calls something on the hub that answers at once: no other green thread has its turn meanwhile. */
  callAtOnce(target: Target, args: readonly unknown[]): unknown {
    return this.#calls.call(target, args, targetName(target), false, true);
  }

  /** Starts something on the hub without waiting for it. */
  start(target: Target, args: readonly unknown[], options?: ThreadOptions): GreenThread {
    return this.#spawns.launch(Up.Start, target, args, options);
  }

  /** Spawns a green thread. */
  spawn(target: Target, args: readonly unknown[], options?: ThreadOptions): GreenThread {
    return this.#spawns.launch(Up.Spawn, target, args, options);
  }

  /** Blocks for some time. No other thread and no hub is needed to end that. */
  sleep(ms: number): void {
    this.#caller.frame("sleep()");
    this.#blocking.sleep(ms);
  }

  /** Whether one green thread runs at a time. */
  get cooperative(): boolean {
    return this.#scheduler.cooperative;
  }

  /** In a cooperative hub: takes the next order number for the run lock, for {@linkcode GreenRuntime.giveWay}. */
  takeOrder(): number | undefined {
    return this.#scheduler.takeOrder();
  }

  giveWay(options?: Pick<Parking, "order" | "done">): void {
    this.#blocking.giveWay(options);
  }

  /** A point where a kill or a timeout can hit code that does not block. */
  checkpoint(): void {
    const frame = this.#caller.frame("checkpoint()");
    this.#scheduler.glance();
    this.#stack.interrupt(frame);
  }

  /** Calls a function during which the thread cannot be killed. */
  shield<T>(fn: () => T): T {
    const frame = this.#caller.frame("shield()");
    frame.shields++;
    try {
      return fn();
    } finally {
      frame.shields--;
    }
  }

  /**
   * Begins a call that may block or not: a killed thread does not even get a permit or item that is ready. A timeout that is
   * due does not count, since a permit or item that is ready wins over it.
   *
   * @param call The call as people wrote it.
   * @returns The id of the thread that runs now.
   */
  enter(call: string): number {
    const frame = this.#caller.frame(call);
    if (!this.#mailbox.down.empty) this.#scheduler.glance();
    this.#stack.throwIfEnding(frame);
    return frame.id;
  }

  /** The count of kills said when {@linkcode GreenRuntime.isKilledBy} was asked last. */
  knownKills = 0;

  /**
   * Whether the thread that runs now was killed.
   *
   * @param said The count of kills said, by now or a moment ago.
   */
  isKilledBy(said: number): boolean {
    const killed = this.#blocking.isKilled;
    this.knownKills = said;
    return killed;
  }

  /** The id of the `GreenPool` that the thread that runs now is a member of. */
  get memberOf(): number | undefined {
    return this.#stack.innermost?.memberOf;
  }

  /** The id of the thread that runs now; 0 for none. */
  get running(): number {
    return this.#stack.innermost?.id ?? 0;
  }

  /** The time limits of the thread that runs now, for objects that end with them. */
  get limits(): readonly Timeout[] {
    const timeouts = this.#stack.innermost?.timeouts ?? [];
    return timeouts.length === 0 ? NO_LIMITS : [...timeouts];
  }

  /**
   * Whether an error was thrown by a time limit of the thread that runs now: then the thread can ask for the same again.
   *
   * @param error The error.
   * @param within The limits within which the object asked was made: nobody asks again when the error is of one of those.
   */
  isLimit(error: unknown, within: readonly Timeout[] = NO_LIMITS): boolean {
    const fired = this.#stack.innermost?.fired;
    return fired !== undefined && fired.error === error && !within.includes(fired.timeout);
  }

  /** Whether the thread that runs now is killed. */
  get isKilled(): boolean {
    return this.#stack.innermost?.killed !== undefined;
  }

  /** The id of the thread that runs now, for a call that does not block. */
  threadId(call: string): number {
    return this.#caller.frame(call).id;
  }

  /** Throws in a Worker that was stopped by force; for a call that needs no thread. */
  checkHeard(): void {
    this.#caller.checkHeard();
  }

  iterate(remote: RemoteObject, ahead: number): IterableIterator<unknown> {
    return new SyncIteration(remote, ahead);
  }

  /** Arms a timeout for the thread that runs now; returns the function that disarms it. */
  arm(timeout: Timeout): () => void {
    const { timeouts } = this.#caller.frame("new Timeout()");
    timeouts.push(timeout);
    return () => {
      const at = timeouts.indexOf(timeout);
      if (at >= 0) timeouts.splice(at, 1);
    };
  }

  /** The values of `local()`s of the thread that runs now. */
  get locals(): Map<object, unknown> {
    return this.#caller.frame("local()").locals ??= new Map();
  }

  /**
   * Blocks the thread that runs now.
   *
   * @param condition The condition to wait for. It is looked at after each message and each wake-up.
   * @param deadline The time to give up, in `performance.now()` time.
   * @param parking Describes the wait, and whether spinning may pay.
   * @returns Whether the condition holds; `false` when the time is over.
   * @throws The reason of the thread's kill, or a timeout of the thread that is due.
   */
  block(condition: Condition, deadline: number, parking: Parking): boolean {
    return this.#blocking.block(condition, deadline, parking);
  }

  // What the Worker's entry calls.

  /**
   * Serves the hub until there is nothing to do that needs no event loop.
   *
   * @returns A promise to wait for before the next call; `undefined` when the Worker is to end.
   */
  serve(): Promise<unknown> | undefined {
    return this.#unhandled.turn(() => this.#serving.serve());
  }

  /** Gives up serving: a failure from now on ends the Worker. */
  breakDown(): void {
    this.#unhandled.giveUp();
  }

  /** Tells the hub that this Worker has started. */
  ready(): void {
    const { board, slot } = this.#mailbox;
    board.rise(slot);
    this.#mailbox.send(Up.Ready, 0, 0, 0, EMPTY);
  }

  // Messages.

  /** Takes a message that can be done at once. */
  #take(message: Message): void {
    const { kind, id, a, b, payload } = message;
    const { kinds } = this.crossing;
    switch (kind) {
      case Down.Reply:
        return this.#calls.answer(message);
      case Down.Settled:
        return this.waits.settle(message);
      case Down.Bind:
        return this.#targets.learn(id, decode(payload, kinds) as Target);
      case Down.Prepare:
        return this.#runner.prepare(id, decode(payload, kinds) as ThreadOptions);
      case Down.Kill:
        if (b & KillMode.Once) return this.#blocking.refuse(a, this.crossing.decodeReason(payload));
        return this.#runner.kill(id, this.crossing.decodeReason(payload), b, a);
      case Down.Release:
        return this.crossing.references.release(id, b);
      case Down.Signalled: {
        const reason = this.crossing.decodeAbort(payload);
        // Its listeners may do anything: not in the middle of a message that is being written.
        return this.intake.soon(() => this.crossing.references.signalled(id, reason));
      }
      case Down.Context:
        return this.#context.arrive(payload);
      case Down.Close:
        return this.#serving.close();
      case Down.Flush:
        return this.#mailbox.flushed(id);
      case Down.LoopTurn:
        return this.#serving.wantLoopTurn();
    }
  }
}
