import { ClientFrameSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import { createCounts } from "../../sim/engine/counts.js";
import { createRandom, type Random } from "../../sim/engine/random.js";
import { encodeFrames } from "../../support/connection-world.js";
import { createMessageBuilder } from "../contract/build.js";
import { encodeFields, varint } from "../contract/wire.js";
import { heapBytes } from "../engine/heap.js";
import { createMeter } from "../engine/meter.js";
import { createDeviceKnowledge } from "./hints.js";
import type { Peer } from "./peer.js";
import { GatewayWorld, idleMs } from "./world.js";

const connections = 200;
const framesEach = 60;
/** All frames but those that begin and end a session. */
const talk = ClientFrameSchema.fields.filter(({ localName }) => localName !== "login" && localName !== "logout");

/**
 * What a connection holds after it has said and asked for all kinds of things, in bytes: the difference that it makes to the
 * heap when it goes. The stand-ins' own share is in it.
 * @param beat Called now and then, so that nobody takes it for a hang.
 */
export function measureRetention(seed: string, beat: () => void): number {
  const random = createRandom(`${seed}/retention`);
  const world = new GatewayWorld({ random, counts: createCounts(), meter: createMeter(() => {}) });
  world.services.moods.cheerUp();
  const peers = Array.from({ length: connections }, (_, index) => {
    beat();
    return connect(world, index, random);
  });
  world.settle(500);
  const open = peers.filter((peer) => peer.isOpen).length;
  const held = heapBytes();
  for (const peer of peers.splice(0)) peer.leave();
  world.settle(idleMs);
  const left = heapBytes();
  world.stop();
  return Math.round((held - left) / Math.max(1, open));
}

/** Half of them are the users' phones, the others their tablets. */
function connect(world: GatewayWorld, index: number, random: Random): Peer {
  const token = `user ${100 + (index % 100)}`;
  const deviceId = index < connections / 2 ? "phone" : "tablet";
  const knowledge = createDeviceKnowledge({ token, deviceId });
  const peer = world.connect();
  peer.onFrame = knowledge.hear;
  world.deliver(peer, encodeFrames({ case: "login", value: { token, deviceId } }), "binary");
  world.settle();
  const builder = createMessageBuilder(random, knowledge.hint(random));
  for (let frame = 0; frame < framesEach; frame++) {
    const body = encodeFields(builder.build(ClientFrameSchema, random.pick(talk)));
    world.deliver(peer, Buffer.concat([varint(BigInt(body.length)), body]), "binary");
    world.settle(1);
  }
  return peer;
}
