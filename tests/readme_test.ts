/** That README.md beside this file tells where each test is. */

import { assertEquals } from "@std/assert";
import { existsSync } from "node:fs";
import { ROOT } from "./support/paths.ts";

const TESTS = new URL("tests/", ROOT);
const text = await Deno.readTextFile(new URL("README.md", TESTS));

/** What stands in code in the text: names of files, of folders, of functions. */
const named = new Set([...text.matchAll(/`([^`\n]+)`/g)].map(([, name]) => name));

/** The names of the folders in a folder. */
function foldersIn(folder: URL): string[] {
  return [...Deno.readDirSync(folder)].filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => name);
}

Deno.test("tests/README.md names files that exist", () => {
  const files = [...named].filter((name) =>
    name.endsWith("_test.ts") || /^[\w/]+\/\w+\.ts$/.test(name)
  );
  const missing = files.filter((file) =>
    !existsSync(new URL(file, TESTS)) && !existsSync(new URL(file, ROOT))
  );
  assertEquals(missing, []);
});

Deno.test("tests/README.md names each folder of tests/ and of tests/scenarios/", () => {
  const folders = foldersIn(TESTS).map((name) => `${name}/`);
  const missing = [...folders, ...foldersIn(new URL("scenarios/", TESTS))]
    .filter((folder) => !named.has(folder));
  assertEquals(missing, []);
});

Deno.test("a folder of tests of a room has the name of that room", () => {
  const rooms = ["bridge", "green", "hub", "sync"].flatMap((room) =>
    foldersIn(new URL(`${room}/`, TESTS)).map((name) => `${room}/${name}`)
  );
  assertEquals(rooms.filter((room) => !existsSync(new URL(room, ROOT))), []);
});
