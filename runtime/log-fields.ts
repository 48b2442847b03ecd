/**
 * Every field that may stand in a log line. What is not listed is dropped, so that a body, a token or a password that
 * gets into an object by mistake does not get out by the log. Before adding one: can a user choose its value?
 */
const logFields = [
  "address",
  "attempt",
  "batch",
  "bytes",
  "clientId",
  "closeCode",
  "code",
  "conversationId",
  "count",
  "dataDir",
  "delayMs",
  "device",
  "durationMs",
  "epoch",
  "err",
  "errorCode",
  "expected",
  "file",
  "frames",
  "gateway",
  "headSeq",
  "host",
  "kind",
  "lane",
  "lease",
  "limit",
  "messages",
  "method",
  "name",
  "nodeId",
  "pending",
  "phase",
  "pid",
  "port",
  "reason",
  "requestId",
  "retryAfterMs",
  "role",
  "seq",
  "service",
  "sessionId",
  "sessions",
  "setting",
  "settings",
  "signal",
  "state",
  "status",
  "step",
  "stream",
  "userId",
  "users",
  "version",
] as const;

type LogField = (typeof logFields)[number];

type LogValue = string | number | bigint | boolean | undefined;

/** `err` is any thrown value; of an error only name, code, message, stack and cause are written. */
export type LogFields = { readonly [Field in Exclude<LogField, "err">]?: LogValue | readonly LogValue[] } & {
  readonly err?: unknown;
};

const allowed: ReadonlySet<string> = new Set(logFields);
const textMax = 500;
const stackMax = 4_000;
const itemsMax = 20;
const causesMax = 3;

/**
 * The fields as they may be written: allowlisted, flat, bounded, 64-bit ids as strings. `droppedFields` names what was
 * left out; names are code, so they tell no secret.
 */
export function toSafeFields(fields: object): Record<string, unknown> {
  const safe: Record<string, unknown> = {};
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (!allowed.has(name)) dropped.push(name.slice(0, 40));
    else safe[name] = name === "err" ? toSafeError(value) : toSafeValue(value);
  }
  if (dropped.length > 0) safe.droppedFields = dropped.slice(0, itemsMax);
  return safe;
}

function toSafeValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, itemsMax).map(toSafeScalar);
  return toSafeScalar(value);
}

function toSafeScalar(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "string") return value.length > textMax ? `${value.slice(0, textMax)}…` : value;
  if (typeof value === "number" || typeof value === "boolean" || value === undefined) return value;
  return `[${value === null ? "null" : typeof value}]`;
}

/** Errors of libraries carry more, such as the statement and its parameters: that stays here. */
function toSafeError(thrown: unknown, depth = 0): unknown {
  if (!(thrown instanceof Error)) return toSafeScalar(thrown);
  const code = "code" in thrown ? toSafeScalar(thrown.code) : undefined;
  const cause = thrown.cause === undefined || depth === causesMax ? undefined : toSafeError(thrown.cause, depth + 1);
  return {
    name: toSafeScalar(thrown.name),
    code,
    message: toSafeScalar(thrown.message),
    stack: thrown.stack?.slice(0, stackMax),
    cause,
  };
}
