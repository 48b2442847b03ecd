import { create } from "@bufbuild/protobuf";
import type { LanesOptions } from "../../gateway/uplink/lanes.js";
import {
  OutcomeSchema,
  type SubmitBatchRequest,
  SubmitBatchResponseSchema,
} from "../../gen/ts/tidewire/v1/message_pb.js";

type SubmitBatch = LanesOptions["messages"]["submitBatch"];
type Response = Awaited<ReturnType<SubmitBatch>>;

/** One SubmitBatch call that waits for a test to decide what becomes of it. */
export interface PendingCall {
  readonly request: SubmitBatchRequest;
  /** The client_ids, in order. */
  readonly clientIds: bigint[];
  /** Stores everything; a message's seq is its client_id. Or answers this many outcomes, right or wrong. */
  answer(count?: number): void;
  fail(error?: Error): void;
}

/** A store that answers when it is told to. Calls are in the order of their arrival. */
export interface LaneStore {
  readonly submitBatch: SubmitBatch;
  readonly calls: PendingCall[];
}

export function createLaneStore(): LaneStore {
  const calls: PendingCall[] = [];
  return {
    calls,
    submitBatch: (request) =>
      new Promise<Response>((resolve, reject) => {
        const whole = request as SubmitBatchRequest; // lanes build whole messages
        const clientIds = whole.submissions.map(({ clientId }) => clientId);
        calls.push({
          request: whole,
          clientIds,
          answer: (count = clientIds.length) => resolve(storeAll(clientIds.slice(0, count))),
          fail: (error = new Error("the store is away")) => reject(error),
        });
      }),
  };
}

/** The answer of a store that has stored all of these. */
export function storeAll(clientIds: readonly bigint[]): Response {
  const outcomes = clientIds.map((seq) => create(OutcomeSchema, { result: { case: "stored", value: { seq } } }));
  return create(SubmitBatchResponseSchema, { outcomes });
}
