import type { ConversationRow, DeviceRow, MessageRow } from "../evidence.js";
import type { Place } from "../note.js";
import type { Findings } from "./findings.js";
import { groupBy, isWithin, type Ledgers, type SentMessage } from "./ledger.js";

/** What the database must look like by itself, and beside what the devices wanted to send: invariants 2, 3, 4, 11 and 16. */
export function checkLog(ledgers: Ledgers, findings: Findings): void {
  const { conversations } = ledgers.evidence.server;
  for (const conversation of conversations) {
    const log = ledgers.logs.get(conversation.conversationId) ?? [];
    checkGapless(conversation, log, findings);
    for (const row of log) if (row.senderId !== "0") checkOrigin(ledgers, conversation, row, findings);
    checkOrderOfEachDevice(ledgers, log, findings);
  }
  for (const rows of ledgers.rowsOfText.values()) {
    if (rows.length > 1) findings.report(1, `${rows.map(nameOf).join(" and ")} are the same message`);
  }
  checkOutcomes(ledgers, findings);
}

export function nameOf({ conversationId, seq, text }: Pick<MessageRow, "conversationId" | "seq" | "text">): string {
  return `${conversationId}:${seq} ${JSON.stringify(text?.slice(0, 40) ?? "an event")}`;
}

function checkGapless(
  { conversationId, headSeq }: ConversationRow,
  log: readonly MessageRow[],
  findings: Findings,
): void {
  const flaw = log.findIndex(({ seq }, index) => seq !== index + 1);
  if (flaw >= 0) findings.report(3, `${conversationId} has seq ${log[flaw]?.seq} in place ${flaw + 1}`);
  if (log.length !== headSeq) findings.report(3, `${conversationId} has ${log.length} messages and head ${headSeq}`);
}

/** Somebody sent exactly this, there, and was then a member. */
function checkOrigin(ledgers: Ledgers, conversation: ConversationRow, row: MessageRow, findings: Findings): void {
  const sent = ledgers.sent.get(row.text ?? "");
  if (sent === undefined) return findings.report(2, `nobody sent ${nameOf(row)}`);
  const own = ledgers.ledgers.find(({ device }) => device === sent.sender)?.row;
  if (!isBy(row, own))
    findings.report(2, `${nameOf(row)} is user ${row.senderId}'s, but ${nameOfSender(sent)} sent it`);
  if (!isAt(sent.place, conversation, row.senderId)) findings.report(2, `${nameOf(row)} was sent to another place`);
  const intervals = ledgers.intervalsOf(row.conversationId, row.senderId);
  if (!isWithin(intervals, row.seq)) findings.report(2, `${nameOf(row)} is of user ${row.senderId}, no member then`);
}

function isBy({ senderId, device }: MessageRow, row: DeviceRow | undefined): boolean {
  return senderId === row?.userId && device === row.device;
}

function nameOfSender({ sender }: SentMessage): string {
  return `${sender.deviceId} of user ${sender.userId}`;
}

function isAt(place: Place, { conversationId, pair }: ConversationRow, senderId: string): boolean {
  if (place.to === "conversation") return place.conversationId === conversationId;
  return pair?.includes(place.userId) === true && pair.includes(senderId);
}

function checkOrderOfEachDevice({ sent }: Ledgers, log: readonly MessageRow[], findings: Findings): void {
  const last = new Map<string, { row: MessageRow; order: number }>();
  for (const row of log) {
    const order = sent.get(row.text ?? "")?.order;
    if (order === undefined) continue;
    const sender = `${row.senderId}/${row.device}`;
    const before = last.get(sender);
    if (before && (before.row.clientId >= row.clientId || before.order >= order))
      findings.report(4, `${nameOf(row)} lies behind ${nameOf(before.row)} of the same device, which was sent later`);
    last.set(sender, { row, order });
  }
}

/** Each client_id of a device has one outcome, and there is none without a number. */
function checkOutcomes({ evidence: { server } }: Ledgers, findings: Findings): void {
  const messages = server.messages.map(({ senderId, device, clientId }) => ({ userId: senderId, device, clientId }));
  const outcomes = groupBy([...messages, ...server.refusals], ({ userId, device }) => `${userId}/${device}`);
  for (const { userId, device, deviceId, lastClientId } of server.devices) {
    const numbers = (outcomes.get(`${userId}/${device}`) ?? []).map(({ clientId }) => clientId);
    const sorted = numbers.sort((one, other) => one - other);
    const flaw = sorted.findIndex((clientId, index) => clientId !== index + 1);
    if (flaw >= 0) findings.report(11, `${deviceId} has outcome number ${sorted[flaw]} in place ${flaw + 1}`);
    if (sorted.length !== lastClientId)
      findings.report(16, `${deviceId} has ${sorted.length} outcomes, but its last client_id is ${lastClientId}`);
  }
}
