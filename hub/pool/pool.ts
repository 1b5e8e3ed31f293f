/**
 * The pool: decides which thread runs on which Worker, and when.
 *
 * - Threads wait in one queue, first come, first served. A Worker takes a thread when it has nothing on its stack.
 * - Workers are started when threads wait and the busy Workers do not end theirs quickly enough: see `sizing.ts`. They are told
 *   to end when they have nothing to do: see `sizing.ts`.
 * - A thread that waits for a thread in the queue runs it on its own stack: the waiter could not go on anyway, so recursion
 *   cannot use up the pool. If that cannot be done (the wait has a time limit, or the Worker has not loaded the module) the
 *   awaited thread gets a Worker beyond `maxWorkers`, for as long as it takes. So does the first thread in the queue when all
 *   Workers are blocked in waits that another thread may have to end (a queue, a lock, threads): otherwise they might wait
 *   forever.
 * - In a cooperative hub a thread begins when its order number comes: see `start_order.ts`.
 * - When all Workers are blocked, and async code may end that, a thread lends its place after a while: see `saturation.ts`.
 * - A Worker that dies is replaced when there is work for it. When Workers cannot start, the queue waits for the Workers that
 *   there are, and a start is tried again later (see `failed_starts.ts`); if there are none, all threads in the queue end with
 *   the error.
 *
 * @module
 */

import { HUB_SIDE, RunLock } from "../../bridge/wire/run_lock.ts";
import { Board } from "../../bridge/wire/board.ts";
import { HubSaturatedError, WorkerCrashedError } from "../../bridge/errors.ts";
import { EMPTY, type Message } from "../../bridge/wire/message.ts";
import { Down } from "../../bridge/protocol/messages.ts";
import { hereOnHub } from "../../bridge/memory/process_side.ts";
import { startWorker } from "../records/thread_worker.ts";
import { type GreenWorker, type Registry, workerOf } from "../records/worker.ts";
import { Growth, Shrinking } from "./sizing.ts";
import type { HubThread } from "../records/thread.ts";
import { Ended } from "../records/ended.ts";
import { FailedStarts } from "./failed_starts.ts";
import { Lending, mostWorkers, Saturation } from "./saturation.ts";
import { makeWorker } from "./new_worker.ts";
import type { Settings } from "../base/options.ts";
import { StoppedWorkers } from "./stopped.ts";
import { type Berth, StartOrder } from "./start_order.ts";
import { settlesWithin } from "../base/time.ts";
import { crash, endingOf } from "./worker_endings.ts";

/** The number of messages that are taken from one Worker before the next one has its turn. */
const MESSAGES_A_TURN = 64;

/** The time that a Worker may take to tell of its failures, in milliseconds: it may have got no core. */
const LAST_TURN_MS = 1000;

/** The hub that has the pool. */
export interface PoolHost extends Registry {
  /** The modules whose exports are in scope of inline functions. */
  readonly scope: readonly string[];
  /** Takes a message from a Worker. */
  take(worker: GreenWorker, message: Message): void;
}

