import { assertEquals } from "@std/assert";
import { join } from "node:path/posix";
import { ROOT, startDeno, temporaryFolder, until } from "../support/mod.ts";

const LIBRARY = new URL("mod.ts", ROOT).href;

/** Threads that would go on for ever, and leave a file when they end: one waits, one sleeps, one is in a call to the hub. */
const PROGRAM = (version: number) =>
  `import { getHub, Queue, spawn } from "${LIBRARY}";

getHub().expose({ never: () => new Promise(() => {}) });
spawn((file: string, queue: Queue) => {
  Deno.writeTextFileSync("began-" + file, "");
  try {
    queue.get();
  } finally {
    Deno.writeTextFileSync(file, "");
  }
}, "waits-${version}", new Queue());
spawn((file: string) => {
  Deno.writeTextFileSync("began-" + file, "");
  try {
    for (;;) sleep(5);
  } finally {
    Deno.writeTextFileSync(file, "");
  }
}, "sleeps-${version}");
spawn((file: string) => {
  Deno.writeTextFileSync("began-" + file, "");
  try {
    call("never");
  } finally {
    Deno.writeTextFileSync(file, "");
  }
}, "calls-${version}");
`;

const THREADS = ["waits", "sleeps", "calls"];

Deno.test("K7 deno run --watch leaves no Workers of the program before", async () => {
  await using folder = await temporaryFolder();
  const files = () => new Set([...Deno.readDirSync(folder.path)].map(({ name }) => name));
  const save = (version: number) =>
    Deno.writeTextFile(join(folder.path, "main.ts"), PROGRAM(version));
  await save(1);
  const child = startDeno(["run", "-A", "--no-lock", "--quiet", "--watch", "main.ts"], {
    cwd: folder.path,
    limit: 600_000,
  });
  try {
    for (const version of [1, 2, 3]) {
      if (version > 1) await save(version);
      await until(() => THREADS.every((name) => files().has(`began-${name}-${version}`)), {
        limit: 120_000,
      });
    }
    const ended = () =>
      THREADS.flatMap((name) => [1, 2].map((version) => `${name}-${version}`))
        .filter((name) => files().has(name));
    await until(() => ended().length === 2 * THREADS.length);
    assertEquals(THREADS.filter((name) => files().has(`${name}-3`)), []);
  } finally {
    child.kill();
    await child.output();
  }
});
