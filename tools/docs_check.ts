/**
 * Counts what the docs of the public names lack: `deno task docs:check`.
 *
 * It reads `deno doc --json` of each entry of deno.json, or of the files that it is given. It looks at exported functions, at classes
 * with their public members, and at interfaces with their members. It prints a table by entry and file, and then a line
 * `file:line symbol: lacks …` for each symbol that lacks something. The rules:
 *
 * - every symbol and member has a doc comment, and every exported symbol a `@category`;
 * - a function, method or constructor has `@param` for each parameter, and `@returns` if it returns something. Of overloads the first
 *   one has them all; the others have a comment, and `@param` for parameters that the first one has not;
 * - a function and a class have an `@example` with a title and a code block that runs: `ts`, and not `ignore`;
 * - a member for the library has `@ignore`: `deno doc` shows what has `@internal`;
 * - a function, and a method that takes options or has a twin `…Async`, has `@throws`, or its `@returns` says how the promise
 *   rejects. Not everything throws, so this is a hint: it is listed, but it does not fail the check.
 *
 * The exit code is 1 if anything but `@throws` lacks.
 *
 * @module
 */

/** What a symbol may lack, in the order of the table. */
const THINGS = [
  "comment",
  "@param",
  "@returns",
  "example",
  "@category",
  "@ignore",
  "@throws",
] as const;

/** A thing that a symbol may lack. */
export type Thing = typeof THINGS[number];

/** A symbol that lacks something. */
export interface Finding {
  /** The path of the file, below the folder that was named. */
  readonly file: string;
  readonly line: number;
  /** The name: `Hub.close()` for a method. */
  readonly symbol: string;
  readonly thing: Thing;
  /** More about it: the names of parameters. */
  readonly detail?: string;
}

/** What was found in an entry. */
export interface Report {
  /** How many symbols and members each file has, by its path. */
  readonly counts: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
}

interface Tag {
  readonly kind: string;
  readonly name?: string;
  readonly doc?: string;
}

interface JsDoc {
  readonly doc?: string;
  readonly tags?: readonly Tag[];
}

interface Location {
  readonly filename: string;
  readonly line: number;
}

interface Parameter {
  readonly kind: string;
  readonly name?: string;
  readonly arg?: Parameter;
  readonly left?: Parameter;
}

interface Type {
  readonly repr?: string;
  readonly kind?: string;
  readonly value?: unknown;
}

/** A signature: of a function, a method, a constructor or a call. */
interface Signature {
  readonly hasBody?: boolean;
  readonly params?: readonly Parameter[];
  readonly returnType?: Type | null;
  readonly tsType?: Type | null;
}

interface Member extends Signature {
  readonly name?: string;
  readonly kind?: string;
  readonly accessibility?: string | null;
  readonly location: Location;
  readonly jsDoc?: JsDoc;
  readonly functionDef?: Signature;
}

interface Definition extends Signature {
  readonly constructors?: readonly Member[];
  readonly properties?: readonly Member[];
  readonly methods?: readonly Member[];
  readonly callSignatures?: readonly Member[];
  readonly indexSignatures?: readonly Member[];
}

interface Declaration {
  readonly kind: string;
  readonly location: Location;
  readonly jsDoc?: JsDoc;
  readonly def?: Definition;
}

interface DocSymbol {
  readonly name: string;
  readonly declarations: readonly Declaration[];
}

/** The output of `deno doc --json`, as far as it is read here. */
export interface Docs {
  readonly version: number;
  readonly nodes: Readonly<Record<string, { readonly symbols?: readonly DocSymbol[] }>>;
}

/** The version of the output that this file reads. */
const VERSION = 2;

/** Types of results that need no `@returns`. */
const NOTHING = /^(void|never|undefined|this|Promise<(void|never|undefined)>)$/;

/**
 * Reads the docs of a file.
 *
 * @param file The path of the file.
 * @returns What `deno doc --json` says about it.
 */
export async function readDocs(file: string): Promise<Docs> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", file],
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const docs = JSON.parse(new TextDecoder().decode(stdout)) as Docs;
  if (docs.version !== VERSION) {
    throw new Error(`Cannot read the docs: expected version ${VERSION}, found ${docs.version}`);
  }
  return docs;
}

/**
 * Looks for what the docs of an entry lack.
 *
 * @param docs The docs of the entry.
 * @param root The URL of the folder below which files are named.
 * @returns The counts and the findings.
 */
