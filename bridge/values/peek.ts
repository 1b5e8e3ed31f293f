/**
 * The exports of a module that this side has loaded, without waiting for it and without running anything.
 *
 * `import()` gives them too, but only once the module has been evaluated. A main program that awaits at its top level has not
 * been evaluated before it ends, so that its own classes would never be known. And `import()` runs a module that was not loaded
 * yet.
 *
 * The language has a way: a module of a cycle does not wait for the modules that the cycle waits for.
 *
 * ```text
 * outer   imports inner, re-exports the exports of the modules
 * inner   imports those from outer, hands them over, and throws
 * ```
 *
 * When `outer` is imported all are linked, and `inner` is evaluated first. It sees the modules' exports; those of a module that
 * was
 * not evaluated, or not yet so far, cannot be read. As `inner` throws, nothing else is evaluated.
 *
 * The two are `data:` URLs, which hold their text, so that neither can hold the other's URL. So they name each other, and a hook
 * for the resolving of specifiers gives these names their URLs. The hook is there only meanwhile, and leaves all other specifiers
 * alone. A hook for loading would do too, but starts an operation of the runtime (Deno 2.9.6) that never ends.
 *
 * @module
 */

import { PROTOCOL } from "../state.ts";

/** The exports of a module. */
export type Exports = Readonly<Record<string, unknown>>;

/** Copies with another protocol look at modules too, maybe at the same time. */
const SCHEME = `aiohub-${PROTOCOL}-peek:`;

let count = 0;

/**
 * Looks at modules.
 *
 * @param urls Their URLs.
 * @returns The exports of each; `undefined` if they cannot be had: one of the modules cannot be loaded, say, or the runtime has
 * no hooks.
 */
export async function peek(urls: readonly string[]): Promise<readonly Exports[] | undefined> {
  // Only now, as most threads never need it. Hooks of the application's may stand in the way.
  const loading = await import("node:module").catch(() => undefined);
  const registerHooks = loading?.registerHooks;
  if (!registerHooks) return undefined;
  const id = ++count;
  const outer = `${SCHEME}outer-${id}`;
  const inner = `${SCHEME}inner-${id}`;
  const key = `${SCHEME}${id}`;
  const names = urls.map((_, i) => `m${i}`).join(", ");
  const targets: Record<string, string> = {
    [outer]: dataUrl([
      `import ${JSON.stringify(inner)};`,
      ...urls.map((url, i) => `export * as m${i} from ${JSON.stringify(url)};`),
    ]),
    [inner]: dataUrl([
      `import { ${names} } from ${JSON.stringify(outer)};`,
      `globalThis[Symbol.for(${JSON.stringify(key)})]([${names}]);`,
      `throw new Error("The modules have been looked at");`,
    ]),
  };
  let hooks: ReturnType<typeof registerHooks> | undefined;
  let seen: readonly Exports[] | undefined;
  const scope = globalThis as Record<symbol, unknown>;
  Object.defineProperty(scope, Symbol.for(key), {
    value: (modules: readonly Exports[]) => seen = modules,
    configurable: true,
  });
  try {
    hooks = registerHooks({
      resolve: (specifier, context, next) =>
        Object.hasOwn(targets, specifier)
          ? { url: targets[specifier], format: "module", shortCircuit: true }
          : next(specifier, context),
    });
    await import(outer);
  } catch {
    // The import always fails: if all went well, with the error that `inner` throws.
  } finally {
    hooks?.deregister();
    delete scope[Symbol.for(key)];
  }
  return seen;
}

function dataUrl(lines: readonly string[]): string {
  return `data:text/javascript,${encodeURIComponent(lines.join("\n"))}`;
}
