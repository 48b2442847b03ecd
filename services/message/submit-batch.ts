import { create } from "@bufbuild/protobuf";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import {
  type Outcome,
  OutcomeSchema,
  type Sender,
  type Submission,
  type SubmitBatchRequest,
} from "../../gen/ts/tidewire/v1/message_pb.js";
import { TidewireError, unreachable } from "../../runtime/error.js";
import type { IdGenerator } from "../../runtime/ids.js";
import type { Committed } from "../push/committed.js";
import type { Publisher } from "../push/publish.js";
import { toTidewireError } from "../store/store.js";
import { toStoredId, toStoredSeq } from "../stored-ids.js";
import type { AppendOutcome, AppendRow } from "./append.js";
import { type AppendDependencies, appendSafely } from "./append-safely.js";
import type { DirectDirectory } from "./direct-directory.js";
import { type ParsedUpMsg, parseUpMsg } from "./up-msg.js";

export type SubmitDependencies = AppendDependencies &
  Readonly<{ ids: IdGenerator; directory: DirectDirectory; publisher: Publisher; contentMaxBytes: number }>;

/**
 * Stores what the devices of one lane have sent, then publishes it, then answers; one outcome for each submission, in order.
 * Repeating a batch gives the same outcomes.
 * @throws TidewireError `UNAVAILABLE` if the outcome is not known: repeat the batch unchanged; `INVALID_ARGUMENT` if a
 * submission names a sender that is not in the batch.
 */
export async function submitBatch(dependencies: SubmitDependencies, request: SubmitBatchRequest): Promise<Outcome[]> {
  if (request.submissions.length === 0) return [];
  const senders = request.senders.map(({ userId, device, epoch }) => ({ userId, device, epoch: toStoredSeq(epoch) }));
  const parsed = request.submissions.map((submission) => parseSubmission(submission, dependencies.contentMaxBytes));
  const rows = await resolveAll(dependencies, request, parsed);
  const outcomes = await appendSafely(dependencies, { senders, rows, nowMs: dependencies.clock.nowMs() });
  await dependencies.publisher.publish(toCommitted(request.senders, rows, outcomes));
  count(dependencies, outcomes);
  return outcomes.map(toOutcome);
}

/** Once for each label: a counter looks its labels up each time. */
function count({ metrics }: Pick<SubmitDependencies, "metrics">, outcomes: readonly AppendOutcome[]): void {
  const counts = new Map<string, number>();
  for (const outcome of outcomes) counts.set(labelOf(outcome), (counts.get(labelOf(outcome)) ?? 0) + 1);
  for (const [outcome, messages] of counts) metrics.messages.inc({ outcome }, messages);
}

type ParsedSubmission = Omit<ParsedUpMsg, "digest"> & Readonly<{ digest: Uint8Array | undefined }>;

/** What the gateway has refused stays refused, whatever it is; what it passed on tells a repetition from a conflict. */
function parseSubmission({ upMsg, refused }: Submission, contentMaxBytes: number): ParsedSubmission {
  const parsed = parseUpMsg(upMsg, contentMaxBytes);
  if (refused === ErrorCode.UNSPECIFIED) return parsed;
  return { ...parsed, digest: upMsg.length > 0 ? parsed.digest : undefined, refused };
}

/** Finds the conversations of all rows, several at a time where they have to be looked up; the pool bounds how many. */
async function resolveAll(
  { directory, ids }: SubmitDependencies,
  { senders, submissions }: SubmitBatchRequest,
  parsed: readonly ParsedSubmission[],
): Promise<AppendRow[]> {
  const known = submissions.map((submission, index) => {
    const sender = senders[submission.sender];
    const message = parsed[index];
    if (sender !== undefined && message !== undefined) return { sender, submission, message };
    throw new TidewireError(ErrorCode.INVALID_ARGUMENT, `submissions[${index}].sender: not in senders`);
  });
  const found = known.map(({ sender, message }) => findConversation(directory, sender.userId, message.target));
  const conversationIds = found.every(isAtHand) ? found : await Promise.all(found); // as a rule they are
  return known.map(({ submission, message }, index) => toRow(submission, message, conversationIds[index], ids));
}

function isAtHand(found: ReturnType<typeof findConversation>): found is bigint | undefined {
  return !(found instanceof Promise);
}

function toRow(
  submission: Submission,
  { content, digest, refused }: ParsedSubmission,
  conversationId: bigint | undefined,
  ids: IdGenerator,
): AppendRow {
  return {
    sender: submission.sender,
    clientId: toStoredSeq(submission.clientId),
    conversationId: conversationId ?? 0n,
    messageId: ids.next(),
    refused: refused || (conversationId === undefined ? ErrorCode.UNKNOWN_USER : ErrorCode.UNSPECIFIED),
    countable: content.countable,
    content: content.bytes,
    digest,
  };
}

/** @returns 0 for none; undefined if the peer does not exist. A promise only if it has to be looked up. */
export function findConversation(
  directory: DirectDirectory,
  userId: bigint,
  target: ParsedUpMsg["target"],
): bigint | undefined | Promise<bigint | undefined> {
  switch (target.kind) {
    case "conversation":
      return toStoredId(target.id);
    case "peer":
      return directory.find(userId, target.userId).catch((thrown: unknown) => {
        throw toTidewireError(thrown);
      });
    case "none":
      return 0n;
    default:
      return unreachable(target);
  }
}

/** Repeated messages are published again: the first time may have come to nothing. */
function toCommitted(
  senders: readonly Sender[],
  rows: readonly AppendRow[],
  outcomes: readonly AppendOutcome[],
): Committed[] {
  const committed: Committed[] = [];
  for (const [index, outcome] of outcomes.entries()) {
    const row = rows[index];
    const sender = row && senders[row.sender];
    if (outcome.kind !== "stored" || !row || !sender || row.content.length === 0) continue;
    const { conversationId, seq, messageId, sentAtMs, counter, rosterSeq, routing } = outcome.placed;
    // Written out: a spread takes several times as long, and as much memory.
    committed.push({
      conversationId,
      seq,
      messageId,
      senderId: sender.userId,
      senderDevice: sender.device,
      clientId: row.clientId,
      sentAtMs,
      counter,
      content: row.content,
      rosterSeq,
      routing,
    });
  }
  return committed;
}

function toOutcome(outcome: AppendOutcome): Outcome {
  switch (outcome.kind) {
    case "stored": {
      const { conversationId, seq, messageId, sentAtMs } = outcome.placed;
      const { duplicate } = outcome;
      return create(OutcomeSchema, {
        result: { case: "stored", value: { conversationId, seq, messageId, sentAtMs } },
        duplicate,
      });
    }
    case "refused":
      return create(OutcomeSchema, { result: { case: "refused", value: outcome.code }, duplicate: outcome.duplicate });
    case "rejected":
      return create(OutcomeSchema, { result: { case: "rejected", value: outcome.reason } });
    default:
      return unreachable(outcome);
  }
}

function labelOf(outcome: AppendOutcome): string {
  return outcome.kind !== "rejected" && outcome.duplicate ? "duplicate" : outcome.kind;
}
