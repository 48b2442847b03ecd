import { create, equals, type MessageInitShape } from "@bufbuild/protobuf";
import { type Content, ContentSchema } from "../../../gen/ts/tidewire/v1/content_pb.js";

/** What to send: words, or any content of the contract. */
export type Sendable = { text: string } | MessageInitShape<typeof ContentSchema>;

/** Where to send it: into a conversation, or to a user, whose direct conversation comes about if need be. */
export type Target = bigint | { conversation: bigint } | { user: bigint };

export function toContent(sendable: Sendable): Content {
  if ("text" in sendable) return create(ContentSchema, { body: { case: "text", value: { text: sendable.text } } });
  return create(ContentSchema, sendable);
}

/** The `target` of an `up_msg`. */
export function toUpTarget(target: Target) {
  if (typeof target === "bigint") return { case: "conversationId" as const, value: target };
  if ("user" in target) return { case: "peerUserId" as const, value: target.user };
  return { case: "conversationId" as const, value: target.conversation };
}

export function sameContent(one: Content | undefined, other: Content | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return equals(ContentSchema, one, other);
}
