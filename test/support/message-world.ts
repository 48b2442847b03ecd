import { create } from "@bufbuild/protobuf";
import type { Content } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { UpMsg } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { type Outcome, Rejection, SubmitBatchRequestSchema } from "../../gen/ts/tidewire/v1/message_pb.js";
import { type Clock, systemClock } from "../../runtime/clock.js";
import { createIdGenerator } from "../../runtime/ids.js";
import { silentLogger } from "../../runtime/log.js";
import { createMetrics } from "../../runtime/metrics.js";
import type { AppendSender } from "../../services/message/append.js";
import { createDirectDirectory } from "../../services/message/direct-directory.js";
import type { SendDependencies } from "../../services/message/send.js";
import { createLogStore } from "../../services/message/sql-log-store.js";
import { type SubmitDependencies, submitBatch } from "../../services/message/submit-batch.js";
import type { Committed } from "../../services/push/committed.js";
import type { Publisher } from "../../services/push/publish.js";
import type { Sql, Store } from "../../services/store/store.js";
import { upMsg } from "./log-world.js";

/** A publisher that only remembers. */
function recordingPublisher(): Publisher & { readonly published: Committed[] } {
  const published: Committed[] = [];
  return {
    published,
    async publish(committed) {
      published.push(...committed);
      return "published";
    },
    fence: async () => "published",
  };
}

/** What submitBatch and send need, over a store; `publisher.published` tells what would have been pushed. */
export function submitting(store: Store, change: { sql?: Sql; clock?: Clock; contentMaxBytes?: number } = {}) {
  const { sql = store.sql, clock = systemClock, contentMaxBytes = 16_384 } = change;
  const ids = createIdGenerator({ ...store.nodeLease, clock: systemClock });
  const publisher = recordingPublisher();
  const directory = createDirectDirectory(sql, ids);
  const metrics = createMetrics();
  return {
    sql,
    logs: createLogStore(sql),
    clock,
    ids,
    log: silentLogger,
    metrics,
    directory,
    publisher,
    contentMaxBytes,
  } satisfies SendDependencies;
}

/** One message of a batch: of which sender, under which id, to where, saying what; or bytes as they are. */
export type Submitted =
  | { sender?: number; clientId: bigint; target: UpMsg["target"]; content: Content | undefined; refused?: ErrorCode }
  | { sender?: number; clientId: bigint; bytes: Uint8Array; refused?: ErrorCode };

export async function submit(
  dependencies: SubmitDependencies,
  senders: readonly AppendSender[],
  ...messages: Submitted[]
): Promise<string[]> {
  const submissions = messages.map((message) => {
    const { sender = 0, clientId, refused = ErrorCode.UNSPECIFIED } = message;
    const bytes = "bytes" in message ? message.bytes : upMsg(clientId, message.target, message.content);
    return { sender, clientId, refused, upMsg: bytes };
  });
  const request = create(SubmitBatchRequestSchema, { senders: [...senders], submissions });
  return (await submitBatch(dependencies, request)).map(brief);
}

/** "stored 3", "refused UNKNOWN_USER again", "gap". */
function brief({ result, duplicate }: Outcome): string {
  const again = duplicate ? " again" : "";
  if (result.case === "stored") return `stored ${result.value.seq}${again}`;
  if (result.case === "refused") return `refused ${ErrorCode[result.value]}${again}`;
  return result.case === "rejected" ? Rejection[result.value].toLowerCase() : "nothing";
}

export const toConversation = (value: bigint) => ({ case: "conversationId", value }) as const;
export const toPeer = (value: bigint) => ({ case: "peerUserId", value }) as const;
