import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { StoredSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import type { LimitValues } from "../../gen/ts/tidewire/v1/limits.js";
import type { MessageService } from "../../gen/ts/tidewire/v1/message_pb.js";
import type { Clock } from "../../runtime/clock.js";
import { TidewireError } from "../../runtime/error.js";
import type { RateLimits } from "../../runtime/fabric/fabric.js";
import type { IdGenerator } from "../../runtime/ids.js";
import type { Logger } from "../../runtime/log.js";
import type { Metrics } from "../../runtime/metrics.js";
import { callerOf } from "../context.js";
import type { Publisher } from "../push/publish.js";
import { type Sql, toTidewireError } from "../store/store.js";
import { createDirectDirectory } from "./direct-directory.js";
import { encodePage } from "./encode-page.js";
import { heads } from "./heads.js";
import { headsOf } from "./heads-of.js";
import type { LogStore } from "./log-store.js";
import { createPagePacker } from "./page-packer.js";
import { readEntries } from "./read-entries.js";
import { send } from "./send.js";
import { submitBatch } from "./submit-batch.js";
import { sync } from "./sync.js";

export type MessageDependencies = Readonly<{
  sql: Sql;
  logs: LogStore;
  ids: IdGenerator;
  clock: Clock;
  publisher: Publisher;
  rateLimits: RateLimits;
  limits: Pick<
    LimitValues,
    "contentMaxBytes" | "syncPageMax" | "syncPageMaxBytes" | "headsPageMax" | "messageBurst" | "messageRatePerSecond"
  >;
  log: Logger;
  metrics: Metrics;
}>;

/** The handlers of MessageService. They throw TidewireErrors, which the edge translates. */
export function createMessageService(dependencies: MessageDependencies): ServiceImpl<typeof MessageService> {
  const { sql, logs, ids, limits } = dependencies;
  const directory = createDirectDirectory(sql, ids);
  const packer = createPagePacker(dependencies.metrics);
  const submitting = { ...dependencies, directory, contentMaxBytes: limits.contentMaxBytes };
  return {
    async send(request, context) {
      const { userId } = callerOf(context);
      await takeFromRate(dependencies, userId);
      const { conversationId, seq, messageId, sentAtMs } = await send(submitting, userId, request);
      return { stored: create(StoredSchema, { conversationId, seq, messageId, sentAtMs }) };
    },
    submitBatch: async (request) => ({ outcomes: await submitBatch(submitting, request) }),
    async sync(request) {
      const page = await translated(sync(logs, limits, request));
      return { page: await packer.pack(encodePage(page), request.compression) };
    },
    heads: async (request) => ({ page: await translated(heads(logs, limits, request)) }),
    headsOf: async (request) => ({ page: await translated(headsOf(logs, request)) }),
    entries: async (request) => ({ entries: await translated(readEntries(logs, request)) }),
  };
}

/** As fast as a user may send by its devices, so that the API is no way around that limit. */
async function takeFromRate({ rateLimits, limits }: MessageDependencies, userId: bigint): Promise<void> {
  const rate = { burst: limits.messageBurst, refillMs: 1_000 / limits.messageRatePerSecond };
  const verdict = await rateLimits.take(`send/${userId}`, rate);
  if (verdict.kind === "allowed") return;
  throw new TidewireError(ErrorCode.RATE_LIMITED, "this user sends too fast", { retryAfterMs: verdict.retryAfterMs });
}

async function translated<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (thrown) {
    throw toTidewireError(thrown);
  }
}
