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
 * The most aborts that are remembered before their signal has arrived. Some of these signals never come: they were given back while
 * the message was on its way.
 */
const MOST_EARLY = 10_000;

/** The proxies for the signals of one other side. */
export class SignalProxies {
  readonly #imports: Imports<AbortSignal>;
  readonly #dress: (signal: AbortSignal) => void;
  readonly #controllers = new WeakMap<AbortSignal, AbortController>();
  /** The proxies that are held for a keeper: a thread, by its id, or something else that ends. */
  readonly #kept = new Map<number, Set<AbortSignal>>();
  /** The reasons of signals that were aborted before they came, by their numbers. */
  readonly #early = new Map<number, { readonly reason: unknown }>();

  /**
   * @param onRelease Called when nobody here holds a signal any more, with its number and the count of its arrivals.
   * @param dress Called with each proxy that is made.
   */
  constructor(
    onRelease: (number: number, count: number) => void,
    dress: (signal: AbortSignal) => void = () => {},
  ) {
    this.#imports = new Imports(onRelease);
    this.#dress = dress;
  }

  /** The count of proxies. */
  get size(): number {
    return this.#imports.size;
  }

  /** The number of a proxy's original; none for any other signal. */
  numberOf(signal: object): number | undefined {
    return this.#imports.numberOf(signal);
  }

  /**
   * The proxy for a signal that has just come.
   *
   * @param number The signal's number.
   * @param keeper The keeper for which to hold the proxy; 0 for none.
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

  /** Aborts a proxy, as its original was aborted. */
  abort(number: number, reason: unknown): void {
    const signal = this.#imports.find(number);
    if (signal) {
      this.#early.delete(number);
      // From here on there is nothing to look for.
      Reflect.deleteProperty(signal, "aborted");
      return this.#controllers.get(signal)!.abort(reason);
    }
    // The proxy was here, and nobody has held it since.
    if (this.#imports.knows(number)) return;
    if (this.#early.size >= MOST_EARLY) this.#early.delete(this.#early.keys().next().value!);
    this.#early.set(number, { reason });
  }

  /** Forgets that a signal was aborted which was on its way, and will not be taken in. */
  forget(number: number): void {
    this.#early.delete(number);
  }

  /** Lets go of the proxies that were held for a keeper. */
  drop(keeper: number): void {
    this.#kept.delete(keeper);
  }

  /** Lets go of everything: the other side has ended. */
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

/** Whether only code of this Worker can abort a signal, and neither the hub nor the clock. */
export function isLocal(signal: AbortSignal): boolean {
  return !Object.hasOwn(signal, "aborted");
}

/** The known time at which a signal is aborted. */
export interface DueTime {
  /** Whether the time has come, and the platform does not know yet. */
  readonly isDue: boolean;
  /** The reason of the abort. */
  readonly reason: unknown;
}

/**
 * Has a signal look for messages, and at the clock, whenever code asks whether it is aborted: green code that computes, and only
 * polls the signal now and then, would never hear of the abort.
 *
 * @param signal The signal.
 * @param look Takes in messages that have arrived.
 * @param time The latest time of its abort, if that is known.
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
