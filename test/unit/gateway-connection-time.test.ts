import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { GatewayContext } from "../../gateway/context.js";
import { InterestSchema, ListInterestsResponseSchema } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { HeadsResponseSchema } from "../../gen/ts/tidewire/v1/message_pb.js";
import { createConnectionWorld, type TestSocket } from "../support/connection-world.js";

async function loggedIn(override: Partial<GatewayContext> = {}) {
  const world = createConnectionWorld(override);
  const socket = world.connect();
  await socket.login();
  return { ...world, socket };
}

const isOpen = (socket: TestSocket) => socket.closed === undefined;
const beat = (socket: TestSocket) => socket.send({ case: "heartbeat", value: {} });

describe("a connection, as time passes", () => {
  it("closes if nobody logs in within five seconds, and not before", () => {
    const { clock, connect, timers } = createConnectionWorld();
    const socket = connect();
    clock.advance(4_999);
    assert.ok(isOpen(socket));
    clock.advance(1);
    assert.equal(socket.closed?.code, CloseCode.LOGIN_TIMEOUT);
    assert.equal(timers.size, 0);
  });

  it("closes if its login is not answered in that time either", async () => {
    const { accounts } = createConnectionWorld().context;
    const openSession = () => new Promise<never>(() => {});
    const { clock, connect } = createConnectionWorld({ accounts: { ...accounts, openSession } });
    const socket = connect();
    await clock.settle(3_000);
    await socket.login();
    await clock.settle(1_999);
    assert.ok(isOpen(socket));
    await clock.settle(1);
    assert.equal(socket.closed?.code, CloseCode.LOGIN_TIMEOUT);
  });

  it("closes when its device has been silent for two and a half heartbeats, and a second and a tick at most", async () => {
    const { clock, socket } = await loggedIn();
    await clock.settle(50_000);
    beat(socket);
    await clock.settle(74_999);
    assert.ok(isOpen(socket));
    await clock.settle(1_011);
    assert.equal(socket.closed?.code, CloseCode.HEARTBEAT_TIMEOUT);
  });

  it("closes when its token expires, however lively its device", async () => {
    const { clock, socket } = await loggedIn();
    for (let waitedMs = 0; waitedMs < 890_000; waitedMs += 10_000) {
      await clock.settle(10_000);
      beat(socket);
    }
    assert.ok(isOpen(socket));
    await clock.settle(10_000);
    assert.equal(socket.closed?.code, CloseCode.TOKEN_EXPIRED);
    const error = socket.frames().at(-1);
    assert.equal(error?.case === "error" && error.value.code, ErrorCode.TOKEN_EXPIRED);
  });

  it("lives on under a later token", async () => {
    const { clock, socket } = await loggedIn();
    await clock.settle(60_000);
    await socket.login("user 7");
    for (let waitedMs = 0; waitedMs < 890_000; waitedMs += 10_000) {
      beat(socket);
      await clock.settle(10_000);
    }
    assert.ok(isOpen(socket));
  });

  it("looks at heads again two seconds after the device has them, and shows what it finds", async () => {
    const reads: bigint[] = [];
    const { messages } = createConnectionWorld().context;
    const heads: GatewayContext["messages"]["heads"] = async ({ since = 0n }) => {
      reads.push(since);
      return create(HeadsResponseSchema, { page: { watermark: 8n, heads: [{ conversationId: 9n, headSeq: 4n }] } });
    };
    const { clock, socket } = await loggedIn({ messages: { ...messages, heads } });
    await clock.settle(10_000);
    assert.deepEqual(reads, [], "it has not asked");
    socket.send({ case: "heads", value: { requestId: 1n } });
    await clock.settle(1_999);
    assert.deepEqual(reads, [0n]);
    await clock.settle(11);
    assert.deepEqual(reads, [0n, 8n]);
    const shown = socket.frames().at(-1);
    assert.ok(shown?.case === "headsPage");
    assert.deepEqual([shown.value.requestId, shown.value.watermark, shown.value.heads.length], [0n, 0n, 1]);
  });

  it("listens to what it finds that it is to hear when it looks again", async () => {
    const { conversations } = createConnectionWorld().context;
    const answers = [[], [create(InterestSchema, { conversationId: 9n, rosterSeq: 3n })]];
    const listInterests = async () => create(ListInterestsResponseSchema, { interests: answers.shift() ?? [] });
    const { clock, socket } = await loggedIn({ conversations: { ...conversations, listInterests } });
    socket.send({ case: "heads", value: { requestId: 1n } });
    await clock.settle(1_000);
    assert.equal(socket.topics.has("c9"), false);
    await clock.settle(1_010);
    assert.equal(socket.topics.has("c9"), true);
  });

  it("looks again and again while it cannot be found out what it is to hear", async () => {
    const { conversations } = createConnectionWorld().context;
    let calls = 0;
    const listInterests = async () => {
      if (calls++ > 0) throw new ConnectError("away", Code.Unavailable);
      return create(ListInterestsResponseSchema);
    };
    const { clock, socket } = await loggedIn({ conversations: { ...conversations, listInterests } });
    socket.send({ case: "heads", value: { requestId: 1n } });
    await clock.settle(6_100);
    assert.equal(calls, 1 + 3);
    assert.ok(isOpen(socket));
  });

  it("needs one timer, however much it says", async () => {
    const { clock, socket, timers } = await loggedIn();
    assert.equal(timers.size, 1);
    for (let beats = 0; beats < 100; beats++) {
      beat(socket);
      await clock.settle(100);
    }
    assert.equal(timers.size, 1);
  });

  it("needs none once it is over, however it ends", async () => {
    for (const end of [
      ({ socket }: Awaited<ReturnType<typeof loggedIn>>) => socket.connection.closed(),
      ({ socket }: Awaited<ReturnType<typeof loggedIn>>) => socket.send({ case: "logout", value: {} }),
      ({ socket }: Awaited<ReturnType<typeof loggedIn>>) => socket.sendBytes(Uint8Array.of(0xff)),
      ({ socket }: Awaited<ReturnType<typeof loggedIn>>) =>
        socket.connection.dispatch({ kind: "drain", reconnectAfterMs: 0 }),
    ]) {
      const world = await loggedIn();
      end(world);
      assert.equal(world.timers.size, 0);
    }
  });
});
