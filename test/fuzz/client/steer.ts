import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ServerFrameSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import type { Random } from "../../sim/engine/random.js";
import { encodeServerFrame } from "../../support/model-server.js";
import type { Device } from "./device.js";
import { me } from "./knowledge.js";

/** Where a device can be when it is told something. `gone`: on a socket that it has given up. */
export type WantedState = "greeting" | "ready" | "draining" | "gone";

/** More steps than lie between any two states. */
const stepsMax = 12;

/** Leads a device, by lawful means, to a state; or to some other, if it has its reasons. */
export function steer(device: Device, wanted: WantedState, random: Random): void {
  for (let step = 0; step < stepsMax && !isThere(device, wanted); step++) advance(device, wanted, random);
}

function isThere(device: Device, wanted: WantedState): boolean {
  return wanted === "gone" ? device.socket === undefined : device.state === wanted;
}

function advance(device: Device, wanted: WantedState, random: Random): void {
  switch (device.state) {
    case "idle":
    case "closed":
      return void device.step({ kind: "start" });
    case "authorizing":
      return answerToken(device, random);
    case "connecting":
      return void device.step({ kind: "socket-opened", socket: device.socket ?? 0 });
    case "greeting":
      return say(device, loginOk(device));
    case "ready":
      return wanted === "draining"
        ? say(device, { case: "goaway", value: { reconnectAfterMs: 500 } })
        : hangUp(device, 1006);
    case "draining":
      return hangUp(device, 4000);
    case "waiting":
      return device.advance(1_000);
  }
}

/** The app has a token, as a rule. */
export function answerToken(device: Device, random: Random): void {
  const request = device.tokenRequest;
  if (request === undefined) return;
  device.tokenRequest = undefined;
  if (random.chance(0.9)) return void device.step({ kind: "token", request, token: `token ${request}` });
  const outcome = random.chance(0.8) ? "retry" : "final";
  device.step({ kind: "token-failed", request, advice: "no token", outcome });
}

export function hangUp(device: Device, code: number): void {
  const { socket } = device;
  if (socket === undefined) return;
  device.socket = undefined;
  device.step({ kind: "socket-closed", socket, code });
}

function loginOk(device: Device): ServerFrameInit {
  const { snapshot } = device.table;
  const lastClientId = [...snapshot.outbox.keys()][0] ?? snapshot.nextClientId;
  const userId = snapshot.userId || me.userId;
  const storeId = snapshot.storeId || "store-1";
  return {
    case: "loginOk",
    value: { ...me, userId, storeId, lastClientId: lastClientId - 1n, heartbeatIntervalMs: 30_000, ackDelayMs: 200 },
  };
}

type ServerFrameInit = NonNullable<MessageInitShape<typeof ServerFrameSchema>["frame"]>;

function say(device: Device, frame: ServerFrameInit): void {
  const { socket } = device;
  if (socket !== undefined) device.receive(socket, encodeServerFrame(create(ServerFrameSchema, { frame }).frame));
}