/** The Workers of one hub and the threads that wait for them. */
export class Pool {
  readonly board: Board;
  /** The board's number in the process. */
  readonly #boardNumber: number;
  readonly #settings: Settings;
  readonly #here = hereOnHub();
  readonly #host: PoolHost;
  readonly #queue = new Set<HubThread>();
  /** Threads in the queue for which a running thread waits that cannot run them on its stack. */
  readonly #urgent = new Set<HubThread>();
  readonly #workers = new Set<GreenWorker>();
  readonly #bySlot: (GreenWorker | undefined)[];
  readonly #stopped = new StoppedWorkers();
  /** Workers with nothing to do, the one that became idle last at the end. */
  readonly #idle: GreenWorker[] = [];
  #starting = 0;
  #serial = 0;
  #crashed = 0;
  readonly #growth: Growth;
  readonly #shrinking: Shrinking;
  readonly #saturation: Saturation;
  readonly #lending: Lending;
  readonly #failedStarts = new FailedStarts(() => {
    if (!this.#closed) this.#assign();
  });
  /** The run lock of a cooperative hub. */
  readonly #runLock: RunLock | undefined;
  /** The order of new threads in a cooperative hub. */
  readonly #order: StartOrder | undefined;
  #onEmpty: (() => void) | undefined;
  #closed = false;

  constructor(settings: Settings, host: PoolHost) {
    this.#settings = settings;
    this.#host = host;
    this.board = new Board(mostWorkers(settings.maxWorkers));
    if (settings.cooperative) {
      this.board.order = this.#runLock = new RunLock(this.board, HUB_SIDE);
      this.#order = new StartOrder(this.#runLock);
    }
    this.#growth = new Growth({
      workers: this.#workers,
      maxWorkers: settings.maxWorkers,
      usable: () => this.#usable,
      queued: () => this.#queue.size,
      starting: () => this.#starting,
      closed: () => this.#closed,
      mayStart: () => this.#mayStart,
      startWorker: () => this.#startWorker(),
    });
    this.#shrinking = new Shrinking({
      workers: this.#workers,
      idle: this.#idle,
      settings,
      dismiss: (worker) => this.#dismiss(worker),
    });
    this.#saturation = new Saturation({
      name: settings.name,
      maxWorkers: settings.maxWorkers,
      queue: this.#queue,
      stuckSince: () => this.#stuckSince(),
      startError: () => this.#failedStarts.error,
      refuse: (thread, reason) => {
        this.remove(thread);
        this.#host.threads.endThread(thread, Ended.of({ status: "rejected", reason }));
      },
    });
    this.#lending = new Lending({
      workers: this.#workers,
      waits: () => this.#queue.size > 0,
      needy: () => this.#isNeedy,
      waitOf: (worker) => this.#waitOf(worker),
      lent: () => this.#assign(),
    });
    this.#boardNumber = this.#here.addBoard(this.board);
    this.#bySlot = new Array(this.board.slots).fill(undefined);
    for (let i = 0; i < settings.minWorkers; i++) this.#startWorker();
  }

  /** Numbers for `statistics()`. */
  get counts(): {
    workers: number;
    starting: number;
    idle: number;
    busy: number;
    queued: number;
    crashed: number;
    leaked: number;
  } {
    let busy = 0;
    for (const { stack } of this.#workers) if (stack.length > 0) busy++;
    return {
      workers: this.#workers.size,
      starting: this.#starting,
      idle: this.#idle.length,
      busy,
      queued: this.#queue.size,
      crashed: this.#crashed,
      leaked: this.#stopped.leaked,
    };
  }

  /** The threads that run or wait here, the running ones first. */
  *threads(): Generator<HubThread> {
    for (const { stack } of this.#workers) yield* stack;
    yield* this.#queue;
  }

  /**
   * Puts a thread in the queue.
   *
   * @throws {HubSaturatedError} If the queue is full.
   */
  enqueue(thread: HubThread): void {
    const { maxQueue, name } = this.#settings;
    this.#queue.add(thread);
    this.#order?.add(thread);
    this.#assign();
    if (this.#queue.size === 0) return;
    if (this.#cannotGrow) this.#saturation.look();
    if (this.#queued <= maxQueue || !this.remove(thread)) return;
    throw new HubSaturatedError(
      `Cannot spawn "${thread.name}": the queue of hub "${name}" is full: ${maxQueue} green threads wait for a Worker, ` +
        `and maxQueue is ${maxQueue}`,
    );
  }

  /** Takes a thread out of the queue; says whether it was there. */
  remove(thread: HubThread): boolean {
    this.#urgent.delete(thread);
    if (!this.#queue.delete(thread)) return false;
    if (this.#order === undefined) return true;
    this.#order.remove(thread);
    // Its number may have come just now.
    this.board.ring();
    return true;
  }

  /** The number of threads that wait for a Worker; in a cooperative hub, without those that wait for their turn only. */
  get #queued(): number {
    const { size } = this.#queue;
    if (this.#order === undefined) return size;
    let busy = 0;
    for (const { stack } of this.#workers) if (stack.length > 0) busy++;
    return size - Math.max(0, this.#settings.maxWorkers - busy);
  }

  /**
   * Helps a thread to start for which another thread is about to wait.
   *
   * @param worker The Worker on which the waiter is the innermost thread.
   * @param thread The thread that it waits for.
   * @param limited Whether the wait has a time limit.
   */
  awaited(worker: GreenWorker, thread: HubThread, limited: boolean): void {
    if (!this.#queue.has(thread)) return;
    if (!limited && !worker.gone && worker.hasLoaded(thread.task!.target)) {
      if (this.#order) {
        // The first waiter is its host; the order is the same, on any stack.
        if (thread.host?.waitingFor !== thread) thread.host = worker.stack.at(-1);
        this.#order.hurry(thread);
        return this.#assign();
      }
      this.remove(thread);
      worker.run(thread);
      return;
    }
    this.urge(thread);
  }

  /** Gets a thread in the queue a Worker of its own, since a waiter keeps another Worker meanwhile. */
  urge(thread: HubThread): void {
    if (!this.#queue.has(thread)) return;
    this.#urgent.add(thread);
    this.#order?.hurry(thread);
    this.#assign();
  }

  /** Whether a thread waits for a Worker. */
  holds(thread: HubThread): boolean {
    return this.#queue.has(thread);
  }

  /**
   * The threads that keep a thread from starting: the innermost thread on each Worker. Nothing if the thread is not in the queue,
   * or if there may be a Worker for it without any of the others going on.
   */
  blocking(thread: HubThread): HubThread[] | undefined {
    if (!this.#queue.has(thread) || this.#starting > 0 || this.#hasSlot) return undefined;
    if (thread.host) return undefined;
    const running: HubThread[] = [];
    for (const { stack } of this.#workers) {
      const innermost = stack.at(-1);
      if (!innermost) return undefined;
      running.push(innermost);
    }
    return running;
  }

  /** Whether a thread on a Worker could go on, and waits for its turn only. */
  isQueued(thread: HubThread): boolean {
    const runLock = this.#runLock;
    const { worker } = thread;
    return runLock !== undefined && worker?.stack.at(-1) === thread &&
      runLock.isQueued(worker.slot);
  }

  /** Takes a thread that has ended off its Worker's stack. */
  left(worker: GreenWorker, thread: HubThread): void {
    const at = worker.stack.lastIndexOf(thread);
    if (at >= 0) worker.stack.splice(at, 1);
    this.#growth.ended();
    worker.proven = true;
    if (worker.idle) this.#becameIdle(worker);
  }

  /** Gives a Worker a thread, if it is idle: it has answered all that the hub asked of it. */
  served(worker: GreenWorker): void {
    if (worker.idle) this.#assign();
  }

  /** Gives a Worker that has started its first thread. */
  ready(worker: GreenWorker): void {
    if (worker.ready) return;
    worker.ready = true;
    this.#starting--;
    this.#failedStarts.succeeded();
    if (worker.closing) return;
    this.#becameIdle(worker);
  }

  /**
   * Takes in messages, some of each Worker.
   *
   * @returns Whether there was anything.
   */
  readonly takeIn = (): boolean => {
    let worked = this.#here.takeIn();
    for (let group = 0; group < this.board.groups; group++) {
      let flags = this.board.takeFlags(group);
      while (flags !== 0) {
        const bit = 31 - Math.clz32(flags);
        flags &= ~(1 << bit);
        const worker = this.#bySlot[group * 32 + bit];
        // A Worker that was stopped and goes on all the same is not listened to.
        if (worker && !worker.dead) worked = this.#takeFrom(worker) || worked;
      }
    }
    if (this.#order && this.#runLock!.turn !== 0) this.#assign();
    return worked;
  };

  /**
   * Has the Workers tell of failures in their event loops, as the process is about to end.
   *
   * @returns A promise that settles when they have; nothing if no Worker has anything to tell.
   */
  lastTurns(): Promise<unknown> | undefined {
    const uneasy = [...this.#workers].filter(({ uneasy, idle }) => uneasy && idle);
    if (uneasy.length === 0) return undefined;
    return settlesWithin(Promise.all(uneasy.map((worker) => worker.loopTurn())), LAST_TURN_MS);
  }

  /** Tells all Workers to end, each as soon as no thread is left on it. Settles when all have ended. */
  close(): Promise<void> {
    this.#closed = true;
    this.#shrinking.stop();
    this.#saturation.stop();
    this.#lending.stop();
    this.#failedStarts.stop();
    for (const worker of this.#workers) this.#dismiss(worker);
    if (this.#workers.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty = resolve);
  }

  /**
   * Stops a Worker that does not end by itself: the threads on it are killed, even if they compute. If it is blocked, or in its
   * event loop, it ends; if it computes, it goes on until the process ends, and nobody listens to it.
   *
   * @param reason The error that led to it.
   */
  stop(worker: GreenWorker, reason: Error): void {
    worker.stopped = true;
    this.#end(worker, reason);
  }

  /** Settles when all stopped Workers have ended, or are known not to end. */
  async ended(): Promise<void> {
    await this.#stopped.ended();
    this.#here.removeBoard(this.#boardNumber);
  }

  #end(worker: GreenWorker, reason: Error): void {
    if (worker.dead) return;
    worker.error ??= reason;
    worker.closing = true;
    worker.post.shut();
    this.#bury(worker, 1);
    if (!this.#closed) this.#assign();
    this.#stopped.add(worker);
  }

  /** All Workers, those that are starting included. */
  get workers(): ReadonlySet<GreenWorker> {
    return this.#workers;
  }

  #takeFrom(worker: GreenWorker): boolean {
    worker.post.sendWaiting();
    let worked = false;
    try {
      for (let i = 0; i < MESSAGES_A_TURN; i++) {
        const message = worker.post.receive();
        if (!message) break;
        worked = true;
        this.#host.take(worker, message);
      }
    } catch (error) {
      // The Worker wrote something that cannot be right: nothing that it says can be trusted any more.
      this.#end(worker, error as Error);
      return true;
    }
    if (worker.post.inbox.ring.empty) return worked;
    this.board.raise(worker.slot);
    return true;
  }

  #becameIdle(worker: GreenWorker): void {
    if (this.#closed) return this.#dismiss(worker);
    worker.idleSince = performance.now();
    this.#idle.push(worker);
    this.#assign();
    if (!this.#idle.includes(worker)) return;
    this.#shrinking.becameIdle(worker);
  }

  /** Whether `maxWorkers` Workers run threads. One that waits for a thread counts; one whose thread lends its place does not. */
  get #isFull(): boolean {
    const { maxWorkers } = this.#settings;
    if (this.#workers.size <= maxWorkers) return false;
    let busy = 0;
    for (const { stack } of this.#workers) if (stack.length > 0 && !stack.at(-1)!.lends) busy++;
    return busy >= maxWorkers;
  }

  /**
   * Gives the first thread in the queue a Worker beyond `maxWorkers` if all running threads wait for other threads: they may wait
   * for those in the queue. No more threads work at a time than before.
   */
  relieve(): void {
    if (this.#stalls) this.urge(this.#next());
    if (this.#cannotGrow) this.#saturation.look();
  }

  /** The number of Workers that run a thread which keeps its place, or could take a thread. */
  get #usable(): number {
    let usable = 0;
    for (const { stack, serving } of this.#workers) {
      if (stack.length > 0 ? !stack[stack.length - 1].lends : !serving) usable++;
    }
    return usable;
  }

  /** Whether the first thread in the queue gets a Worker only if a blocked one lends its place. */
  get #isNeedy(): boolean {
    if (this.#queue.size === 0 || this.#starting > 0 || this.#urgent.size > 0) return false;
    return this.#mayStart && this.#usable >= this.#settings.maxWorkers;
  }

  /** A number that tells one wait of a Worker's innermost thread from the next; nothing if that thread is not blocked. */
  #waitOf({ stack, slot }: GreenWorker): number | undefined {
    const innermost = stack[stack.length - 1];
    if (this.isQueued(innermost)) return undefined;
    if (innermost.parkedOn !== undefined) return innermost.blockedSince;
    // Below 0: a time never is.
    return this.board.sleepsInItsLoop(slot) ? -1 - Math.abs(this.board.woken(slot)) : undefined;
  }

  /** Whether no running thread goes on before a thread of the queue has run. */
  get #stalls(): boolean {
    if (this.#queue.size === 0 || this.#urgent.size > 0 || this.#starting > 0) return false;
    if (this.#workers.size < this.#settings.maxWorkers) return false;
    let busy = 0;
    for (const { stack } of this.#workers) {
      if (stack.length === 0) continue;
      const innermost = stack[stack.length - 1];
      if (!innermost.stalled || this.isQueued(innermost)) return false;
      busy++;
    }
    return busy > 0;
  }

  /** The time since which all Workers that there may be are blocked in waits that a thread of the queue may have to end. */
  #stuckSince(): number | undefined {
    if (this.#starting > 0 || this.#workers.size === 0 || !this.#cannotGrow) return undefined;
    let since = 0;
    for (const { stack } of this.#workers) {
      const innermost = stack.at(-1);
      if (innermost?.stuckSince === undefined || this.isQueued(innermost)) return undefined;
      since = Math.max(since, innermost.stuckSince);
    }
    return since;
  }

  #assign(): void {
    if (this.#order) return this.#assignInTurn(this.#order);
    if (this.#stalls) this.#urgent.add(this.#next());
    while (this.#queue.size > 0) {
      if (this.#urgent.size === 0 && this.#isFull) break;
      // A Worker that does something for the hub would do the thread's work on top of that.
      const at = this.#idle.findLastIndex((worker) => !worker.serving);
      if (at < 0) break;
      const [worker] = this.#idle.splice(at, 1);
      const thread = this.#next();
      this.remove(thread);
      worker.run(thread);
    }
    if (this.#queue.size > 0) {
      if (this.#workers.size === 0) this.#startWorker();
      else this.#growth.lookLater();
    }
    // A thread that waits for an urgent thread keeps a Worker and does nothing, so no more threads work at a time.
    while (this.#starting < this.#urgent.size && this.#startWorker());
    if (this.#queue.size > 0) this.#lending.watch();
    if (this.#queue.size > 0 && this.#workers.size === 0) this.#giveUp();
  }

  /** Begins the new thread of a cooperative hub whose number has come, if one has. */
  #assignInTurn(order: StartOrder): void {
    const waits = (thread: HubThread) => this.#queue.has(thread);
    if (this.#queue.size > 0 && this.#workers.size === 0 && !this.#startWorker()) this.#giveUp();
    if (this.#stalls) {
      const thread = this.#next();
      this.#urgent.add(thread);
      order.hurry(thread);
    }
    let free = this.#mayStart ? this.#settings.maxWorkers - this.#usable : 0;
    for (const worker of this.#idle) if (!worker.serving) free++;
    order.recall(free);
    // Threads that were spawned before are in the rings, and have to be known first.
    for (const { post } of this.#workers) if (!post.inbox.ring.empty) return;
    const begun = order.next((thread) => this.#berth(thread), waits);
    if (begun) {
      this.#urgent.delete(begun.thread);
      this.#queue.delete(begun.thread);
      begun.worker.run(begun.thread);
    }
    if (this.#queue.size === 0) return;
    this.#growth.lookLater();
    this.#lending.watch();
  }

  /** Finds a Worker on which a thread can begin. */
  #berth(thread: HubThread): Berth {
    const { host } = thread;
    if (host?.waitingFor === thread && !host.dead) {
      const worker = workerOf(host);
      if (worker && !worker.gone && !host.killed && worker.stack.at(-1) === host) return worker;
      this.#urgent.add(thread);
    }
    const urgent = this.#urgent.has(thread);
    if (urgent || !this.#isFull) {
      const at = this.#idle.findLastIndex((worker) => !worker.serving);
      if (at >= 0) return this.#idle.splice(at, 1)[0];
      if (this.#starting > 0) return "starting";
      const more = urgent || this.#usable < this.#settings.maxWorkers;
      if (more && this.#startWorker() && this.#starting > 0) return "starting";
    }
    return undefined;
  }

  /** Ends the queue: Workers that were stopped and go on have used up all that there may be. */
  #giveUp(): void {
    const reason = new WorkerCrashedError(
      `Cannot run green threads on hub "${this.#settings.name}" any more: the hub has stopped ${this.#stopped.leaked} Workers, ` +
        "but they still compute, and it cannot have more Workers",
    );
    for (const thread of [...this.#queue]) {
      this.remove(thread);
      this.#host.threads.endThread(thread, Ended.of({ status: "rejected", reason }));
    }
  }

  get #hasSlot(): boolean {
    return this.#bySlot.includes(undefined);
  }

  /** Whether one more Worker may be started now. */
  get #mayStart(): boolean {
    return this.#hasSlot && !(this.#failedStarts.waiting && this.#someStay);
  }

  /** Whether there will be no more Workers until one ends: there are as many as there may be, or none can be started. */
  get #cannotGrow(): boolean {
    if (this.#failedStarts.since !== undefined) return true;
    return this.#workers.size >= this.#settings.maxWorkers && !this.#hasSlot;
  }

  /** Whether there is a Worker that runs threads, or will. */
  get #someStay(): boolean {
    for (const { closing } of this.#workers) if (!closing) return true;
    return false;
  }

  #next(): HubThread {
    for (const thread of this.#urgent) return thread;
    for (const thread of this.#queue) return thread;
    throw new Error("The queue is empty");
  }

  /**
   * Starts one more Worker, if there is a slot for it and none has failed to start just now. A Worker that cannot start is
   * treated like one that died at once.
   *
   * @returns Whether one is being started.
   */
  #startWorker(): boolean {
    if (!this.#mayStart) return false;
    const slot = this.#bySlot.indexOf(undefined);
    const { worker, start } = makeWorker({
      board: this.board,
      boardNumber: this.#boardNumber,
      slot,
      serial: ++this.#serial,
      registry: this.#host,
      scope: this.#host.scope,
      debug: this.#settings.debug,
    });
    this.#bySlot[slot] = worker;
    this.#runLock?.enroll(slot);
    this.#workers.add(worker);
    this.#starting++;
    const onExit = (code: number) => {
      worker.hasExited();
      // It has not exited: see `stop()`. Its slot is never used again, as it may still write there.
      if (worker.lost) return;
      this.#runLock?.breakLock(slot);
      this.#takeLast(worker);
      worker.objects.exited(worker.running);
      this.#bury(worker, code);
      this.board.lie(slot);
      this.#bySlot[slot] = undefined;
      this.#assign();
    };
    try {
      worker.process = startWorker(start, {
        name: `${this.#settings.name}-${worker.serial}`,
        resourceLimits: this.#settings.resourceLimits,
        onError: (error) => worker.error ??= error,
        onExit,
      });
    } catch (error) {
      worker.error = error;
      this.#bury(worker, 1);
      this.board.lie(slot);
      this.#bySlot[slot] = undefined;
      return false;
    }
    return true;
  }

  /** Takes in the last messages of a Worker that has ended. */
  #takeLast(worker: GreenWorker): void {
    if (worker.dead) return;
    try {
      for (;;) {
        const message = worker.post.receive();
        if (!message) return;
        this.#host.take(worker, message);
      }
    } catch (error) {
      worker.error ??= error;
    }
  }

  #bury(worker: GreenWorker, code: number): void {
    if (worker.dead) return;
    const wasReady = worker.ready;
    if (!wasReady) this.#starting--;
    this.#workers.delete(worker);
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    const threads = worker.bury();
    const expected = worker.closing && threads.length === 0;
    if (!expected && !worker.stopped) this.#crashed++;
    if (!expected && !wasReady && !worker.stopped) {
      this.#failedStarts.failed(worker.error ?? crash(worker, undefined, code));
      // No Worker is left that could run the threads.
      if (!this.#someStay) threads.push(...this.#queue);
      else this.#saturation.look();
    }
    for (const thread of threads) this.remove(thread);
    for (const thread of threads) {
      this.#host.threads.endThread(thread, endingOf(worker, thread, code));
    }
    // Without a thread on it, nobody else hears of the crash.
    if (!expected && !worker.stopped && threads.length === 0) {
      this.#host.events.error(crash(worker, undefined, code));
    }
    this.#runLock?.gone(worker.slot);
    if (this.#workers.size === 0) this.#onEmpty?.();
  }

  #dismiss(worker: GreenWorker): void {
    if (worker.closing) return;
    if (worker.stack.length > 0) return;
    worker.closing = true;
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    worker.post.send(Down.Close, 0, 0, 0, EMPTY);
  }
}
