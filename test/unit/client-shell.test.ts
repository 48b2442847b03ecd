import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deflateRawSync } from "node:zlib";
import { create, fromBinary } from "@bufbuild/protobuf";
import { createClient } from "../../clients/typescript/src/client.js";
import type { Action, Core, CoreEvent } from "../../clients/typescript/src/core.js";
import { unpackPages } from "../../clients/typescript/src/packed-pages.js";
import { createShell, type WebSocketConstructor } from "../../clients/typescript/src/shell.js";
import type { Storage } from "../../clients/typescript/src/storage.js";
import { createMemoryStorage } from "../../clients/typescript/src/storage-memory.js";
import { type ClientFrame, ClientFrameSchema, Compression, SyncPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { encode } from "../../runtime/binary.js";
import { createManualClock } from "../support/clock.js";
import { createFakeNetwork } from "../support/fake-socket.js";
import { encodeServerFrame } from "../support/model-server.js";
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

/** A core that says what it hears, and does what it is told: connect at `start`, hang up at `stop`. */
function obedientCore(heard: string[]): Core {
  const actions = (kind: CoreEvent["kind"]): Action[] => {
    if (kind === "start") return [{ kind: "connect", socket: 1, address: undefined }];
    return kind === "stop" ? [{ kind: "disconnect", socket: 1, code: 1000 }] : [];
  };
  const core: Pick<Core, "step" | "deadlineMs"> = {
    step(event) {
      heard.push(event.kind);
      return { writes: [], actions: actions(event.kind) };
    },
    deadlineMs: () => undefined,
  };
  return core as Core;
}

/** A socket that tells what a test lets it tell. */
class ToldSocket extends EventTarget {
  static last: ToldSocket;
  binaryType = "blob";

  constructor() {
    super();
    ToldSocket.last = this;
  }

  send(): void {}
  close(): void {}

  tell(type: string, facts: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(type), facts));
  }
}

describe("a shell", () => {
  const bytes = deflateRawSync(encode(SyncPageSchema, create(SyncPageSchema, { conversationId: 9n })));
  const packed = { compression: Compression.DEFLATE, unpackedBytes: 9, bytes };
  const page = encodeServerFrame({ case: "syncPage", value: create(SyncPageSchema, { requestId: 1n, packed }) });

  function world() {
    const heard: string[] = [];
    const shell = createShell({
      ...{ core: obedientCore(heard), url: "ws://tidewire.test/ws", token: () => "", clock: createManualClock() },
      ...{ storage: createMemoryStorage(), webSocket: ToldSocket as unknown as WebSocketConstructor, tell: () => {} },
    });
    shell.dispatch({ kind: "start" });
    const socket = ToldSocket.last;
    socket.tell("open");
    return { heard, shell, socket };
  }

  it("hears of a socket's end after the packed page that came before it", async () => {
    const { heard, socket } = world();
    socket.tell("message", { data: new Uint8Array(page).buffer });
    socket.tell("close", { code: 1006 });
    while (!heard.includes("socket-closed")) await settle();
    assert.deepEqual(heard, ["start", "socket-opened", "socket-message", "socket-closed"]);
  });

  it("hears nothing more of a socket that it has hung up, not even of a page that came before", async () => {
    const { heard, shell, socket } = world();
    socket.tell("message", { data: new Uint8Array(page).buffer });
    shell.dispatch({ kind: "stop", advice: "" });
    await settle();
    socket.tell("close", { code: 1000 });
    for (let times = 0; times < 5; times++) await unpackPages(page); // long after the first
    assert.deepEqual(heard, ["start", "socket-opened", "stop"]);
  });
});
