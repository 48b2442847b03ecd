import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { createClient } from "../../clients/typescript/src/client.js";
import type { Storage } from "../../clients/typescript/src/storage.js";
import { createMemoryStorage } from "../../clients/typescript/src/storage-memory.js";
import { type ClientFrame, ClientFrameSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { createManualClock } from "../support/clock.js";
import { createFakeNetwork } from "../support/fake-socket.js";
import { splitFrames } from "../support/wire-framing.js";

/** Lets everything happen that does not wait for a timer, nor for the storage. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A storage whose commits wait while it is held. */
function createSlowStorage(): Storage & { hold(): void; release(): void } {
  const memory = createMemoryStorage();
  let open = Promise.resolve();
  let release = () => {};
  return {
    ...memory,
    async commit(writes) {
      await open;
      await memory.commit(writes);
    },
    hold() {
      open = new Promise((resolve) => {
        release = resolve;
      });
    },
    release: () => release(),
  };
}

/** A client that is logged in, with all frames that have left it. */
async function world() {
  const network = createFakeNetwork();
  const clock = createManualClock();
  const storage = createSlowStorage();
  const sent: ClientFrame["frame"][] = [];
  class TappedSocket extends network.webSocket {
    override send(data: Uint8Array<ArrayBuffer>): void {
      sent.push(...splitFrames(data).map((frame) => fromBinary(ClientFrameSchema, frame).frame));
      super.send(data);
    }
  }
  const client = await createClient({
    ...{ url: "ws://tidewire.test/ws", token: () => "user 1", random: () => 0.5 },
    ...{ webSocket: TappedSocket, storage, clock },
  });
  client.start();
  await settle();
  const count = (kind: ClientFrame["frame"]["case"]) => sent.filter((frame) => frame.case === kind).length;
  return { network, clock, storage, client, count };
}

describe("a client whose storage takes its time", () => {
  it("sends a message once it is stored, and not before", async () => {
    const { storage, client, count } = await world();
    storage.hold();
    const { stored } = client.send(1n, { text: "hello" });
    await settle();
    assert.equal(count("upMsg"), 0);
    storage.release();
    assert.equal((await stored).seq, 1n);
    assert.equal(count("upMsg"), 1);
    await client.close();
  });

  it("shows and acknowledges a message once it is stored, and not before", async () => {
    const { network, clock, storage, client, count } = await world();
    let shown = 0;
    client.on((event) => {
      if (event.kind === "message") shown += 1;
    });
    storage.hold();
    network.server.append(1n, "hello");
    await settle();
    clock.advance(300);
    await settle();
    assert.deepEqual([shown, count("ack")], [0, 0]);
    storage.release();
    await settle();
    clock.advance(300);
    await settle();
    assert.deepEqual([shown, count("ack")], [1, 1]);
    await client.close();
  });
});
