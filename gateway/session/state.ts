import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type {
  Compression,
  Cursor,
  Heads,
  HeadsPage,
  Heartbeat,
  Limits,
  Login,
  ReadMark,
  ServerFrame,
  ServerFrameSchema,
  Sync,
} from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { Outcome } from "../../gen/ts/tidewire/v1/message_pb.js";
import type { GcraState } from "../../runtime/gcra.js";
import type { Uplink } from "../uplink/uplink.js";

/**
 * The life of one connection.
 *
 *     greeting ──login──▶ opening ──opened──▶ attaching ──attached──▶ ready ──drain──▶ draining
 *        └───────────────────┴────────────────────┴──────── close ──────┴────────────────┴────▶ closed
 */
export type Session = Greeting | Opening | Attaching | Ready | Draining | Closed;

/** Nobody has logged in yet. */
export type Greeting = Readonly<{ state: "greeting"; deadlineMs: number }>;

/** The token is being verified and the device's epoch raised. */
export type Opening = Readonly<{ state: "opening"; deadlineMs: number; compression: Compression }>;

/** Topics and routes are being set up, so that no push is missed once heads are read. */
export type Attaching = Readonly<{
  state: "attaching";
  deadlineMs: number;
  compression: Compression;
  identity: Identity;
  lastClientId: bigint;
}>;

/** Everything goes. */
export type Ready = Readonly<{
  state: "ready";
  identity: Identity;
  uplink: Uplink;
  /** When the device counts as silent, in monotonic milliseconds. */
  silentAtMs: number;
  /** Set while a later token is being verified. */
  renewing: boolean;
  /** How the device can take sync pages, of what it offered with its last login. */
  compression: Compression;
  syncRate: GcraState;
  /** Reads under way: sync and heads. */
  readsUnderWay: number;
  look: Look;
  /** True while heads are being read of conversations in which the device is behind. */
  pointing: boolean;
}>;

/** The gateway is going away: no `up_msg` is taken, what is in flight is still answered. */
export type Draining = Readonly<{ state: "draining"; identity: Identity; uplink: Uplink }>;

export type Closed = Readonly<{ state: "closed" }>;

/**
 * When the gateway looks on its own account for pushes that never came here: it reads which conversations the session is to
 * listen to, for one of them may have been the beginning of a membership, and then heads. A push may be published along a
 * route that was cached before this session had attached, so a look is due after the longest life of such a cache; and
 * whenever entries of the delivery stream were lost, or the socket dropped some. `since` is the last watermark that the device has
 * asked for and got: a look may itself be dropped.
 */
export type Look =
  /** The device has not asked yet. */
  | { kind: "waiting-for-first" }
  /** @property from where this look begins, or goes on */
  | { kind: "due"; atMs: number; since: bigint; from: bigint }
  /** @property againAtMs set if entries were lost meanwhile */
  | { kind: "under-way"; since: bigint; againAtMs: number | undefined }
  | { kind: "rested"; since: bigint };

/** Who is at the other end. */
export type Identity = Readonly<{
  userId: bigint;
  sessionId: bigint;
  deviceId: string;
  device: number;
  epoch: bigint;
  storeId: string;
  /** Wall clock, in milliseconds since 1970-01-01 UTC. */
  tokenExpiresAtMs: number;
}>;

export type SessionRules = Readonly<{
  loginTimeoutMs: number;
  heartbeatIntervalMs: number;
  ackDelayMs: number;
  limits: Limits;
}>;

/** What can happen to a session: frames of the device, answers to its own effects, and orders of the gateway. */
export type SessionEvent = DeviceEvent | AnswerEvent | GatewayEvent;

export type DeviceEvent =
  | { kind: "login"; login: Login }
  | { kind: "heartbeat"; heartbeat: Heartbeat }
  /** `rate` is shared by the devices of a user on this gateway; `lane` says whether the device's lane has room. */
  | { kind: "up-msg"; clientId: bigint; upMsg: Uint8Array; rate: GcraState; lane: "open" | "full" }
  | { kind: "ack"; cursors: AckedCursors }
  | { kind: "sync"; sync: Sync }
  | { kind: "heads"; heads: Heads }
  | { kind: "read-mark"; readMark: ReadMark }
  | { kind: "signal" }
  | { kind: "logout" }
  /** What arrived is not a frame that the contract allows. */
  | { kind: "violation"; problem: Problem };

