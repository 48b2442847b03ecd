import type { Api } from "../../clients/typescript/src/api.js";
import type { Client, Sent } from "../../clients/typescript/src/client.js";
import type { Conversation } from "../../clients/typescript/src/conversations.js";
import { TidewireClientError } from "../../clients/typescript/src/errors.js";
import type { ClientEvent } from "../../clients/typescript/src/events.js";
import type { Message } from "../../gen/ts/tidewire/v1/content_pb.js";
import { meaningOfError } from "../../gen/ts/tidewire/v1/errors.js";
import { type ChatLine, chatHelp, parseChatLine } from "./chat-line.js";
import type { Names } from "./names.js";
import { ChatProblem, toChatProblem } from "./problems.js";
import { toLine, toPrintable, usersIn } from "./render.js";
import type { Room, Rooms } from "./rooms.js";
import { type Link, toNews, toPrompt } from "./status.js";
import type { Terminal } from "./terminal.js";

export type ChatParts = Readonly<{
  client: Client;
  api: Api;
  apiUrl: string;
  names: Names;
  rooms: Rooms;
  terminal: Terminal;
}>;

/** How much of the past is shown when a conversation is opened. */
const openingHistory = 10;

/** One person's chat: what is typed goes to the client, what happens goes to the terminal, one after the other. */
export class Chat {
  readonly #parts: ChatParts;
  #room: Room | undefined;
  /** Up to where the open conversation has been printed. */
  #printedSeq = 0n;
  #link: Link = "unknown";
  #lastKey = 0;
  /** Own messages that the terminal shows, until they arrive as part of the log. */
  readonly #shownOwn = new Set<Sent>();
  /** What arrives while the past of a conversation that is being opened is fetched. */
  #held: Message[] | undefined;
  #isGreeted = false;
  /** Up to where arrivals in other conversations have been announced. */
  readonly #announced = new Map<bigint, bigint>();
  /** Printing waits for names, so it queues up: what happens first is shown first. */
  #printing: Promise<void> = Promise.resolve();

  constructor(parts: ChatParts) {
    this.#parts = parts;
    parts.client.on((event) => this.#handle(event));
  }

  /** Says what there is, once the connection is up or seems to be down. */
  async greet(): Promise<void> {
    const { client, rooms } = this.#parts;
    const waiting = client.pending().length;
    if (waiting > 0) this.#say(`* ${waiting} of your messages from last time are on their way`);
    await rooms.learn();
    const list = rooms.list();
    if (list.length > 0) this.#say(["Your conversations:", ...list].join("\n"));
    this.#isGreeted = true;
    if (this.#room === undefined) this.#say("/open NAME to talk to somebody, /help for everything else.");
    this.#refreshPrompt();
  }

  async open(name: string): Promise<void> {
    const { rooms } = this.#parts;
    await this.#attempt(async () => this.#enter(await rooms.find(name)));
  }

  /** @returns `quit` if the person has had enough. */
  async type(line: string): Promise<"go-on" | "quit"> {
    const parsed = parseChatLine(line);
    if (parsed.kind === "quit") return "quit";
    if (parsed.kind === "say") this.#send(parsed.text);
    else await this.#attempt(() => this.#obey(parsed));
    await this.#printing;
    return "go-on";
  }

  /** Resolves when everything that has happened so far is on the terminal. */
  async printed(): Promise<void> {
    await this.#printing;
  }

  async #obey(command: Exclude<ChatLine, { kind: "say" | "quit" }>): Promise<void> {
    const { rooms } = this.#parts;
    switch (command.kind) {
      case "nothing":
        return;
      case "open":
        return this.#enter(await rooms.find(command.name));
      case "group":
        return this.#enter(await rooms.createGroup(command.title, command.names));
      case "add":
        return rooms.add(this.#mustBeIn(), command.names);
      case "leave":
        return this.#leave();
      case "list":
        await rooms.learn();
        return this.#say(rooms.list().join("\n") || "You have no conversations yet.");
      case "members":
        return this.#say(`* ${(await rooms.members(this.#mustBeIn())).join(", ")}`);
      case "history":
        return this.#printHistory(this.#mustBeIn(), command.count);
      case "help":
        return this.#say(chatHelp);
      case "wrong":
        return this.#say(command.advice);
    }
  }

  /** Shows a failure and goes on. */
  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      const isExpected = error instanceof ChatProblem || error instanceof TidewireClientError;
      if (!isExpected) throw error;
      const problem = error instanceof ChatProblem ? error : toChatProblem(error, this.#parts.apiUrl);
      this.#say(`! ${problem.message} ${problem.advice}`.trimEnd());
    }
  }

  #mustBeIn(): Room {
    if (this.#room === undefined) throw new ChatProblem("No conversation is open.", "/open NAME opens one.");
    return this.#room;
  }

  async #enter(room: Room): Promise<void> {
    this.#room = room;
    this.#printedSeq = 0n;
    this.#held = [];
    this.#say(`--- ${room.title} ---`);
    this.#refreshPrompt();
    try {
      await this.#printHistory(room, openingHistory);
    } finally {
      const held = this.#held;
      this.#held = undefined;
      for (const message of held) this.#onMessage(message);
    }
  }

