/** The table of coordination, and its targets. */

import { median } from "./peers/measure.mjs";
import { alignTable, formatNumber } from "./table.ts";

/** The figures of each row, one for each round, in µs. */
export type SyncResults = Record<string, number[]>;

/** The row that the others are compared with. */
export const CALL = "A call from green code to the hub (a number)";

/** The time that eventlet takes for a queue item between two green threads in one process, in µs. See README.md. */
const EVENTLET = 11;

/** The number of operations of a row in the time of one of the row it is compared with, within the same rounds. */
function ahead(results: SyncResults, title: string, other: string): number {
  return median(results[title].map((micros, round) => results[other][round] / micros));
}

/** The table and the targets. */
export function formatSyncReport(results: SyncResults): string {
  const lines = Object.entries(results).map(([title, samples]) => [
    title,
    formatNumber(median(samples)),
    `${formatNumber(Math.min(...samples))}–${formatNumber(Math.max(...samples))}`,
    title === CALL ? "" : times(ahead(results, title, CALL)),
    title.startsWith("Queue item") ? times(EVENTLET / median(samples)) : "",
  ]);
  const head = ["", "µs", "lowest–highest", "ahead of a call", "ahead of eventlet"];
  return `${alignTable([head, ...lines])}\n\n${formatTargets(results)}\n`;
}

function formatTargets(results: SyncResults): string {
  const item = "Queue item: green → green, room for 100";
  const lock = "Lock, nobody else: green";
  const micros = median(results[item]);
  const lead = ahead(results, lock, CALL);
  const targets: [met: boolean, text: string][] = [
    [
      micros <= EVENTLET,
      `${item}: ${formatNumber(micros)} µs (target: at most eventlet's ${EVENTLET})`,
    ],
    [lead >= 3, `${lock}: ${times(lead)} ahead of a call to the hub (target: at least 3)`],
  ];
  return targets.map(([met, text]) => `- ${met ? "met" : "MISSED"}: ${text}`).join("\n");
}

function times(ratio: number): string {
  return `${formatNumber(ratio)}×`;
}
