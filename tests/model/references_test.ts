/**
 * Tries all orders in which one Worker and the hub can send each other a thing, send it back, receive, drop and release it, and
 * in which the Worker can die: with the real tables of both sides, and queues in place of the rings. The rules are those at the
 * head of `bridge/wire/ref_table.ts`.
 *
 * A *state* is what is in the queues and what each side holds; each is reached once, by the fewest steps. From each one the model
 * also goes to the end: all messages are taken, all proxies are released. Then nobody may hold anything.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { handle } from "../../bridge/references/handle.ts";
import { Exports } from "../../bridge/references/exports.ts";
import { remoteOf } from "../../bridge/references/remote_object.ts";
import { RefKind } from "../../bridge/protocol/messages.ts";
import type { Entry } from "../../bridge/wire/payload.ts";
import { FrameStack } from "../../green/worker/frame_stack.ts";
import { GreenReferences } from "../../green/worker/references.ts";
import { referToLive } from "../../hub/references/referents.ts";
import { WorkerReferences } from "../../hub/references/worker_references.ts";

/** A message in a queue: a reference, or the release of so many counts. */
type Message =
  | { readonly entry: Entry }
  | { readonly released: readonly [number: number, count: number] };

const SERIAL = 5;

/** How many references may be sent in one run. */
const MOST_SENT = 4;

function unused(): never {
  throw new Error("The model does not use this");
}

/** Both sides, and what is on its way between them. */
class World {
  readonly up: Message[] = [];
  readonly down: Message[] = [];
  /** What has arrived in the Worker and was not read. */
  readonly unread: Entry[] = [];
  readonly exports = new Exports();
  readonly ofHub = { lives: "on the hub" };
  readonly ofWorker = { lives: "in the Worker" };
  /** The proxy on the hub, and the one in the Worker, with the count of their arrivals. */
  onHub = { proxy: undefined as object | undefined, count: 0 };
  inWorker = { proxy: undefined as object | undefined, count: 0 };
  sent = 0;
  dead = false;
  readonly hub: WorkerReferences;
  readonly worker: GreenReferences;

  constructor() {
    const isDead = () => this.dead;
    this.hub = new WorkerReferences({
      serial: SERIAL,
      exports: this.exports,
      get dead() {
        return isDead();
      },
      sayReleased: (...released) => void this.down.push({ released }),
      saySignalled: unused,
      reportError: unused,
      nameOf: () => undefined,
      isOver: () => false,
      gone: unused,
      ask: unused,
    });
    this.worker = new GreenReferences({
      serial: SERIAL,
      sayReleased: (...released) => void this.up.push({ released }),
      saySignalled: unused,
      ask: unused,
      look: unused,
      leftOf: unused,
      catchUp: unused,
      owner: () => 0,
      stack: new FrameStack(),
    });
  }

  sendFromHub(object: object): void {
    this.sent++;
    this.down.push({ entry: this.hub.send(referToLive(object, false)!) });
  }

  sendFromWorker(object: object): void {
    this.sent++;
    this.up.push({ entry: this.worker.send(this.worker.toRef(object, true, false)!) });
  }

  takeOnHub(): void {
    const message = this.up.shift()!;
    if ("released" in message) return this.hub.letGo(...message.released);
    const { object } = this.hub.receive(message.entry)!;
    if (message.entry[1] === 0) return assertEquals(object, this.ofHub, "not the hub's own");
    this.onHub = { proxy: object, count: this.onHub.count + 1 };
  }

  takeInWorker(): void {
    const message = this.down.shift()!;
    if ("released" in message) return this.worker.release(...message.released);
    this.worker.arrived(message.entry);
    this.unread.push(message.entry);
  }

  read(): void {
    const entry = this.unread.shift()!;
    const { object } = this.worker.receive(entry)!;
    if (entry[1] !== 0) return assertEquals(object, this.ofWorker, "not the Worker's own");
    this.inWorker = { proxy: object, count: this.inWorker.count + 1 };
  }

  drop(): void {
    assert(this.worker.drop(this.unread.shift()!));
  }

  releaseOnHub(): void {
    remoteOf(this.onHub.proxy!)!.release();
    this.onHub = { proxy: undefined, count: 0 };
  }

  releaseInWorker(): void {
    remoteOf(this.inWorker.proxy!)!.release();
    this.inWorker = { proxy: undefined, count: 0 };
  }

