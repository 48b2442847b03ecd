import { defaultLimits, type LimitValues } from "../gen/ts/tidewire/v1/limits.js";
import {
  choice,
  directory,
  ed25519Key,
  either,
  flag,
  integer,
  origins,
  text,
  url,
  type ValueKind,
} from "./config-values.js";
import { logLevels } from "./log.js";

/** One setting. Its variable is its name in capitals: `dataDir` is `TIDEWIRE_DATA_DIR`. */
export type Option<Value> = Readonly<{
  kind: ValueKind<Value>;
  default: Value;
  /** What it does, in one sentence for an operator. */
  description: string;
  unit?: "ms" | "min" | "days" | "bytes" | "per second";
  /** `secret`: its value is never shown. */
  visibility?: "secret";
}>;

/** Keeps the value's type as wide as its kind. */
function option<Value>(kind: ValueKind<Value>, fallback: NoInfer<Value>, description: string): Option<Value> {
  return { kind, default: fallback, description };
}

type Unit = NonNullable<Option<unknown>["unit"]>;

function amount(
  unit: Unit,
  [min, max]: readonly [number, number],
  fallback: number,
  description: string,
): Option<number> {
  return { kind: integer(min, max), default: fallback, description, unit };
}

function secret(kind: ValueKind<string>, description: string): Option<string> {
  return { kind, default: "", description, visibility: "secret" };
}

const day = 86_400_000;
const mib = 1_048_576;

/** What a device may do; stated to it in `login_ok`. */
const limitOptions = {
  messageMaxBytes: amount("bytes", [1_024, 16 * mib], defaultLimits.messageMaxBytes, "Largest WebSocket message."),
  frameMaxBytes: amount("bytes", [1_024, 16 * mib], defaultLimits.frameMaxBytes, "Largest frame."),
  framesPerMessageMax: option(
    integer(1, 10_000),
    defaultLimits.framesPerMessageMax,
    "Most frames in a WebSocket message.",
  ),
  contentMaxBytes: amount(
    "bytes",
    [256, 8 * mib],
    defaultLimits.contentMaxBytes,
    "Largest encoded content of a message.",
  ),
  inFlightMax: option(integer(1, 1_000), defaultLimits.inFlightMax, "Most messages of a device without an outcome."),
  inFlightMaxBytes: amount("bytes", [1_024, 16 * mib], defaultLimits.inFlightMaxBytes, "Most bytes of them."),
  syncPageMax: option(integer(1, 1_000), defaultLimits.syncPageMax, "Most messages in a sync page."),
  syncPageMaxBytes: amount(
    "bytes",
    [1_024, 8 * mib],
    defaultLimits.syncPageMaxBytes,
    "Size at which a sync page ends.",
  ),
  headsPageMax: option(integer(1, 1_000), defaultLimits.headsPageMax, "Most conversations in a heads page."),
  syncRatePerSecond: amount(
    "per second",
    [1, 10_000],
    defaultLimits.syncRatePerSecond,
    "Sync requests of a connection.",
  ),
  messageBurst: option(integer(1, 1_000_000), defaultLimits.messageBurst, "Messages that a user may send at once."),
  messageRatePerSecond: amount(
    "per second",
    [1, 1_000_000],
    defaultLimits.messageRatePerSecond,
    "Messages that a user may send lastingly.",
  ),
  ackMax: option(integer(1, 500), defaultLimits.ackMax, "Most conversations in one ack."),
} satisfies Record<keyof LimitValues, Option<number>>;

