/** The targets: how fast the library is to be, and whether it is. */
import type { Results } from "./run.ts";
import type { Row } from "./rows.ts";
import { figure, lead } from "./table.ts";

/** One target: a figure that must not be below or above a bound. */
interface Target {
  text: string;
  /** The title of its row. */
  row: string;
  measure(results: Results, row: Row): number | undefined;
  atLeast?: number;
  atMost?: number;
}

const ahead = (other: string) => (results: Results, row: Row) =>
  lead(results, row, "aiohub", other);
const times = (other: string) => (results: Results, row: Row) =>
  lead(results, row, other, "aiohub");
const own = (results: Results, row: Row) => figure(results, row, "aiohub");

const SPAWN = "Spawn → result, 1 Worker";

const targets: Target[] = [
  ...["Hot call, a number", "Hot call, a small object"].flatMap((row): Target[] => [
    { text: "times ahead of coincident", row, measure: ahead("coincident"), atLeast: 5 },
    { text: "times the spinning floor", row, measure: times("floor, spinning"), atMost: 3 },
  ]),
  {
    text: "times a bare park and wake",
    row: "Cold call, a number",
    measure: times("floor, parking"),
    atMost: 1.25,
  },
  { text: "µs: eventlet does it in-process in 63", row: SPAWN, measure: own, atMost: 63 },
  ...["tinypool", "piscina", "workerpool"].map((pool): Target => ({
    text: `times ahead of ${pool}`,
    row: SPAWN,
    measure: ahead(pool),
    atLeast: 5,
  })),
  {
    text: "% of a core",
    row: "CPU with 16 parked threads, hub idle",
    measure: own,
    atMost: 1,
  },
];

/** Lists the targets for which this run has figures, met or missed. */
export function formatTargets(results: Results): string {
  const rows = new Map([...results.keys()].map((row) => [row.title, row]));
  return targets.flatMap(({ text, row: title, measure, atLeast, atMost }) => {
    const row = rows.get(title);
    const value = row && measure(results, row);
    if (value === undefined) return [];
    const isMet = value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity);
    const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    const verdict = isMet ? "met" : "MISSED";
    return [`- ${verdict}: ${title}: ${Number(value.toPrecision(2))} ${text} (target: ${bound})`];
  }).join("\n");
}
