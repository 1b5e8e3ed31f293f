/**
 * Runs threads: from the task's arrival to the thread's end.
 *
 * ```text
 * a task arrived ──> waits for the bottom of the stack ──> entered ──> (its module is loaded ──> waits again) ──> begun ──> ended
 *        arrived ──> entered, on top of the thread that waits for it ──> ended
 * ```
 *
 * A thread has a stack frame from when it is entered. Before that, a kill finds it among the arrived tasks, and dooms it; after
 * that, on the stack. A thread that was killed before it was begun ends without running. So does a thread that is killed while
 * its module is loaded; the module goes on loading.
 *
 * @module
 */

import { clearTimeout, setTimeout } from "node:timers";
import type { Awaiting } from "./awaiting.ts";
import { decode, encode, encodeThrown } from "../../bridge/values/codec.ts";
import { usesContext } from "../../bridge/context/context.ts";
import { inTime, settleLoading } from "./loop_turns.ts";
import { Frame, hasStack, SHALLOW } from "./frame_stack.ts";
import type { GreenBase } from "./base.ts";
import type { Intake } from "./intake.ts";
import type { Callable } from "../../bridge/protocol/targets.ts";
import type { Loader } from "./loader.ts";
import type { Message } from "../../bridge/wire/message.ts";
import { PATIENCE } from "../../bridge/patience.ts";
import {
  Ending,
  KillMode,
  type Target,
  targetName,
  type ThreadOptions,
  Up,
} from "../../bridge/protocol/messages.ts";
import { RemoteThread } from "./remote_thread.ts";
import type { Suspect } from "./unhandled.ts";
import { gotBy, isThenable } from "../../bridge/references/thenables.ts";
import type { ThreadEndings } from "./thread_endings.ts";
import type { ThreadWaits } from "./thread_waits.ts";

/**
 * The time for which the Worker of a killed thread goes on loading its module, in milliseconds, before it may park: a Worker
 * that parks in the middle of resolving a package holds up all other resolutions of the process.
 */
const LOAD_GRACE_MS = 1000;

/** The prototype of `async` functions. */
const asyncFunctions: object = Object.getPrototypeOf(async () => {});

/** A thread to run from the bottom of the stack; with its frame if its module had to be loaded first. */
export interface Task {
  readonly message: Message;
  readonly frame?: Frame;
}

/** The parts that run threads in a Worker, besides {@linkcode GreenBase}. */
export interface RunnerParts {
  readonly intake: Intake;
  readonly awaiting: Awaiting;
  readonly waits: ThreadWaits;
  readonly endings: ThreadEndings;
  readonly loader: Loader;
}

/** Runs threads. */
export class ThreadRunner {
  /** Threads to run from the bottom of the stack. */
  readonly tasks: Task[] = [];
  readonly #mailbox: GreenBase["mailbox"];
  readonly #stack: GreenBase["stack"];
  readonly #frames: readonly Frame[];
  readonly #caller: GreenBase["caller"];
  readonly #handles: GreenBase["handles"];
  readonly #crossing: GreenBase["crossing"];
  readonly #context: GreenBase["context"];
  readonly #targets: GreenBase["targets"];
  readonly #unhandled: GreenBase["unhandled"];
  readonly #intake: Intake;
  readonly #awaiting: Awaiting;
  readonly #waits: ThreadWaits;
  readonly #endings: ThreadEndings;
  readonly #loader: Loader;
  /** The options of threads that the hub is about to send. */
  readonly #options = new Map<number, ThreadOptions>();
  /** Threads that were killed after they had been sent here and before they were begun. */
  readonly #doomed = new Map<number, unknown>();

  /**
   * @param base The base of all parts.
   * @param parts The parts that it needs besides.
   */
  constructor(base: GreenBase, parts: RunnerParts) {
    this.#mailbox = base.mailbox;
    this.#stack = base.stack;
    this.#frames = base.stack.frames;
    this.#caller = base.caller;
    this.#handles = base.handles;
    this.#crossing = base.crossing;
    this.#context = base.context;
    this.#targets = base.targets;
    this.#unhandled = base.unhandled;
    this.#intake = parts.intake;
    this.#awaiting = parts.awaiting;
    this.#waits = parts.waits;
    this.#endings = parts.endings;
    this.#loader = parts.loader;
  }

  /** Takes the options of a thread that the hub is about to send. */
  prepare(id: number, options: ThreadOptions): void {
    this.#options.set(id, options);
  }

