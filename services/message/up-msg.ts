import { hash } from "node:crypto";
import { type Content, ContentSchema, type FileReference, type Location } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { type UpMsg, UpMsgSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { checkFieldLimits } from "../../gen/ts/tidewire/v1/limits.js";
import { decode, encode } from "../../runtime/binary.js";
import { unreachable } from "../../runtime/error.js";

/** Where a message goes, or nowhere. */
export type Target = { kind: "conversation"; id: bigint } | { kind: "peer"; userId: bigint } | { kind: "none" };

/** A content that may be stored. */
export type CheckedContent = Readonly<{
  /** Encoded anew, without unknown fields: the same bytes whenever the same content comes again. */
  bytes: Uint8Array;
  /** True if it counts as unread. */
  countable: boolean;
}>;

/** An `up_msg` after all checks that need no store. */
export type ParsedUpMsg = Readonly<{
  target: Target;
  content: CheckedContent;
  /** SHA-256 of the bytes as they came. */
  digest: Uint8Array;
  /** Why it cannot be stored. 0: it can, as far as is known here. */
  refused: ErrorCode;
}>;

const noContent: CheckedContent = { bytes: new Uint8Array(0), countable: false };

/**
 * Parses an encoded UpMsg. Bytes that are none are refused as MALFORMED; a field that is missing or out of range as
 * INVALID_ARGUMENT; content over `contentMaxBytes` as CONTENT_TOO_LARGE.
 */
export function parseUpMsg(bytes: Uint8Array, contentMaxBytes: number): ParsedUpMsg {
  const digest = hash("sha256", bytes, "buffer");
  const message = decodeUpMsg(bytes);
  if (message === undefined) {
    return { target: { kind: "none" }, content: noContent, digest, refused: ErrorCode.MALFORMED };
  }
  const target = targetOf(message.target);
  if (message.content === undefined || target.kind === "none") {
    return { target, content: noContent, digest, refused: ErrorCode.INVALID_ARGUMENT };
  }
  const fault = findFault(message.content);
  // Content that is refused is kept for now: a repeated message may be told by it from another one under the same id.
  const content = { bytes: encode(ContentSchema, message.content), countable: isCountable(message.content) };
  if (fault !== undefined) return { target, content, digest, refused: ErrorCode.INVALID_ARGUMENT };
  const refused = content.bytes.length > contentMaxBytes ? ErrorCode.CONTENT_TOO_LARGE : ErrorCode.UNSPECIFIED;
  return { target, content, digest, refused };
}

function decodeUpMsg(bytes: Uint8Array): UpMsg | undefined {
  try {
    return decode(UpMsgSchema, bytes);
  } catch {
    return undefined;
  }
}

export function targetOf(target: UpMsg["target"]): Target {
  switch (target.case) {
    case "conversationId":
      return { kind: "conversation", id: target.value };
    case "peerUserId":
      return { kind: "peer", userId: target.value };
    case undefined:
      return { kind: "none" };
    default:
      return unreachable(target);
  }
}

/** What is wrong with a content that a user sends, naming the field; undefined if nothing is. Its size is not looked at. */
export function findFault(content: Content): string | undefined {
  const { body } = content;
  if (body.case === undefined) return "content: what it says is missing";
  if (body.case === "event") return "content.event: only the system sends events";
  const tooLarge = checkFieldLimits(ContentSchema, content);
  if (tooLarge !== undefined) return `content.${tooLarge}: larger than the contract allows`;
  if (body.case === "location") return findLocationFault(body.value);
  if (body.case === "text" || body.case === "custom") return undefined;
  return findFileFault(body.case, body.value.file);
}

/** @returns true unless the content must not count as unread. */
export function isCountable({ body }: Content): boolean {
  if (body.case === "custom") return body.value.countable;
  return body.case !== "event";
}

function findLocationFault({ latitudeDeg, longitudeDeg }: Location): string | undefined {
  // Written so that NaN is a fault.
  if (!(Math.abs(latitudeDeg) <= 90)) return "content.location.latitude_deg: not between -90 and 90";
  if (!(Math.abs(longitudeDeg) <= 180)) return "content.location.longitude_deg: not between -180 and 180";
  return undefined;
}

function findFileFault(kind: string, file: FileReference | undefined): string | undefined {
  if (file === undefined || file.url === "") return `content.${kind}.file.url: missing`;
  if (file.sha256.length !== 0 && file.sha256.length !== 32) return `content.${kind}.file.sha256: not 32 bytes`;
  return undefined;
}
