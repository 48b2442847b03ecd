import type { ServerFrame } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import type { Random } from "../../sim/engine/random.js";
import type { Hint } from "../contract/build.js";

/** What a device would know that talks to the gateway in earnest, so that what is made up has a sense. */
export interface DeviceKnowledge {
  /** Learns from what the gateway says. */
  hear(frame: ServerFrame["frame"]): void;
  hint(random: Random): Hint;
  /** The client_id that the gateway waits for, as far as is known. */
  readonly expected: bigint;
}

export const users = Array.from({ length: 24 }, (_, index) => BigInt(100 + index));
export const deviceIds = ["phone", "tablet"];
export const conversationIds = [1n, 2n, 3n, 9n];

/** @param who The token and the device that it logs in with. */
export function createDeviceKnowledge(who: { token: string; deviceId: string }): DeviceKnowledge {
  let expected = 1n;
  let sent = 0n;

  function nextClientId(random: Random): bigint {
    if (random.chance(0.06)) return random.pick([1n, 5n, 2n ** 63n, 2n ** 64n - 1n, expected + 2n]);
    if (random.chance(0.1)) return expected > 1n ? expected - 1n : 1n;
    sent = sent + 1n > expected ? sent + 1n : expected;
    return sent;
  }

  return {
    get expected() {
      return expected;
    },
    hear(frame) {
      switch (frame.case) {
        case "loginOk":
          expected = frame.value.lastClientId + 1n;
          sent = frame.value.lastClientId;
          return;
        case "upAck":
          if (frame.value.clientId >= expected) expected = frame.value.clientId + 1n;
          return;
        case "upNack":
          expected = frame.value.expected;
          sent = expected - 1n;
      }
    },
    hint: (random) => (field) => {
      switch (field) {
        case "UpMsg.client_id":
          return nextClientId(random);
        case "Login.token":
          return random.chance(0.9) ? who.token : `user ${random.pick(users)}`;
        case "Login.device_id":
          return random.chance(0.9) ? who.deviceId : random.pick(deviceIds);
        case "Sync.request_id":
        case "Heads.request_id":
          return BigInt(random.whole(1, 50));
        case "Heartbeat.client_time_ms":
          return BigInt(random.whole(0, 1_000_000));
        case "Cursor.seq":
        case "ReadMark.seq":
        case "Sync.after_seq":
          return BigInt(random.whole(0, 12));
        case "Cursor.conversation_id":
        case "ReadMark.conversation_id":
        case "Sync.conversation_id":
        case "UpMsg.conversation_id":
          return random.pick(conversationIds);
        case "UpMsg.peer_user_id":
          return random.pick(users);
        default:
          return undefined;
      }
    },
  };
}