/** Every setting there is, in the order in which it is shown. */
export const configOptions = {
  host: option(
    text("a host name or an address", isHost),
    "127.0.0.1",
    "Address to listen on for devices and HTTP callers.",
  ),
  port: option(integer(0, 65_535), 8080, "Port to listen on; 0 takes any free one."),
  metricsPort: option(
    either(choice("off"), integer(0, 65_535)),
    9464,
    "Loopback port for Prometheus; 0 takes any free one, off opens none.",
  ),
  dataDir: option(directory(), "./data", "Where the embedded database, keys and chat profiles lie."),
  databaseUrl: secret(url("postgres", "postgresql"), "PostgreSQL server to use. Empty: the embedded database."),
  allowUnsafeDatabase: option(
    flag(),
    false,
    "Accept a server with fsync, full_page_writes or synchronous_commit off, which may lose what it has acknowledged.",
  ),
  logLevel: option(choice(...logLevels), "info", "Least level to log."),
  logFormat: option(
    choice("auto", "pretty", "json"),
    "auto",
    "How to log; auto is pretty on a terminal and json elsewhere.",
  ),

  allowedOrigins: option(
    origins(),
    [],
    "Web origins that may connect. Requests from this server's own origin, and those without an origin, always may.",
  ),
  tokenKey: secret(
    ed25519Key(),
    "Key that signs access tokens. Empty: a file in the data directory, made at first start.",
  ),
  issuer: option(text(), "tidewire", "Name under which this server issues tokens (the iss claim)."),
  externalIssuer: option(text(), "", "Your own issuer of tokens (its iss claim). Empty: none."),
  externalJwksUrl: option(url("https", "http"), "", "Where your issuer publishes its keys."),
  externalAudience: option(text(), "", "The aud claim that your issuer writes for this server."),
  accessTokenMinutes: amount("min", [1, 1_440], 15, "How long an access token is valid."),
  refreshTokenDays: amount("days", [1, 3_650], 30, "How long a refresh token is valid."),

  heartbeatIntervalMs: amount(
    "ms",
    [1_000, 600_000],
    30_000,
    "Interval of heartbeats; silence for 2.5 intervals closes.",
  ),
  ackDelayMs: amount("ms", [0, 10_000], 200, "How long a device may hold back its acks."),
  loginTimeoutMs: amount("ms", [100, 60_000], 5_000, "Time from the opening of a connection to its login."),
  drainTimeoutMs: amount("ms", [0, 600_000], 30_000, "Time that a stop may take, from the signal to the end."),
  unauthenticatedPerIpMax: option(integer(1, 100_000), 20, "Most connections of one address that have not logged in."),
  maxBackpressureBytes: amount(
    "bytes",
    [16_384, 64 * mib],
    262_144,
    "Most bytes that wait for a device which reads too slowly.",
  ),
  lanes: option(integer(1, 64), 2, "Batches of messages that may be on the way to the database at a time."),
  socketThreads: option(
    integer(1, 64),
    1,
    "Event loops that share the port, each in a thread of its own if there are several. Limits of one address count in each.",
  ),
  serviceThreads: option(
    either(choice("auto"), integer(0, 64)),
    "auto",
    "Threads that store and read messages beside the one of the sockets; auto is two less than the cores, at most 4. " +
      "The embedded database needs 0.",
  ),
  laneQueueMaxBytes: amount("bytes", [65_536, 1_024 * mib], 4 * mib, "Most bytes that wait in a lane."),

  registrationsPerMinute: option(integer(1, 1_000_000), 20, "Most accounts that one address may create in a minute."),
  devicesPerUserMax: option(integer(1, 1_000), 10, "Most devices of a user."),
  groupMembersMax: option(integer(2, 1_000_000), 10_000, "Most members of a group."),
  routeByConversationAbove: option(
    integer(2, 100_000),
    100,
    "Members above which a conversation is delivered by conversation instead of by user.",
  ),
  ...limitOptions,
} satisfies Record<string, Option<unknown>>;

export type OptionName = keyof typeof configOptions;

/** The value of every option. */
export type Config = Readonly<{
  [Name in OptionName]: (typeof configOptions)[Name] extends Option<infer Value> ? Value : never;
}>;

export const optionNames = Object.freeze(Object.keys(configOptions)) as readonly OptionName[];

/** The part of the configuration that devices are told of. */
export function limitsOf(config: Config): LimitValues {
  const names = Object.keys(limitOptions) as (keyof LimitValues)[];
  return Object.fromEntries(names.map((name) => [name, config[name]])) as unknown as LimitValues;
}

/** What is wrong with values that are right each by itself. */
export function findContradictions(config: Config): string[] {
  const external = [config.externalIssuer, config.externalJwksUrl, config.externalAudience];
  const rules: [boolean, string][] = [
    [config.frameMaxBytes > config.messageMaxBytes, "frameMaxBytes must not be above messageMaxBytes"],
    [
      config.contentMaxBytes + frameOverheadBytes > config.frameMaxBytes,
      `contentMaxBytes must leave ${frameOverheadBytes} bytes of frameMaxBytes for the rest of the frame`,
    ],
    [
      external.some((value) => value !== "") && external.includes(""),
      "externalIssuer, externalJwksUrl and externalAudience must be set together",
    ],
    [config.externalIssuer !== "" && config.externalIssuer === config.issuer, "externalIssuer must differ from issuer"],
    [config.accessTokenMinutes * 60_000 >= config.refreshTokenDays * day, "refresh tokens must outlive access tokens"],
    [
      config.databaseUrl === "" && typeof config.serviceThreads === "number" && config.serviceThreads > 0,
      "serviceThreads needs a PostgreSQL server (databaseUrl): the embedded database does one thing at a time",
    ],
    [config.port !== 0 && config.port === config.metricsPort, "port and metricsPort must differ"],
  ];
  return rules.filter(([broken]) => broken).map(([, problem]) => problem);
}

/** Room for the fields of a push or up_msg beside its content. */
const frameOverheadBytes = 512;

function isHost(value: string): boolean {
  return /^[a-z0-9.:_-]+$/i.test(value);
}
