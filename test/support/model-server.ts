import { create, equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  type Content,
  ContentSchema,
  ConversationKind,
  type Message,
  MessageSchema,
} from "../../gen/ts/tidewire/v1/content_pb.js";
import {
  type ClientFrame,
  ClientFrameSchema,
  HeadSchema,
  type Login,
  LoginOkSchema,
  NackReason,
  type ServerFrame,
  ServerFrameSchema,
  type Sync,
  SyncPageSchema,
  type UpMsg,
  UpNackSchema,
} from "../../gen/ts/tidewire/v1/frame_pb.js";

/** How often each fault strikes, from 0 to 1. */
export type Faults = {
  /** A push is not published; nobody notices but by its hole. */
  pushLost: number;
  pushDoubled: number;
  /** A push is held back for up to a second, so that later ones overtake it. */
  pushLate: number;
  /** An accepted message is dropped: the session falls back to what is committed. */
  laneDropped: number;
  /** A message is committed, but its session does not hear of it, and falls back. */
  outcomeLost: number;
  busy: number;
};

export const noFaults: Faults = { pushLost: 0, pushDoubled: 0, pushLate: 0, laneDropped: 0, outcomeLost: 0, busy: 0 };

type Device = {
  deviceId: string;
  userId: bigint;
  number: number;
  epoch: bigint;
  last: bigint;
  outcomes: Map<bigint, Message>;
};
type Conversation = { log: Message[]; changed: bigint; floor: bigint };
export type StoreModel = { storeId: string; devices: Map<string, Device>; conversations: Map<bigint, Conversation> };

/** One connection, as the server sees it. */
export type ServerSession = {
  device: Device | undefined;
  epoch: bigint;
  accepted: bigint;
  committed: bigint;
  awaiting: bigint;
  /** Accepted and not yet committed. */
  lane: UpMsg[];
  isOpen: boolean;
  send(bytes: Uint8Array): void;
};

export type ModelServerOptions = {
  random: () => number;
  /** Runs something later, in virtual milliseconds. */
  later: (delayMs: number, run: () => void) => void;
  faults: Faults;
};

/** A whole server in one object: rules of protocol.md, a store in memory, no sockets. All users are in all conversations. */
export class ModelServer {
  store: StoreModel = { storeId: "store-1", devices: new Map(), conversations: new Map() };
  readonly #options: ModelServerOptions;
  readonly #sessions = new Set<ServerSession>();
  #clock = 1n;

  constructor(options: ModelServerOptions) {
    this.#options = options;
  }

  connect(send: (bytes: Uint8Array) => void): ServerSession {
    const numbers = { epoch: 0n, accepted: 0n, committed: 0n, awaiting: 0n };
    const session: ServerSession = { device: undefined, ...numbers, lane: [], isOpen: true, send };
    this.#sessions.add(session);
    return session;
  }

  disconnect(session: ServerSession): void {
    session.isOpen = false;
    this.#sessions.delete(session);
  }

  log(conversationId: bigint): Message[] {
    return this.store.conversations.get(conversationId)?.log ?? [];
  }

  /** Appends on the system's account. */
  append(conversationId: bigint, text: string): Message {
    const content = create(ContentSchema, { body: { case: "text", value: { text } } });
    return this.#append(conversationId, { senderId: 99n, senderDevice: 0, clientId: 0n, content });
  }

  /** Retention: what is up to `floor` is no longer there. */
  expire(conversationId: bigint, floor: bigint): void {
    this.#conversation(conversationId).floor = floor;
  }

  /** What the sweeper and the timing wheel do: tells every session the heads of everything. */
  sweep(): void {
    for (const session of this.#sessions) if (session.device) this.#say(session, this.#headsPage(0n, 0n));
  }

  receive(session: ServerSession, bytes: Uint8Array): void {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len && session.isOpen) {
      this.#handle(session, fromBinary(ClientFrameSchema, reader.bytes()).frame);
    }
  }

