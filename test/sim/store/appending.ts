import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { Rejection } from "../../../gen/ts/tidewire/v1/message_pb.js";
import type { AppendBatch, AppendOutcome, AppendRow, AppendSender, Placed } from "../../../services/message/append.js";
import { both, byConversation, type Routing } from "../../../services/push/committed.js";
import type { RowLock } from "./row-locks.js";
import { findDevice, isPresent, type StoredConversation, type StoredDevice, type StoreState } from "./stored.js";

/** The devices of a batch, by user and number: what an append locks first. */
export function deviceLocks(state: StoreState, batch: AppendBatch): RowLock[] {
  const devices = new Set<StoredDevice>();
  for (const { userId, device } of batch.senders) {
    const found = findDevice(state, userId, device);
    if (found !== undefined) devices.add(found);
  }
  return [...devices].sort(byUserAndNumber).map((device) => device.lock);
}

function byUserAndNumber(one: StoredDevice, other: StoredDevice): number {
  if (one.userId !== other.userId) return one.userId < other.userId ? -1 : 1;
  return one.device - other.device;
}

/** The conversations of a batch, by id: what an append locks next. */
export function conversationLocks(state: StoreState, batch: AppendBatch): RowLock[] {
  const conversations = new Set<StoredConversation>();
  for (const { conversationId } of batch.rows) {
    const found = state.conversations.get(conversationId);
    if (found !== undefined) conversations.add(found);
  }
  return [...conversations]
    .sort((one, other) => (one.conversationId < other.conversationId ? -1 : 1))
    .map((conversation) => conversation.lock);
}

/** What a row has come to. `appended` and `refused` change the store. */
type Verdict =
  | { kind: "appended"; device: StoredDevice; epoch: bigint; conversation: StoredConversation; placed: Placed }
  | { kind: "refused"; device: StoredDevice; epoch: bigint; code: ErrorCode }
  | { kind: "settled"; outcome: AppendOutcome };

/** How far a batch has got, while its rows are judged one after the other. */
type Progress = {
  /** Rows of each device so far that were new; undefined once one was out of order. */
  used: Map<StoredDevice, bigint | undefined>;
  heads: Map<StoredConversation, { seq: bigint; counter: bigint }>;
};

/**
 * What `tidewire_append` does once it holds its locks, row by row. Nothing is stored before `change`.
 * @param fails says which rows the database cannot store. @throws what it returns for one
 */
export function judgeAppend(
  state: StoreState,
  batch: AppendBatch,
  transactionId: bigint,
  fails: (sender: AppendSender, row: AppendRow) => Error | undefined,
): { result: AppendOutcome[]; change: (atMs: number) => void } {
  const progress: Progress = { used: new Map(), heads: new Map() };
  const verdicts = batch.rows.map((row) => {
    const sender = batch.senders[row.sender];
    const verdict = sender === undefined ? rejected(Rejection.FENCED) : judge(state, batch, progress, sender, row);
    const failure = verdict.kind === "appended" && sender !== undefined ? fails(sender, row) : undefined;
    if (failure !== undefined) throw failure;
    return verdict;
  });
  return {
    result: verdicts.map(toOutcome),
    change(atMs) {
      for (const [index, verdict] of verdicts.entries()) store(batch, index, verdict, transactionId, atMs);
    },
  };
}

function judge(
  state: StoreState,
  batch: AppendBatch,
  progress: Progress,
  sender: AppendSender,
  row: AppendRow,
): Verdict {
  const device = findDevice(state, sender.userId, sender.device);
  if (device === undefined || device.epoch !== sender.epoch) return rejected(Rejection.FENCED);
  if (row.clientId >= 1n && row.clientId <= device.lastClientId) return judgeRepeated(state, batch, device, row);
  if (!isInOrder(progress, device, row.clientId)) return rejected(Rejection.GAP);
  const conversation = state.conversations.get(row.conversationId);
  const { epoch } = sender;
  const code = row.refused || refusalOf(conversation, sender.userId);
  if (code !== ErrorCode.UNSPECIFIED || conversation === undefined) return { kind: "refused", device, epoch, code };
  return { kind: "appended", device, epoch, conversation, placed: place(batch, progress, conversation, row) };
}

/** A new row must follow upon the device's last one; all behind one that does not are out of order as well. */
function isInOrder({ used }: Progress, device: StoredDevice, clientId: bigint): boolean {
  const before = used.has(device) ? used.get(device) : 0n;
  const rank = before === undefined ? undefined : before + 1n;
  const inOrder = rank !== undefined && clientId === device.lastClientId + rank;
  used.set(device, inOrder ? rank : undefined);
  return inOrder;
}

