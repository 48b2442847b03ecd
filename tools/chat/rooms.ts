import type { Api } from "../../clients/typescript/src/api.js";
import type { Client } from "../../clients/typescript/src/client.js";
import type { Conversation } from "../../clients/typescript/src/conversations.js";
import { ConversationKind } from "../../gen/ts/tidewire/v1/content_pb.js";
import type { Names } from "./names.js";
import { ChatProblem } from "./problems.js";
import { toPrintable, toText } from "./render.js";

/** A conversation that somebody talks in. */
export type Room = Readonly<{ conversationId: bigint; title: string; kind: "direct" | "group" | "notes" }>;

/** The user's conversations, by the names that people use for them. */
export interface Rooms {
  /** Learns the names that the list needs. */
  learn(): Promise<void>;
  toRoom(conversation: Conversation): Room;
  /** By a group's title or a user's name; a direct conversation comes about if need be. */
  find(name: string): Promise<Room>;
  createGroup(title: string, names: readonly string[]): Promise<Room>;
  add(room: Room, names: readonly string[]): Promise<void>;
  leave(room: Room): Promise<void>;
  members(room: Room): Promise<string[]>;
  /** One line for each conversation. */
  list(): string[];
}

export function createRooms(client: Client, api: Api, names: Names): Rooms {
  function toRoom(conversation: Conversation): Room {
    const { conversationId, kind, title, peerUserId } = conversation;
    if (kind === ConversationKind.DIRECT) return { conversationId, title: names.of(peerUserId), kind: "direct" };
    if (kind === ConversationKind.SELF) return { conversationId, title: "notes", kind: "notes" };
    return { conversationId, title: toPrintable(title), kind: "group" };
  }

  async function learn(): Promise<void> {
    const conversations = client.conversations();
    const speakers = conversations.map(({ lastMessage }) => lastMessage?.senderId ?? 0n);
    await names.learn([...conversations.map(({ peerUserId }) => peerUserId), ...speakers]);
  }

  async function findUsers(wanted: readonly string[]): Promise<bigint[]> {
    return Promise.all(wanted.map((name) => names.find(name)));
  }

  function mustBeGroup(room: Room): void {
    if (room.kind !== "group") throw new ChatProblem("This is not a group.", "/group TITLE NAME… creates one.");
  }

  return {
    learn,
    toRoom,
    async find(name) {
      await learn();
      const folded = name.toLowerCase();
      const rooms = client.conversations().map(toRoom);
      const found = rooms.filter(({ title }) => title.toLowerCase() === folded);
      if (found.length > 1)
        throw new ChatProblem(`${found.length} conversations are called ${name}.`, "/list shows them.");
      if (found[0] !== undefined) return found[0];
      const peerUserId = await names.find(name);
      const { conversationId } = await api.conversation.openDirect({ peerUserId });
      return { conversationId, title: names.of(peerUserId), kind: peerUserId === client.userId ? "notes" : "direct" };
    },
    async createGroup(title, wanted) {
      const userIds = await findUsers(wanted);
      const { group } = await api.group.createGroup({ title, userIds });
      return { conversationId: group?.conversationId ?? 0n, title: toPrintable(title), kind: "group" };
    },
    async add(room, wanted) {
      mustBeGroup(room);
      await api.group.addMembers({ conversationId: room.conversationId, userIds: await findUsers(wanted) });
    },
    async leave(room) {
      mustBeGroup(room);
      await api.group.leaveGroup({ conversationId: room.conversationId });
    },
    async members(room) {
      if (room.kind !== "group") return [...new Set([names.of(client.userId), room.title])];
      const { members, hasMore } = await api.group.listMembers({ conversationId: room.conversationId });
      await names.learn(members.map(({ userId }) => userId));
      return [...members.map(({ userId }) => names.of(userId)).sort(), ...(hasMore ? ["and more"] : [])];
    },
    list() {
      return client.conversations().map((conversation) => {
        const { title, kind } = toRoom(conversation);
        const { unread, lastMessage, isMember } = conversation;
        const marks = [kind === "group" ? "group" : "", isMember ? "" : "left", unread > 0 ? `${unread} unread` : ""];
        const shown = marks.filter((mark) => mark !== "").join(", ");
        const last = lastMessage?.content === undefined ? "" : ` — ${shorten(toText(lastMessage.content, names.of))}`;
        return `  ${title}${shown === "" ? "" : ` (${shown})`}${last}`;
      });
    },
  };
}

function shorten(text: string): string {
  const characters = [...text];
  return characters.length > 50 ? `${characters.slice(0, 49).join("")}…` : text;
}
