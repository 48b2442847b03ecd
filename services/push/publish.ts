import { create } from "@bufbuild/protobuf";
import { DeliverySchema, type Fence, FenceSchema, type LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { encode } from "../../runtime/binary.js";
import type { Clock } from "../../runtime/clock.js";
import type { GatewayId, PublishingFabric } from "../../runtime/fabric/fabric.js";
import type { Logger } from "../../runtime/log.js";
import type { Metrics } from "../../runtime/metrics.js";
import type { LogStore } from "../message/log-store.js";
import { addressEntries } from "./address-entries.js";
import type { Committed } from "./committed.js";
import { sizeOf } from "./log-entry.js";
import { createRosters } from "./rosters.js";

/** How long a caller waits for publishing if it does not say otherwise, in milliseconds. */
const usualPatienceMs = 100;
/** A payload ends with the entry that takes it over this size, in bytes. */
const payloadBytes = 128 * 1024;
/** As the contract says. */
const itemsMax = 1_000;

/** What has become of a publication when its caller goes on; it may still succeed if it is `late`. */
export type PublishOutcome = "published" | "failed" | "late";

/** Tells gateways what has been committed. */
export interface Publisher {
  /**
   * Hands entries to the gateways that serve their readers. To be called after their commit, with all of a conversation's
   * entries in order. Resolves when that is done, has failed, or takes longer than `patienceMs`, 100 by default; what goes wrong is
   * logged and counted. Who has stored something need not care: what did not get through is published again by a sweep.
   */
  publish(committed: readonly Committed[], patienceMs?: number): Promise<PublishOutcome>;
  /** Tells the gateways of these users that sessions with a lower epoch are over. Waits and fails as `publish` does. */
  fence(fences: readonly Pick<Fence, "userId" | "device" | "epoch">[]): Promise<PublishOutcome>;
}

export type PublisherOptions = Readonly<{
  fabric: PublishingFabric;
  logs: Pick<LogStore, "readRosters" | "readRosterSeqAt">;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}>;

export function createPublisher({ fabric, logs, clock, log, metrics }: PublisherOptions): Publisher {
  const rosters = createRosters(logs);

  async function publishAll(committed: readonly Committed[]): Promise<void> {
    const addressed = await addressEntries({ routes: fabric.routes, rosters, logs }, committed);
    await Promise.all([...addressed].map(([gateway, entries]) => send(gateway, entries)));
  }

  async function send(gateway: GatewayId, entries: readonly LogEntry[]): Promise<void> {
    for (const part of split(entries)) {
      await fabric.streams.publish(gateway, encode(DeliverySchema, create(DeliverySchema, { entries: part })));
      metrics.deliveriesPublished.inc(part.length);
    }
  }

  async function fenceAll(fences: readonly Pick<Fence, "userId" | "device" | "epoch">[]): Promise<void> {
    const gateways = await fabric.routes.gatewaysOf([...new Set(fences.map((fence) => fence.userId))]);
    for (const [gateway, userIds] of gateways) {
      const served = new Set(userIds);
      const theirs = fences.filter((fence) => served.has(fence.userId)).map((fence) => create(FenceSchema, fence));
      for (let first = 0; first < theirs.length; first += itemsMax) {
        const delivery = create(DeliverySchema, { fences: theirs.slice(first, first + itemsMax) });
        await fabric.streams.publish(gateway, encode(DeliverySchema, delivery));
      }
    }
  }

  /** Waits for `work`, but not for long, and whatever becomes of it. */
  function bounded(work: Promise<void>, count: number, patienceMs: number): Promise<PublishOutcome> {
    const startedMs = clock.monotonicMs();
    return new Promise((resolve) => {
      const timer = clock.after(patienceMs, () => {
        metrics.publishFailures.inc();
        log.warn({ count }, "publishing takes long; its caller goes on");
        resolve("late");
      });
      const settle = (outcome: PublishOutcome) => {
        timer[Symbol.dispose]();
        metrics.publishSeconds.observe((clock.monotonicMs() - startedMs) / 1_000);
        resolve(outcome);
      };
      const fail = (cause: unknown) => {
        metrics.publishFailures.inc();
        log.warn({ err: cause, count }, "not published; the next sweep repeats it");
        settle("failed");
      };
      work.then(() => settle("published"), fail);
    });
  }

  return {
    publish: async (committed, patienceMs = usualPatienceMs) =>
      committed.length === 0 ? "published" : bounded(publishAll(committed), committed.length, patienceMs),
    fence: async (fences) =>
      fences.length === 0 ? "published" : bounded(fenceAll(fences), fences.length, usualPatienceMs),
  };
}

function split(entries: readonly LogEntry[]): LogEntry[][] {
  const parts: LogEntry[][] = [];
  let part: LogEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    part.push(entry);
    bytes += sizeOf(entry);
    if (bytes < payloadBytes && part.length < itemsMax) continue;
    parts.push(part);
    part = [];
    bytes = 0;
  }
  return part.length > 0 ? [...parts, part] : parts;
}
