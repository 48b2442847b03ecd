import { countByDoubling } from "../figures/bars.js";
import type { Quantiles } from "../figures/statistics.js";
import { listLimits, toCircumstances, toVerification, toWarnings } from "../report/circumstances.js";
import { toRange, toTable } from "../report/table.js";
import type { Distribution } from "../result.js";
import type { SlowCounts } from "./slow-counts.js";
import type { SlowDeviceReport } from "./slow-devices-calls.js";
import type { SlowReaderResult, Stretch } from "./slow-reader-result.js";

/** The result as tables for people. */
export function toSlowReaderReport(result: SlowReaderResult): string {
  const { settings, versions, rounds, verified, machine } = result;
  const lines = [
    `slow-reader: ${settings.members} members who read and ${settings.slow_readers} who in turns do and do not; ${settings.messages_per_second} messages of ${settings.text_bytes} bytes a second for ${settings.seconds} s; ${versions.database}`,
    ...toCircumstances(result),
    `  limits raised for the benchmark: ${listLimits(settings.raised_limits)}`,
    "",
    "  latency of deliveries to those who read, in ms since their message was to be sent, while the others read or do not",
    ...toTable(
      ["round", "p50", "p99", "p99.9", "max", "deliveries", "generator busy %"],
      [
        ...rounds.flatMap((round, index) => [
          toRow(`${index + 1} without slow readers`, round.without),
          toRow(`${index + 1} with`, round.with),
        ]),
        ["all without", ...toTimes(result.without)],
        ["all with", ...toTimes(result.with)],
      ],
    ),
    "",
    `  p99 with slow readers ÷ without: ${result.ratio.overall.toFixed(2)} (of single rounds ${toRange([result.ratio.min, result.ratio.max], 2)})`,
    "",
    ...toHistogram(result),
    "",
    ...toFates(result),
    `  ${toVerification(verified)}; ${verified.repeated} repeated to devices that had them`,
    ...toWarnings(machine),
  ];
  return `${lines.join("\n")}\n`;
}

function toRow(name: string, { deliver, deliveries, generator_busy_share }: Stretch): string[] {
  return [name, ...toTimes(deliver), String(deliveries), (100 * generator_busy_share).toFixed(0)];
}

function toTimes({ p50, p99, p999, max }: Quantiles): string[] {
  return [p50, p99, p999, max].map((ms) => ms.toFixed(1));
}

const barMax = 40;

function toHistogram({ histograms: [without, slowly] }: SlowReaderResult): string[] {
  const [sharesWithout, sharesWith] = [without, slowly].map(toShares) as [Map<number, number>, Map<number, number>];
  const ends = [...new Set([...sharesWithout.keys(), ...sharesWith.keys()])].sort((a, b) => a - b);
  const rows = ends.map((uptoMs) => {
    const shares = [sharesWithout.get(uptoMs) ?? 0, sharesWith.get(uptoMs) ?? 0] as const;
    const cells = shares.map((share) => `${(100 * share).toFixed(2)} %`);
    return [`≤ ${uptoMs} ms`, ...cells, "█".repeat(Math.round(shares[1] * barMax)).padEnd(barMax)];
  });
  return toTable(["took", "without", "with", "with, as a bar"], rows);
}

function toShares({ bars }: Distribution): Map<number, number> {
  const total = bars.reduce((sum, { count }) => sum + count, 0);
  return new Map([...countByDoubling(bars)].map(([upto, count]) => [upto, count / total]));
}

/** What became of the slow ones, over all rounds. */
function toFates({ rounds, settings }: SlowReaderResult): string[] {
  const reports = rounds.flatMap((round) => round.with.slow);
  const describe = (manner: SlowDeviceReport["manner"], what: string) => {
    const own = reports.filter((report) => report.manner === manner);
    return own.length === 0 ? [] : [`  ${own.length} times a device ${what}: ${toFate(own)}`];
  };
  return [
    ...describe("stopped", "stopped reading"),
    ...describe("trickle", `read ${settings.trickle_bytes_per_second} bytes a second`),
    `  the server, with slow readers: ${toCounts(rounds.map((round) => round.with.server))}`,
    `  and without: ${toCounts(rounds.map((round) => round.without.server))}`,
  ];
}

function toCounts(counts: readonly SlowCounts[]): string {
  const sum = (name: keyof SlowCounts) => counts.reduce((total, count) => total + count[name], 0);
  return (
    `${sum("dropped")} WebSocket messages dropped, frames sent again ${sum("sent_again")} times, devices told ` +
    `${sum("told_behind")} times that they are behind, ${sum("closed")} connections closed as SLOW_CONSUMER`
  );
}

function toFate(reports: readonly SlowDeviceReport[]): string {
  const cut = reports.filter(({ closeCodes }) => closeCodes.length > 0);
  const codes = [...new Set(cut.flatMap(({ closeCodes }) => closeCodes))].sort((a, b) => a - b);
  const caughtUpMs = reports.flatMap(({ caughtUpMs }) => (caughtUpMs === undefined ? [] : [caughtUpMs]));
  const how = cut.length === 0 ? "" : ` (seen as ${codes.join(", ")})`;
  return (
    `${reports.length - cut.length} kept the connection, ${cut.length} were closed${how} and came back; ` +
    `${toRange(
      reports.map(({ behind }) => behind),
      0,
    )} messages behind, all had everything ${toRange(caughtUpMs.map((ms) => ms / 1_000))} s after they read again`
  );
}
