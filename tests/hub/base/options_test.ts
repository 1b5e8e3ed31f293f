import { Hub, type HubOptions } from "@aiohub/aiohub";
import { assertEquals, assertGreaterOrEqual, assertMatch, assertThrows } from "@std/assert";
import { checkOptions } from "../../../hub/base/options.ts";

Deno.test("checkOptions() fills in the documented defaults", () => {
  const { maxWorkers, resourceLimits, ...rest } = checkOptions();
  assertEquals(maxWorkers, Math.min(128, Math.max(16, 4 * navigator.hardwareConcurrency)));
  assertEquals(resourceLimits, { maxOldGenerationSizeMb: 1024 });
  assertEquals([rest.minWorkers, rest.idleTimeout, rest.maxQueue], [0, 10_000, Infinity]);
  assertEquals([rest.worker, rest.name, rest.cooperative], ["thread", "hub", false]);
});

Deno.test("checkOptions() keeps what it is given and takes undefined for nothing", () => {
  const given: HubOptions = {
    maxWorkers: 3,
    minWorkers: 2,
    idleTimeout: 5.5,
    maxQueue: 0,
    name: "mine",
    resourceLimits: { stackSizeMb: 2 },
  };
  const settings = checkOptions({ ...given, worker: undefined });
  assertEquals([settings.maxWorkers, settings.minWorkers, settings.idleTimeout], [3, 2, 5.5]);
  assertEquals([settings.maxQueue, settings.name, settings.worker], [0, "mine", "thread"]);
  assertEquals(settings.resourceLimits, { maxOldGenerationSizeMb: 1024, stackSizeMb: 2 });
  const limits = { maxOldGenerationSizeMb: undefined };
  assertEquals(checkOptions({ resourceLimits: limits }).resourceLimits, {
    maxOldGenerationSizeMb: 1024,
  });
});

Deno.test("checkOptions() raises the default of maxWorkers to minWorkers", () => {
  assertGreaterOrEqual(checkOptions({ minWorkers: 200 }).maxWorkers, 200);
});

Deno.test("J70 checkOptions() refuses values out of range", () => {
  const message = (options: HubOptions) =>
    assertThrows(() => checkOptions(options), RangeError).message;
  assertEquals(
    message({ minWorkers: 3, maxWorkers: 2 }),
    'Cannot create a hub: expected a whole number from 0 to 2 for "minWorkers", found 3',
  );
  assertMatch(
    message({ maxWorkers: 0 }),
    /a whole number from 1 to \d+ for "maxWorkers", found 0$/,
  );
  assertMatch(message({ maxWorkers: 1.5 }), /for "maxWorkers", found 1\.5$/);
  assertMatch(message({ maxWorkers: Infinity }), /for "maxWorkers", found Infinity$/);
  assertMatch(message({ minWorkers: -1 }), /for "minWorkers", found -1$/);
  assertMatch(message({ idleTimeout: -1 }), /a number from 0 to Infinity for "idleTimeout"/);
  assertMatch(message({ maxQueue: -1 }), /for "maxQueue", found -1$/);
  assertMatch(message({ maxQueue: 2.5 }), /a whole number .* for "maxQueue", found 2\.5$/);
  assertMatch(message({ resourceLimits: { stackSizeMb: 0 } }), /for "resourceLimits\.stackSizeMb"/);
});

Deno.test("J70 checkOptions() refuses values of the wrong type", () => {
  const message = (options: unknown) =>
    assertThrows(() => checkOptions(options as HubOptions), TypeError).message;
  assertEquals(
    message({ maxWorkers: "4" }),
    'Cannot create a hub: expected a number for "maxWorkers", found "4"',
  );
  assertMatch(message({ idleTimeout: NaN }), /expected a number for "idleTimeout", found NaN$/);
  assertMatch(message({ minWorkers: null }), /expected a number for "minWorkers", found null$/);
  assertMatch(message({ maxQueue: {} }), /expected a number for "maxQueue"/);
  assertMatch(message({ resourceLimits: 5 }), /expected an object for "resourceLimits", found 5$/);
  assertMatch(message({ worker: "process" }), /for "worker", found "process"$/);
  assertMatch(message({ name: 5 }), /expected a string for "name", found 5$/);
  assertMatch(message({ cooperative: 1 }), /expected a boolean for "cooperative", found 1$/);
});

Deno.test("J70 checkOptions() refuses an option that it does not know and lists those it does", () => {
  const options = { maxThreads: 4 } as HubOptions;
  const { message } = assertThrows(() => new Hub(options), TypeError);
  assertMatch(message, /option "maxThreads" is not known: expected maxWorkers, minWorkers, idle/);
});
