import { closeMeanings } from "../../gen/ts/tidewire/v1/close-codes.js";
import { clientFrameKinds, serverFrameKinds } from "../../gen/ts/tidewire/v1/dispatch.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { NackReason } from "../../gen/ts/tidewire/v1/frame_pb.js";

/** So many inputs reach all that there is to reach. */
export const reachFromInputs = 100_000;

const sessionStates = ["greeting", "opening", "attaching", "ready", "draining"];
const clientStates = ["greeting", "ready", "draining"];
const clientKinds = Object.values(clientFrameKinds).map(({ kind }) => kind);
const serverKinds = Object.values(serverFrameKinds).map(({ kind }) => kind);
/** As the gateway's metric of received frames names them. */
const eventKinds = ["login", "heartbeat", "up-msg", "ack", "sync", "heads", "read-mark", "signal", "logout"];
/** Errors that a gateway says of its own accord. Those of services are passed on as they come. */
const errors = [
  ErrorCode.INTERNAL,
  ErrorCode.UNAVAILABLE,
  ErrorCode.UNSUPPORTED,
  ErrorCode.TEXT_REFUSED,
  ErrorCode.MALFORMED,
  ErrorCode.FRAME_TOO_LARGE,
  ErrorCode.TOO_MANY_FRAMES,
  ErrorCode.LOGIN_REQUIRED,
  ErrorCode.LOGIN_MISMATCH,
  ErrorCode.UNAUTHENTICATED,
  ErrorCode.TOKEN_EXPIRED,
];
const nacks = [NackReason.HOLE, NackReason.RATE, NackReason.BUSY, NackReason.CONFLICT];
const told = [
  "connection",
  "message",
  "conversation",
  "stored",
  "refused",
  "renumbered",
  "reset",
  "started-over",
  "signal",
  "error",
];

/** What a fuzz has to have reached to prove anything, by the names under which it is counted. */
export const toBeReached: readonly string[] = [
  ...sessionStates.map((state) => `state ${state}`),
  ...sessionStates.flatMap((state) => clientKinds.map((kind) => `lawful ${kind} while ${state}`)),
  ...eventKinds.map((kind) => `framesReceived ${kind}`),
  ...serverKinds.filter((kind) => kind !== "signal").map((kind) => `said ${kind}`), // no gateway sends signals yet
  ...errors.map((code) => `error ${ErrorCode[code]}`),
  ...Object.keys(closeMeanings).map((code) => `closed ${code}`),
  ...nacks.map((reason) => `up_nack ${NackReason[reason]}`),
  "up_ack stored",
  "up_ack refused",
  ...clientStates.flatMap((state) => serverKinds.map((kind) => `lawful ${kind} to a client ${state}`)),
  ...told.map((kind) => `told ${kind}`),
];

/** Of what has to be reached, that which never was. */
export function findUnreached(counts: ReadonlyMap<string, number>): string[] {
  return toBeReached.filter((name) => !counts.has(name));
}
