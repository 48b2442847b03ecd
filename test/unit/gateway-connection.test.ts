import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type { GatewayContext } from "../../gateway/context.js";
import { createStrangers } from "../../gateway/strangers.js";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { createConnectionWorld, encodeFrames, failure, type TestSocket } from "../support/connection-world.js";

const cases = (socket: TestSocket) => socket.frames().map((frame) => frame.case);

async function loggedIn(override: Partial<GatewayContext> = {}) {
  const world = createConnectionWorld(override);
  const socket = world.connect();
  await socket.login();
  return { ...world, socket };
}

describe("connection", () => {
  it("logs in, listens to its user and conversations, and only then says so", async () => {
    const { hub, socket } = await loggedIn();
    assert.deepEqual(cases(socket), ["loginOk"]);
    assert.deepEqual([...socket.topics], ["u7", "c9"]);
    assert.equal(hub.sessionCount, 1);
  });

  it("answers what came in one message, each turn by one message", async () => {
    const { clock, socket } = await loggedIn();
    socket.messages.length = 0;
    socket.send({ case: "upMsg", value: { clientId: 1n } }, { case: "upMsg", value: { clientId: 2n } });
    await clock.settle();
    assert.equal(socket.messages.length, 1);
    assert.deepEqual(cases(socket), ["upAck", "upAck"]);
  });

  it("answers heartbeats, sync and heads", async () => {
    const { clock, socket } = await loggedIn();
    socket.send(
      { case: "heartbeat", value: { clientTimeMs: 5n } },
      { case: "sync", value: { requestId: 1n, conversationId: 9n } },
      { case: "heads", value: { requestId: 2n } },
    );
    await clock.settle();
    assert.deepEqual(cases(socket), ["loginOk", "heartbeatOk", "syncPage", "headsPage"]);
  });

  it("closes when a second frame comes in the same message as the login", async () => {
    const { clock, connect, hub } = createConnectionWorld();
    const socket = connect();
    socket.send({ case: "login", value: { token: "user 7", deviceId: "phone" } }, { case: "heartbeat", value: {} });
    assert.equal(socket.closed?.code, CloseCode.LOGIN_REQUIRED);
    await clock.settle();
    assert.equal(hub.sessionCount, 0);
  });

  it("closes for a text message", async () => {
    const { socket } = await loggedIn();
    socket.connection.message(encodeFrames({ case: "heartbeat", value: {} }), "text");
    const error = socket.frames().at(-1);
    assert.equal(error?.case === "error" && error.value.code, ErrorCode.TEXT_REFUSED);
    assert.equal(socket.closed?.code, CloseCode.PROTOCOL_ERROR);
  });

  for (const [what, bytes, code] of [
    ["an empty message", [], ErrorCode.MALFORMED],
    ["rubbish", [0xff, 0xff], ErrorCode.MALFORMED],
    ["a frame that is cut short", [5, 0x12, 0], ErrorCode.MALFORMED],
    ["a frame that is too large", [0x81, 0x80, 0x04], ErrorCode.FRAME_TOO_LARGE],
    ["a frame that nobody knows", [3, 0x7a, 1, 0], ErrorCode.MALFORMED],
    ["client_id 0", [4, 0x1a, 2, 8, 0], ErrorCode.MALFORMED],
    ["an up_msg without client_id", [4, 0x1a, 2, 0x22, 0], ErrorCode.MALFORMED],
  ] as const) {
    it(`says what is wrong with ${what}, and closes`, async () => {
      const { socket } = await loggedIn();
      socket.sendBytes(Uint8Array.from(bytes));
      const error = socket.frames().at(-1);
      assert.ok(error?.case === "error");
      assert.equal(error.value.code, code);
      assert.equal(error.value.closing, true);
      assert.equal(socket.closed?.code, CloseCode.PROTOCOL_ERROR);
      assert.match(socket.closed.reason, /broke the protocol/);
    });
  }

  it("reads nothing more of a message after the frame by which it has closed", async () => {
    const { clock, context, socket } = await loggedIn();
    socket.send({ case: "logout", value: {} }, { case: "upMsg", value: { clientId: 1n } });
    await clock.settle();
    assert.equal(socket.closed?.code, CloseCode.LOGGED_OUT);
    assert.equal(context.rates.size, 0);
  });

  it("charges all devices of a user to one rate", async () => {
    const { clock, connect, socket } = await loggedIn();
    const laptop = connect();
    await laptop.login("user 7", "laptop");
    for (let id = 1n; id <= 30n; id++) socket.send({ case: "upMsg", value: { clientId: id } });
    for (let id = 1n; id <= 31n; id++) laptop.send({ case: "upMsg", value: { clientId: id } });
    await clock.settle();
    assert.equal(cases(socket).filter((kind) => kind === "upAck").length, 30);
    assert.equal(cases(laptop).filter((kind) => kind === "upAck").length, 30);
    assert.equal(cases(laptop).filter((kind) => kind === "upNack").length, 1);
  });

  it("counts as a stranger until it has logged in", async () => {
    const strangers = createStrangers(1);
    const socket = createConnectionWorld({ strangers }).connect();
    assert.equal(strangers.enter("10.0.0.1"), "too-many");
    await socket.login();
    assert.equal(strangers.enter("10.0.0.1"), "welcome");
  });

  it("is no stranger any more when it goes, logged in or not", async () => {
    const strangers = createStrangers(2);
    const { connect } = createConnectionWorld({ strangers });
    const [stranger, known] = [connect(), connect()];
    await known.login();
    for (const socket of [stranger, known]) socket.connection.closed();
    assert.deepEqual(
      [0, 1, 2].map(() => strangers.enter("10.0.0.1")),
      ["welcome", "welcome", "too-many"],
    );
  });

  it("leaves nothing behind when it goes while its login is under way, at whatever point", async () => {
    for (let turns = 0; turns < 8; turns++) {
      const { clock, connect, hub, routes } = createConnectionWorld();
      const socket = connect();
      socket.send({ case: "login", value: { token: "user 7", deviceId: "phone" } });
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      socket.connection.closed();
      await clock.settle();
      assert.equal(hub.sessionCount, 0);
      assert.equal(routes.size, 0);
      assert.deepEqual(
        cases(socket).filter((kind) => kind !== "loginOk"),
        [],
      );
    }
  });

  it("takes outcomes that come after its end", async () => {
    const { clock, socket } = await loggedIn();
    socket.send({ case: "upMsg", value: { clientId: 1n } });
    socket.connection.closed();
    await clock.settle();
    assert.deepEqual(cases(socket), ["loginOk"]);
  });

  it("takes a device that does not read off its topics, and puts it back when its socket has drained", async () => {
    const { socket } = await loggedIn();
    const topics = [...socket.topics];
    assert.ok(topics.length > 0);
    socket.connection.dropped();
    socket.connection.dropped();
    assert.deepEqual([...socket.topics], []);
    socket.connection.drained();
    assert.deepEqual([...socket.topics], topics);
    assert.equal(socket.closed, undefined);
  });

  it("refuses a login with a token that is not acceptable", async () => {
    const { connect, hub } = createConnectionWorld();
    const socket = connect();
    await socket.login("forged");
    assert.equal(socket.closed?.code, CloseCode.UNAUTHENTICATED);
    assert.equal(hub.sessionCount, 0);
  });

  it("sends the device back when its topics cannot be set up, and leaves nothing behind", async () => {
    const { conversations } = createConnectionWorld().context;
    const listInterests = () => Promise.reject(new ConnectError("away", Code.Unavailable));
    const { hub, socket } = await loggedIn({ conversations: { ...conversations, listInterests } });
    assert.equal(socket.closed?.code, CloseCode.UNAVAILABLE);
    assert.equal(hub.sessionCount, 0);
  });

  for (const [code, expected] of [
    [ErrorCode.UNKNOWN_CONVERSATION, ErrorCode.UNKNOWN_CONVERSATION],
    [9_999 as ErrorCode, ErrorCode.INTERNAL],
  ] as const) {
    it(`answers a sync that a service, perhaps a newer one, refuses with ${code} by ${ErrorCode[expected]}, and stays`, async () => {
      const { messages } = createConnectionWorld().context;
      const sync = () => Promise.reject(failure(code, Code.NotFound));
      const { clock, socket } = await loggedIn({ messages: { ...messages, sync } });
      socket.send({ case: "sync", value: { requestId: 1n, conversationId: 9n } });
      await clock.settle();
      const page = socket.frames().at(-1);
      assert.ok(page?.case === "syncPage");
      assert.equal(page.value.error, expected);
      assert.equal(page.value.requestId, 1n);
      assert.equal(socket.closed, undefined);
    });
  }

  for (const [what, failed, closesWith] of [
    ["a code", failure(ErrorCode.TOO_MANY_DEVICES, Code.FailedPrecondition), CloseCode.FORBIDDEN],
    ["a code of a newer service", failure(9_999 as ErrorCode, Code.FailedPrecondition), CloseCode.UNAVAILABLE],
    ["a code that says nothing", failure(ErrorCode.UNSPECIFIED, Code.FailedPrecondition), CloseCode.UNAVAILABLE],
    ["a deadline", new ConnectError("slow", Code.DeadlineExceeded), CloseCode.UNAVAILABLE],
    ["a bug", new Error("a bug"), CloseCode.UNAVAILABLE],
  ] as const) {
    it(`closes with ${CloseCode[closesWith]} when opening a session fails with ${what}`, async () => {
      const { accounts } = createConnectionWorld().context;
      const openSession = () => Promise.reject(failed);
      const { socket } = await loggedIn({ accounts: { ...accounts, openSession } });
      assert.deepEqual(cases(socket), ["error"]);
      assert.equal(socket.closed?.code, closesWith);
    });
  }
});
