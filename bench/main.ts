/**
 * Measures aiohub side by side with the bare `Atomics` floor and with its peers.
 *
 * `deno run -A --config bench/deno.json bench/main.ts [--quick] [--only name,…] [--rows text,…]
 * [--rounds n] [--patience s] [--verbose]`; see README.md beside this file.
 */
import { parseArgs } from "node:util";
import { type Column, columns } from "./columns.ts";
import { installPeers } from "./install.ts";
import { describeRun } from "./machine.ts";
import { QuietMachine } from "./quiet.ts";
import { type Row, rows } from "./rows.ts";
import { type Results, runRows } from "./run.ts";
import { formatSyncReport } from "./sync_table.ts";
import { formatTable } from "./table.ts";
import { formatTargets } from "./targets.ts";

const RESULTS = new URL("RESULTS.md", import.meta.url);

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    rows: { type: "string" },
    rounds: { type: "string" },
    patience: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});

const chosenColumns = chooseColumns(options.only);
const chosenRows = chooseRows(options.rows, options.quick);
await installPeers();
const description = await describeRun(chosenColumns);
const machine = new QuietMachine(Number(options.patience ?? (options.quick ? 0 : 180)) * 1000);
const results = await runRows(chosenRows, chosenColumns, {
  rounds: Number(options.rounds ?? (options.quick ? 1 : 5)),
  budget: options.quick ? 40 : 150,
  verbose: options.verbose,
  machine,
  onRow: (row) => console.error(`${row.title} …`),
});
const coordination = options.rows || options.only ? "" : await benchCoordination();
const report = formatReport(results);
console.log(report);
reportFailures(results);
const isWhole = !options.quick && !options.only && !options.rows;
if (isWhole) await Deno.writeTextFile(RESULTS, report);

function chooseColumns(only: string | undefined): Column[] {
  if (only === undefined) return columns.filter(({ optional }) => !optional);
  const names = only.split(",");
  const unknown = names.find((name) => !columns.some((column) => matches(column, name)));
  if (unknown !== undefined) {
    const known = columns.map(({ name }) => name).join(", ");
    throw new Error(`Cannot run "${unknown}": no such column, use one of ${known}`);
  }
  return columns.filter((column) => names.some((name) => matches(column, name)));
}

/** Whether a name of `--only` means a column: `floor` means both floors. */
function matches(column: Column, name: string): boolean {
  return column.name === name || column.name.startsWith(`${name}, `);
}

function chooseRows(texts: string | undefined, quick: boolean): Row[] {
  if (texts === undefined) return quick ? rows.filter((row) => row.quick) : rows;
  const chosen = rows.filter(({ title }) =>
    texts.split(",").some((text) => title.toLowerCase().includes(text.toLowerCase()))
  );
  if (chosen.length === 0) throw new Error(`Cannot run rows "${texts}": no title contains that`);
  return chosen;
}

function formatReport(results: Results): string {
  const targets = formatTargets(results);
  return `# Side by side

${description}
- Something else was busy at the start of ${machine.noisy} of ${machine.rounds} rounds

Medians over the rounds of one interleaved run. In brackets: how many times aiohub is ahead in the
same rounds. The last column: how many times the bare \`Atomics\` floor aiohub takes. What each row
measures: README.md beside this file.

${formatTable(results, chosenColumns)}${targets && `\n## Targets\n\n${targets}\n`}${
    coordination && `\n## Coordination\n\n${coordination}`
  }`;
}

/** Locks and queues: a child of its own, as it needs no peers. */
async function benchCoordination(): Promise<string> {
  console.error("coordination …");
  if (!options.quick) await machine.wait();
  const script = new URL("sync_bench.ts", import.meta.url).pathname;
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, options.quick ? "1" : options.rounds ?? "5", "--json"],
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (code === 0) return formatSyncReport(JSON.parse(new TextDecoder().decode(stdout)));
  Deno.exitCode = 1;
  return "It failed.\n";
}

function reportFailures(results: Results): void {
  for (const [row, cells] of results) {
    for (const [column, { detail }] of cells) {
      if (detail === undefined) continue;
      console.error(`\n${column.name} failed in "${row.title}": ${detail}`);
      if (column.name === "aiohub") Deno.exitCode = 1;
    }
  }
}