  /**
   * Kills a thread that the hub has sent here.
   *
   * @param id The thread's id.
   * @param reason The reason of the kill.
   * @param mode Bits of {@linkcode KillMode}.
   * @param number The kill's number.
   */
  kill(id: number, reason: unknown, mode: number, number: number): void {
    const frame = this.#stack.find(id);
    if (mode & KillMode.Once) {
      if (frame) frame.thrown = { error: reason };
      return;
    }
    if (frame) {
      frame.killTimed ||= (mode & KillMode.Timed) !== 0;
      return this.#stack.kill(frame, reason, number, true);
    }
    const isHere = this.#intake.holdsThread(id) ||
      this.tasks.some(({ message }) => message.id === id);
    if (isHere && !this.#doomed.has(id)) this.#doomed.set(id, reason);
  }

  /**
   * Runs a thread; returns a promise when it needs the event loop first. Green code is always run by `Serving.serve()`, never by
   * a microtask: a Worker that runs out of memory in a microtask goes on as if nothing had happened (Deno 2.9.6).
   */
  run(task: Task): Promise<unknown> | undefined {
    const { message } = task;
    const target = this.#targets.at(message.a);
    const frame = task.frame ?? this.#enter(message, target);
    const fn = this.#loader.find(target);
    if (fn) return this.#begin(message, frame, target, fn);
    // The kill came together with the thread: its module may take for ever to load.
    if (frame.killed) return this.#endUnrun(message, frame);
    // Work that a module leaves behind at its top level belongs to the thread for which the module is loaded.
    const loading = this.#unhandled.within(
      suspectOf(frame, target),
      () => this.#load(message, frame, target),
    );
    return this.#awaiting.until(loading, true);
  }

  /**
   * Loads a thread's target, and lets the load settle. A thread that is killed meanwhile ends at once; the module goes on
   * loading, and has a little more time for that before this Worker parks.
   */
  #load(message: Message, frame: Frame, target: Target): Promise<void> {
    this.#caller.importing = target.kind === "export" ? target.url : "";
    const loading = this.#loader.load(target);
    // The library itself has no packages.
    const isOwn = this.#loader.loadsOwnOnly(target);
    const settled = isOwn ? loading : loading.finally(settleLoading);
    return new Promise<void>((resolve) => {
      let left = false;
      const leave = (act: () => void) => {
        if (left) return;
        left = true;
        frame.onKill = undefined;
        this.#caller.importing = undefined;
        act();
        inTime(settled, LOAD_GRACE_MS).then(resolve, resolve);
      };
      frame.onKill = () => leave(() => this.#endUnrun(message, frame));
      settled.then(
        () => {
          this.#sayLoaded(message.a, target);
          leave(() => this.tasks.unshift({ message, frame }));
        },
        (error) =>
          leave(() => {
            this.#dropTask(message);
            this.#endings.end(frame, Ending.Rejected, error);
          }),
      );
    });
  }

