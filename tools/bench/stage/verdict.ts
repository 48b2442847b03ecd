import type { Holding } from "../generator/log-follower.js";
import type { Verified } from "../result.js";
import type { RowsVerdict } from "./durable-rows.js";

/** What is to be, and what devices and the database have. */
export type Found = Readonly<{
  sent: number;
  acked: number;
  /** Of all devices: of each message one has to be held for each. */
  holdings: readonly Holding[];
  /** Devices that hold a message. */
  devicesPerMessage: number;
  rows: RowsVerdict;
  /** What else went wrong, in words. */
  problems: readonly string[];
}>;

/** Judges logs of conversations whose every device has followed its own. Pure. */
export function judge(found: Found): { kind: "flawless" | "flawed"; verified: Verified; problems: readonly string[] } {
  const { sent, acked, holdings, devicesPerMessage, rows } = found;
  const sum = (name: "applied" | "lost" | "misnumbered") => holdings.reduce((total, each) => total + each[name], 0);
  const verified = {
    sent,
    acked,
    delivered: sum("applied"),
    lost: sum("lost"),
    duplicated: sum("misnumbered"),
    reordered: countDisagreements(holdings),
    durable_rows: rows.durableRows,
  };
  const problems = [...found.problems, ...holdings.flatMap((holding) => holding.problems), ...rows.problems];
  const isComplete = verified.delivered === sent * devicesPerMessage && acked === sent && rows.durableRows === sent;
  const isSound = verified.lost + verified.duplicated + verified.reordered === 0;
  return { kind: isComplete && isSound && problems.length === 0 ? "flawless" : "flawed", verified, problems };
}

/** Devices whose log differs from that of another one of the same conversation. */
function countDisagreements(holdings: readonly Holding[]): number {
  const digests = new Map<bigint, string>();
  return holdings.filter(({ conversationId, digest }) => {
    const first = digests.get(conversationId) ?? digest;
    digests.set(conversationId, first);
    return digest !== first;
  }).length;
}
