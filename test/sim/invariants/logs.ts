import { create, fromBinary } from "@bufbuild/protobuf";
import { ContentSchema, type Event } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { encode } from "../../../runtime/binary.js";
import type { Sent } from "../history.js";
import type { StoredConversation, StoredEntry } from "../store/stored.js";
import { deviceIdOf, type EraIndex, type Evidence, idOf, isWithin, quote, textOf } from "./evidence.js";
import type { Finding, Invariant } from "./invariant.js";

/** What the logs themselves show. */
export const everyEntryWasSent: Invariant = {
  number: 2,
  title: "every logged message was sent, byte for byte, by who was then a member, or by the system",
  *check(evidence) {
    for (const era of evidence.eras) {
      for (const conversation of era.state.conversations.values()) {
        for (const entry of conversation.log) {
          const fault = findFault(evidence, era, conversation, entry);
          if (fault !== undefined) yield { atMs: entry.committedAtMs, what: `${placeOf(entry)} ${fault}` };
        }
      }
    }
  },
};

function findFault(
  evidence: Evidence,
  era: EraIndex,
  conversation: StoredConversation,
  entry: StoredEntry,
): string | undefined {
  const { senderId, senderDevice, seq, content } = entry.row;
  if (senderId === 0n) return findEventFault(conversation, entry);
  const text = textOf(entry);
  const sent = evidence.sent.get(text);
  if (sent === undefined) return `says ${quote(text)}, which nobody has sent`;
  if (sent.userId !== senderId || sent.deviceId !== deviceIdOf(era, senderId, senderDevice)) {
    return `${quote(text)} is said to come from user ${senderId}, device ${senderDevice}; it came from ${sent.deviceId}`;
  }
  if (!isTarget(sent, conversation)) return `${quote(text)} was sent to ${nameOf(sent.target)}`;
  if (Buffer.compare(content, encodeText(text)) !== 0)
    return `${quote(text)} is stored with other bytes than were sent`;
  if (!isWithin(conversation, senderId, seq))
    return `${quote(text)} is from ${sent.deviceId}, which was no member there`;
  return undefined;
}

function isTarget({ target, userId }: Sent, { conversationId, lowUserId, highUserId }: StoredConversation): boolean {
  if (target.kind === "conversation") return target.id === conversationId;
  if (target.userId === userId) return conversationId === userId;
  const [low, high] = userId < target.userId ? [userId, target.userId] : [target.userId, userId];
  return low === lowUserId && high === highUserId;
}

function nameOf(target: Sent["target"]): string {
  return target.kind === "peer" ? `user ${target.userId}` : `conversation ${target.id}`;
}

const encoded = new Map<string, Uint8Array>();
const encodedMax = 10_000;

/** As a device encodes a text. Remembered, because a run says the same words in several eras and runs. */
function encodeText(text: string): Uint8Array {
  const known = encoded.get(text);
  if (known !== undefined) return known;
  if (encoded.size >= encodedMax) encoded.clear();
  const bytes = encode(ContentSchema, create(ContentSchema, { body: { case: "text", value: { text } } }));
  encoded.set(text, bytes);
  return bytes;
}

/** The system says who comes and goes, and nothing else. */
function findEventFault(conversation: StoredConversation, { row }: StoredEntry): string | undefined {
  const { body } = fromBinary(ContentSchema, row.content);
  if (body.case !== "event") return "comes from the system, but is no event";
  const { joined, left } = movesOf(body.value);
  const intervals = (userId: bigint) => conversation.members.get(userId) ?? [];
  for (const userId of joined) {
    if (!intervals(userId).some(({ fromSeq }) => fromSeq === row.seq)) return `lets user ${userId} join, who has not`;
  }
  for (const userId of left) {
    if (!intervals(userId).some(({ toSeq }) => toSeq === row.seq)) return `lets user ${userId} leave, who has not`;
  }
  return undefined;
}

function movesOf({ kind }: Event): { joined: readonly bigint[]; left: readonly bigint[] } {
  if (kind.case === "groupCreated" || kind.case === "membersJoined") return { joined: kind.value.userIds, left: [] };
  return { joined: [], left: kind.case === "memberLeft" ? [kind.value.userId] : [] };
}

export const seqsHaveNoHoles: Invariant = {
  number: 3,
  title: "log seqs are 1..n without hole or repeat",
  *check({ eras }) {
    for (const { state } of eras) {
      for (const { conversationId, log, headSeq } of state.conversations.values()) {
        for (const [index, { row, committedAtMs }] of log.entries()) {
          const isInPlace = row.seq === BigInt(index + 1) && row.conversationId === conversationId;
          if (!isInPlace)
            yield { atMs: committedAtMs, what: `entry ${index + 1} of ${conversationId} has seq ${row.seq}` };
        }
        if (headSeq === BigInt(log.length)) continue;
        yield { what: `the head of ${conversationId} is ${headSeq}, but it has ${log.length} entries` };
      }
    }
  },
};

export const ordersAreKept: Invariant = {
  number: 4,
  title: "in a conversation, a device's messages are in the order of their client_ids, in which they were sent",
  *check(evidence) {
    const ranks = new Map(evidence.records.sent.map(({ text }, index) => [text, index]));
    for (const era of evidence.eras) {
      for (const { log } of era.state.conversations.values()) yield* findSwaps(evidence, era, log, ranks);
    }
  },
};

type Latest = { clientId: bigint; rank: number };

function* findSwaps(
  evidence: Evidence,
  era: EraIndex,
  log: readonly StoredEntry[],
  ranks: ReadonlyMap<string, number>,
): Iterable<Finding> {
  const latest = new Map<string, Latest>();
  for (const entry of log) {
    const { senderId, senderDevice, clientId } = entry.row;
    if (senderId === 0n) continue;
    const device = `${senderId}/${senderDevice}`;
    const before = latest.get(device);
    const rank = ranks.get(textOf(entry)) ?? Number.POSITIVE_INFINITY;
    latest.set(device, { clientId, rank });
    if (before === undefined) continue;
    const atMs = entry.committedAtMs;
    if (clientId <= before.clientId) yield { atMs, what: `${placeOf(entry)} comes after client_id ${before.clientId}` };
    // What is sent again after a set-back comes later than it was sent.
    const isSetBack = evidence.setBacks(deviceIdOf(era, senderId, senderDevice) ?? "") > 0;
    if (rank <= before.rank && !isSetBack) yield { atMs, what: `${placeOf(entry)} was sent before its predecessor` };
  }
}

export function placeOf(entry: StoredEntry): string {
  const { conversationId, seq } = entry.row;
  return `entry ${conversationId}/${seq} (${idOf(entry.row)} ${quote(textOf(entry))})`;
}
