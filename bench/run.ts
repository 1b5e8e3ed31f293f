/** Runs the rows: every round asks each column once (A B C A B C …), in a process of its own. */
import { Child, HungError } from "./child.ts";
import type { Column } from "./columns.ts";
import type { QuietMachine } from "./quiet.ts";
import type { Row } from "./rows.ts";

/** The measurements of one column in one row. */
export interface Cell {
  /** One figure for each round, so that ratios can be taken within a round. */
  samples: number[];
  /** The reason why there is no figure. */
  problem?: "missing" | "hung" | "failed";
  /** The error, if the measurement failed. */
  detail?: string;
}

/** The cells by row and column. */
export type Results = Map<Row, Map<Column, Cell>>;

/** Options of {@linkcode runRows}. */
export interface RunOptions {
  rounds: number;
  /** The time for one measurement of one column, in ms. */
  budget: number;
  /** Whether to show what the children print on stderr. */
  verbose: boolean;
  /** Asked before each round. */
  machine: QuietMachine;
  /** Called before each row. */
  onRow(row: Row): void;
}

/** Measures all rows of all columns. */
export async function runRows(rows: Row[], columns: Column[], options: RunOptions) {
  const results: Results = new Map();
  for (const group of Map.groupBy(rows, (row) => row.group).values()) {
    const children = new Children(options.verbose);
    try {
      for (const row of group) {
        options.onRow(row);
        const cells = new Map(columns.map((column) => [column, { samples: [] } as Cell]));
        results.set(row, cells);
        markHopeless(row, group, results);
        await runRow(row, cells, children, options);
      }
    } finally {
      await children.killAll();
    }
  }
  return results;
}

/** The length of the warm-up, in budgets, if the row does not say. */
const WARM_UP = 4;

async function runRow(
  row: Row,
  cells: Map<Column, Cell>,
  children: Children,
  options: RunOptions,
): Promise<void> {
  const rounds = Math.min(row.rounds ?? options.rounds, options.rounds);
  // Optimized code and memory that is used again come late: the first round is longer, and does not count.
  const warmUp = { ...options, budget: options.budget * (row.warmUp ?? WARM_UP) };
  for (let round = row.fresh ? 0 : -1; round < rounds; round++) {
    await options.machine.wait();
    for (const [column, cell] of cells) {
      if (cell.problem) continue;
      try {
        const sample = await measure(row, column, children, round < 0 ? warmUp : options);
        if (round >= 0) cell.samples.push(sample);
      } catch (error) {
        noteProblem(cell, error);
        await children.kill(column);
      }
    }
  }
}

async function measure(
  row: Row,
  column: Column,
  children: Children,
  { budget, verbose }: RunOptions,
): Promise<number> {
  if (row.method === "start") return await Child.timeFirstResult(column, verbose);
  const child = await children.get(column);
  if (!child.methods.includes(row.method)) throw new MissingError();
  const take = (budget: number) => {
    const params = { budget, ...row.params };
    return child.measure(row.method, params, params.budget * 2 + 12_000);
  };
  if (row.fresh && row.warmUp) await take(budget * row.warmUp);
  const value = await take(budget);
  if (row.fresh) await children.kill(column);
  return value;
}

function noteProblem(cell: Cell, error: unknown): void {
  if (error instanceof MissingError) cell.problem = "missing";
  else if (error instanceof HungError) cell.problem = "hung";
  else {
    cell.problem = "failed";
    cell.detail = error instanceof Error ? error.message : String(error);
  }
}

/** Marks the columns that hung on a smaller payload of the same kind. They would hang on this one, too: the wait is spared. */
function markHopeless(row: Row, group: Row[], results: Results): void {
  if (row.method !== "echo") return;
  for (const smaller of group) {
    if (smaller === row) return;
    if (smaller.params.kind !== row.params.kind) continue;
    for (const [column, cell] of results.get(smaller)!) {
      if (cell.problem === "hung") results.get(row)!.get(column)!.problem = "hung";
    }
  }
}

/** The error for a row that a column cannot measure, as it has no such feature. */
class MissingError extends Error {}

/** The children of one group, started when first asked. */
class Children {
  readonly #children = new Map<Column, Child>();
  readonly #verbose: boolean;

  constructor(verbose: boolean) {
    this.#verbose = verbose;
  }

  async get(column: Column): Promise<Child> {
    const running = this.#children.get(column);
    if (running) return running;
    const child = await Child.start(column, this.#verbose);
    this.#children.set(column, child);
    return child;
  }

  async kill(column: Column): Promise<void> {
    const child = this.#children.get(column);
    this.#children.delete(column);
    await child?.kill();
  }

  async killAll(): Promise<void> {
    await Promise.all([...this.#children.keys()].map((column) => this.kill(column)));
  }
}
