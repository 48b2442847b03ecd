import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, afterEach, before, describe, it } from "node:test";
import { sharedPostgres } from "../support/postgres.js";
import { startTestServer, type TestServer, type TestUser } from "../support/server.js";
import { createWitness, readLog, type Witness } from "../support/witness.js";

const register = "/tidewire.v1.AccountService/Register";
const send = "/tidewire.v1.MessageService/Send";

/** HTTP requests that cannot be carried out. After each test the others must be as they were. */
describe("a request that cannot be carried out", () => {
  let server: TestServer;
  let witness: Witness;
  let user: TestUser;
  let friend: TestUser;
  before(async () => {
    const databaseUrl = await (await sharedPostgres()).createDatabase();
    server = await startTestServer({ databaseUrl, contentMaxBytes: 2_048 });
    witness = await createWitness(server);
    user = await server.register("caller");
    friend = await server.register("callee");
  });
  after(() => server[Symbol.asyncDispose]());
  afterEach(() => witness.assertUnharmed());

  type Call = {
    method?: string;
    body?: string | Uint8Array;
    token?: string | undefined;
    headers?: Record<string, string>;
  };

  /** Calls on behalf of the user unless told otherwise. Connect's errors have a code and a message; others are text. */
  async function call(path: string, { method = "POST", body = "{}", token = user.token, headers }: Call = {}) {
    const authorization = token === "" ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(server.url + path, {
      method,
      headers: { "content-type": "application/json", ...authorization, ...headers },
      ...(method === "GET" ? {} : { body }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type") === "application/json";
    return {
      status: response.status,
      headers: response.headers,
      text,
      error: isJson ? toConnectError(text) : undefined,
    };
  }

  const sending = (fields: object) =>
    JSON.stringify({ peerUserId: String(friend.userId), content: { text: { text: "hi" } }, ...fields });

  async function assertRefused(
    path: string,
    options: Call,
    expected: { status: number; code: string; message: RegExp },
  ) {
    const { status, error, text } = await call(path, options);
    assert.equal(status, expected.status, text);
    assert.equal(error?.code, expected.code);
    assert.match(error?.message ?? "", expected.message);
    return error?.details;
  }

  it("is answered with 404 and advice if there is no such RPC", async () => {
    const unknown = { status: 404, code: "unimplemented", message: /no RPC .*Shout; public ones are POST/ };
    await assertRefused("/tidewire.v1.MessageService/Shout", {}, unknown);
  });

  it("finds no RPC where there is one for insiders only", async () => {
    const insiders = ["MessageService/SubmitBatch", "MessageService/Sync", "MessageService/Heads"];
    const others = ["AccountService/OpenSession", "AccountService/RenewSession", "ConversationService/MarkRead"];
    for (const name of [...insiders, ...others, "ConversationService/ListInterests"]) {
      const unknown = { status: 404, code: "unimplemented", message: /no RPC/ };
      await assertRefused(`/tidewire.v1.${name}`, {}, unknown);
    }
  });

  it("is answered with 405 and the right method if it comes with another", async () => {
    for (const method of ["GET", "PUT", "DELETE"]) {
      const { status, headers, text } = await call(register, { method });
      assert.deepEqual([status, headers.get("allow")], [405, "POST"]);
      assert.match(text, /takes POST/);
    }
  });

  it("is answered with 415 and the right types if its content has another", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/grpc"]) {
      const { status, text } = await call(register, { headers: { "content-type": type } });
      assert.equal(status, 415);
      assert.match(text, /application\/json or application\/proto, not/);
    }
  });

  const invalid = { status: 400, code: "invalid_argument" };
  it("names the field that is not what the contract says", async () => {
    const wrong: [string, RegExp][] = [
      ['{"idempotencyKey": 7}', /SendRequest\.idempotency_key.*expected string, got 7/],
      ['{"peerUserId": "me"}', /SendRequest\.peer_user_id.*uint64/],
      ['{"peerUserId": -1}', /SendRequest\.peer_user_id.*out of range/],
      ['{"peerUserId": 1.5}', /SendRequest\.peer_user_id.*1\.5 out of range/],
      ['{"peerUserId": "1", "conversationId": "2"}', /SendRequest\.target.*peer_user_id and conversation_id/],
      ['{"content": {"text": {"text": "\\ud800"}}}', /Text\.text.*invalid UTF8/],
      ['{"content": {"text": "hi"}}', /Text.*"hi"/],
      ["[]", /SendRequest.*Array/],
    ];
    for (const [body, message] of wrong) await assertRefused(send, { body }, { ...invalid, message });
  });

  it("is told that its JSON ends too early", async () => {
    await assertRefused(send, { body: '{"idempotencyKey": ' }, { ...invalid, message: /end of JSON input/ });
  });

  it("is refused with an id that JSON would round to another one, and taken with the id in quotes", async () => {
    const body = sending({ idempotencyKey: "rounded" });
    const unquoted = body.replace(`"${friend.userId}"`, String(friend.userId));
    assert.notEqual(unquoted, body);
    await assertRefused(send, { body: unquoted }, { ...invalid, message: /too large for a JSON number.*in quotes/ });
    assert.equal((await call(send, { body })).status, 200);
  });

  it("is refused if its JSON is not UTF-8, rather than stored with other letters", async () => {
    const body = Buffer.from(sending({ idempotencyKey: "not-utf8", content: { text: { text: "??" } } }));
    body.fill(0xff, body.indexOf("??"), body.indexOf("??") + 2);
    await assertRefused(send, { body }, { ...invalid, message: /not UTF-8/ });
  });

  it("is refused if its bytes are not a protobuf message", async () => {
    const garbage = { headers: { "content-type": "application/proto" }, body: Uint8Array.of(0xff, 0xff, 0xff) };
    await assertRefused(send, garbage, { ...invalid, message: /do not encode SendRequest.*generated types/ });
  });

  it("is refused with a compression that is not offered, and with a deadline that is none", async () => {
    const headers = { "content-encoding": "gzip" };
    await assertRefused(
      send,
      { headers },
      { status: 501, code: "unimplemented", message: /unknown compression "gzip"/ },
    );
    await assertRefused(
      send,
      { headers: { "connect-timeout-ms": "soon" } },
      { ...invalid, message: /timeout value: soon/ },
    );
  });

  it("is answered with 413 and the limit if its body is too large", async () => {
    const { status, text } = await call(register, { body: JSON.stringify({ name: "x".repeat(300_000) }) });
    assert.equal(status, 413);
    assert.match(text, /may have 262144 bytes/);
  });

  const unauthenticated = { status: 401, code: "unauthenticated" };
  it("is refused without a token, and with one that is none", async () => {
    await assertRefused(send, { token: "" }, { ...unauthenticated, message: /header: Authorization: Bearer/ });
    await assertRefused(send, { token: "letmein" }, { ...unauthenticated, message: /not a token/ });
  });

  it("is refused without an idempotency key, and with one that is too long", async () => {
    await assertRefused(send, { body: sending({}) }, { ...invalid, message: /idempotency_key: missing; make one up/ });
    const body = sending({ idempotencyKey: "k".repeat(65) });
    await assertRefused(send, { body }, { ...invalid, message: /idempotency_key: larger than the contract allows/ });
  });

  it("has the same answer for the same key, a conflict for other content under it, and stores one message", async () => {
    const { userId } = await server.register("once");
    const words = (text: string) =>
      sending({ idempotencyKey: "same", peerUserId: String(userId), content: { text: { text } } });
    const first = await call(send, { body: words("one thing") });
    assert.equal(first.status, 200, first.text);
    assert.equal((await call(send, { body: words("one thing") })).text, first.text);
    const conflict = { status: 409, code: "already_exists", message: /used for other content before/ };
    const details = await assertRefused(send, { body: words("another thing") }, conflict);
    assert.deepEqual(
      details?.map(({ debug }) => debug),
      [{ code: "ERROR_CODE_CONFLICT" }],
    );
    const { stored } = JSON.parse(first.text) as { stored: { conversationId: string } };
    assert.deepEqual(await readLog(server, user, BigInt(stored.conversationId)), [[1n, "one thing"]]);
  });

  it("is refused if it sends to nobody, to a foreign conversation, too much, or an event", async () => {
    const notFound = { status: 404, code: "not_found" };
    const to = (target: object, content: object = { text: { text: "hi" } }) => ({
      body: JSON.stringify({ idempotencyKey: crypto.randomUUID(), content, ...target }),
    });
    const peerUserId = String(friend.userId);
    const conversationId = String(witness.conversationId);
    await assertRefused(send, to({}), { ...invalid, message: /conversation_id or peer_user_id: one is needed/ });
    await assertRefused(send, to({ peerUserId: "12345" }), { ...notFound, message: /no such user/ });
    await assertRefused(send, to({ conversationId }), { ...notFound, message: /no such conversation/ });
    const large = { text: { text: "x".repeat(3_000) } };
    await assertRefused(send, to({ peerUserId }, large), { ...invalid, message: /at most 2048 are allowed/ });
    const event = { event: { memberLeft: { userId: "1" } } };
    await assertRefused(send, to({ peerUserId }, event), { ...invalid, message: /only the system sends events/ });
  });

  it("does not hold up others if it comes in halves and then stops, and is cut off", async () => {
    const head = `POST ${register} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n`;
    const upgrade = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upg";
    const halves = ["", head, `${head}\r\n`, `${head}\r\n{"name": `, upgrade].map(sendHalf);
    await witness.say("meanwhile");
    const { status } = await call(send, { body: sending({ idempotencyKey: "meanwhile" }) });
    assert.equal(status, 200);
    assert.ok(halves.every(({ isOpen }) => isOpen()));
    await Promise.all(halves.map(({ closed }) => closed));
  });

  function sendHalf(half: string): { isOpen(): boolean; closed: Promise<unknown> } {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    socket.write(half);
    socket.resume();
    return { isOpen: () => !socket.closed, closed: once(socket, "close") };
  }
});

type ConnectError = { code: string; message: string; details?: { debug: unknown }[] };

function toConnectError(text: string): ConnectError {
  return JSON.parse(text) as ConnectError;
}
