/**
 * Prints how large the library is: files, lines and lines of code of each room.
 *
 * ```sh
 * deno task size
 * ```
 *
 * A line of code holds something besides comments and blanks.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url);

/** The size of some files. */
interface Size {
  files: number;
  lines: number;
  code: number;
}

const TOP = ["hub", "bridge", "green", "sync"];

/** The rooms that each spawn and each call go through. */
const CORE = /^(hub|bridge|green\/worker)/;

/** The number of lines in a source text that hold code. */
function codeLines(source: string): number {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return code.split("\n").filter((line) => line.trim() !== "").length;
}

/** Adds up the files of a folder, and those of the folders in it, each by itself. */
function measure(folder: string, sizes: Map<string, Size>): void {
  const size = { files: 0, lines: 0, code: 0 };
  sizes.set(folder, size);
  const entries = [...Deno.readDirSync(new URL(`${folder}/`, ROOT))];
  for (const { name, isDirectory } of entries.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
    const path = `${folder}/${name}`;
    if (isDirectory) measure(path, sizes);
    else if (name.endsWith(".ts")) {
      const source = Deno.readTextFileSync(new URL(path, ROOT));
      size.files++;
      size.lines += source.split("\n").length - 1;
      size.code += codeLines(source);
    }
  }
}

function sum(sizes: Iterable<Size>): Size {
  const all = { files: 0, lines: 0, code: 0 };
  for (const { files, lines, code } of sizes) {
    all.files += files;
    all.lines += lines;
    all.code += code;
  }
  return all;
}

function row(name: string, { files, lines, code }: Size): string {
  const number = (n: number) => n.toLocaleString("en").padStart(7);
  return `${name.padEnd(20)}${number(files)}${number(lines)}${number(code)}`;
}

if (import.meta.main) {
  const sizes = new Map<string, Size>();
  for (const folder of TOP) measure(folder, sizes);
  const core = [...sizes].filter(([name]) => CORE.test(name)).map(([, size]) => size);
  console.log(`${"room".padEnd(20)}  files  lines   code`);
  for (const [name, size] of sizes) if (size.files > 0) console.log(row(name, size));
  console.log(row("the core", sum(core)));
  console.log(row("all", sum(sizes.values())));
}
