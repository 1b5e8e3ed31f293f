import { WorkerCrashedError } from "@aiohub/aiohub";
import { assertEquals, assertInstanceOf } from "@std/assert";
import { BridgeProtocolError } from "../../bridge/errors.ts";
import { Up } from "../../bridge/protocol/messages.ts";
import type { Words } from "../fixtures/hostile.ts";
import { fixture, rejection, TestHub } from "../support/mod.ts";

type Hostile = typeof import("../fixtures/hostile.ts");

/** Each one is more than the hub may believe. */
const FORGED: [string, Words[], number?][] = [
  ["a frame of no size", [{ Size: 0 }]],
  ["a frame of negative size", [{ Size: -64 }]],
  ["a frame that is larger than the ring", [{ Size: 1 << 30 }]],
  ["a HEAD that is nonsense", [], 1 << 20],
  ["a HEAD that went back", [], -8],
  ["a kind of message that there is not", [{ Kind: 7777 }]],
  ["a text that is longer than its frame", [{ Kind: Up.Call, Meta: 1 << 30, Format: 1 }]],
  ["more buffers than the frame can hold", [{ Kind: Up.Call, Buffers: 1 << 20, Format: 2 }]],
  ["a payload beside the ring without a place", [{ Kind: Up.Call, Format: 1 << 16 | 1 }]],
  ["a call of a target that was not bound", [{ Kind: Up.Call, Id: 1, A: 999_999, B: 1 }]],
  ["the end of a thread that does not run there", [{ Kind: Up.Done, Id: 999_999 }]],
  ["an ending that there is not", [{ Kind: Up.Done, Id: 1, A: 55 }]],
  ["a context for another message", [
    { Kind: Up.Context, Id: 1_000_001, A: Up.Spawn },
    { Kind: Up.Spawn, Id: 1_000_002, A: 1 },
  ]],
  ["a context that is no list", [
    { Kind: Up.Context, Id: 1_000_001, A: Up.Spawn },
    { Kind: Up.Spawn, Id: 1_000_001, A: 1 },
  ]],
  ["an answer to what was not asked (J44)", [{ Kind: Up.Reply, Id: 999_999 }]],
  ["a bad target", [{ Kind: Up.Bind, Id: 50 }]],
];

for (const [what, frames, skip] of FORGED) {
  Deno.test(`Hub ends a Worker that writes ${what}, and goes on`, async () => {
    await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
    const { forge } = hub.greenImport<Hostile>(fixture("hostile.ts"));
    const error = await rejection(forge(frames, skip), WorkerCrashedError);
    assertInstanceOf(error.cause, BridgeProtocolError);
    assertEquals(await hub.spawn(() => "goes on"), "goes on");
  });
}
