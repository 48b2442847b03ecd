import { count, invalid, type OptionsOf } from "../flags.js";

export const ingestFlags = {
  connections: count("connections", "senders, all online", [1, 10_000], 2_000),
  window: count("window", "messages of a sender that may be without an outcome", [1, 32], 4),
  seconds: count("seconds", "how long a round lasts", [1, 600], 10),
  rounds: count("rounds", "rounds that count", [1, 1_000], 5),
  generators: count("generators", "processes that share the load generator's work", [1, 64], 2),
};
export type IngestOptions = OptionsOf<typeof ingestFlags>;

/** More messages of this size would not fit into what waits in the lanes of a server as it ships. */
const underWayMax = 20_000;

export function checkIngest({ connections, window, generators }: IngestOptions): void {
  if (connections * window > underWayMax)
    throw invalid(`--connections times --window is at most ${underWayMax}: a server lets no more wait`);
  if (generators > connections) throw invalid("--generators takes no more than there are --connections");
}