function refusalOf(conversation: StoredConversation | undefined, userId: bigint): ErrorCode {
  const intervals = conversation?.members.get(userId);
  if (intervals === undefined) return ErrorCode.UNKNOWN_CONVERSATION;
  return intervals.some(isPresent) ? ErrorCode.UNSPECIFIED : ErrorCode.NOT_A_MEMBER;
}

function place(batch: AppendBatch, progress: Progress, conversation: StoredConversation, row: AppendRow): Placed {
  const head = progress.heads.get(conversation) ?? { seq: conversation.headSeq, counter: conversation.headCounter };
  const grown = { seq: head.seq + 1n, counter: head.counter + (row.countable ? 1n : 0n) };
  progress.heads.set(conversation, grown);
  return {
    conversationId: conversation.conversationId,
    ...grown,
    messageId: row.messageId,
    sentAtMs: BigInt(Math.floor(batch.nowMs)),
    rosterSeq: conversation.rosterSeq,
    routing: routingAt(conversation, batch.nowMs),
  };
}

/** The phase of routing `both` ends with its time. */
export function routingAt({ routing, routingUntilMs }: StoredConversation, nowMs: number): Routing {
  return routing === both && routingUntilMs <= nowMs ? byConversation : routing;
}

function judgeRepeated(state: StoreState, batch: AppendBatch, device: StoredDevice, row: AppendRow): Verdict {
  const digest = knownDigest(row);
  const earlier = device.messages.get(row.clientId)?.row;
  if (earlier === undefined) return judgeRefusedBefore(device, row.clientId, digest);
  const isSame = earlier.conversationId === row.conversationId && sameBytes(earlier.content, row.content);
  if (digest !== undefined && !isSame) return rejected(Rejection.CONFLICT);
  const conversation = state.conversations.get(earlier.conversationId);
  if (conversation === undefined) throw new Error("a message lies in no conversation");
  const { conversationId, seq, messageId, sentAtMs, counter } = earlier;
  const { rosterSeq } = conversation;
  const routing = routingAt(conversation, batch.nowMs);
  const placed = { conversationId, seq, messageId, sentAtMs, counter, rosterSeq, routing };
  return { kind: "settled", outcome: { kind: "stored", duplicate: true, placed } };
}

function judgeRefusedBefore(device: StoredDevice, clientId: bigint, digest: Uint8Array | undefined): Verdict {
  const earlier = device.refusals.get(clientId);
  const isKnown = earlier !== undefined && earlier.digest.length > 0 && digest !== undefined;
  if (isKnown && !sameBytes(earlier.digest, digest)) return rejected(Rejection.CONFLICT);
  return {
    kind: "settled",
    outcome: { kind: "refused", duplicate: true, code: earlier?.code ?? ErrorCode.EXPIRED },
  };
}

function rejected(reason: Rejection): Verdict {
  return { kind: "settled", outcome: { kind: "rejected", reason } };
}

function toOutcome(verdict: Verdict): AppendOutcome {
  if (verdict.kind === "settled") return verdict.outcome;
  if (verdict.kind === "refused") return { kind: "refused", duplicate: false, code: verdict.code };
  return { kind: "stored", duplicate: false, placed: verdict.placed };
}

function store(batch: AppendBatch, index: number, verdict: Verdict, transactionId: bigint, atMs: number): void {
  const row = batch.rows[index];
  if (verdict.kind === "settled" || row === undefined) return;
  const { device, epoch } = verdict;
  const { clientId } = row;
  device.lastClientId = clientId;
  if (verdict.kind === "refused") {
    const digest = knownDigest(row) ?? new Uint8Array(0);
    device.refusals.set(clientId, { code: verdict.code, digest, epoch, committedAtMs: atMs });
    return;
  }
  const { conversation, placed } = verdict;
  const { rosterSeq: _, routing, ...where } = placed;
  const who = { senderId: device.userId, senderDevice: device.device, clientId };
  const entry = { row: { ...where, ...who, content: row.content }, epoch, committedAtMs: atMs };
  device.messages.set(clientId, entry);
  conversation.log.push(entry);
  conversation.headSeq = placed.seq;
  conversation.headCounter = placed.counter;
  conversation.routing = routing;
  conversation.changed = transactionId;
}

/** Zeros stand for a digest that is not known. */
function knownDigest({ digest }: AppendRow): Uint8Array | undefined {
  return digest?.some((byte) => byte !== 0) ? digest : undefined;
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && Buffer.compare(one, other) === 0;
}
