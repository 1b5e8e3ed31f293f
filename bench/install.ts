/** Puts the peers into `bench/node_modules`, where both Deno and Node find them. */
import { fileURLToPath } from "node:url";

const BENCH = new URL("./", import.meta.url);

/** Installs the peers if one is missing or has another version than `bench/deno.json` says. */
export async function installPeers(): Promise<void> {
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", BENCH)));
  const found = await Promise.all(Object.entries<string>(imports).map(isInstalled));
  if (found.every(Boolean)) return;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "--quiet", "--config", fileURLToPath(new URL("deno.json", BENCH))],
    cwd: BENCH,
  }).spawn().status;
  if (!success) throw new Error("Cannot install the peers: deno install failed in bench/");
}

async function isInstalled([name, specifier]: [string, string]): Promise<boolean> {
  const file = new URL(`node_modules/${name}/package.json`, BENCH);
  try {
    const { version } = JSON.parse(await Deno.readTextFile(file));
    return specifier === `npm:${name}@${version}`;
  } catch {
    return false;
  }
}
