import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import type { ServerFrame } from "../../../gen/ts/tidewire/v1/frame_pb.js";

/** What a server says only when something is not as it should be. */
export function problemOf(frame: ServerFrame["frame"]): string | undefined {
  switch (frame.case) {
    case "upNack":
      return "was put off";
    case "upAck":
      return frame.value.outcome.case === "refused"
        ? `was refused: ${ErrorCode[frame.value.outcome.value]}`
        : undefined;
    case "error":
      return `got the error ${ErrorCode[frame.value.code]}`;
    case "goaway":
      return "was sent away";
    default:
      return undefined;
  }
}