export function checkDocs(docs: Docs, root: string): Report {
  const check = new Check(root);
  for (const { symbols } of Object.values(docs.nodes)) {
    symbols?.forEach((symbol) => check.symbol(symbol));
  }
  return check;
}

class Check implements Report {
  readonly counts = new Map<string, number>();
  readonly findings: Finding[] = [];
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  symbol({ name, declarations }: DocSymbol): void {
    const [first] = declarations;
    const { kind, jsDoc, location } = first;
    const title = kind === "function" ? `${name}()` : name;
    if (kind === "function") {
      this.#signatures(title, declarations.map((one) => ({ ...one, ...one.def })));
      if (!saysFailures(jsDoc)) this.#lacks(location, title, "@throws");
      this.#example(title, first);
    } else {
      this.#comment(name, first);
      if (kind === "class") this.#example(name, first);
      if (kind === "class" || kind === "interface") this.#members(name, first.def ?? {});
    }
    if (!tagsOf(jsDoc, "category").length) this.#lacks(location, title, "@category");
  }

  #members(owner: string, def: Definition): void {
    const visible = (members: readonly Member[] = []) =>
      members.filter(({ name, location, jsDoc, accessibility }) => {
        if (accessibility === "private") return false;
        if (!tagsOf(jsDoc, "internal").length) return true;
        this.#lacks(location, `${owner}.${name}`, "@ignore");
        return false;
      });
    for (const property of visible(def.properties)) {
      this.#comment(`${owner}.${property.name}`, property);
    }
    for (const index of visible(def.indexSignatures)) this.#comment(`${owner}[…]`, index);
    const calls = visible(def.callSignatures);
    if (calls.length) this.#signatures(`${owner}()`, calls);
    const constructors = visible(def.constructors);
    // One without a comment and without parameters says no more than `new`.
    if (constructors.some(({ params }) => params?.length)) {
      this.#signatures(`new ${owner}()`, constructors.map((one) => ({ ...one, returnType: NONE })));
    }
    const methods = visible(def.methods).map((method) => ({ ...method, ...method.functionDef }));
    const names = new Set(methods.map(({ name }) => name));
    for (const [name, overloads] of Map.groupBy(methods, ({ name }) => name)) {
      const [first] = overloads;
      if (first.kind === "getter" || first.kind === "setter") {
        this.#comment(`${owner}.${name}`, first);
        continue;
      }
      const title = `${owner}.${name}()`;
      this.#signatures(title, overloads);
      const mayThrow = names.has(`${name}Async`) || namesOf(first).includes("options");
      if (mayThrow && !saysFailures(first.jsDoc)) {
        this.#lacks(first.location, title, "@throws");
      }
    }
  }

  /** Looks at the overloads of something that is called. */
  #signatures(title: string, overloads: readonly Member[]): void {
    const described = new Set<string | undefined>();
    for (const [i, one] of seenOf(overloads).entries()) {
      if (!this.#comment(title, one)) continue;
      for (const { name } of tagsOf(one.jsDoc, "param")) described.add(name);
      const missing = namesOf(one).filter((name) => !described.has(name));
      if (missing.length) this.#lacks(one.location, title, "@param", missing.join(", "));
      if (i === 0 && returnsSomething(one) && !tagsOf(one.jsDoc, "return").length) {
        this.#lacks(one.location, title, "@returns");
      }
    }
  }

  /** Counts something, and says whether it has a comment. */
  #comment(symbol: string, { location, jsDoc }: Pick<Member, "location" | "jsDoc">): boolean {
    const file = this.#fileOf(location);
    this.counts.set(file, (this.counts.get(file) ?? 0) + 1);
    if (jsDoc?.doc?.trim()) return true;
    this.#lacks(location, symbol, "comment");
    return false;
  }

  #example(symbol: string, { location, jsDoc }: Declaration): void {
    if (!tagsOf(jsDoc, "example").some(({ doc }) => isRunnable(doc ?? ""))) {
      this.#lacks(location, symbol, "example");
    }
  }

  #lacks(location: Location, symbol: string, thing: Thing, detail?: string): void {
    const finding = { file: this.#fileOf(location), line: location.line + 1, symbol, thing };
    this.findings.push(detail === undefined ? finding : { ...finding, detail });
  }

  #fileOf({ filename }: Location): string {
    return filename.startsWith(this.#root) ? filename.slice(this.#root.length) : filename;
  }
}

/** The overloads that callers see: where there are several, the one with the body is not among them. */
function seenOf(overloads: readonly Member[]): readonly Member[] {
  return overloads.length > 1 ? overloads.filter(({ hasBody }) => !hasBody) : overloads;
}

