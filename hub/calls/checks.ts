/**
 * Checks of the messages that come from Workers.
 *
 * Shared memory is not trusted: a message that breaks the protocol gives a `BridgeProtocolError`, which ends the Worker. An
 * optional part that makes no sense is dropped.
 *
 * @module
 */

import { decode } from "../../bridge/values/codec.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import { BridgeProtocolError } from "../../bridge/errors.ts";
import { isBreach } from "../../bridge/values/structured_checks.ts";
import {
  intern,
  isEnding,
  type ReportedThread,
  type Target,
  type ThreadOptions,
  type WaitReport,
} from "../../bridge/protocol/messages.ts";
import { coreOf } from "../../bridge/memory/objects.ts";
import type { GreenWorker } from "../records/worker.ts";

/** Checks a target that a Worker binds to a number. */
export function checkTarget(value: unknown): Target {
  const { kind, name, url, source, specifier } = (value ?? {}) as Record<string, unknown>;
  const ok = kind === "export" || kind === "shared"
    ? isText(url, name)
    : kind === "source"
    ? isText(source, name)
    : kind === "exposed" || kind === "library"
    ? isText(name)
    : kind === "hub"
    ? isText(specifier, name)
    : kind === "exports"
    ? isText(specifier)
    : kind === "live";
  if (!ok) throw new BridgeProtocolError(`Cannot bind a target of kind ${String(kind)}`);
  return intern(value as Target);
}

/** The target that a Worker has bound to a number. */
export function boundTarget(worker: GreenWorker, number: number): Target {
  const target = worker.targets.get(number);
  if (target) return target;
  throw new BridgeProtocolError(`Cannot call target ${number}: it was not bound`);
}

/** Checks that a number is one of the three endings. */
export function checkEnding(ending: number): number {
  if (isEnding(ending)) return ending;
  throw new BridgeProtocolError(`Cannot take an ending ${ending}`);
}

/** Checks the options of a thread that a Worker is about to spawn. */
export function checkThreadOptions(value: unknown): ThreadOptions {
  const {
    name,
    delay,
    detached,
    timeout,
    grace,
    local,
    site,
    pool,
    slot,
    memberOf,
    order,
  } = (value ?? {}) as Record<string, unknown>;
  const ms = (value: unknown) => typeof value === "number" && value >= 0 ? value : undefined;
  return {
    timeout: ms(timeout),
    grace: ms(grace),
    name: typeof name === "string" ? name : undefined,
    delay: ms(delay),
    detached: detached === true,
    local: local === true,
    site: typeof site === "string" ? site : undefined,
    pool: typeof pool === "object" && pool !== null && coreOf(pool) ? pool : undefined,
    slot: typeof slot === "number" ? slot : undefined,
    memberOf: typeof memberOf === "number" ? memberOf : undefined,
    order: Number.isInteger(order) ? order as number | 0 : undefined,
  };
}

/** Checks the report of a blocked thread. */
export function checkWaitReport(value: unknown): WaitReport {
  const { on, limited, generator, holder, stack } = (value ?? {}) as Record<string, unknown>;
  return {
    on: String(on),
    limited: limited === true,
    generator: typeof generator === "string" ? generator : undefined,
    holder: typeof holder === "number" ? holder : undefined,
    stack: Array.isArray(stack) && stack.every(isReportedThread) ? stack : undefined,
  };
}

function isReportedThread(value: unknown): value is ReportedThread {
  const [id, killed, site] = Array.isArray(value) ? value : [];
  return typeof id === "number" && typeof killed === "boolean" && typeof site === "string";
}

/** Reads a reason that a Worker gives. If it cannot be read (its class is not known here), gives the error that says so. */
export function readReason(worker: GreenWorker, payload: Payload): unknown {
  try {
    return decode(payload, worker.kinds);
  } catch (error) {
    if (isBreach(error)) throw error;
    return error;
  }
}

function isText(...values: unknown[]): boolean {
  return values.every((value) => typeof value === "string");
}
