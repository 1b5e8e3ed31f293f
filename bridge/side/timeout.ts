/**
 * A time limit for a stretch of green code. Semantics: eventlet's `Timeout`.
 *
 * @module
 */

import { brandError } from "../brand.ts";
import { checkOptionsObject, checkTime, show } from "../checks.ts";
import { BlockingCallError } from "../errors.ts";
import { greenSide } from "./side.ts";
import { registerOwnError } from "../values/error_values.ts";

/**
 * Options for {@linkcode Timeout}.
 *
 * @category Limits
 */
export interface TimeoutOptions {
  /**
   * Whether the async work of a call that is cut short runs on, silently, rather than being aborted.
   *
   * @default {false}
   */
  abandon?: boolean;
}

const KEYS = ["abandon"];

/**
 * A time limit: thrown, as itself, at the first blocking call that is still blocked, or begun, after its time.
 *
 * - It is armed for the green thread that makes it, until it is disposed, cancelled, or thrown. It is thrown once.
 * - Nested ones: the earlier one is thrown, as its own object, so an `error === timeout` check tells whose it is; of two
 *   that are due at the same moment, the outer one.
 * - A result that is ready wins over a timeout that is due; an item or a permit does if it came before that.
 * - A call to the hub that is left this way is aborted: see `currentCall().signal`.
 * - Code that never blocks is not interrupted; `checkpoint()` is a point where it can be.
 *
 * On the hub a `Timeout` may be made and thrown by hand, but not armed: use {@linkcode withTimeoutAsync} or
 * `AbortSignal.timeout()` there. The end of a `using` block throws a `BlockingCallError` that says so: it would have been a
 * limit that is none.
 *
 * @example Leave a block after 50 ms
 * ```ts
 * import { spawn, Timeout } from "@aiohub/aiohub";
 * import { sleep } from "@aiohub/aiohub/green";
 * import { assertEquals } from "@std/assert";
 *
 * const thread = spawn(() => {
 *   using timeout = new Timeout(50);
 *   try {
 *     sleep(10_000);
 *     return "slept";
 *   } catch (error) {
 *     if (error !== timeout) throw error;
 *     return "timed out";
 *   }
 * });
 * assertEquals(await thread, "timed out");
 * ```
 *
 * @category Limits
 */
export class Timeout extends Error {
  static {
    brandError(this, "Timeout");
    Object.defineProperty(this.prototype, "name", {
      value: "Timeout",
      writable: true,
      configurable: true,
    });
  }

  /** The time at which it is due, in `performance.now()` time; `Infinity` for never. */
  readonly due: number;
  /** The time that it was set for, in milliseconds. */
  readonly ms: number | undefined;
  /** The error that is thrown in its place, if any. */
  readonly error: unknown;
  /** Whether the work of a call goes on that it cuts short. */
  readonly abandon: boolean;
  #disarm: (() => void) | undefined;
  /** Whether it was made where nothing blocks, and was not cancelled since: it limits nothing there. */
  #limitsNothing = false;

  /**
   * Arms a time limit.
   *
   * @param ms How long, in milliseconds. `undefined` or `null`: never. Zero or less: at the next blocking call.
   * @param error What to throw in place of the `Timeout` itself: an error, or an error class.
   * @param options See {@linkcode TimeoutOptions}.
   * @throws {TypeError} If `ms` is not a number, or `error` is neither an error nor a class.
   */
  constructor(
    ms?: number | null,
    error?: Error | (new () => Error),
    options: TimeoutOptions = {},
  ) {
    const isNone = ms === undefined || ms === null;
    super(isNone ? "No time limit" : `Timed out after ${checkTime("set a timeout", ms)} ms`);
    if (error !== undefined && !(error instanceof Error) && typeof error !== "function") {
      throw new TypeError(
        `Cannot set a timeout: expected an error or an error class to throw, found ${show(error)}`,
      );
    }
    checkOptionsObject("set a timeout", options, "{ abandon: true }", KEYS);
    this.ms = ms ?? undefined;
    this.error = error;
    this.abandon = options.abandon ?? false;
    this.due = this.ms === undefined ? Infinity : performance.now() + this.ms;
    if (this.ms !== undefined) {
      this.#disarm = greenSide()?.arm(this);
      this.#limitsNothing = !this.#disarm;
    }
    for (const field of ["due", "ms", "error", "abandon"]) {
      Object.defineProperty(this, field, { enumerable: false });
    }
  }

  /** Whether it is armed and has not been thrown. */
  get pending(): boolean {
    // A timeout that crossed has no such field: it was thrown elsewhere.
    return #disarm in this && this.#disarm !== undefined;
  }

  /** Disarms it: it will not be thrown. Harmless when it is not armed. */
  cancel(): void {
    if (#limitsNothing in this) this.#limitsNothing = false;
    if (!this.pending) return;
    this.#disarm!();
    this.#disarm = undefined;
  }

  /**
   * Disarms it at the end of a `using` block.
   *
   * @throws {BlockingCallError} If it was made on the hub: it could not be armed there.
   */
  [Symbol.dispose](): void {
    if (#limitsNothing in this && this.#limitsNothing) {
      throw new BlockingCallError(
        `Cannot use new Timeout(${this.ms}) on the hub as no call blocks there: use await ` +
          `withTimeoutAsync(${this.ms}, async (signal) => …) or AbortSignal.timeout(${this.ms})`,
      );
    }
    this.cancel();
  }

  /**
   * Gives the error to throw when it is due; from then on it is not pending. For the library.
   *
   * @returns The timeout itself, or the error that it was given.
   * @ignore
   */
  fire(): unknown {
    this.cancel();
    if (typeof this.error === "function") return new (this.error as new () => Error)();
    return this.error ?? this;
  }
}

registerOwnError("Timeout", Timeout);
