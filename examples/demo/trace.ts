/**
 * The output of the demo: a trace in two lanes, the hub's on the left and the green threads' on the right, with an arrow
 * from the caller to the callee. On a terminal it has colours and a live last line; elsewhere it is plain text.
 *
 * @module
 */

const HUB_WIDTH = 30;

/** Prints the trace. */
export class Trace {
  /** Whether the output is a terminal. */
  readonly live: boolean = Deno.stdout.isTerminal();
  #begin = performance.now();
  readonly #encoder = new TextEncoder();
  /** Whether the last line is a bar, which the next line replaces. */
  #onBar = false;

  /** Starts the clock of the trace. */
  start(): void {
    this.#begin = performance.now();
  }

  /** Prints the title of a part. */
  heading(title: string, ...more: string[]): void {
    this.line();
    this.line(this.#paint("1", title));
    for (const text of more) this.line(this.#paint("2", `   ${text}`));
    this.line();
  }

  /** Prints the names of the lanes. */
  lanes(hub: string, green: string): void {
    this.#step(this.#paint("2", "   time  "), hub, "", green);
  }

  /** Prints a call of the hub to green code. */
  hubCalls(hub: string, green: string): void {
    this.#step(this.#time(), hub, this.live ? "──▶" : "-->", green);
  }

  /** Prints a call of green code to the hub. */
  greenCalls(hub: string, green: string): void {
    this.#step(this.#time(), hub, this.live ? "◀──" : "<--", green);
  }

  /** Prints a line for green code that goes on by itself. */
  green(green: string): void {
    this.#step(this.#time(), "", "", green);
  }

  /** Prints a line of text. */
  line(text = ""): void {
    this.#write(`${this.#onBar ? "\r\x1b[K" : ""}${text}\n`);
    this.#onBar = false;
  }

  /** Prints a row of a table. */
  row(name: string, text: string): void {
    this.line(`  ${this.#paint("1", name.padEnd(14))} ${text}`);
  }

  /** Prints the progress: a bar on a terminal, elsewhere a line when `mark` is set. */
  progress(done: number, total: number, more: string, mark: boolean): void {
    if (this.live) {
      const full = Math.round(24 * done / total);
      const bar = this.#paint("32", "━".repeat(full)) + this.#paint("2", "━".repeat(24 - full));
      this.#write(`\r\x1b[K${this.#time()}${bar}  ${done} of ${total} done, ${more}`);
      this.#onBar = true;
    } else if (mark) this.line(`${this.#time()}${done} of ${total} done, ${more}`);
  }

  #step(time: string, hub: string, arrow: string, green: string): void {
    const left = this.#paint("36", hub.padEnd(HUB_WIDTH));
    this.line(`${time}${left} ${arrow.padEnd(3)}  ${this.#paint("32", green)}`.trimEnd());
  }

  #time(): string {
    const seconds = (performance.now() - this.#begin) / 1000;
    return this.#paint("2", `${seconds.toFixed(2).padStart(6)} s `);
  }

  #paint(style: string, text: string): string {
    return text && this.live && !Deno.noColor ? `\x1b[${style}m${text}\x1b[0m` : text;
  }

  #write(text: string): void {
    Deno.stdout.writeSync(this.#encoder.encode(text));
  }
}
