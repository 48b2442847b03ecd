import { type ConversationConfig, type Script, type SimConfig, scriptKinds } from "./config.js";
import { createRandom, type Random } from "./engine/random.js";
import { type FaultMix, faultKinds } from "./faults/fault-kinds.js";

/**
 * The world of a seed. Small worlds fail in ways that people can follow, so most are small. Each setting has chances of its
 * own: a setting more leaves the others of every seed as they were.
 */
export function generateConfig(seed: number): SimConfig {
  const random = createRandom(`config ${seed}`);
  const of = (name: string) => random.fork(name);
  const pick = <T>(name: string, items: readonly T[]) => of(name).pick(items);
  const devices = generateDevices(of("devices"));
  const conversations = generateConversations(of("conversations"), devices.length);
  return {
    seed,
    gateways: of("gateways").whole(1, 3),
    services: of("services").whole(1, 2),
    devices,
    conversations,
    scripts: generateScripts(of("scripts"), conversations),
    faults: generateFaults(of("faults")),
    activityMs: generateActivity(of("activity")),
    distance: pick("distance", ["local", "remote", "remote"]),
    latencyMs: pick("latency", [
      [1, 3],
      [5, 40],
      [20, 300],
    ]),
    heartbeatIntervalMs: pick("heartbeat", [5_000, 10_000]),
    tokenLifeMs: of("tokens").chance(0.2) ? of("token life").whole(15_000, 40_000) : 900_000,
    commitMaxMs: pick("commit", [0, 0, 0, 5, 60]),
    skewMaxMs: pick("skew", [0, 0, 200, 2_000]),
    lanes: of("lanes").whole(1, 3),
    laneQueueMaxBytes: pick("lane queue", [6_000, 64_000, 256_000]),
    maxBackpressureBytes: pick("backpressure", [2_000, 8_000, 64_000]),
    routeByConversationAbove: pick("routing", [2, 3, 4]),
    callTimeoutMs: pick("call timeout", [4_000, 10_000]),
  };
}

/** Two to six users; most have one device. */
function generateDevices(random: Random): number[] {
  return Array.from({ length: random.whole(2, 6) }, () => (random.chance(0.6) ? 1 : random.whole(1, 3)));
}

/** A group that has grown passes to delivery by conversation within three minutes: some worlds see the end of that. */
function generateActivity(random: Random): number {
  return Math.round(random.chance(0.03) ? 240_000 : random.between(20_000, 60_000));
}

function generateConversations(random: Random, userCount: number): ConversationConfig[] {
  return Array.from({ length: random.whole(1, 4) }, () => {
    const users = shuffle(random, userCount);
    if (random.chance(0.3)) return { kind: "direct", users: [users[0] ?? 1, users[1] ?? 2] };
    return { kind: "group", users: users.slice(0, random.whole(2, userCount)) };
  });
}

/** The numbers of all users, in some order. */
function shuffle(random: Random, userCount: number): number[] {
  const users = Array.from({ length: userCount }, (_, index) => ({ user: index + 1, key: random() }));
  return users.sort((one, other) => one.key - other.key).map(({ user }) => user);
}

function generateScripts(random: Random, conversations: readonly ConversationConfig[]): Script[] {
  const conversation = () => random.whole(0, conversations.length - 1);
  const others = scriptKinds.filter((kind) => random.fork(kind).chance(0.3));
  return ["chat" as const, ...others].map((kind, id) => ({ kind, conversation: conversation(), id }));
}

/** A tenth of all worlds are healthy, a fifth have one fault, and the rest have many; each fault weak, middling or strong. */
function generateFaults(random: Random): FaultMix {
  const which = random();
  if (which < 0.1) return {};
  const share = which < 0.3 ? 0 : random.between(0.05, 0.5);
  const single = random.pick(faultKinds);
  const chosen = faultKinds.filter((kind) => (share === 0 ? kind === single : random.fork(kind).chance(share)));
  return Object.fromEntries(chosen.map((kind) => [kind, random.fork(kind).pick([0.1, 0.3, 1])]));
}
