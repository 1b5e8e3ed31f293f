/**
 * Tests that need more of the machine than Deno.
 *
 * @module
 */

/**
 * A test that needs programs, or a certain system. Where one is missing it is skipped, and its name says why.
 *
 * @param needs The programs, and `linux` for what only that has.
 * @param name The test's name.
 * @param fn The test.
 */
export function testWith(needs: readonly string[], name: string, fn: () => Promise<void>): void {
  const missing = needs.find((need) => !isThere(need));
  const why = missing === undefined ? "" : ` (skipped: there is no ${missing} here)`;
  Deno.test({ name: `${name}${why}`, ignore: missing !== undefined, fn });
}

function isThere(need: string): boolean {
  if (need === "linux") return Deno.build.os === need;
  try {
    return new Deno.Command(need, { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}
