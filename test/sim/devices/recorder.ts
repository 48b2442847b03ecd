import { decodeClientFrame } from "../../../clients/typescript/src/frames.js";
import type { Counts } from "../engine/counts.js";
import type { Scheduler } from "../engine/scheduler.js";
import type { Trace } from "../engine/trace.js";
import type { History } from "../history.js";
import type { DeviceWitness, SimDevice } from "./device.js";

export type RecorderOptions = Readonly<{ history: History; trace: Trace; counts: Counts; scheduler: Scheduler }>;

/** Writes into the history what devices do and learn, and counts what is rare. */
export function createRecorder({ history, trace, counts, scheduler }: RecorderOptions): DeviceWitness {
  const momentOf = (device: SimDevice) => ({ atMs: scheduler.nowMs, deviceId: device.name });
  return {
    sent(device, clientId, target, text) {
      trace.note("sent", device.name, Number(clientId), () => `${clientId}: ${text.slice(0, 20)}`);
      const { userId } = device;
      const to =
        target.case === "peerUserId"
          ? { kind: "peer" as const, userId: target.value }
          : { kind: "conversation" as const, id: target.value ?? 0n };
      history.sent({ ...momentOf(device), userId, clientId, text, target: to });
    },
    stored(device, event) {
      const at = momentOf(device);
      switch (event.kind) {
        case "message": {
          const { conversationId, seq } = event.message;
          trace.note("applied", device.name, Number(seq), () => `${conversationId}/${seq}`);
          return history.applied(at, event.message);
        }
        case "stored": {
          const { clientId, stored } = event;
          trace.note(
            "told stored",
            device.name,
            Number(clientId),
            () => `${clientId} is ${stored.conversationId}/${stored.seq}`,
          );
          return history.toldStored({ ...at, clientId, conversationId: stored.conversationId, seq: stored.seq });
        }
        case "refused":
          counts.add(`device refused ${event.code}`);
          trace.note("told refused", device.name, event.code, () => `${event.clientId}: ${event.code}`);
          return history.toldRefused({ ...at, clientId: event.clientId, code: event.code });
        case "renumbered":
          counts.add("device renumbered");
          trace.note("renumbered", device.name, event.moves.length);
          return history.renumbered(at, event.moves);
        case "reset":
          counts.add("device reset");
          trace.note(
            "reset",
            device.name,
            Number(event.floorSeq),
            () => `${event.conversationId} from ${event.floorSeq}`,
          );
          return history.reset(at, event.conversationId, event.floorSeq);
        case "started-over":
          counts.add("device started over");
          trace.note("started over", device.name, 0);
          return history.startedOver(at);
        case "connection":
          counts.add(`device ${event.connection.state}`);
          return trace.note(event.connection.state, device.name, 0);
        case "error":
          counts.add(`device error ${event.code}`);
          return trace.note("error", device.name, event.code, () => event.advice);
        default:
          return;
      }
    },
    acked(device, ack) {
      trace.note("ack", device.name, ack.cursors.length);
      const { userId } = device;
      for (const { conversationId, seq } of ack.cursors) {
        history.ackSent({ ...momentOf(device), userId, conversationId, seq });
      }
    },
    booted(device, from) {
      trace.note("booted", device.name, 0, () => from);
      const { outbox, cursors } = device.storage.snapshot;
      history.booted(momentOf(device), from, { outbox: textsIn(outbox), cursors });
    },
    died(device) {
      trace.note("died", device.name, 0);
    },
  };
}

/** The texts of an outbox as it is stored, by client_id. */
export function textsIn(outbox: ReadonlyMap<bigint, Uint8Array>): { clientId: bigint; text: string }[] {
  return [...outbox].map(([clientId, frame]) => ({ clientId, text: textOf(frame) }));
}

function textOf(frame: Uint8Array): string {
  const { case: kind, value } = decodeClientFrame(frame);
  const body = kind === "upMsg" ? value.content?.body : undefined;
  return body?.case === "text" ? body.value.text : "";
}
