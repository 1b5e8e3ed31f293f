/**
 * Abort signals that cross: proxies for signals of the other side.
 *
 * A proxy is a real `AbortSignal`, and is aborted when the original is: the other side says so by a message with the
 * signal's number. The message may come before the proxy is made (the arguments that bring it are read only when
 * their thread begins), so it is kept until then.
 *
 * A proxy is held here for as long as the thread lives that brought it. The garbage collector alone would be too
 * early: a request holds the signal that it was given weakly.
 *
 * @module
 */

import { Imports } from "./imports.ts";

/**
 * How many aborts that arrived before their signal are remembered. Some of these signals never come: they were given back while
 * the message was on its way.
 */
const MOST_EARLY = 10_000;

/** The proxies for the signals of one other side. */
export class SignalProxies {
  readonly #imports: Imports<AbortSignal>;
  readonly #dress: (signal: AbortSignal) => void;
  readonly #controllers = new WeakMap<AbortSignal, AbortController>();
  /** What is held for the sake of a thread, by its id or whatever else ends with it. */
  readonly #kept = new Map<number, Set<AbortSignal>>();
  /** The reasons of those that were aborted before they came. */
  readonly #early = new Map<number, { readonly reason: unknown }>();

  /**
   * @param onRelease Called with the number of a signal that nobody here holds any more, and how often it had come.
   * @param dress Called with each proxy that is made.
   */
  constructor(
    onRelease: (number: number, count: number) => void,
    dress: (signal: AbortSignal) => void = () => {},
  ) {
    this.#imports = new Imports(onRelease);
    this.#dress = dress;
  }

  /** How many proxies there are. */
  get size(): number {
    return this.#imports.size;
  }

  /** The number of the signal that a proxy stands for; none for any other signal. */
  numberOf(signal: object): number | undefined {
    return this.#imports.numberOf(signal);
  }

  /**
   * The proxy for a signal that has just come.
   *
   * @param number Its number.
   * @param keeper For whose sake to hold it; 0 for nobody's.
   */
  import(number: number, keeper: number): AbortSignal {
    const signal = this.#imports.import(number, () => {
      const controller = new AbortController();
      this.#controllers.set(controller.signal, controller);
      this.#dress(controller.signal);
      return controller.signal;
    });
    if (keeper !== 0 && !signal.aborted) this.#keep(signal, keeper);
    const early = this.#early.get(number);
    if (early) this.abort(number, early.reason);
    return signal;
  }

  /** The original was aborted. */
  abort(number: number, reason: unknown): void {
    const signal = this.#imports.find(number);
    if (signal) {
      this.#early.delete(number);
      // From here on there is nothing to look for.
      Reflect.deleteProperty(signal, "aborted");
      return this.#controllers.get(signal)!.abort(reason);
    }
    // It was here, and nobody has held it since.
    if (this.#imports.knows(number)) return;
    if (this.#early.size >= MOST_EARLY) this.#early.delete(this.#early.keys().next().value!);
    this.#early.set(number, { reason });
  }

  /** A signal that was on its way is not taken in. */
  forget(number: number): void {
    this.#early.delete(number);
  }

  /** Nobody holds anything for this one's sake any more. */
  drop(keeper: number): void {
    this.#kept.delete(keeper);
  }

  /** The other side has ended. */
  dropAll(): void {
    this.#kept.clear();
    this.#early.clear();
  }

  #keep(signal: AbortSignal, keeper: number): void {
    const kept = this.#kept.get(keeper);
    if (kept) kept.add(signal);
    else this.#kept.set(keeper, new Set([signal]));
  }
}

/** The getters of the platform. */
const isAborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, "aborted")!.get!;
const reasonOf = Object.getOwnPropertyDescriptor(AbortSignal.prototype, "reason")!.get!;

/** Whether nobody but code of this Worker can abort a signal: neither the hub nor the clock. */
export function isLocal(signal: AbortSignal): boolean {
  return !Object.hasOwn(signal, "aborted");
}

/** The time at which a signal is aborted, if that is known. */
export interface DueTime {
  /** Whether it is over, and the platform does not know yet. */
  readonly isDue: boolean;
  /** The reason of the abort. */
  readonly reason: unknown;
}

/**
 * Has a signal look for messages, and at the clock, whenever it is asked whether it is aborted: green code that computes, and
 * only asks now and then, would never know.
 *
 * @param signal The signal.
 * @param look Takes in what has arrived.
 * @param time When it is aborted at the latest, if that is known.
 */
export function lookWhenAsked(signal: AbortSignal, look: () => void, time?: DueTime): void {
  let looking = false;
  Object.defineProperties(signal, {
    aborted: {
      configurable: true,
      get: () => {
        // The platform asks as well, in the middle of aborting it.
        if (!looking && !isAborted.call(signal)) {
          looking = true;
          try {
            look();
          } finally {
            looking = false;
          }
        }
        return isAborted.call(signal) || time !== undefined && time.isDue;
      },
    },
    reason: {
      configurable: true,
      get: () => signal.aborted && !isAborted.call(signal) ? time!.reason : reasonOf.call(signal),
    },
    throwIfAborted: {
      configurable: true,
      value: () => {
        if (signal.aborted) throw signal.reason;
      },
    },
  });
}
