/** A child process that measures one column. It is asked line by line, and not trusted to answer. */
import { fileURLToPath } from "node:url";
import type { Column } from "./columns.ts";
import type { Params } from "./rows.ts";

/** A message of a child. */
interface Reply {
  methods?: string[];
  value?: number;
  error?: string;
}

/** The error for a child that has not answered in time. */
export class HungError extends Error {
  override name = "HungError";
}

const MARK = "@bench ";
const ROOT = new URL("../", import.meta.url);
const START_TIMEOUT = 15_000;

/** One running child. */
export class Child {
  /** The methods that the child can measure. */
  methods: string[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #replies: AsyncGenerator<Reply>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(column: Column, args: string[], verbose: boolean) {
    this.#process = command(column, args, verbose).spawn();
    this.#replies = readReplies(this.#process.stdout);
    this.#input = this.#process.stdin.getWriter();
  }

  /** Starts a child and waits until it is ready. */
  static async start(column: Column, verbose: boolean): Promise<Child> {
    const child = new Child(column, [], verbose);
    try {
      const { methods } = await child.#reply(START_TIMEOUT);
      child.methods = methods ?? [];
      return child;
    } catch (error) {
      await child.kill();
      throw error;
    }
  }

  /** Starts a child that exits after its first result; returns the time that this took, in ms. */
  static async timeFirstResult(column: Column, verbose: boolean): Promise<number> {
    const start = performance.now();
    const child = new Child(column, ["--first"], verbose);
    try {
      await child.#reply(START_TIMEOUT);
      return performance.now() - start;
    } finally {
      await child.kill();
    }
  }

  /** Has the child measure one row once. */
  async measure(method: string, params: Params, timeout: number): Promise<number> {
    this.#signal("SIGCONT");
    await this.#input.write(new TextEncoder().encode(JSON.stringify({ method, params }) + "\n"));
    const { value, error } = await this.#reply(timeout);
    // Stopped between its rounds, so that nothing that it has left running disturbs the other children.
    this.#signal("SIGSTOP");
    if (error !== undefined) throw new Error(error);
    return value!;
  }

  /** Ends the child for good. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.#process.status;
    await this.#input.abort().catch(() => {});
    await this.#replies.return(undefined).catch(() => {});
  }

  async #reply(timeout: number): Promise<Reply> {
    let timer;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(reject, timeout, new HungError(`No answer within ${timeout} ms`));
    });
    try {
      const { value, done } = await Promise.race([this.#replies.next(), late]);
      if (done) throw new Error("The child process ended without an answer");
      return value;
    } finally {
      clearTimeout(timer);
    }
  }

  #signal(signal: Deno.Signal): void {
    // Windows cannot stop a process; there the others run on.
    if (Deno.build.os === "windows" && signal !== "SIGKILL") return;
    try {
      this.#process.kill(signal);
    } catch {
      // The process has ended already.
    }
  }
}

function command({ file, args = [], runtime, npm }: Column, more: string[], verbose: boolean) {
  const path = fileURLToPath(new URL(`bench/peers/${file}`, ROOT));
  const config = fileURLToPath(new URL(npm ? "bench/deno.json" : "deno.json", ROOT));
  const options: Deno.CommandOptions = {
    args: [path, ...args, ...more],
    stdin: "piped",
    stdout: "piped",
    stderr: verbose ? "inherit" : "null",
  };
  if (runtime === "Node") return new Deno.Command("node", options);
  options.args = ["run", "-A", "--quiet", "--config", config, ...options.args!];
  return new Deno.Command(Deno.execPath(), options);
}

async function* readReplies(
  stdout: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Reply> {
  let rest = "";
  for await (const text of stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (line.startsWith(MARK)) yield JSON.parse(line.slice(MARK.length));
    }
  }
}
