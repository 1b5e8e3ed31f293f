/**
 * A PostgreSQL server for a test: a real one, when the machine has it, else PGlite behind the same protocol.
 *
 * @module
 */

/** Where a server listens. */
export interface Server extends AsyncDisposable {
  /** Which of the two it is. */
  readonly kind: "postgres" | "pglite";
  /** What a driver connects with. */
  readonly options: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly database: string;
    readonly password: string;
  };
}

/** Starts one, with data that go when it ends. */
export async function startPostgres(): Promise<Server> {
  const user = await serverUser();
  return user === undefined ? await startPglite() : await startReal(user);
}

/** As whom the server is to run, as it refuses to be root; nothing if there is no server. */
async function serverUser(): Promise<string | undefined> {
  if (Deno.env.get("AIOHUB_PGLITE")) return;
  for (const tool of ["initdb", "pg_ctl", "pg_isready"]) {
    if (!await succeeds(tool, "--version")) return;
  }
  if (Deno.uid() !== 0) return "";
  return await succeeds("runuser", "-u", "postgres", "--", "true") ? "postgres" : undefined;
}

async function startReal(user: string): Promise<Server> {
  const data = await Deno.makeTempDir({ prefix: "aiohub-postgres-" });
  if (user) await run("chown", user, data);
  const as = user ? ["runuser", "-u", user, "--"] : [];
  await run(...as, "initdb", "-D", data, "-U", "test", "-A", "trust", "--no-sync");
  const [command, ...args] = [...as, "postgres", "-D", data, "-k", "", "-F"];
  const start = async (port: number) => {
    const child = new Deno.Command(command, {
      args: [...args, "-p", String(port)],
      stdout: "null",
      stderr: "null",
      cwd: "/",
    }).spawn();
    return await accepting(port, child.status) ? { port, child } : undefined;
  };
  let started: Awaited<ReturnType<typeof start>>;
  // Somebody else may take a port that was free a moment ago.
  for (let i = 0; i < 5 && !started; i++) started = await start(freePort());
  if (!started) {
    await Deno.remove(data, { recursive: true });
    throw new Error("The PostgreSQL server ended at its start, five times");
  }
  const { port, child } = started;
  return {
    kind: "postgres",
    options: { host: "127.0.0.1", port, user: "test", database: "postgres", password: "" },
    async [Symbol.asyncDispose]() {
      await run(...as, "pg_ctl", "-D", data, "stop", "-m", "immediate");
      await child.status;
      await Deno.remove(data, { recursive: true });
    },
  };
}

async function startPglite(): Promise<Server> {
  const { PGlite } = await importAny("npm:@electric-sql/pglite@0.5.16");
  const { PGLiteSocketServer } = await importAny("npm:@electric-sql/pglite-socket@0.2.10");
  const db = await PGlite.create();
  const server = new PGLiteSocketServer({ db, host: "127.0.0.1", port: 0, maxConnections: 8 });
  await server.start();
  const port = Number(server.getServerConn().split(":").pop());
  return {
    kind: "pglite",
    options: { host: "127.0.0.1", port, user: "postgres", database: "postgres", password: "x" },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await db.close();
    },
  };
}

/** Imports without a look at the types: the library depends on none of these. */
// deno-lint-ignore no-explicit-any
async function importAny(specifier: string): Promise<any> {
  return await import(specifier);
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** Waits until the server takes connections: it listens before that. Says whether it does, and has not ended. */
async function accepting(port: number, ended: Promise<Deno.CommandStatus>): Promise<boolean> {
  let over = false;
  ended.then(() => over = true);
  while (!await succeeds("pg_isready", "-q", "-h", "127.0.0.1", "-p", String(port))) {
    if (over) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return !over;
}

async function succeeds(...command: string[]): Promise<boolean> {
  try {
    await run(...command);
    return true;
  } catch {
    return false;
  }
}

async function run(...[command, ...args]: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args, cwd: "/" }).output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
}
