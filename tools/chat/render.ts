import type { Content, Event, Message } from "../../gen/ts/tidewire/v1/content_pb.js";

/** Control characters, and those that change the direction of what follows: others must not steer this terminal. */
const steering = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A text of somebody else's, as one line that is safe to print. */
export function toPrintable(text: string): string {
  return text.replace(/\r\n|[\r\n\u2028\u2029]/gu, " ⏎ ").replace(steering, "�");
}

/** What a message says, in one line. */
export function toText(content: Content | undefined, nameOf: (userId: bigint) => string): string {
  const body = content?.body;
  switch (body?.case) {
    case "text":
      return toPrintable(body.value.text);
    case "image":
    case "voice":
    case "video":
      return `[${body.case}: ${toPrintable(body.value.file?.url ?? "")}]`;
    case "file":
      return `[file ${toPrintable(body.value.name)}: ${toPrintable(body.value.file?.url ?? "")}]`;
    case "location":
      return `[place ${toPrintable(body.value.name)}: ${body.value.latitudeDeg}, ${body.value.longitudeDeg}]`;
    case "custom":
      return `[${toPrintable(body.value.type)}, ${body.value.payload.length} bytes]`;
    case "event":
      return toEventText(body.value, nameOf);
    default:
      return "[something that this version cannot show]";
  }
}

/** A whole line: who says what, or what happened. */
export function toLine(message: Message, nameOf: (userId: bigint) => string): string {
  const text = toText(message.content, nameOf);
  return message.content?.body.case === "event" ? `* ${text}` : `${nameOf(message.senderId)}: ${text}`;
}

/** The users that a line names. */
export function usersIn(message: Message): bigint[] {
  const body = message.content?.body;
  if (body?.case !== "event") return [message.senderId];
  const { kind } = body.value;
  if (kind.case === "memberLeft") return [kind.value.userId];
  return kind.case === undefined ? [] : [kind.value.byUserId, ...kind.value.userIds];
}

function toEventText({ kind }: Event, nameOf: (userId: bigint) => string): string {
  switch (kind.case) {
    case "groupCreated":
      return `${nameOf(kind.value.byUserId)} created “${toPrintable(kind.value.title)}”`;
    case "membersJoined":
      return `${nameOf(kind.value.byUserId)} added ${kind.value.userIds.map(nameOf).join(", ")}`;
    case "memberLeft":
      return `${nameOf(kind.value.userId)} left`;
    default:
      return "something happened that this version does not know";
  }
}
