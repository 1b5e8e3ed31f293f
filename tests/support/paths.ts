/**
 * Where things are.
 *
 * @module
 */

/** The root of the repository, with a slash at its end. */
export const ROOT = new URL("../../", import.meta.url);

/** The URL of a fixture. */
export function fixture(name: string): string {
  return new URL(`../fixtures/${name}`, import.meta.url).href;
}

/** The URL of a module with this source. */
export function moduleOf(source: string): string {
  return `data:application/javascript,${encodeURIComponent(source)}`;
}

/** A folder that goes when its user does. */
export interface TemporaryFolder extends AsyncDisposable {
  /** Its path, without a slash at its end and without links in it. */
  readonly path: string;
}

/** Makes an empty folder. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "aiohub_" }));
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
