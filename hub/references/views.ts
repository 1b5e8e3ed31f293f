/**
 * Views of a value that came from a Worker and may go on to another one: arguments of a spawn, results that other threads wait
 * for, items of a queue.
 *
 * A handle that comes home to the hub is the original object there. If the value goes on to another Worker, the handle has to
 * stay a handle: the original would arrive as a copy, or be refused. So such a value has two views.
 *
 * @module
 */

import { decode, type Ref, type ReferenceKinds } from "../../bridge/values/codec.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import { handle } from "../../bridge/references/handle.ts";
import { RefKind } from "../../bridge/protocol/messages.ts";

/** A value as it is on the hub, and as it is passed on. Both are the same if there are no handles in the value. */
export interface Views {
  readonly here: unknown;
  readonly passing: unknown;
}

/**
 * Reads both views of a payload.
 *
 * @param payload A payload that has arrived. It is taken over.
 * @param kinds The references of the Worker that it came from. Each reference in the payload is resolved, and so
 * counted, once.
 * @throws What `decode()` throws.
 */
export function readViews(payload: Payload, kinds: ReferenceKinds): Views {
  const recorder = new Recorder(kinds);
  const passing = decode(payload, recorder);
  if (!recorder.cameHome) return { here: passing, passing };
  // The buffers of the first view are those of the payload.
  const again = { ...payload, buffers: payload.buffers.map((buffer) => buffer.slice()) };
  return { here: decode(again, new Replay(recorder.resolved)), passing };
}

/** Resolves references, keeps the results, and gives handles for objects that have come home. */
class Recorder implements ReferenceKinds {
  readonly resolved: unknown[] = [];
  cameHome = false;
  readonly #kinds: ReferenceKinds;

  constructor(kinds: ReferenceKinds) {
    this.#kinds = kinds;
  }

  toRef(value: object): Ref | undefined {
    return this.#kinds.toRef(value);
  }

  resolve(kind: number, data: unknown): unknown {
    const value = this.#kinds.resolve(kind, data);
    this.resolved.push(value);
    if (kind !== RefKind.HubObject) return value;
    this.cameHome = true;
    return handle(value as object);
  }
}

/** Gives the results that a {@linkcode Recorder} has kept, in the same order. */
class Replay implements ReferenceKinds {
  readonly #resolved: readonly unknown[];
  #next = 0;

  constructor(resolved: readonly unknown[]) {
    this.#resolved = resolved;
  }

  toRef(): undefined {}

  resolve(): unknown {
    return this.#resolved[this.#next++];
  }
}
