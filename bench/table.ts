/** Medians and ratios, and the table that shows them. */
import type { Column } from "./columns.ts";
import { median } from "./peers/measure.mjs";
import type { Results } from "./run.ts";
import type { Row } from "./rows.ts";

/**
 * Gives the ratio of two columns: above 1 means that `column` is better.
 *
 * The ratio is taken within each round and then the median of the rounds, because the machine's
 * speed swings between rounds.
 *
 * @param results The measurements.
 * @param row The row.
 * @param column The name of the column in question.
 * @param other The name of the column that it is compared with.
 * @returns The ratio, or `undefined` if one of them has no figure.
 */
export function lead(
  results: Results,
  row: Row,
  column: string,
  other: string,
): number | undefined {
  const mine = samplesOf(results, row, column);
  const theirs = samplesOf(results, row, other);
  const rounds = Math.min(mine.length, theirs.length);
  if (rounds === 0) return undefined;
  const ratios = Array.from({ length: rounds }, (_, i) => theirs[i] / mine[i]);
  const ratio = median(ratios);
  return row.unit === "calls/s" ? 1 / ratio : ratio;
}

/** The median of one cell, or `undefined`. */
export function figure(results: Results, row: Row, column: string): number | undefined {
  const samples = samplesOf(results, row, column);
  return samples.length ? median(samples) : undefined;
}

/** Formats all results as one Markdown table with its notes. */
export function formatTable(results: Results, columns: Column[]): string {
  const notes: string[] = [];
  const head = [
    "",
    ...columns.map(({ name, runtime }) => runtime === "Node" ? `${name} (Node)` : name),
    "aiohub ÷ floor",
  ];
  const lines = [...results.keys()].map((row) => [
    `${row.title} (${row.unit})`,
    ...columns.map((column) => formatCell(results, row, column, notes)),
    formatRatio(invert(lead(results, row, "aiohub", row.floor))),
  ]);
  const list = notes.map((note, index) => `[${index + 1}] ${note}`).join("  \n");
  return `${alignTable([head, ...lines])}\n\n${list}\n`;
}

function formatCell(results: Results, row: Row, column: Column, notes: string[]): string {
  const { samples, problem } = results.get(row)!.get(column)!;
  const mark = markNote(column.notes[row.method], notes);
  if (problem && samples.length === 0) return (problem === "missing" ? "-" : problem) + mark;
  const value = formatNumber(median(samples)) + (problem ? `, then ${problem}` : "");
  if (column.name === "aiohub") return value;
  const ratio = lead(results, row, "aiohub", column.name);
  return `${value}${mark}${ratio === undefined ? "" : ` (${formatRatio(ratio)})`}`;
}

function markNote(note: string | undefined, notes: string[]): string {
  if (note === undefined) return "";
  if (!notes.includes(note)) notes.push(note);
  return ` [${notes.indexOf(note) + 1}]`;
}

export function formatNumber(value: number): string {
  if (value < 10) return value.toPrecision(2);
  return Math.round(value).toLocaleString("en-US");
}

function formatRatio(ratio: number | undefined): string {
  if (ratio === undefined) return "";
  return `${ratio < 10 ? ratio.toPrecision(2) : Math.round(ratio).toLocaleString("en-US")}×`;
}

function invert(ratio: number | undefined): number | undefined {
  return ratio === undefined ? undefined : 1 / ratio;
}

export function alignTable([head, ...lines]: string[][]): string {
  const widths = head.map((_, i) => Math.max(3, ...[head, ...lines].map((line) => line[i].length)));
  const format = (line: string[]) =>
    `| ${
      line.map((text, i) => i ? text.padStart(widths[i]) : text.padEnd(widths[i])).join(" | ")
    } |`;
  const rule = `| ${
    widths.map((n, i) => i ? `${"-".repeat(n - 1)}:` : "-".repeat(n)).join(" | ")
  } |`;
  return [format(head), rule, ...lines.map(format)].join("\n");
}

function samplesOf(results: Results, row: Row, column: string): number[] {
  for (const [{ name }, { samples }] of results.get(row) ?? []) {
    if (name === column) return samples;
  }
  return [];
}
