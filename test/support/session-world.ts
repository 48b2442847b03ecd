import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type {
  Identity,
  Now,
  Ready,
  Reply,
  Session,
  SessionEffect,
  SessionEvent,
  SessionRules,
  SettledSubmission,
} from "../../gateway/session/state.js";
import { createSession, step } from "../../gateway/session/step.js";
import type { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import {
  HeadsPageSchema,
  HeadsSchema,
  HeartbeatSchema,
  LimitsSchema,
  LoginSchema,
  ReadMarkSchema,
  type ServerFrame,
  SyncPageSchema,
  SyncSchema,
} from "../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits, type LimitValues } from "../../gen/ts/tidewire/v1/limits.js";
import { OutcomeSchema, type Rejection } from "../../gen/ts/tidewire/v1/message_pb.js";
import { encode } from "../../runtime/binary.js";
import { fullBucket, type GcraState } from "../../runtime/gcra.js";

/** One session, its rules and its clocks, which stand still until a test moves them. */
export interface SessionWorld {
  readonly session: Session;
  readonly now: Now;
  readonly rules: SessionRules;
  /** Steps the session and returns what it wants done. */
  on(event: SessionEvent): SessionEffect[];
  advance(ms: number): void;
}

export type WorldOptions = Readonly<{
  limits?: Partial<LimitValues>;
  identity?: Partial<Identity>;
  lastClientId?: bigint;
}>;

export const startWallMs = Date.UTC(2025, 5, 1);

export const ann: Identity = {
  userId: 7n,
  sessionId: 70n,
  deviceId: "ann-phone",
  device: 1,
  epoch: 5n,
  storeId: "store-1",
  tokenExpiresAtMs: startWallMs + 900_000,
};

/** A session that nobody has logged in to. Logs in within 5 s, heartbeats every 30 s. */
export function greetingWorld({ limits = {} }: WorldOptions = {}): SessionWorld {
  const rules: SessionRules = {
    loginTimeoutMs: 5_000,
    heartbeatIntervalMs: 30_000,
    ackDelayMs: 200,
    limits: create(LimitsSchema, { ...defaultLimits, ...limits }),
  };
  let now: Now = { monotonicMs: 1_000, wallMs: startWallMs };
  let session = createSession(now, rules);
  return {
    rules,
    get session() {
      return session;
    },
    get now() {
      return now;
    },
    on(event) {
      const [next, effects] = step(session, event, now, rules);
      session = next;
      return effects;
    },
    advance(ms) {
      now = { monotonicMs: now.monotonicMs + ms, wallMs: now.wallMs + ms };
    },
  };
}

/** A session whose token is being verified. */
export function openingWorld(options: WorldOptions = {}): SessionWorld {
  const world = greetingWorld(options);
  world.on(login());
  return world;
}

/** A session whose topics and routes are being set up. */
export function attachingWorld(options: WorldOptions = {}): SessionWorld {
  const world = openingWorld(options);
  const identity = { ...ann, ...options.identity };
  world.on({ kind: "opened", identity, lastClientId: options.lastClientId ?? 0n });
  return world;
}

/** Ann's phone, logged in. Its epoch is 5 and its token lasts 15 minutes. */
export function readyWorld(options: WorldOptions = {}): SessionWorld {
  const world = attachingWorld(options);
  world.on({ kind: "attached" });
  return world;
}

/** Ann's phone, told to go elsewhere. */
export function drainingWorld(options: WorldOptions = {}): SessionWorld {
  const world = readyWorld(options);
  world.on({ kind: "drain", reconnectAfterMs: 1_234 });
  return world;
}

/** The session, which has to be ready. */
export function readyOf(world: SessionWorld): Ready {
  if (world.session.state !== "ready") throw new Error(`the session is ${world.session.state}`);
  return world.session;
}

export function login(init: MessageInitShape<typeof LoginSchema> = {}): SessionEvent {
  return { kind: "login", login: create(LoginSchema, { token: "token-1", deviceId: ann.deviceId, ...init }) };
}

export function upMsg(
  clientId: bigint,
  { bytes = 10, rate = fullBucket, lane = "open" }: { bytes?: number; rate?: GcraState; lane?: "open" | "full" } = {},
): SessionEvent {
  return { kind: "up-msg", clientId, upMsg: new Uint8Array(bytes), rate, lane };
}

export function heartbeat(clientTimeMs = 0n): SessionEvent {
  return { kind: "heartbeat", heartbeat: create(HeartbeatSchema, { clientTimeMs }) };
}

export function sync(requestId: bigint): SessionEvent {
  return { kind: "sync", sync: create(SyncSchema, { requestId, conversationId: 9n }) };
}

export function syncPage(requestId: bigint): SessionEvent {
  return {
    kind: "sync-page",
    requestId,
    page: encode(SyncPageSchema, create(SyncPageSchema, { conversationId: 9n, headSeq: 3n })),
  };
}

export function heads(requestId: bigint, since = 0n): SessionEvent {
  return { kind: "heads", heads: create(HeadsSchema, { requestId, since, limit: 50 }) };
}

export function headsPage(init: MessageInitShape<typeof HeadsPageSchema>): SessionEvent {
  return { kind: "heads-page", page: create(HeadsPageSchema, init) };
}

export const ack: SessionEvent = {
  kind: "ack",
  cursors: [{ conversationId: 9n, seq: 3n }],
};

export const readMark: SessionEvent = {
  kind: "read-mark",
  readMark: create(ReadMarkSchema, { conversationId: 9n, seq: 3n }),
};

/** Every frame that a device may send but `login`. */
export const framesButLogin: readonly SessionEvent[] = [
  heartbeat(),
  upMsg(1n),
  ack,
  sync(1n),
  heads(1n),
  readMark,
  { kind: "signal" },
  { kind: "logout" },
];

export function outcomes(...settled: SettledSubmission[]): SessionEvent {
  return { kind: "outcomes", outcomes: settled };
}

export function stored(clientId: bigint): SettledSubmission {
  const place = { conversationId: 9n, seq: 100n + clientId, messageId: 1_000n + clientId, sentAtMs: 1n };
  return { clientId, outcome: create(OutcomeSchema, { result: { case: "stored", value: place } }), told: "not-yet" };
}

export function refused(clientId: bigint, code: ErrorCode): SettledSubmission {
  return { clientId, outcome: create(OutcomeSchema, { result: { case: "refused", value: code } }), told: "not-yet" };
}

export function rejected(clientId: bigint, rejection: Rejection): SettledSubmission {
  const result = { case: "rejected" as const, value: rejection };
  return { clientId, outcome: create(OutcomeSchema, { result }), told: "not-yet" };
}

/** The frames among the effects. */
export function sent(effects: readonly SessionEffect[]): Reply[] {
  return effects.flatMap((effect) => (effect.kind === "send" ? [effect.frame] : []));
}

/** The only frame among the effects, which has to be of this kind. */
export function onlyFrame<Case extends NonNullable<ServerFrame["frame"]["case"]>>(
  effects: readonly SessionEffect[],
  kind: Case,
): Extract<Reply, { case: Case }>["value"] {
  const [frame, ...more] = sent(effects);
  if (frame?.case !== kind || more.length > 0) {
    throw new Error(`the frames are ${sent(effects).map((each) => each.case)}`);
  }
  return frame.value as never; // checked above; the compiler cannot narrow a union by a type parameter
}

/** The close code among the effects, and undefined if the session goes on. */
export function closeCode(effects: readonly SessionEffect[]): CloseCode | undefined {
  for (const effect of effects) if (effect.kind === "close") return effect.code;
  return undefined;
}

/** The kinds of the effects, in order. */
export function kinds(effects: readonly SessionEffect[]): string[] {
  return effects.map((effect) => effect.kind);
}
