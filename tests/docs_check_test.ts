import { assertEquals } from "@std/assert";
import { checkDocs, describe, readDocs } from "../tools/docs_check.ts";
import { ROOT, runDeno, temporaryFolder } from "./support/mod.ts";

const FULL = `
/**
 * Adds.
 *
 * @param a One number.
 * @param more The other ones.
 * @returns The sum.
 * @throws {TypeError} If one is no number.
 *
 * @example Add two numbers
 * \`\`\`ts
 * add(1, 2);
 * \`\`\`
 *
 * @category Calls
 */
export function add(a: number, ...more: number[]): number;
/** As above, for texts. */
export function add(a: string): string;
export function add(a: number | string): number | string {
  return a;
}

/**
 * Counts.
 *
 * @example Count
 * \`\`\`ts
 * new Counter(1);
 * \`\`\`
 *
 * @category Calls
 */
export class Counter {
  /** The count. */
  n: number;
  #hidden = 1;
  private old = 1;

  /**
   * Makes a counter.
   *
   * @param n The count to begin with.
   */
  constructor(n: number = this.#hidden) {
    this.n = n;
  }

  /** Counts one more. */
  add(): void {
    this.n++;
  }

  /** @ignore */
  forLibrary(n: number): number {
    return n;
  }
}

/**
 * Options.
 *
 * @category Calls
 */
export interface Options {
  /** The time. */
  timeout?: number;
  /**
   * Is called.
   *
   * @param n A number.
   * @returns Another one.
   */
  next(n: number): number;
}
`;

/** What a module's docs lack: one line for each symbol. */
async function lacks(source: string): Promise<string[]> {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/m.ts`;
  await Deno.writeTextFile(path, source);
  const { findings } = checkDocs(await readDocs(path), `file://${folder.path}/`);
  return [...Map.groupBy(findings, ({ symbol, line }) => `${symbol}:${line}`).values()].map(
    describe,
  );
}

Deno.test("docs_check finds nothing where nothing lacks", async () => {
  assertEquals(await lacks(FULL), []);
});

Deno.test("docs_check counts each symbol and each of its public members", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/m.ts`;
  await Deno.writeTextFile(path, FULL);
  const { counts } = checkDocs(await readDocs(path), `file://${folder.path}/`);
  const symbols = [
    "add()",
    "add()",
    "Counter",
    "n",
    "constructor",
    "add()",
    "Options",
    "timeout",
    "next()",
  ];
  assertEquals([...counts], [["m.ts", symbols.length]]);
});

/** Sources, each with what it lacks, by the rule. */
const cases: Record<string, [source: string, lacks: string[]]> = {
  "a function without a comment": [
    "export function f(): void {}",
    ["m.ts:1 f(): lacks comment; @throws; example; @category"],
  ],
  "parameters and a result without their tags": [
    `/**
      * Does.
      *
      * @param a One.
      * @throws Never.
      * @example Do
      * \`\`\`ts
      * f(1);
      * \`\`\`
      * @category C
      */
     export function f(a: number, b = 2, ...c: number[]): number { return a + b + c[0]; }`,
    ["m.ts:12 f(): lacks @param b, c; @returns"],
  ],
  "a parameter that only a later overload has": [
    FULL.replace(
      "/** As above, for texts. */\nexport function add(a: string)",
      "/** Named. */\nexport function add(a: string, name: string)",
    ),
    ["m.ts:19 add(): lacks @param name"],
  ],
  "an example that is not run": [FULL.replace("```ts\n * add", "```ts ignore\n * add"), [
    "m.ts:17 add(): lacks example",
  ]],
  "an example without a title": [FULL.replace("@example Count", "@example"), [
    "m.ts:34 Counter: lacks example",
  ]],
  "a symbol without a category": [
    FULL.replace("* Options.\n *\n * @category Calls", "* Options."),
    ["m.ts:63 Options: lacks @category"],
  ],
  "a member of an interface without a comment": [FULL.replace("/** The time. */", ""), [
    "m.ts:67 Options.timeout: lacks comment",
  ]],
  "a method of a class without tags": [
    FULL.replace("add(): void {", "add(n: number): number { return n;"),
    ["m.ts:50 Counter.add(): lacks @param n; @returns"],
  ],
  "a member for the library that deno doc shows": [
    FULL.replace("@ignore", "@internal"),
    ["m.ts:55 Counter.forLibrary: lacks @ignore"],
  ],
  "a call that takes options and throws nothing": [
    FULL.replace("add(): void {", "add(options: Options): void {").replace(
      "/** Counts one more. */",
      "/**\n   * Counts.\n   *\n   * @param options Options.\n   */",
    ),
    ["m.ts:54 Counter.add(): lacks @throws"],
  ],
  "a call with a twin that throws nothing": [
    FULL.replace(
      "/** Counts one more. */",
      "/** Counts later. */\n  async addAsync(): Promise<void> {}\n\n  /** Counts one more. */",
    ),
    ["m.ts:53 Counter.add(): lacks @throws"],
  ],
};

for (const [rule, [source, expected]] of Object.entries(cases)) {
  Deno.test(`docs_check finds ${rule}`, async () => assertEquals(await lacks(source), expected));
}

Deno.test("docs_check takes a promise that rejects for @throws", async () => {
  const source = FULL.replace(
    "/** Counts one more. */",
    `/**
   * Counts later.
   *
   * @param options Options.
   * @returns A promise of the count; it rejects as add() throws.
   */
  async addAsync(options: Options): Promise<number> { return await Promise.resolve(options.timeout!); }

  /**
   * Counts one more.
   *
   * @throws {Error} If there are too many.
   */`,
  );
  assertEquals(await lacks(source), []);
});

Deno.test("docs:check fails for anything but @throws, and prints a table", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/m.ts`;
  const run = async (source: string) => {
    await Deno.writeTextFile(path, source);
    const tool = new URL("tools/docs_check.ts", ROOT).pathname;
    const { code, stdout } = await runDeno(["run", "-A", tool, path]);
    return {
      code,
      stdout: stdout.replaceAll(`file://${folder.path}/`, "").replaceAll(`${folder.path}/`, ""),
    };
  };
  const hint = await run(FULL.replace(" * @throws {TypeError} If one is no number.\n", ""));
  assertEquals(hint.code, 0);
  assertEquals(hint.stdout.trimEnd().split("\n").at(-1), "m.ts:16 add(): lacks @throws");
  const failure = await run("/** One.\n * @category C */\nexport interface One { n: number }");
  assertEquals(failure.code, 1);
  const rows = failure.stdout.trimEnd().split("\n").map((row) => row.trim().split(/\s+/).join(" "));
  assertEquals(rows, [
    "entry file symbols comment @param @returns example @category @ignore @throws",
    "m.ts m.ts 2 1 0 0 0 0 0 0",
    "m.ts all 2 1 0 0 0 0 0 0",
    "",
    "m.ts:3 One.n: lacks comment",
  ]);
});
