import type { Findings } from "./findings.js";
import { groupBy, type Ledger, type Ledgers, type Refused, type Stored } from "./ledger.js";

/** What the devices were told of their own messages, and what must have become of them: invariants 1, 5, 10, 11 and 15. */
export function checkAcks(ledgers: Ledgers, findings: Findings): void {
  for (const ledger of ledgers.ledgers) {
    const { deviceId, storage } = ledger.device;
    if (ledger.row === undefined) findings.report(1, `the server does not know ${deviceId}`);
    for (const stored of ledger.stored) checkPlace(ledgers, ledger, stored, findings);
    for (const refused of ledger.refused) checkReason(ledgers, ledger, refused, findings);
    checkOneOutcome(ledger, findings);
    checkNothingLost(ledgers, ledger, findings);
    if (storage.outbox.length > 0) findings.report(15, `${deviceId} still has ${storage.outbox.length} in its outbox`);
  }
  checkAcksPrecede(ledgers, findings);
}

/** Where the ACK said that the message is, it is, and under the number under which it was sent. */
function checkPlace({ rowsOfText }: Ledgers, { device, row }: Ledger, stored: Stored, findings: Findings): void {
  const { text, clientId, conversationId, seq, messageId } = stored;
  const ack = `the ACK of ${device.deviceId}'s ${clientId} for ${conversationId}:${seq}`;
  if (text === undefined) return findings.report(1, `${ack} is for nothing that it had in its outbox`);
  const [logged] = rowsOfText.get(text) ?? [];
  if (logged === undefined) return findings.report(1, `${ack} came, but ${JSON.stringify(text)} is in no log`);
  const isThere =
    logged.conversationId === conversationId &&
    logged.seq === seq &&
    logged.messageId === messageId &&
    logged.senderId === row?.userId &&
    logged.device === row.device;
  if (!isThere) findings.report(1, `${ack} came, but the message is at ${logged.conversationId}:${logged.seq}`);
  if (logged.clientId !== clientId)
    findings.report(16, `${ack} came, but it was stored under the number ${logged.clientId}`);
}

/** What is said to somebody who is no longer a member, and to somebody who has never been one. */
const strangerCodes = new Set(["NOT_A_MEMBER", "UNKNOWN_CONVERSATION"]);

/** Nothing here is refused for good, but what is sent to a group by somebody who was not always a member. */
function checkReason(ledgers: Ledgers, { device }: Ledger, { text = "", code }: Refused, findings: Findings): void {
  const place = ledgers.sent.get(text)?.place;
  const intervals = place?.to === "conversation" ? ledgers.intervalsOf(place.conversationId, device.userId) : [];
  const wasAlwaysMember = intervals.some(({ fromSeq, toSeq }) => fromSeq === 1 && toSeq === undefined);
  if (strangerCodes.has(code) && place?.to === "conversation" && !wasAlwaysMember) return;
  findings.report(11, `${device.deviceId}'s ${JSON.stringify(text)} was refused with ${code}`);
}

function checkOneOutcome({ device, stored, refused }: Ledger, findings: Findings): void {
  const outcomes = new Map<string, string>();
  const results = [
    ...stored.map(({ text, conversationId, seq }) => ({ text, result: `stored at ${conversationId}:${seq}` })),
    ...refused.map(({ text, code }) => ({ text, result: `refused with ${code}` })),
  ];
  for (const { text = "", result } of results) {
    const before = outcomes.get(text) ?? result;
    if (before !== result)
      findings.report(5, `${device.deviceId}'s ${JSON.stringify(text)} was ${before} and ${result}`);
    outcomes.set(text, result);
  }
}

/** What was in the outbox is in a log, or was refused. */
function checkNothingLost(ledgers: Ledgers, ledger: Ledger, findings: Findings): void {
  const { device, row, kept, doubtful, refused } = ledger;
  const refusedTexts = new Set(refused.map(({ text }) => text));
  const own = ledgers.evidence.server.refusals.filter(
    (each) => each.userId === row?.userId && each.device === row.device,
  );
  const refusedIds = new Set(own.map(({ clientId }) => clientId));
  for (const [text, clientId] of kept) {
    const isLogged = ledgers.rowsOfText.has(text);
    const isRefused = refusedTexts.has(text) || (!isLogged && refusedIds.has(clientId));
    if (!isLogged && !isRefused)
      findings.report(1, `${device.deviceId}'s ${JSON.stringify(text)}, number ${clientId}, is lost`);
    if (isLogged && isRefused)
      findings.report(11, `${device.deviceId}'s ${JSON.stringify(text)} is logged and refused`);
  }
  for (const note of device.notes) {
    if (note.kind !== "sends" || kept.has(note.text) || doubtful.has(note.text)) continue;
    findings.report(1, `${device.deviceId} did not keep ${JSON.stringify(note.text)} in its outbox`);
  }
}

type Moment = { conversationId: string; atUs: number; seq: number; kind: "sends" | "stored"; text: string };

/** What is sent after another's ACK, in the same conversation, lies behind it. */
function checkAcksPrecede({ ledgers, rowsOfText, sent }: Ledgers, findings: Findings): void {
  const acks = ledgers.flatMap(({ stored }) =>
    stored.map(({ text = "", ...rest }): Moment => ({ ...rest, text, kind: "stored" })),
  );
  const sends = [...sent].flatMap(([text, { atUs }]): Moment[] => {
    const [row] = rowsOfText.get(text) ?? [];
    return row ? [{ kind: "sends", conversationId: row.conversationId, seq: row.seq, atUs, text }] : [];
  });
  const moments = groupBy([...acks, ...sends], ({ conversationId }) => conversationId);
  for (const each of moments.values()) sweep(each, findings);
}

function sweep(moments: Moment[], findings: Findings): void {
  let acked: Moment | undefined;
  for (const moment of moments.sort((one, other) => one.atUs - other.atUs)) {
    if (moment.kind === "stored" && moment.seq > (acked?.seq ?? 0)) acked = moment;
    if (moment.kind === "sends" && acked && moment.seq < acked.seq)
      findings.report(
        10,
        `${JSON.stringify(moment.text)} was sent after the ACK of ${JSON.stringify(acked.text)}, but lies before it`,
      );
  }
}
