import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { UpMsgSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../../gen/ts/tidewire/v1/limits.js";
import {
  type Outcome,
  OutcomeSchema,
  Rejection,
  type Sender,
  type SubmitBatchRequest,
  type SubmitBatchRequestSchema,
  type SubmitBatchResponse,
  SubmitBatchResponseSchema,
} from "../../../gen/ts/tidewire/v1/message_pb.js";
import { decode } from "../../../runtime/binary.js";
import type { Clock } from "../../../runtime/clock.js";
import { parseUpMsg } from "../../../services/message/up-msg.js";
import type { Random } from "../../sim/engine/random.js";
import type { Findings } from "../engine/findings.js";
import type { Mood, Moods } from "./moods.js";

/** Where everything is stored: nothing is pushed there, so whoever has sent something is told of it by an `up_ack`. */
const quietConversationId = 77n;

/** The part of the store that takes batches. It numbers a device's messages as the real one does. */
export interface Submissions {
  submit(request: MessageInitShape<typeof SubmitBatchRequestSchema>, timeoutMs: number): Promise<SubmitBatchResponse>;
  lastOf(userId: bigint, device: number): bigint;
  /** Until `release`, no batch is answered. */
  hold(): void;
  release(): void;
}

export type SubmissionsOptions = Readonly<{
  random: Random;
  clock: Clock;
  moods: Moods;
  findings: Findings;
  epochOf(userId: bigint, device: number): bigint;
}>;

/**
 * Users of even numbers share a lane whose batches fail twice in a row at most, so that nobody loses a session by the store alone;
 * the other lane may be given up.
 */
const isCalm = (userId: bigint) => userId % 2n === 0n;
const troublesMax = 2;
const rejections = [Rejection.FENCED, Rejection.GAP, Rejection.CONFLICT];

export function createSubmissions({ random, clock, moods, findings, epochOf }: SubmissionsOptions): Submissions {
  const lasts = new Map<string, bigint>();
  const keyOf = (userId: bigint, device: number) => `${userId}/${device}`;
  let troubles = 0;
  let held: Promise<void> | undefined;
  let release = () => {};

  async function submit(request: SubmitBatchRequest, timeoutMs: number): Promise<SubmitBatchResponse> {
    inspect(request);
    await held;
    const isCalmBatch = request.senders.some(({ userId }) => isCalm(userId));
    const mood = isCalmBatch ? pickCalmMood() : moods.next();
    if (mood === "late") await after(isCalmBatch ? random.whole(1, 300) : random.whole(1, timeoutMs));
    if (mood === "hangs") await after(timeoutMs);
    const isExecuted = mood === "well" || mood === "late" || random.chance(0.5);
    const response = isExecuted ? append(request) : undefined;
    if (mood === "refuses") return create(SubmitBatchResponseSchema); // fewer outcomes than submissions
    if (response === undefined || (mood !== "well" && mood !== "late"))
      throw new ConnectError("away", Code.Unavailable);
    return response;
  }

  function pickCalmMood(): Mood {
    const mood = moods.next();
    const isTrouble = troubles < troublesMax && mood !== "well" && mood !== "late";
    troubles = isTrouble ? troubles + 1 : 0;
    if (isTrouble) return mood === "refuses" ? "refuses" : "fails";
    return mood === "well" ? "well" : "late";
  }

  function inspect({ senders, submissions }: SubmitBatchRequest) {
    if (submissions.length > 1_000)
      findings.report("a batch keeps to the contract", `${submissions.length} submissions`);
    for (const { sender, clientId, upMsg } of submissions) {
      const from = senders[sender];
      if (!from) return findings.report("a submission has a sender", `${sender} of ${senders.length}`);
      const { refused } = parseUpMsg(upMsg, defaultLimits.contentMaxBytes);
      const seen = refused === ErrorCode.MALFORMED ? clientId : decode(UpMsgSchema, upMsg).clientId;
      if (seen !== clientId || upMsg[0] !== 0x08)
        findings.report("what is submitted is what was sent", `client_id ${clientId} became ${seen}`);
    }
  }

  function append({ senders, submissions }: SubmitBatchRequest): SubmitBatchResponse {
    const outcomes = submissions.map(({ sender, clientId, upMsg }) => settle(senders[sender], clientId, upMsg));
    return create(SubmitBatchResponseSchema, { outcomes });
  }

  function settle(sender: Sender | undefined, clientId: bigint, upMsg: Uint8Array): Outcome {
    if (!sender) return create(OutcomeSchema);
    const { userId, device, epoch } = sender;
    const last = lasts.get(keyOf(userId, device)) ?? 0n;
    if (!isCalm(userId) && random.chance(0.02)) return odd();
    if (epoch < epochOf(userId, device)) return rejected(Rejection.FENCED);
    if (clientId > last + 1n) return rejected(Rejection.GAP);
    if (clientId === last + 1n) lasts.set(keyOf(userId, device), clientId);
    const { refused } = parseUpMsg(upMsg, defaultLimits.contentMaxBytes);
    if (refused !== ErrorCode.UNSPECIFIED)
      return create(OutcomeSchema, { result: { case: "refused", value: refused } });
    return create(OutcomeSchema, {
      result: { case: "stored", value: { conversationId: quietConversationId, seq: clientId } },
    });
  }

  function odd(): Outcome {
    return random.chance(0.2) ? create(OutcomeSchema) : rejected(random.pick(rejections));
  }

  const after = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));

  return {
    submit: (request, timeoutMs) => submit(request as SubmitBatchRequest, timeoutMs), // lanes build whole messages
    lastOf: (userId, device) => lasts.get(keyOf(userId, device)) ?? 0n,
    hold() {
      held = new Promise((resolve) => {
        release = resolve;
      });
    },
    release() {
      held = undefined;
      release();
    },
  };
}

function rejected(value: Rejection): Outcome {
  return create(OutcomeSchema, { result: { case: "rejected", value } });
}
