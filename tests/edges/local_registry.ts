/**
 * A registry of npm packages on this machine, so that what the runtime does with packages can be tried without any network.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { serve, type Server } from "../support/server.ts";

/** A package: what it depends on, and how many versions it has. */
export interface LocalPackage {
  readonly name: string;
  readonly dependencies?: readonly string[];
  /** The more there are, the longer it takes to read what is known of it. */
  readonly versions?: number;
  /** How many milliseconds it takes to say what is known of it, while the registry is slow. */
  readonly delay?: number;
}

const VERSION = "1.0.0";
const BLOCK = 512;

/** Serves packages that export their own name as `name`, until it is disposed of. */
export class LocalRegistry implements AsyncDisposable {
  readonly #server: Server;
  readonly #packages = new Map<string, LocalPackage>();
  /** Whether the packages' delays count. */
  slow = false;

  constructor(packages: readonly LocalPackage[]) {
    for (const given of packages) this.#packages.set(given.name, given);
    this.#server = serve(({ url }) => this.#answer(new URL(url).pathname.slice(1)));
  }

  /** Where it is: for `NPM_CONFIG_REGISTRY`. */
  get url(): string {
    return `${this.#server.url}/`;
  }

  /** The lock file of a program that has some of its packages. */
  async lock(names: readonly string[]): Promise<string> {
    const npm: Record<string, unknown> = {};
    const add = async (name: string) => {
      const { dependencies } = this.#packages.get(name)!;
      npm[`${name}@${VERSION}`] = { integrity: await integrity(await tarball(name)), dependencies };
      for (const dependency of dependencies ?? []) await add(dependency);
    };
    for (const name of names) await add(name);
    const specifiers = Object.fromEntries(names.map((name) => [`npm:${name}@${VERSION}`, VERSION]));
    return JSON.stringify({ version: "5", specifiers, npm });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  async #answer(path: string): Promise<Response> {
    // What one thread of the runtime has connected to would keep the others waiting while that is parked.
    const headers = { connection: "close" };
    const [name, file] = path.split("/");
    const known = this.#packages.get(name);
    if (!known) return new Response("not found", { status: 404, headers });
    if (file) return new Response(await tarball(name), { headers });
    if (this.slow && known.delay) await delay(known.delay);
    return Response.json(await this.#describe(known), { headers });
  }

  async #describe({ name, dependencies = [], versions = 1 }: LocalPackage): Promise<unknown> {
    const dist = {
      tarball: `${this.url}${name}/${name}.tgz`,
      integrity: await integrity(await tarball(name)),
    };
    const needs = Object.fromEntries(dependencies.map((name) => [name, VERSION]));
    const numbers = [VERSION, ...Array.from({ length: versions - 1 }, (_, i) => `0.${i}.0`)];
    return {
      name,
      "dist-tags": { latest: VERSION },
      versions: Object.fromEntries(
        numbers.map((version) => [version, { name, version, dependencies: needs, dist }]),
      ),
    };
  }
}

/** The archive of a package. */
async function tarball(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const files = {
    "package/package.json": JSON.stringify({
      name,
      version: VERSION,
      type: "module",
      main: "m.js",
    }),
    "package/m.js": `export const name = ${JSON.stringify(name)};`,
  };
  const blocks = Object.entries(files).flatMap(([path, text]) => [header(path, text), body(text)]);
  const tar = new Blob([...blocks, new Uint8Array(2 * BLOCK)]);
  return await new Response(tar.stream().pipeThrough(new CompressionStream("gzip"))).bytes();
}

/** The header of a file in an archive. */
function header(path: string, { length }: string): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string) => block.set(new TextEncoder().encode(text), at);
  const octal = (n: number, width: number) => n.toString(8).padStart(width - 1, "0");
  put(0, path);
  put(100, octal(0o644, 8));
  put(108, octal(0, 8));
  put(116, octal(0, 8));
  put(124, octal(length, 12));
  put(136, octal(0, 12));
  put(148, " ".repeat(8));
  put(156, "0");
  put(257, "ustar\x0000");
  put(148, octal(block.reduce((sum, byte) => sum + byte, 0), 7));
  return block;
}

/** A file's text, in whole blocks. */
function body(text: string): Uint8Array<ArrayBuffer> {
  const blocks = new Uint8Array(Math.ceil(text.length / BLOCK) * BLOCK);
  blocks.set(new TextEncoder().encode(text));
  return blocks;
}

async function integrity(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-512", bytes));
  return `sha512-${digest.toBase64()}`;
}