  die(): void {
    this.dead = true;
    this.hub.letGoOfAll();
  }

  /** The steps that can be taken now, by their names. */
  steps(): [name: string, act: () => void][] {
    if (this.dead) return [];
    const steps: [string, () => void][] = [["die", () => this.die()]];
    const { proxy: theirs } = this.onHub;
    const { proxy: its } = this.inWorker;
    if (this.sent < MOST_SENT) {
      steps.push(
        ["the hub sends", () => this.sendFromHub(handle(this.ofHub))],
        ["the Worker sends", () => this.sendFromWorker(handle(this.ofWorker))],
      );
      if (theirs) steps.push(["the hub sends back", () => this.sendFromHub(theirs)]);
      if (its) steps.push(["the Worker sends back", () => this.sendFromWorker(its)]);
    }
    if (this.up.length > 0) steps.push(["the hub takes", () => this.takeOnHub()]);
    if (this.down.length > 0) steps.push(["the Worker takes", () => this.takeInWorker()]);
    if (this.unread.length > 0) {
      steps.push(["the Worker reads", () => this.read()], ["the Worker drops", () => this.drop()]);
    }
    if (theirs) steps.push(["the hub releases", () => this.releaseOnHub()]);
    if (its) steps.push(["the Worker releases", () => this.releaseInWorker()]);
    return steps;
  }

  get key(): string {
    const { up, down, unread, sent, dead, onHub, inWorker } = this;
    return JSON.stringify([up, down, unread, sent, dead, onHub.count, inWorker.count]);
  }

  /** Goes to the end, in one order, and checks that nobody holds anything. */
  finish(): void {
    const rest = ["takes", "reads", "releases"];
    for (;;) {
      const next = this.steps().find(([name]) => rest.some((verb) => name.endsWith(verb)));
      if (!next) break;
      next[1]();
    }
    assertEquals(this.exports.counts, { functions: 0, handles: 0 }, "of the hub");
    if (!this.dead) {
      assertEquals(this.worker.exports, { functions: 0, handles: 0 }, "of the Worker");
    }
  }
}

/** The world after some steps. */
function after(path: readonly string[]): World {
  const world = new World();
  for (const step of path) world.steps().find(([name]) => name === step)![1]();
  return world;
}

Deno.test("references: in each order of sending, receiving, dropping, releasing and dying nothing is lost or left", () => {
  const seen = new Set<string>();
  let paths: string[][] = [[]];
  while (paths.length > 0) {
    const next: string[][] = [];
    for (const path of paths) {
      try {
        const world = after(path);
        if (seen.has(world.key)) continue;
        seen.add(world.key);
        for (const [name] of world.steps()) next.push([...path, name]);
        world.finish();
      } catch (cause) {
        throw new Error(`After: ${path.join(", ")}`, { cause });
      }
    }
    paths = next;
  }
  assert(seen.size > 1000, `only ${seen.size} states`);
});

Deno.test("references: what comes home is there, though the hub has let go of it before it is read", () => {
  const world = after([
    "the Worker sends",
    "the hub takes",
    "the hub sends back",
    "the hub releases",
    "the Worker takes",
    "the Worker takes",
  ]);
  assertEquals(world.worker.exports.handles, 1);
  world.read();
  assertEquals(world.worker.exports.handles, 0);
});

Deno.test("references: the hub takes back no more than it has sent, and believes in no number that it has not", () => {
  const world = after(["the hub sends", "the Worker takes"]);
  const error = (entry: Entry) => {
    try {
      world.hub.receive(entry);
    } catch (error) {
      return String(error);
    }
  };
  const [, , number] = world.unread[0] as [number, number, number];
  const kind = RefKind.Object;
  assertEquals(world.hub.receive([kind, 0, number])?.object, world.ofHub);
  assert(error([kind, 0, number + 1])?.includes("it was not passed to this Worker"));
  for (const wrong of [[kind, 0], [kind, SERIAL + 1, 1], [kind, SERIAL], [kind, SERIAL, 0.5]]) {
    assert(error(wrong as unknown as Entry)?.startsWith("TypeError"), String(wrong));
  }
  world.hub.letGo(number, -5);
  world.hub.letGo(number + 1, 5);
  assertEquals(world.exports.counts.handles, 1);
  world.hub.letGo(number, 1000);
  assertEquals(world.exports.counts.handles, 0);
});
