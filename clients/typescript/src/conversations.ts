import { create } from "@bufbuild/protobuf";
import type { ConversationKind, Event, Message } from "../../../gen/ts/tidewire/v1/content_pb.js";
import { type ClientFrame, type Head, HeadSchema, ReadMarkSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import type { Write } from "./storage.js";

/** A conversation as an app shows it in a list. */
export type Conversation = Readonly<{
  conversationId: bigint;
  kind: ConversationKind;
  /** A group's title; empty for others. */
  title: string;
  /** In a direct conversation: the other user. Otherwise 0. */
  peerUserId: bigint;
  /** The last seq that there is for this user, as far as this device knows. */
  headSeq: bigint;
  /** The last seq that this user has read, on any device. */
  readSeq: bigint;
  unread: number;
  /** False if this user has left. */
  isMember: boolean;
  /** The message at `headSeq`. A large one may come without content. */
  lastMessage: Message | undefined;
}>;

/** What is known of each conversation besides its log: its head, and how far the user has read. */
export interface Conversations {
  get(conversationId: bigint): Head | undefined;
  heads(): Iterable<Head>;
  /** Takes in what the server says. An answer that is older than what was seen since changes no newer fact. */
  merge(head: Head): Write[];
  /** Takes in a message that was just applied. No writes if the conversation is not known yet. */
  advance(message: Message, me: bigint): Write[];
  /**
   * The user has read up to `seq`. Marks only move forward, and not past the head.
   * @param counter `Message.counter` of the message at `seq`, if it is at hand.
   */
  markRead(conversationId: bigint, seq: bigint, counter: bigint | undefined): Write[];
  /** The read marks that no heads page has shown yet. They are repeated until one does. */
  unconfirmedMarks(): ClientFrame["frame"][];
  clear(): void;
}

export function createConversations(restored: {
  heads: ReadonlyMap<bigint, Head>;
  marks: ReadonlyMap<bigint, bigint>;
}): Conversations {
  const heads = new Map(restored.heads);
  const marks = new Map(restored.marks);

  function put(head: Head): Write[] {
    heads.set(head.conversationId, head);
    return [{ kind: "head", head }];
  }

  function confirm(head: Head): Write[] {
    const { conversationId } = head;
    if ((marks.get(conversationId) ?? head.readSeq + 1n) > head.readSeq) return [];
    marks.delete(conversationId);
    return [{ kind: "mark-remove", conversationId }];
  }

  return {
    get: (conversationId) => heads.get(conversationId),
    heads: () => heads.values(),
    merge(head) {
      const confirmed = confirm(head);
      const known = heads.get(head.conversationId);
      if (known === undefined) return [...put(head), ...confirmed];
      const newest = head.headSeq >= known.headSeq ? head : known;
      const furthest = head.readSeq >= known.readSeq ? head : known;
      const { readSeq, readCounter } = furthest;
      return [...put(create(HeadSchema, { ...newest, readSeq, readCounter })), ...confirmed];
    },
    advance(message, me) {
      const known = heads.get(message.conversationId);
      if (known === undefined || message.seq < known.headSeq) return [];
      // The page that named this head may have left the message out.
      const isNews = message.seq > known.headSeq;
      if (!isNews && known.preview?.content !== undefined) return [];
      if (!isNews) return put(create(HeadSchema, { ...known, preview: message }));
      const body = message.content?.body;
      const told = body?.case === "event" ? consequences(body.value, me) : {};
      const { seq: headSeq, counter: headCounter } = message;
      return put(create(HeadSchema, { ...known, ...told, headSeq, headCounter, preview: message }));
    },
    markRead(conversationId, seq, counter) {
      const known = heads.get(conversationId);
      if (known === undefined) return [];
      const isPastHead = seq > known.headSeq;
      const readSeq = isPastHead ? known.headSeq : seq;
      if (readSeq <= known.readSeq) return [];
      const readCounter = readSeq === known.headSeq ? known.headCounter : (counter ?? known.readCounter);
      marks.set(conversationId, readSeq);
      const writes = put(create(HeadSchema, { ...known, readSeq, readCounter }));
      return [...writes, { kind: "mark-put", conversationId, seq: readSeq }];
    },
    unconfirmedMarks: () =>
      [...marks].map(([conversationId, seq]) => ({
        case: "readMark",
        value: create(ReadMarkSchema, { conversationId, seq }),
      })),
    clear() {
      heads.clear();
      marks.clear();
    },
  };
}

export function toConversation(head: Head): Conversation {
  const { conversationId, kind, title, peerUserId, headSeq, readSeq, isMember, preview } = head;
  const unread = head.headCounter > head.readCounter ? Number(head.headCounter - head.readCounter) : 0;
  return { conversationId, kind, title, peerUserId, headSeq, readSeq, unread, isMember, lastMessage: preview };
}

/** What an event changes in a conversation's head for the user `me`. */
function consequences(event: Event, me: bigint): { title?: string; isMember?: boolean } {
  switch (event.kind.case) {
    case "groupCreated":
      return { title: event.kind.value.title };
    case "membersJoined":
      return event.kind.value.userIds.includes(me) ? { isMember: true } : {};
    case "memberLeft":
      return event.kind.value.userId === me ? { isMember: false } : {};
    default:
      return {};
  }
}
