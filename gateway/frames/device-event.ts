import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { clientFrameKinds } from "../../gen/ts/tidewire/v1/dispatch.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import {
  AckSchema,
  HeadsSchema,
  HeartbeatSchema,
  LoginSchema,
  ReadMarkSchema,
  SyncSchema,
} from "../../gen/ts/tidewire/v1/frame_pb.js";
import { checkFieldLimits } from "../../gen/ts/tidewire/v1/limits.js";
import { decode } from "../../runtime/binary.js";
import { TidewireError, unreachable } from "../../runtime/error.js";
import type { GcraState } from "../../runtime/gcra.js";
import type { DeviceEvent } from "../session/state.js";
import { peekClientId, peekFrame } from "./frames.js";
import { readCursors } from "./read-cursors.js";

/** What an `up_msg` needs to know of its surroundings. */
export type UplinkContext = Readonly<{ rate: GcraState; lane: (bytes: number) => "open" | "full" }>;

/**
 * Turns a frame into an event. An `up_msg` stays encoded, in a copy of its own: it is decoded where it is stored.
 * @throws TidewireError `MALFORMED` if it is not a frame that a device may send.
 */
export function parseDeviceEvent(frame: Uint8Array, context: UplinkContext): DeviceEvent {
  const { number, body } = peekFrame(frame);
  const kind = clientFrameKinds[number]?.kind;
  switch (kind) {
    case "upMsg": {
      const upMsg = body.slice(); // the socket reuses its buffer
      return {
        kind: "up-msg",
        clientId: peekClientId(upMsg),
        upMsg,
        rate: context.rate,
        lane: context.lane(upMsg.length),
      };
    }
    case "ack":
      return { kind: "ack", cursors: readCursors(body) ?? parse(AckSchema, body).cursors };
    case "heartbeat":
      return { kind: "heartbeat", heartbeat: parse(HeartbeatSchema, body) };
    case "sync":
      return { kind: "sync", sync: parse(SyncSchema, body) };
    case "heads":
      return { kind: "heads", heads: parse(HeadsSchema, body) };
    case "readMark":
      return { kind: "read-mark", readMark: parse(ReadMarkSchema, body) };
    case "login":
      return { kind: "login", login: parse(LoginSchema, body) };
    case "signal":
      return { kind: "signal" };
    case "logout":
      return { kind: "logout" };
    case undefined:
      throw new TidewireError(ErrorCode.MALFORMED, `there is no frame with the number ${number}`);
    default:
      return unreachable(kind);
  }
}

function parse<Schema extends DescMessage>(schema: Schema, body: Uint8Array): MessageShape<Schema> {
  const message = decode(schema, body);
  const violated = checkFieldLimits(schema, message);
  if (violated) throw new TidewireError(ErrorCode.MALFORMED, `${violated} is too long`);
  return message;
}