/** Up to where a device holds its conversations. */
export type AckedCursors = readonly Pick<Cursor, "conversationId" | "seq">[];

export type AnswerEvent =
  | { kind: "opened"; identity: Identity; lastClientId: bigint }
  | { kind: "open-failed"; problem: Problem }
  | { kind: "attached" }
  | { kind: "renewed"; userId: bigint; tokenExpiresAtMs: number }
  | { kind: "renew-failed"; problem: Problem }
  /** In the order in which they were submitted. */
  | { kind: "outcomes"; outcomes: readonly SettledSubmission[] }
  /** The lane could not learn the outcome of what was in flight and has dropped it. */
  | { kind: "lane-gave-up" }
  /** @property page an encoded SyncPage without a request_id */
  | { kind: "sync-page"; requestId: bigint; page: Uint8Array }
  | { kind: "heads-page"; page: HeadsPage }
  /** Heads of conversations in which the device was behind. */
  | { kind: "pointers"; page: HeadsPage };

export type GatewayEvent =
  /** A session of this device with this epoch exists. */
  | { kind: "fence"; epoch: bigint }
  /** Time has passed. */
  | { kind: "tick" }
  | { kind: "drain"; reconnectAfterMs: number }
  /** All lanes are empty: what was in flight has been answered. */
  | { kind: "drained" }
  /** The socket dropped what was published to it. */
  | { kind: "lagging" }
  /** The socket has sent everything that waited. */
  | { kind: "drained-socket" }
  /** The device has not acknowledged what has gone out in these conversations, and has to pull it. */
  | { kind: "behind"; conversationIds: readonly bigint[] }
  /** The device has let all retransmissions pass. */
  | { kind: "unresponsive" }
  /** Entries of the delivery stream were lost, or came too late to take effect: a look is due, at `lookAtMs`. */
  | { kind: "entries-lost"; lookAtMs: number };

export type SettledSubmission = Readonly<{
  clientId: bigint;
  outcome: Outcome;
  /** Whether the device's own push has just left, which tells it as much as an `up_ack` does. */
  told: "by-push" | "not-yet";
}>;

/** What went wrong, for an error frame. */
export type Problem = Readonly<{ code: ErrorCode; detail: string; retryAfterMs?: number }>;

/** What the shell has to do, in this order. */
export type SessionEffect =
  | { kind: "open"; login: Login }
  | { kind: "attach"; identity: Identity }
  | { kind: "renew"; token: string }
  | { kind: "send"; frame: Reply }
  /** A page that is encoded already. */
  | { kind: "send-page"; requestId: bigint; page: Uint8Array }
  | { kind: "charge"; rate: GcraState }
  | { kind: "submit"; clientId: bigint; upMsg: Uint8Array }
  | { kind: "acknowledge"; cursors: AckedCursors }
  | ReadEffect
  /** Takes the socket off its topics, until it is put back. */
  | { kind: "pause-pushes" }
  | { kind: "resume-pushes" }
  | { kind: "mark-read"; readMark: ReadMark }
  | { kind: "close"; code: CloseCode };

/** What has to be read from the store. Each is answered by an event. */
export type ReadEffect =
  | { kind: "read-sync"; sync: Sync; compression: Compression }
  | { kind: "read-heads"; requestId: bigint; since: bigint; limit: number }
  /** Sees to it that the session listens to what it is to hear, and then reads heads. */
  | { kind: "look"; since: bigint }
  | { kind: "read-pointers"; conversationIds: readonly bigint[] };

/** A frame to the device. */
export type Reply = MessageInitShape<typeof ServerFrameSchema>["frame"] & {
  case: NonNullable<ServerFrame["frame"]["case"]>;
};

/** Two clocks: intervals by the first, expiry of tokens by the second, both in milliseconds. */
export type Now = Readonly<{ monotonicMs: number; wallMs: number }>;

export type Step = [Session, SessionEffect[]];
