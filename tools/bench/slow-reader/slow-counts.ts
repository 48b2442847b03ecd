import type { ServerUnderTest } from "../stage/server-under-test.js";

/** What a server did about devices that read slowly, as it counts itself. */
export type SlowCounts = Readonly<{
  /** WebSocket messages that it dropped for a device: so often it took one off all topics. */
  dropped: number;
  /** Devices that it sent again what they had not acknowledged, or told that they are behind. */
  sent_again: number;
  told_behind: number;
  /** Connections that it closed as SLOW_CONSUMER. */
  closed: number;
}>;

const names: Readonly<Record<keyof SlowCounts, string>> = {
  dropped: "tidewire_pushes_dropped_total",
  sent_again: 'tidewire_retransmissions_total{by="frames"}',
  told_behind: 'tidewire_retransmissions_total{by="heads"}',
  closed: 'tidewire_closes_total{code="SLOW_CONSUMER"}',
};

/** Starts to count; the returned function says what was counted since then. */
export async function watchSlowCounts(
  server: Pick<ServerUnderTest, "readCounters">,
): Promise<() => Promise<SlowCounts>> {
  const before = await server.readCounters();
  return async () => {
    const after = await server.readCounters();
    const since = (name: keyof SlowCounts) => (after.get(names[name]) ?? 0) - (before.get(names[name]) ?? 0);
    return {
      dropped: since("dropped"),
      sent_again: since("sent_again"),
      told_behind: since("told_behind"),
      closed: since("closed"),
    };
  };
}
