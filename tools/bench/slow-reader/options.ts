import { count, invalid, type OptionsOf } from "../flags.js";

export const slowReaderFlags = {
  members: count("members", "members of the group, all online", [2, 2_000], 120),
  slowReaders: count("slow", "how many of them read slowly in every second round", [1, 1_999], 10),
  rounds: count("rounds", "rounds of each kind", [1, 1_000], 3),
  messagesPerSecond: count("rate", "messages that the group gets in a second", [1, 1_000], 100),
  textBytes: count("bytes", "length of their texts", [100, 15_000], 4_096),
  seconds: count("seconds", "how long a round lasts", [1, 600], 40),
};
/**
 * Of those that read slowly, half do not read at all, the others at a trickle.
 */
export type SlowReaderOptions = OptionsOf<typeof slowReaderFlags>;

/** What a user may send lastingly, by the limits of the server, in messages a second. */
const ratePerUserMax = 10;

export function checkSlowReader({ members, slowReaders, messagesPerSecond }: SlowReaderOptions): void {
  const readers = members - slowReaders;
  if (readers < 1) throw invalid(`--slow takes fewer than the ${members} --members`);
  const rateMax = ratePerUserMax * readers;
  if (messagesPerSecond > rateMax)
    throw invalid(
      `--rate takes at most ${rateMax}: ${readers} members that read, ${ratePerUserMax} messages a second each`,
    );
}
