/** The machine, the versions and the date of a run. */
import { cpus, loadavg, totalmem } from "node:os";
import type { Column } from "./columns.ts";

/** Describes machine, versions and date as lines of Markdown. */
export async function describeRun(columns: Column[]): Promise<string> {
  const library = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
  const memory = Math.round(totalmem() / 1e9);
  const load = loadavg()[0].toFixed(2);
  return [
    `- Date: ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`,
    `- Machine: ${cpus()[0].model.trim()}, ${cpus().length} cores, ${memory} GB, ${Deno.build.os}` +
    ` ${Deno.build.arch} ${Deno.osRelease()}; load at the start ${load}`,
    `- Deno ${Deno.version.deno} (V8 ${Deno.version.v8}), Node ${await nodeVersion()}`,
    `- ${["aiohub " + library.version, ...await peerVersions(columns)].join(", ")}`,
  ].join("\n");
}

/** The version of the `node` on the PATH. */
async function nodeVersion(): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("node", { args: ["--version"] }).output();
    return new TextDecoder().decode(stdout).trim().slice(1);
  } catch {
    return "not found: the columns that need it stay empty";
  }
}

async function peerVersions(columns: Column[]): Promise<string[]> {
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", import.meta.url)));
  return columns
    .filter(({ npm }) => npm !== undefined)
    .map(({ name, npm, runtime }) => `${name} ${imports[npm!].split("@").pop()} (${runtime})`);
}