  #sayLoaded(number: number, target: Target): void {
    const names = target.kind === "export" ? this.#loader.synchronousNames(target.url) : [];
    this.#mailbox.send(Up.Loaded, number, 0, 0, encode(names, "names", this.#crossing.kinds));
  }

  /** Ends a thread that was killed before it was begun: its body never runs. */
  #endUnrun(message: Message, frame: Frame): undefined {
    this.#dropTask(message);
    return this.#endings.end(frame, Ending.Killed, frame.killed!.reason);
  }

  #begin(
    message: Message,
    frame: Frame,
    target: Target,
    fn: Callable,
  ): Promise<unknown> | undefined {
    if (frame.killed) return this.#endUnrun(message, frame);
    let value: unknown;
    let settled: Promise<unknown> | undefined;
    try {
      value = this.#applyTraced(message, frame, target, fn);
      // Not by Promise.resolve(), which gives a promise as it is, with all properties that the app has put on it.
      if (isThenable(value)) settled = new Promise((resolve) => resolve(value));
    } catch (error) {
      return this.#endings.fail(frame, this.#loader.explainFailure(target, error));
    }
    if (!settled) return this.#endings.end(frame, Ending.Fulfilled, value);
    const ended = settled.then(
      (value) => this.#endings.end(frame, Ending.Fulfilled, value),
      (error) => this.#endings.fail(frame, this.#loader.explainFailure(target, error)),
    );
    const waited = this.#awaiting.until(this.#giveUpLater(frame, ended));
    return this.#loader.imports(target) ? waited.finally(settleLoading) : waited;
  }

  /**
   * Sees to it that a killed thread that only awaits ends: it hears of the kill at its next blocking call, and may never make
   * one. The promise that it awaits cannot be taken from it, so the hub is asked to stop the Worker.
   */
  #giveUpLater(frame: Frame, settled: Promise<unknown>): Promise<unknown> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const begin = () => {
      if (frame.killTimed) return;
      timer = setTimeout(() => {
        const payload = encodeThrown(frame.killed!.reason, "reason", this.#crossing.kinds);
        this.#mailbox.send(Up.Kill, frame.id, 0, 0, payload);
      }, PATIENCE.awaiting);
    };
    if (frame.killed) begin();
    else frame.onKill = begin;
    return settled.finally(() => clearTimeout(timer));
  }

  /** Runs a thread on top of the one that waits for it. By the name `runNested`, `stacks.ts` finds where a thread begins. */
  runNested(task: Message): void {
    const target = this.#targets.at(task.a);
    const frame = this.#enter(task, target);
    if (frame.killed) return this.#endUnrun(task, frame);
    if (this.#frames.length > SHALLOW && !hasStack(128)) {
      this.#dropTask(task);
      return this.#endings.end(frame, Ending.Rejected, tooDeep(frame, this.#frames.length));
    }
    const fn = this.#loader.find(target);
    this.#unhandled.note(suspectOf(frame, target));
    let value: unknown;
    try {
      if (!fn) {
        throw new Error(
          `Cannot run "${targetName(target)}": its module is not loaded in this Worker`,
        );
      }
      value = gotBy(this.#apply(task, frame, fn));
      if (value instanceof RemoteThread) value = value.wait();
      if (isThenable(value)) {
        throw new TypeError(
          `Cannot run "${
            targetName(target)
          }" on the stack of a thread that waits for it: the function returned a promise: declare it as \`async\``,
        );
      }
    } catch (error) {
      return this.#endings.fail(frame, this.#loader.explainFailure(target, error));
    }
    this.#endings.end(frame, Ending.Fulfilled, value);
  }

  /** Calls a thread's function so that work left behind can be traced to the thread. */
  #applyTraced(message: Message, frame: Frame, target: Target, fn: Callable): unknown {
    const suspect = suspectOf(frame, target);
    if (Object.getPrototypeOf(fn) === asyncFunctions) {
      return this.#unhandled.within(suspect, () => this.#apply(message, frame, fn));
    }
    this.#unhandled.note(suspect);
    return this.#apply(message, frame, fn);
  }

  /** Calls a thread's function, in the thread's async context. */
  #apply(message: Message, frame: Frame, fn: Callable): unknown {
    if (!usesContext()) return fn(...decode(message.payload, this.#crossing.kinds) as unknown[]);
    return this.#context.enter(
      message,
      () => fn(...decode(message.payload, this.#crossing.kinds) as unknown[]),
      frame,
    );
  }

  #enter(task: Message, target: Target): Frame {
    const options = this.#options.get(task.id);
    const name = options?.name ?? `${targetName(target)}-${task.id}`;
    this.#options.delete(task.id);
    const thread = this.#waits.awaited(task.id) ?? this.#handles.of(task.id, name);
    thread.start();
    const frame = new Frame(task.id, thread);
    frame.memberOf = options?.memberOf;
    frame.sites = options?.sites;
    this.#stack.frames.push(frame);
    if (this.#doomed.has(task.id)) {
      this.#stack.kill(frame, this.#doomed.get(task.id), undefined, true);
    }
    this.#doomed.delete(task.id);
    return frame;
  }

  /** Drops the task of a thread that was sent here and will not run. */
  #dropTask(message: Message): void {
    if (usesContext()) this.#context.drop(message, this.#crossing.discarder);
    this.#crossing.drop(message.payload);
  }
}

function suspectOf({ id, thread: { name } }: Frame, target: Target): Suspect {
  return { id, name, label: targetName(target) };
}

function tooDeep({ thread }: Frame, depth: number): Error {
  return new RangeError(
    `Cannot run "${thread.name}" on the stack of a thread that waits for it: the stack is full: ${
      depth - 1
    } green threads ` +
      "wait on it, each for the next",
  );
}
