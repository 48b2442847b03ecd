/**
 * What one device has sent and what the store has said about it. Pure: the shell performs the effects.
 * Source: Kafka's idempotent producer; RFC 9000 §13 for the rule to report a loss once.
 */
export type Uplink = Readonly<{
  /** Highest client_id whose outcome is stored. */
  committed: bigint;
  /** Highest client_id taken into the lane; `accepted - committed` are in flight. */
  accepted: bigint;
  /** Bytes of those in flight, so that they can be given back as outcomes arrive. Oldest first. */
  inFlightBytes: readonly number[];
  /** Set while a hole, the rate or a full lane has been reported, so that it is reported once. */
  awaiting: bigint | undefined;
}>;

export type UplinkLimits = Readonly<{ inFlightMax: number; inFlightMaxBytes: number }>;

export type Nack = Readonly<{ expected: bigint; reason: "hole" | "rate" | "busy" | "conflict"; retryAfterMs: number }>;

/** What becomes of an `up_msg`. */
export type Arrival =
  /** It is the next one: into the lane with it, unless the user's rate or the lane forbids. */
  | { kind: "next" }
  /** Its outcome is stored: look it up and send it again. */
  | { kind: "settled" }
  /** Its outcome is on the way, or its hole has been reported: say nothing. */
  | { kind: "silence" }
  /** It cannot be taken. */
  | { kind: "nack"; nack: Nack };

/** How long a device waits before it tries again when too much of its own is in flight, in milliseconds. */
const IN_FLIGHT_RETRY_MS = 200;

/** @param lastClientId the last client_id whose outcome is stored, as the store said when the session was opened. */
export function createUplink(lastClientId: bigint): Uplink {
  return { committed: lastClientId, accepted: lastClientId, inFlightBytes: [], awaiting: undefined };
}

/** Decides what becomes of an `up_msg` of `bytes` bytes. Changes nothing: `accept` or `report` follow. */
export function classify(uplink: Uplink, clientId: bigint, bytes: number, limits: UplinkLimits): Arrival {
  const expected = uplink.accepted + 1n;
  if (clientId <= uplink.committed) return { kind: "settled" };
  if (clientId < expected) return { kind: "silence" };
  if (clientId > expected) {
    if (uplink.awaiting === expected) return { kind: "silence" };
    return { kind: "nack", nack: { expected, reason: "hole", retryAfterMs: 0 } };
  }
  if (isFull(uplink, bytes, limits))
    return { kind: "nack", nack: { expected, reason: "busy", retryAfterMs: IN_FLIGHT_RETRY_MS } };
  return { kind: "next" };
}

/** Takes the next `up_msg` in flight. */
export function accept(uplink: Uplink, bytes: number): Uplink {
  const { committed, accepted, inFlightBytes } = uplink;
  return { committed, accepted: accepted + 1n, inFlightBytes: [...inFlightBytes, bytes], awaiting: undefined };
}

/** Remembers that the device has been told which client_id is awaited. */
export function report(uplink: Uplink, nack: Nack): Uplink {
  return { ...uplink, awaiting: nack.expected };
}

/**
 * Notes that the outcomes of all ids up to `clientId` are stored. That may be one that was given back before: a copy of
 * it was still in the lane. Then what is accepted moves on with it, or the next id would count as a hole for ever.
 */
export function settle(uplink: Uplink, clientId: bigint): Uplink {
  if (clientId <= uplink.committed) return uplink;
  const settled = Number(clientId - uplink.committed);
  const accepted = clientId > uplink.accepted ? clientId : uplink.accepted;
  return {
    committed: clientId,
    accepted,
    inFlightBytes: uplink.inFlightBytes.slice(settled),
    awaiting: uplink.awaiting,
  };
}

/** Notes that the lane has given up what was in flight: the device sends it again. */
export function fallBack(uplink: Uplink): Uplink {
  return { ...createUplink(uplink.committed), awaiting: uplink.committed + 1n };
}

/** True if nothing is in flight and the device has been told which client_id is awaited. */
export function hasFallenBack(uplink: Uplink): boolean {
  return uplink.accepted === uplink.committed && uplink.awaiting === uplink.committed + 1n;
}

function isFull(uplink: Uplink, bytes: number, limits: UplinkLimits): boolean {
  const { length } = uplink.inFlightBytes;
  if (length === 0) return false; // one message is always welcome, however large
  return (
    length >= limits.inFlightMax || uplink.inFlightBytes.reduce((sum, n) => sum + n, bytes) > limits.inFlightMaxBytes
  );
}
