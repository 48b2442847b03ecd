import type { Message } from "../../gen/ts/tidewire/v1/content_pb.js";
import type { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";

/**
 * What has happened in a world, for those who judge it afterwards. Times are those of the scheduler, in milliseconds. Devices are
 * named by their device_id, which is unique in a world.
 *
 * What a device tells its app is recorded as soon as the writes of that step are stored, all of it, even if the process dies
 * before it has acted: from then on the device knows it. Of a step whose writes were not stored, nothing is recorded.
 */
export interface History {
  /** A device has put a message into its outbox. `text` is unique in the world. */
  sent(sent: Sent): void;
  /** A device has learned that a message of its outbox is in the log. */
  toldStored(told: ToldStored): void;
  /** A device has learned that a message of its outbox is refused for good. */
  toldRefused(told: ToldRefused): void;
  /** Messages of a device's outbox got other numbers, all at once. */
  renumbered(at: DeviceMoment, moves: readonly Readonly<{ from: bigint; to: bigint }>[]): void;
  /** A device has stored a message as the next one of its log. */
  applied(at: DeviceMoment, message: Message): void;
  /** A device's log of a conversation goes on above `floorSeq`. */
  reset(at: DeviceMoment, conversationId: bigint, floorSeq: bigint): void;
  /** A device has forgotten all conversations, because the store was restored. */
  startedOver(at: DeviceMoment): void;
  /** A device's process has started on what its storage holds. `rolled-back`: which is older than what it once held. */
  booted(at: DeviceMoment, from: "storage" | "rolled-back-storage", stored: Booted): void;
  /** A device has put an ack into a WebSocket message, once for each cursor. */
  ackSent(ack: AckSent): void;
  /** An up_ack has left a gateway. */
  upAckLeft(upAck: UpAckLeft): void;
  /** A message was handed to a session, by a push or in a sync page. */
  handed(handed: Handed): void;
  /** Something broke, or came back. The last fault decides when the world has to have come to rest. */
  marked(marker: Marker): void;
  readonly records: Records;
}

/** Everything, by kind, in the order in which it happened. */
export type Records = Readonly<{
  sent: readonly Sent[];
  toldStored: readonly ToldStored[];
  toldRefused: readonly ToldRefused[];
  applications: readonly Application[];
  boots: readonly Boot[];
  acksSent: readonly AckSent[];
  upAcksLeft: readonly UpAckLeft[];
  handed: readonly Handed[];
  markers: readonly Marker[];
}>;

export type DeviceMoment = Readonly<{ atMs: number; deviceId: string }>;

export type Sent = DeviceMoment &
  Readonly<{
    userId: bigint;
    clientId: bigint;
    text: string;
    target: { kind: "conversation"; id: bigint } | { kind: "peer"; userId: bigint };
  }>;

/** `text` names the message; the recorder finds it by the device's number, which may have changed since it was sent. */
type Told = DeviceMoment & Readonly<{ clientId: bigint }>;
export type ToldStored = Told & Readonly<{ conversationId: bigint; seq: bigint; text?: string | undefined }>;
export type ToldRefused = Told & Readonly<{ code: ErrorCode; text?: string | undefined }>;

/** What changes a device's copy of logs. */
export type Application = DeviceMoment &
  (
    | Readonly<{ kind: "applied"; message: Message }>
    | Readonly<{ kind: "reset"; conversationId: bigint; floorSeq: bigint }>
    | Readonly<{ kind: "started-over" }>
    | Readonly<{ kind: "booted"; from: Boot["from"]; cursors: ReadonlyMap<bigint, bigint> }>
  );

/** What a storage holds when a process starts on it. */
export type Booted = Readonly<{
  /** The outbox, by client_id. */
  outbox: Iterable<Readonly<{ clientId: bigint; text: string }>>;
  cursors: ReadonlyMap<bigint, bigint>;
}>;

export type Boot = DeviceMoment & Readonly<{ from: "storage" | "rolled-back-storage" }>;

export type AckSent = DeviceMoment & Readonly<{ userId: bigint; conversationId: bigint; seq: bigint }>;

export type UpAckLeft = DeviceMoment &
  Readonly<{
    gateway: string;
    userId: bigint;
    /** The device's number among its user's devices. */
    device: number;
    clientId: bigint;
    outcome: { kind: "stored"; conversationId: bigint; seq: bigint } | { kind: "refused"; code: ErrorCode };
  }>;

export type Handed = Readonly<{
  atMs: number;
  gateway: string;
  userId: bigint;
  conversationId: bigint;
  seq: bigint;
  by: "push" | "sync";
}>;

export type Marker = Readonly<{ atMs: number; what: string; subject: string }>;

export function createHistory(): History {
  const records = {
    sent: [] as Sent[],
    toldStored: [] as ToldStored[],
    toldRefused: [] as ToldRefused[],
    applications: [] as Application[],
    boots: [] as Boot[],
    acksSent: [] as AckSent[],
    upAcksLeft: [] as UpAckLeft[],
    handed: [] as Handed[],
    markers: [] as Marker[],
  };
  /** The texts in each device's outbox, by client_id. */
  const outboxes = new Map<string, Map<bigint, string>>();

  function outboxOf(deviceId: string): Map<bigint, string> {
    const known = outboxes.get(deviceId) ?? new Map<bigint, string>();
    outboxes.set(deviceId, known);
    return known;
  }

  const textOf = ({ deviceId, clientId }: Told) => outboxOf(deviceId).get(clientId);

  return {
    records,
    sent(sent) {
      outboxOf(sent.deviceId).set(sent.clientId, sent.text);
      records.sent.push(sent);
    },
    toldStored: (told) => void records.toldStored.push({ text: textOf(told), ...told }),
    toldRefused: (told) => void records.toldRefused.push({ text: textOf(told), ...told }),
    renumbered({ deviceId }, moves) {
      const outbox = outboxOf(deviceId);
      const texts = moves.map(({ from }) => outbox.get(from));
      for (const { from } of moves) outbox.delete(from);
      for (const [index, { to }] of moves.entries()) {
        const text = texts[index];
        if (text !== undefined) outbox.set(to, text);
      }
    },
    applied: (at, message) => void records.applications.push({ ...at, kind: "applied", message }),
    reset: (at, conversationId, floorSeq) =>
      void records.applications.push({ ...at, kind: "reset", conversationId, floorSeq }),
    startedOver: (at) => void records.applications.push({ ...at, kind: "started-over" }),
    booted(at, from, { outbox, cursors }) {
      const texts = outboxOf(at.deviceId);
      texts.clear();
      for (const { clientId, text } of outbox) texts.set(clientId, text);
      records.boots.push({ ...at, from });
      records.applications.push({ ...at, kind: "booted", from, cursors: new Map(cursors) });
    },
    ackSent: (ack) => void records.acksSent.push(ack),
    upAckLeft: (upAck) => void records.upAcksLeft.push(upAck),
    handed: (handed) => void records.handed.push(handed),
    marked: (marker) => void records.markers.push(marker),
  };
}
