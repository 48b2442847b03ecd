import type { DeviceEvidence } from "../evidence.js";
import type { Findings } from "./findings.js";
import type { Ledgers } from "./ledger.js";

/** Read marks never fall, and never pass the head: invariant 8. */
export function checkMarks(ledgers: Ledgers, findings: Findings): void {
  const { server, devices } = ledgers.evidence;
  const heads = new Map(server.conversations.map(({ conversationId, headSeq }) => [conversationId, headSeq]));
  for (const { conversationId, userId, readSeq } of server.memberships) {
    const headSeq = heads.get(conversationId) ?? 0;
    if (readSeq > headSeq)
      findings.report(8, `user ${userId} has read ${conversationId} up to ${readSeq} of ${headSeq}`);
  }
  for (const device of devices) {
    for (const [conversationId, shownSeq] of followMarks(device, findings)) {
      const intervals = ledgers.intervalsOf(conversationId, device.userId);
      const storedSeq = Math.max(...intervals.map(({ readSeq }) => readSeq), 0);
      if (storedSeq < shownSeq)
        findings.report(8, `${device.deviceId} has read ${conversationId} up to ${shownSeq}, stored is ${storedSeq}`);
    }
  }
}

/** The highest mark that a device has shown in each conversation. */
function followMarks({ deviceId, notes }: DeviceEvidence, findings: Findings): Map<string, number> {
  const shown = new Map<string, number>();
  for (const note of notes) {
    if (note.kind !== "read") continue;
    const before = shown.get(note.conversationId) ?? 0;
    if (note.seq < before)
      findings.report(8, `${deviceId}'s read mark in ${note.conversationId} fell from ${before} to ${note.seq}`);
    shown.set(note.conversationId, Math.max(before, note.seq));
  }
  return shown;
}
