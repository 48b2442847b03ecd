import { unreachable } from "../../../runtime/error.js";
import type { DeviceEvidence, HeldMessage, MembershipRow, MessageRow } from "../evidence.js";
import { nameOf } from "./check-log.js";
import type { Findings } from "./findings.js";
import { groupBy, isWithin, type Ledgers } from "./ledger.js";

/** What the devices applied on the way, and what they hold in the end: invariants 6, 7 and 12. */
export function checkDevices(ledgers: Ledgers, findings: Findings): void {
  const { devices, server } = ledgers.evidence;
  for (const device of devices) {
    const skips = replay(device, findings);
    const held = groupBy(device.storage.messages, ({ conversationId }) => conversationId);
    for (const { conversationId, headSeq } of server.conversations) {
      const intervals = ledgers.intervalsOf(conversationId, device.userId);
      const log = ledgers.logs.get(conversationId) ?? [];
      const copy = held.get(conversationId) ?? [];
      checkMembership(device, copy, intervals, findings);
      if (intervals.length === 0) continue;
      checkCursor(device, { conversationId, endSeq: intervals.at(-1)?.toSeq ?? headSeq }, findings);
      checkCopy(device, { log, copy, intervals, skips: skips.get(conversationId) ?? [] }, findings);
    }
    const known = new Set(server.conversations.map(({ conversationId }) => conversationId));
    for (const [conversationId, messages] of held) {
      if (!known.has(conversationId))
        findings.report(7, `${device.deviceId} holds ${messages.length} of no conversation`);
    }
  }
}

/**
 * Seqs that the device was told to skip: those above `afterSeq`, up to `floorSeq`. `unsure` if a killed process may have taken
 * along the note that says how far: then only what lies before everything that the device holds can have been skipped.
 */
type Skip = Readonly<{ kind: "told" | "unsure"; afterSeq: number; floorSeq: number }>;

/** Follows the device's cursors through its notes. */
function replay(device: DeviceEvidence, findings: Findings): Map<string, Skip[]> {
  const cursors = new Map<string, number>();
  const skips = new Map<string, Skip[]>();
  const skip = (conversationId: string, skipped: Skip) =>
    skips.set(conversationId, [...(skips.get(conversationId) ?? []), skipped]);
  for (const note of device.notes) {
    switch (note.kind) {
      case "opened":
        for (const [conversationId, before] of cursors) {
          const now = note.cursors[conversationId] ?? 0;
          if (now < before) findings.report(6, `${device.deviceId} forgot ${conversationId} from ${now} to ${before}`);
        }
        for (const [conversationId, now] of Object.entries(note.cursors)) {
          const before = cursors.get(conversationId) ?? 0;
          if (before === 0 && now > 0) skip(conversationId, { kind: "unsure", afterSeq: 0, floorSeq: now });
          cursors.set(conversationId, now);
        }
        break;
      case "applied": {
        const before = cursors.get(note.conversationId) ?? 0;
        if (note.seq !== before + 1)
          findings.report(6, `${device.deviceId} applied ${note.conversationId}:${note.seq} after ${before}`);
        cursors.set(note.conversationId, note.seq);
        break;
      }
      case "reset": {
        const afterSeq = cursors.get(note.conversationId) ?? 0;
        skip(note.conversationId, { kind: "told", afterSeq, floorSeq: note.floorSeq });
        cursors.set(note.conversationId, note.floorSeq);
        break;
      }
      case "started-over":
        findings.report(7, `${device.deviceId} started over, but nobody restored the server`);
        break;
      case "closed":
        findings.report(15, `${device.deviceId} gave up: ${note.advice}`);
        break;
      case "sends":
      case "kept":
      case "stored":
      case "refused":
      case "read":
        break;
      default:
        return unreachable(note);
    }
  }
  return skips;
}

function checkMembership(
  { deviceId, userId }: DeviceEvidence,
  copy: readonly HeldMessage[],
  intervals: readonly MembershipRow[],
  findings: Findings,
): void {
  const foreign = copy.find(({ seq }) => !isWithin(intervals, seq));
  if (foreign) findings.report(12, `${deviceId} holds ${nameOf(foreign)}, but user ${userId} was no member then`);
}

function checkCursor(
  { deviceId, storage }: DeviceEvidence,
  { conversationId, endSeq }: { conversationId: string; endSeq: number },
  findings: Findings,
): void {
  const cursor = storage.cursors[conversationId] ?? 0;
  if (cursor !== endSeq) findings.report(7, `${deviceId} holds ${conversationId} up to ${cursor} instead of ${endSeq}`);
}

type Comparison = Readonly<{
  log: readonly MessageRow[];
  copy: readonly HeldMessage[];
  intervals: readonly MembershipRow[];
  skips: readonly Skip[];
}>;

function checkCopy(
  { deviceId }: DeviceEvidence,
  { log, copy, intervals, skips }: Comparison,
  findings: Findings,
): void {
  const held = new Map(copy.map((message) => [message.seq, message]));
  const lowestSeq = copy.reduce((lowest, { seq }) => Math.min(lowest, seq), Number.POSITIVE_INFINITY);
  const mayMiss = (seq: number) =>
    skips.some(
      ({ kind, afterSeq, floorSeq }) => afterSeq < seq && seq <= floorSeq && (kind === "told" || seq < lowestSeq),
    );
  for (const row of log) {
    if (!isWithin(intervals, row.seq)) continue;
    const copied = held.get(row.seq);
    if (copied === undefined) {
      if (!mayMiss(row.seq)) findings.report(7, `${deviceId} lacks ${nameOf(row)}`);
    } else if (copied.messageId !== row.messageId || copied.text !== row.text) {
      findings.report(7, `${deviceId} holds ${nameOf(copied)} where the log has ${nameOf(row)}`);
    }
  }
}