  async #leave(): Promise<void> {
    await this.#parts.rooms.leave(this.#mustBeIn());
    this.#say(`* you left ${this.#room?.title}`);
    this.#room = undefined;
    this.#refreshPrompt();
  }

  /** What this device holds, and what is older from the server, if it answers. */
  async #printHistory({ conversationId }: Room, count: number): Promise<void> {
    const { client, api, names } = this.#parts;
    const held = await client.history(conversationId, { limit: count });
    const beforeSeq = held[0]?.seq ?? 0n;
    let older: Message[] = [];
    if (held.length < count && beforeSeq !== 1n && client.connection.state === "ready") {
      const request = { conversationId, beforeSeq, limit: Math.min(200, count - held.length) };
      ({ messages: older } = await api.conversation.getHistory(request));
    }
    const messages = [...older, ...held];
    await names.learn(messages.flatMap(usersIn));
    this.#say(messages.map((message) => toLine(message, names.of)).join("\n"));
    this.#notePrinted(conversationId, messages.at(-1)?.seq ?? 0n);
  }

  #notePrinted(conversationId: bigint, seq: bigint): void {
    if (seq > this.#printedSeq) this.#printedSeq = seq;
    this.#parts.client.markRead(conversationId, this.#printedSeq);
  }

  #send(text: string): void {
    const { client, terminal, names } = this.#parts;
    if (this.#room === undefined) return this.#say("No conversation is open. /open NAME opens one; /help shows more.");
    this.#lastKey += 1;
    const key = this.#lastKey;
    const line = `${names.of(client.userId)}: ${toPrintable(text)}`;
    const sent = client.send(this.#room.conversationId, { text });
    this.#shownOwn.add(sent);
    terminal.printOwn(key, `${line} …`);
    sent.stored.then(
      () => {
        if (terminal.style === "live") terminal.settleOwn(key, `${line} ✓`);
      },
      (error: unknown) => {
        this.#shownOwn.delete(sent);
        const advice = error instanceof TidewireClientError ? error.advice : String(error);
        terminal.settleOwn(key, `${line} ✗ ${advice}`);
      },
    );
  }

  #handle(event: ClientEvent): void {
    switch (event.kind) {
      case "message":
        return this.#onMessage(event.message);
      case "conversation":
        return this.#onConversation(event.conversation);
      case "connection":
        return this.#onConnection();
      case "refused":
        return this.#onRefused(event.clientId, meaningOfError(event.code).advice);
      case "started-over":
        return this.#say("* the server was restored from a backup; fetching everything anew");
      case "error":
        return this.#say(`! ${toPrintable(event.advice)}`);
      default:
        return;
    }
  }

  #onMessage(message: Message): void {
    const { terminal } = this.#parts;
    if (message.conversationId === this.#room?.conversationId && this.#held !== undefined) {
      this.#held.push(message);
      return;
    }
    const own = this.#takeOwn(message);
    if (message.conversationId !== this.#room?.conversationId || message.seq <= this.#printedSeq) return;
    this.#notePrinted(message.conversationId, message.seq);
    if (own !== undefined && terminal.style === "live") return;
    this.#sayAbout(message, (line) => (own === undefined ? line : `${line} ✓`));
  }

  /** The own message that this is, if it was typed here. */
  #takeOwn(message: Message): Sent | undefined {
    const { client } = this.#parts;
    const { connection } = client;
    const isThisDevice = connection.state === "ready" && connection.device === message.senderDevice;
    if (message.senderId !== client.userId || !isThisDevice) return undefined;
    for (const sent of this.#shownOwn) {
      if (sent.clientId !== message.clientId) continue;
      this.#shownOwn.delete(sent);
      return sent;
    }
    return undefined;
  }

  #onConversation(conversation: Conversation): void {
    const { conversationId, readSeq, lastMessage } = conversation;
    const { client, rooms } = this.#parts;
    this.#refreshPrompt();
    if (conversationId === this.#room?.conversationId || lastMessage === undefined) return;
    if (lastMessage.seq <= readSeq) return;
    if (lastMessage.senderId === client.userId || lastMessage.seq <= (this.#announced.get(conversationId) ?? 0n))
      return;
    this.#announced.set(conversationId, lastMessage.seq);
    // What was there before is in the list; only what arrives from now on is announced.
    if (this.#isGreeted) this.#sayAbout(lastMessage, (line) => `[${rooms.toRoom(conversation).title}] ${line}`);
  }

  #onConnection(): void {
    const { client, terminal } = this.#parts;
    const { connection } = client;
    const { link, news } = toNews(this.#link, connection);
    this.#link = link;
    if (news !== undefined) this.#say(`* ${news}`);
    this.#refreshPrompt();
    if (connection.state === "closed") terminal.close();
  }

  #onRefused(clientId: bigint, advice: string): void {
    for (const sent of this.#shownOwn) if (sent.clientId === clientId) return; // Its own line says it.
    this.#say(`! A message from last time was refused: ${advice}`);
  }

  #sayAbout(message: Message, decorate: (line: string) => string): void {
    const { names } = this.#parts;
    const users = usersIn(message);
    this.#enqueue(async () => {
      await names.learn(users);
      return decorate(toLine(message, names.of));
    });
  }

  #say(text: string): void {
    if (text !== "") this.#enqueue(async () => text);
  }

  #enqueue(compose: () => Promise<string>): void {
    this.#printing = this.#printing.then(async () => this.#parts.terminal.print(await compose()));
  }

  #refreshPrompt(): void {
    const { client, terminal } = this.#parts;
    const open = this.#room?.conversationId;
    const unread = client
      .conversations()
      .reduce((sum, { conversationId, unread: own }) => sum + (conversationId === open ? 0 : own), 0);
    terminal.setPrompt(toPrompt(client.connection, this.#room?.title, unread));
  }
}
