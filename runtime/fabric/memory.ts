import type { Clock } from "../clock.js";
import { createExpiringMap } from "../expiring-map.js";
import { fullBucket, type GcraState, take } from "../gcra.js";
import type { Fabric, GatewayId, GatewayInfo } from "./fabric.js";
import { createMemoryMarks } from "./memory-marks.js";
import { createMemoryRoutes } from "./memory-routes.js";
import { createMemoryStreams } from "./memory-streams.js";

const sweepEveryMs = 10_000;
/** A bucket is some 200 bytes: these are 20 MB at worst. */
const bucketsMax = 100_000;
const gatewaysMax = 1_000;
const leasesMax = 10_000;
/** A mark is some 300 bytes: these are 60 MB, reached only while the store takes none. */
const marksMax = 200_000;

const done = Promise.resolve();

/** A fabric that can say how much it holds, for tests that look for leaks. */
export interface MemoryFabric extends Fabric {
  /** Consumers, users, conversations, buckets, gateways, leases and marks in memory. */
  readonly size: number;
}

/** The fabric of a single process. What it holds dies with it, like what Redis holds after FLUSHALL. */
export function createMemoryFabric(options: { clock: Clock }): MemoryFabric {
  const { clock } = options;
  const now = () => clock.monotonicMs();
  const streams = createMemoryStreams();
  const routes = createMemoryRoutes(now);
  const gateways = createExpiringMap<GatewayId, GatewayInfo>({ entriesMax: gatewaysMax });
  const buckets = createExpiringMap<string, GcraState>({ entriesMax: bucketsMax });
  const leases = createExpiringMap<string, string>({ entriesMax: leasesMax });
  const marks = createMemoryMarks({ marksMax });

  let timer = clock.after(sweepEveryMs, sweep);
  function sweep() {
    for (const part of [routes, gateways, buckets, leases]) part.sweep(now());
    timer = clock.after(sweepEveryMs, sweep);
  }

  return {
    streams,
    routes,
    gateways: {
      async announce(gateway, ttlMs) {
        gateways.set(gateway.id, gateway, now() + ttlMs);
      },
      async withdraw(gateway) {
        gateways.delete(gateway);
      },
      async list() {
        const alive = [...gateways.entries(now())].map(([, gateway]) => gateway);
        return alive.sort((a, b) => a.connections - b.connections);
      },
    },
    limits: {
      async take(key, rate) {
        const [state, verdict] = take(buckets.get(key, now()) ?? fullBucket, rate, now());
        if (verdict.kind === "allowed") buckets.set(key, state, state); // a full bucket need not be remembered
        return verdict;
      },
    },
    leases: {
      async acquire(name, owner, ttlMs) {
        const holder = leases.get(name, now());
        if (holder !== undefined && holder !== owner) return false;
        leases.set(name, owner, now() + ttlMs);
        return true;
      },
      async release(name, owner) {
        if (leases.get(name, now()) === owner) leases.delete(name);
      },
    },
    marks,
    get size() {
      return [streams, routes, gateways, buckets, leases, marks].reduce((sum, part) => sum + part.size, 0);
    },
    [Symbol.asyncDispose]() {
      timer[Symbol.dispose]();
      return done;
    },
  };
}
