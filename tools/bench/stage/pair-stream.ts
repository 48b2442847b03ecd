import { sleep, systemClock } from "../../../runtime/clock.js";
import { lastAckMs } from "../generator/delayed-ack.js";
import type { Seat } from "../generator/generator-calls.js";
import type { Holding } from "../generator/log-follower.js";
import { takeTurns } from "../generator/turns.js";
import { textBytes } from "../generator/workload.js";
import { dealOut } from "./crew.js";
import type { Pair } from "./directs.js";
import type { Generators } from "./generators.js";

/** Logs in both users of all pairs. First one of each has its turn at sending, in an order that is shuffled, then the other. */
export async function joinPairs(generators: Generators, port: number, pairs: readonly Pair[]): Promise<void> {
  const shares = dealOut(pairs, generators.size).map((share): Seat[] => takeTurns(share, Math.random));
  await generators.callInTurn(
    "joinStream",
    shares.map((seats) => ({ port, textBytes, seats })),
  );
}

/** Closes all connections once the last acks have left. What each device holds. */
export async function leavePairs(generators: Generators): Promise<Holding[]> {
  await sleep(systemClock, lastAckMs);
  const reports = await generators.call("reportStream", undefined);
  await generators.call("leave", undefined);
  return reports.flatMap(({ holdings }) => holdings);
}
