import type { SimConfig } from "./config.js";
import type { FaultKind } from "./faults/fault-kinds.js";

export type ShrinkOptions = Readonly<{
  /** True if a configuration still fails in the same way. */
  fails(config: SimConfig): boolean;
  /** Most configurations to try. */
  triesMax: number;
}>;

/** Leaves out whatever a failure does not need. What is left still fails, and nothing more can be left out alone. */
export function shrink(config: SimConfig, { fails, triesMax }: ShrinkOptions): SimConfig {
  let smallest = config;
  let tries = 0;
  for (let found = true; found; ) {
    found = false;
    for (const smaller of smallerThan(smallest)) {
      if (tries++ >= triesMax) return smallest;
      if (!fails(smaller)) continue;
      smallest = smaller;
      found = true;
      break;
    }
  }
  return smallest;
}

/** Every configuration that is smaller by one thing, what makes most of a difference first. */
function* smallerThan(config: SimConfig): Iterable<SimConfig> {
  yield* withFewerFaults(config);
  yield* withFewerScripts(config);
  if (config.activityMs > 1_000) {
    for (const share of [0.5, 0.75, 0.9]) yield { ...config, activityMs: Math.round(config.activityMs * share) };
  }
  yield* withFewerDevices(config);
  yield* withLessOfTheRest(config);
}

function* withFewerFaults(config: SimConfig): Iterable<SimConfig> {
  const kinds = Object.keys(config.faults) as FaultKind[];
  const only = (kept: readonly FaultKind[]) => ({
    ...config,
    faults: Object.fromEntries(kept.map((kind) => [kind, config.faults[kind] ?? 0])),
  });
  const half = kinds.length >> 1;
  if (half > 1) yield only(kinds.slice(0, half));
  if (half > 1) yield only(kinds.slice(half));
  for (const left of kinds) yield only(kinds.filter((kind) => kind !== left));
}

function* withFewerScripts(config: SimConfig): Iterable<SimConfig> {
  const { scripts, conversations } = config;
  for (const left of scripts) yield { ...config, scripts: scripts.filter((script) => script !== left) };
  const last = conversations.length - 1;
  if (last > 0 && scripts.every(({ conversation }) => conversation < last)) {
    yield { ...config, conversations: conversations.slice(0, last) };
  }
}

function* withFewerDevices(config: SimConfig): Iterable<SimConfig> {
  const { devices, conversations } = config;
  for (const [index, count] of devices.entries()) {
    if (count > 1) yield { ...config, devices: devices.with(index, count - 1) };
  }
  for (const [index, conversation] of conversations.entries()) {
    if (conversation.kind === "direct" || conversation.users.length <= 2) continue;
    for (const left of conversation.users) {
      const users = conversation.users.filter((user) => user !== left);
      yield { ...config, conversations: conversations.with(index, { kind: "group", users }) };
    }
  }
  const isNeeded = conversations.some(({ users }) => users.includes(devices.length));
  if (!isNeeded && devices.length > 2) yield { ...config, devices: devices.slice(0, -1) };
}

function* withLessOfTheRest(config: SimConfig): Iterable<SimConfig> {
  const plain = { distance: "local", tokenLifeMs: 900_000, commitMaxMs: 0, skewMaxMs: 0, lanes: 1 } as const;
  for (const [name, value] of Object.entries(plain)) {
    if (config[name as keyof typeof plain] !== value) yield { ...config, [name]: value };
  }
  if (config.gateways > 1) yield { ...config, gateways: config.gateways - 1 };
  if (config.services > 1) yield { ...config, services: config.services - 1 };
}