/** Whether the docs say with what a call fails: by `@throws`, or by how its promise rejects. */
function saysFailures(jsDoc: JsDoc | undefined): boolean {
  return tagsOf(jsDoc, "throws").length > 0 ||
    tagsOf(jsDoc, "return").some(({ doc }) => /\brejects?\b/.test(doc ?? ""));
}

/** The type of a constructor's result: it needs no `@returns`. */
const NONE: Type = { repr: "void" };

function tagsOf(jsDoc: JsDoc | undefined, kind: string): readonly Tag[] {
  return jsDoc?.tags?.filter((tag) => tag.kind === kind) ?? [];
}

/** The names of parameters; one that is taken apart has none. */
function namesOf({ params = [] }: Signature): string[] {
  const nameOf = ({ name, arg, left }: Parameter): string | undefined =>
    name ?? (arg && nameOf(arg)) ?? (left && nameOf(left));
  return params.map(nameOf).filter((name) => name !== undefined && name !== "this") as string[];
}

function returnsSomething({ returnType, tsType }: Signature): boolean {
  const type = returnType ?? tsType;
  return !type || !NOTHING.test(textOf(type));
}

/** The text of a type as far as it matters: a keyword, or a promise of one. */
function textOf(type: Type): string {
  const { repr = "", kind, value } = type;
  const args = (value as { typeParams?: readonly Type[] } | undefined)?.typeParams;
  if (kind !== "typeRef" || !args?.length) return repr;
  return `${repr}<${args.map(textOf).join(", ")}>`;
}

/** Whether an example has a title and a code block that `deno test --doc` runs. */
function isRunnable(doc: string): boolean {
  const [title] = doc.trimStart().split("\n", 1);
  if (!title || title.startsWith("```")) return false;
  return [...doc.matchAll(/^```(\S*)([^\n]*)\n[\s\S]*?^```/gm)].some(([, language, attributes]) =>
    /^(ts|typescript|js|javascript)$/.test(language) && !/\bignore\b/.test(attributes)
  );
}

/** The line of a finding, or of several about one symbol. */
export function describe(findings: readonly Finding[]): string {
  const [{ file, line, symbol }] = findings;
  const things = findings.map(({ thing, detail }) => detail ? `${thing} ${detail}` : thing);
  return `${file}:${line} ${symbol}: lacks ${things.join("; ")}`;
}

/** The table of the counts: one row for each file of each entry. */
function tableOf(reports: ReadonlyMap<string, Report>): string {
  const rows = [["entry", "file", "symbols", ...THINGS.map(String)]];
  for (const [entry, { counts, findings }] of reports) {
    const total = (file: string | undefined, thing: Thing) =>
      findings.filter((one) => one.thing === thing && (file ?? one.file) === one.file).length;
    const numbers = (file?: string) => THINGS.map((thing) => String(total(file, thing)));
    for (const [file, count] of [...counts].toSorted()) {
      rows.push([entry, file, String(count), ...numbers(file)]);
    }
    rows.push([entry, "all", String(counts.values().reduce((sum, n) => sum + n, 0)), ...numbers()]);
  }
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) =>
    row.map((cell, i) => i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("  ")
  ).join("\n");
}

/** The entries to check: those of deno.json, or the files that were given. */
async function entriesOf(root: URL, files: readonly string[]): Promise<Record<string, string>> {
  if (files.length > 0) return Object.fromEntries(files.map((file) => [file, file]));
  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const path = (file: string) => new URL(file, root).href;
  return Object.fromEntries(
    Object.entries<string>(exports).map(([name, file]) => [name, path(file)]),
  );
}

async function main(): Promise<void> {
  const root = new URL("..", import.meta.url);
  const reports = new Map<string, Report>();
  for (const [entry, file] of Object.entries(await entriesOf(root, Deno.args))) {
    reports.set(entry, checkDocs(await readDocs(file), root.href));
  }
  console.log(tableOf(reports));
  // A symbol that several entries have is listed once.
  const all = [...reports.values()].flatMap(({ findings }) => findings);
  const places = Map.groupBy(all, ({ file, line, symbol }) => `${file}:${line} ${symbol}`);
  const lines = [...places.values()].map((findings) =>
    describe([...new Map(findings.map((one) => [one.thing, one])).values()])
  );
  if (lines.length) console.log(`\n${lines.join("\n")}`);
  const failed = all.some(({ thing }) => thing !== "@throws");
  Deno.exitCode = failed ? 1 : 0;
}

if (import.meta.main) await main();
