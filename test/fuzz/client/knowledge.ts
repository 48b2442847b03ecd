import { create, toBinary } from "@bufbuild/protobuf";
import { ContentSchema } from "../../../gen/ts/tidewire/v1/content_pb.js";
import type { ClientFrame } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { defaultLimits } from "../../../gen/ts/tidewire/v1/limits.js";
import type { Random } from "../../sim/engine/random.js";
import type { Hint } from "../contract/build.js";

/** What a server would know that talks to the client in earnest. */
export interface ServerKnowledge {
  /** Learns from what the client says. */
  hear(frame: ClientFrame["frame"]): void;
  hint(random: Random, client: ClientFacts): Hint;
}

/** What the server of an honest client has been told before. */
export type ClientFacts = Readonly<{
  wallMs: number;
  userId: bigint;
  /** client_ids in its outbox, rising. */
  pending: readonly bigint[];
  nextClientId: bigint;
  cursorOf(conversationId: bigint): bigint;
}>;

export const conversationIds = [1n, 2n, 3n];
export const me = { userId: 7n, device: 2 };
export const text = "what everybody says here";

/** What this device sends, so that a push can be its own message. */
const content = toBinary(ContentSchema, create(ContentSchema, { body: { case: "text", value: { text } } }));
const limits: Readonly<Record<string, number>> = defaultLimits;

export function createServerKnowledge(): ServerKnowledge {
  let sync = { requestId: 0n, conversationId: 1n };
  let headsRequestId = 0n;
  let watermark = 1n;
  return {
    hear(frame) {
      if (frame.case === "sync") sync = frame.value;
      if (frame.case === "heads") headsRequestId = frame.value.requestId;
    },
    hint(random, client) {
      let conversationId = random.chance(0.7) ? sync.conversationId : random.pick(conversationIds);
      let seq = client.cursorOf(conversationId);
      const near = () => client.cursorOf(conversationId) + BigInt(random.whole(0, 5));
      const clientId = () =>
        random.pick([...client.pending.slice(0, 3), client.nextClientId, client.nextClientId - 1n]);
      const atMs = (ms: number) => BigInt(Math.round(client.wallMs) + ms);

      /** Messages of a page follow one another, as a rule. */
      function nextSeq(): bigint {
        if (random.chance(0.1)) return seq + BigInt(random.whole(0, 4));
        seq += 1n;
        return seq;
      }

      function pickConversation(): bigint {
        if (random.chance(0.1)) conversationId = random.pick(conversationIds);
        return conversationId;
      }

      const values: Readonly<Record<string, () => bigint | string | Uint8Array>> = {
        "LoginOk.user_id": () => client.userId || me.userId,
        "LoginOk.device": () => BigInt(me.device),
        "LoginOk.last_client_id": () => clientId(),
        "LoginOk.store_id": () => (random.chance(0.95) ? "store-1" : "store-2"),
        "LoginOk.heartbeat_interval_ms": () => 30_000n,
        "LoginOk.ack_delay_ms": () => 200n,
        "LoginOk.server_time_ms": () => atMs(0),
        "LoginOk.token_expires_at_ms": () => atMs(random.pick([-1_000, 10_000, 900_000])),
        "UpAck.client_id": clientId,
        "UpNack.expected": clientId,
        "UpNack.retry_after_ms": () => BigInt(random.whole(0, 2_000)),
        "Message.conversation_id": pickConversation,
        "Message.seq": nextSeq,
        "Message.sender_id": () => random.pick([me.userId, 8n, 0n]),
        "Message.sender_device": () => BigInt(me.device),
        "Message.client_id": clientId,
        "Message.content": () => content,
        "Stored.conversation_id": pickConversation,
        "SyncPage.request_id": () => sync.requestId,
        "SyncPage.conversation_id": () => sync.conversationId,
        "SyncPage.head_seq": near,
        "SyncPage.error": () => 0n,
        "Reset.floor_seq": near,
        "Reset.head_seq": near,
        "HeadsPage.request_id": () => headsRequestId,
        "HeadsPage.watermark": () => (watermark += 1n),
        "HeadsPage.error": () => 0n,
        "Head.conversation_id": () => random.pick(conversationIds),
        "Head.head_seq": near,
        "Head.read_seq": near,
        "Goaway.reconnect_after_ms": () => BigInt(random.whole(0, 5_000)),
      };
      return (field) => values[field]?.() ?? limitOf(field);
    },
  };
}

/** "Limits.frame_max_bytes" has its usual value. */
function limitOf(field: string): bigint | undefined {
  if (!field.startsWith("Limits.")) return undefined;
  const name = field.slice("Limits.".length).replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  const limit = limits[name];
  return limit === undefined ? undefined : BigInt(limit);
}