  #handle(session: ServerSession, frame: ClientFrame["frame"]): void {
    if (frame.case === "login") return this.#login(session, frame.value);
    if (session.device === undefined) throw new Error(`a ${frame.case} before login`);
    if (frame.case === "upMsg") return this.#upMsg(session, session.device, frame.value);
    if (frame.case === "sync") return this.#sync(session, frame.value);
    if (frame.case === "heads") return this.#say(session, this.#headsPage(frame.value.requestId, frame.value.since));
  }

  #login(session: ServerSession, login: Login): void {
    const { devices } = this.store;
    const number = devices.size + 1;
    const userId = BigInt(login.token.replace(/\D/g, ""));
    const device = devices.get(login.deviceId) ?? {
      deviceId: login.deviceId,
      userId,
      number,
      epoch: 0n,
      last: 0n,
      outcomes: new Map(),
    };
    devices.set(login.deviceId, device);
    device.epoch += 1n;
    session.device = device;
    session.epoch = device.epoch;
    session.accepted = device.last;
    session.committed = device.last;
    const value = create(LoginOkSchema, {
      userId,
      device: device.number,
      epoch: device.epoch,
      lastClientId: device.last,
      storeId: this.store.storeId,
      heartbeatIntervalMs: 30_000,
      ackDelayMs: 200,
    });
    this.#say(session, { case: "loginOk", value });
  }

  #upMsg(session: ServerSession, device: Device, upMsg: UpMsg): void {
    const { clientId } = upMsg;
    const expected = session.accepted + 1n;
    if (clientId <= session.committed) return this.#repeat(session, device, upMsg);
    if (clientId < expected) return;
    if (clientId > expected) {
      if (session.awaiting !== expected) this.#nack(session, expected, NackReason.HOLE);
      session.awaiting = expected;
      return;
    }
    if (this.#strikes("busy")) return this.#nack(session, clientId, NackReason.BUSY, 300);
    session.accepted = clientId;
    session.awaiting = 0n;
    session.lane.push(upMsg);
    if (session.lane.length === 1)
      this.#options.later(this.#options.random() * 50, () => this.#runLane(session, device));
  }

  #runLane(session: ServerSession, device: Device): void {
    const batch = session.lane;
    session.lane = [];
    const isDropped = this.#strikes("laneDropped");
    const isUnknown = this.#strikes("outcomeLost");
    if (!isDropped) for (const upMsg of batch) this.#commit(session, device, upMsg, isUnknown ? "unheard" : "heard");
    if (isDropped || isUnknown) session.accepted = session.committed;
  }

  #repeat(session: ServerSession, device: Device, upMsg: UpMsg): void {
    const original = device.outcomes.get(upMsg.clientId);
    if (original === undefined || upMsg.content === undefined || original.content === undefined) return;
    if (equals(ContentSchema, original.content, upMsg.content)) return this.#ack(session, upMsg.clientId, original);
    this.#nack(session, upMsg.clientId, NackReason.CONFLICT);
  }

  #commit(session: ServerSession, device: Device, upMsg: UpMsg, outcome: "heard" | "unheard"): void {
    const { clientId, content, target } = upMsg;
    // The store's own rules: the session must be the device's last, and the number the next one.
    if (device.epoch !== session.epoch || this.store.devices.get(device.deviceId) !== device) return;
    if (clientId > device.last + 1n) return;
    if (content === undefined || target.case !== "conversationId") throw new Error("an odd up_msg");
    if (clientId === device.last + 1n) {
      const { userId: senderId, number: senderDevice } = device;
      const message = this.#append(target.value, { senderId, senderDevice, clientId, content });
      device.outcomes.set(clientId, message);
      device.last = clientId;
    }
    if (outcome === "unheard") return;
    session.committed = clientId;
    this.#repeat(session, device, upMsg);
  }

  #append(
    conversationId: bigint,
    from: { senderId: bigint; senderDevice: number; clientId: bigint; content: Content },
  ): Message {
    const conversation = this.#conversation(conversationId);
    const seq = BigInt(conversation.log.length + 1);
    const messageId = this.#clock++;
    const message = create(MessageSchema, { conversationId, seq, messageId, counter: seq, sentAtMs: 1n, ...from });
    conversation.log.push(message);
    conversation.changed = messageId;
    for (const session of this.#sessions) if (session.device !== undefined) this.#push(session, message);
    return message;
  }

  #push(session: ServerSession, message: Message): void {
    if (this.#strikes("pushLost")) return;
    const frame = { case: "push" as const, value: { $typeName: "tidewire.v1.Push" as const, message } };
    const delayMs = this.#strikes("pushLate") ? this.#options.random() * 1_000 : 0;
    this.#options.later(delayMs, () => this.#say(session, frame));
    if (this.#strikes("pushDoubled"))
      this.#options.later(this.#options.random() * 1_000, () => this.#say(session, frame));
  }

  #nack(session: ServerSession, expected: bigint, reason: NackReason, retryAfterMs = 0): void {
    this.#say(session, { case: "upNack", value: create(UpNackSchema, { expected, reason, retryAfterMs }) });
  }

  #ack(session: ServerSession, clientId: bigint, { conversationId, seq, messageId, sentAtMs }: Message): void {
    const stored = { $typeName: "tidewire.v1.Stored" as const, conversationId, seq, messageId, sentAtMs };
    this.#say(session, {
      case: "upAck",
      value: { $typeName: "tidewire.v1.UpAck", clientId, outcome: { case: "stored", value: stored } },
    });
  }

  #sync(session: ServerSession, { requestId, conversationId, afterSeq }: Sync): void {
    const { log, floor } = this.#conversation(conversationId);
    const headSeq = BigInt(log.length);
    const answer = create(SyncPageSchema, { requestId, conversationId, headSeq });
    const lowest = floor > headSeq - 200n ? floor : headSeq - 200n;
    if (afterSeq < (afterSeq === 0n ? lowest : floor)) {
      answer.reset = { $typeName: "tidewire.v1.Reset", floorSeq: lowest, headSeq };
    } else {
      answer.messages = log.slice(Number(afterSeq), Number(afterSeq) + 7);
      answer.hasMore = afterSeq + BigInt(answer.messages.length) < headSeq;
    }
    this.#say(session, { case: "syncPage", value: answer });
  }

  #headsPage(requestId: bigint, since: bigint): Extract<ServerFrame["frame"], { case: "headsPage" }> {
    const changed = [...this.store.conversations].filter(([, { changed }]) => changed >= since);
    const page = changed.sort(([, one], [, other]) => (one.changed < other.changed ? -1 : 1)).slice(0, 3);
    const heads = page.map(([conversationId, { log }]) => {
      const headSeq = BigInt(log.length);
      const kind = ConversationKind.GROUP;
      return create(HeadSchema, { conversationId, kind, headSeq, headCounter: headSeq, isMember: true });
    });
    const hasMore = page.length < changed.length;
    const watermark = hasMore ? (page.at(-1)?.[1].changed ?? 0n) : this.#clock;
    return {
      case: "headsPage",
      value: {
        $typeName: "tidewire.v1.HeadsPage",
        requestId,
        heads,
        watermark: requestId && watermark,
        hasMore,
        error: 0,
      },
    };
  }

  #conversation(conversationId: bigint): Conversation {
    const known = this.store.conversations.get(conversationId) ?? { log: [], changed: this.#clock, floor: 0n };
    this.store.conversations.set(conversationId, known);
    return known;
  }

  #strikes(fault: keyof Faults): boolean {
    return this.#options.random() < this.#options.faults[fault];
  }

  #say(session: ServerSession, frame: ServerFrame["frame"]): void {
    if (session.isOpen) session.send(encodeServerFrame(frame));
  }
}

/** A frame as a gateway sends it. */
export function encodeServerFrame(frame: ServerFrame["frame"]): Uint8Array {
  return new BinaryWriter().bytes(toBinary(ServerFrameSchema, create(ServerFrameSchema, { frame }))).finish();
}
