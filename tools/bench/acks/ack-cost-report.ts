import type { Acks } from "../generator/workload.js";
import { toCircumstances, toVerification, toWarnings } from "../report/circumstances.js";
import { toRange, toTable } from "../report/table.js";
import type { AckCostPair, AckCostResult, AckCostRound } from "./ack-cost.js";

/** What is to be reached: processor time for a delivery with acks, divided by that without. */
const RATIO_GOAL = 1.25;

/** The result as a table for people. */
export function toAckCostReport(result: AckCostResult): string {
  const { settings, versions, rounds, median, ratio, verified } = result;
  const lines = [
    `acks: ${settings.members} members online, each sends one message of ${settings.text_bytes} bytes at once, in turns without and with acknowledgements; ${versions.database}`,
    ...toCircumstances(result),
    `  limits raised for the benchmark: none; warm-up: ${settings.warmup_rounds} rounds`,
    "",
    ...toTable(titles, [...rounds.map((pair, index) => toCells(String(index + 1), pair)), toCells("median", median)]),
    "",
    `  server cpu of a delivery: ${describe(result, "off")} without acks, ${describe(result, "on")} with`,
    `  ratio of the medians ${ratio.of_medians.toFixed(2)}, to be at most ${RATIO_GOAL} (of single rounds ${toRange([ratio.min, ratio.max], 2)}, median ${median.ratio.toFixed(2)})`,
    `  ${describeOne(median)}`,
    "  without: acks are held back until the processor time has been read, as the server sends again after a second",
    `  ${toVerification(verified)}`,
    ...toWarnings(result.machine),
  ];
  return `${lines.join("\n")}\n`;
}

const titles = ["round", "off: cpu ms", "ns each", "total ms", "on: cpu ms", "ns each", "total ms", "acks", "ratio"];

function toCells(name: string, { off, on, ratio }: AckCostPair): string[] {
  return [name, ...timesOf(off), ...timesOf(on), on.acks.toFixed(0), ratio.toFixed(2)];
}

function timesOf(round: AckCostRound): string[] {
  return [round.server_cpu_ms.toFixed(1), round.server_cpu_per_delivery_ns.toFixed(0), round.total_ms.toFixed(1)];
}

function describe({ rounds, median }: AckCostResult, acks: Acks): string {
  const each = rounds.map((pair) => pair[acks].server_cpu_per_delivery_ns);
  return `${median[acks].server_cpu_per_delivery_ns.toFixed(0)} ns (${toRange(each, 0)})`;
}

function describeOne({ off, on }: AckCostPair): string {
  const oneUs = ((on.server_cpu_ms - off.server_cpu_ms) * 1_000) / Math.max(1, on.acks);
  return `${on.acks.toFixed(0)} acks a round, ${oneUs.toFixed(1)} µs each`;
}
