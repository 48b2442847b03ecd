import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingHttpHeaders, request } from "node:http";
import { text as readText } from "node:stream/consumers";
import { after, afterEach, before, describe, it } from "node:test";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { sharedPostgres } from "../support/postgres.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { connectWire, login, type WireClient } from "../support/wire-client.js";
import { assertClosed, createWitness, heartbeat, type Witness } from "../support/witness.js";

const strangersMax = 3;

/** Connections that must not be opened, or not for long. After each test the others must be as they were. */
describe("a connection that is not welcome", () => {
  let server: TestServer;
  let witness: Witness;
  before(async () => {
    const databaseUrl = await (await sharedPostgres()).createDatabase();
    server = await startTestServer({
      databaseUrl,
      unauthenticatedPerIpMax: strangersMax,
      loginTimeoutMs: 4_000,
      allowedOrigins: ["https://chat.example"],
    });
    witness = await createWitness(server);
  });
  after(() => server[Symbol.asyncDispose]());
  afterEach(() => witness.assertUnharmed());

  it("is refused without the subprotocol, and told which to ask for", async () => {
    for (const protocols of [undefined, "tidewire.v2", "chat, superchat"]) {
      const { status, body } = await upgrade({ "sec-websocket-protocol": protocols });
      assert.deepEqual([status, body], [400, "ask for the subprotocol tidewire.v1\n"]);
    }
  });

  it("gets the one subprotocol there is, also if it asks for others too", async () => {
    const device = await connectWire(server.webSocketUrl, { protocols: ["other", "tidewire.v1"] });
    await device.close();
  });

  it("is refused to the pages of a foreign origin, and told how the operator can allow them", async () => {
    for (const origin of ["https://evil.example", "https://chat.example.evil.example", "http://chat.example", "null"]) {
      const { status, body } = await upgrade({ origin });
      assert.equal(status, 403);
      assert.match(body, /may not connect.*TIDEWIRE_ALLOWED_ORIGINS/);
    }
  });

  it("is opened to the pages of an allowed origin, and to those of this very host", async () => {
    for (const origin of ["https://chat.example", server.url]) {
      const device = await connectWire(server.webSocketUrl, { headers: { origin } });
      await device.close();
    }
  });

  it("is told to speak WebSocket if it does not", async () => {
    const response = await fetch(`${server.url}/ws`);
    assert.equal(response.status, 426);
    assert.match(await response.text(), /WebSocket.*tidewire\.v1/);
  });

  it("is refused while too many of its address have not logged in, and welcome again as soon as one has", async () => {
    const strangers = await Promise.all(Array.from({ length: strangersMax }, () => connectWire(server.webSocketUrl)));
    const { status, body } = await upgrade({});
    assert.equal(status, 429);
    assert.match(body, /too many connections of 127\.0\.0\.1 have not logged in.*Log in/);
    const [first, second] = strangers as [WireClient, WireClient];
    await login(first, witness.user.token, "late-device");
    const third = await connectWire(server.webSocketUrl);
    assert.equal((await upgrade({})).status, 429);
    second.terminate();
    const fourth = await untilWelcome();
    await heartbeat(first);
    for (const each of [...strangers, third, fourth]) each.terminate();
  });

  it("does not count against its address once its login was refused", async () => {
    for (let attempt = 0; attempt < 2 * strangersMax; attempt++) {
      const device = await untilWelcome();
      device.send({ frame: { case: "login", value: { token: "wrong", deviceId: "device" } } });
      assert.equal((await device.closed).code, CloseCode.UNAUTHENTICATED);
    }
  });

  it("is closed if it does not log in in time, with a code after which to come back", async () => {
    const device = await untilWelcome();
    await assertClosed(device, {
      error: ErrorCode.LOGIN_REQUIRED,
      advice: /no login in time.*login frame first/,
      close: CloseCode.LOGIN_TIMEOUT,
    });
    assert.ok((await device.closed).code < 4_500);
  });

  /** A place is given back when the server hears of the end, which may be after the client does. */
  async function untilWelcome(): Promise<WireClient> {
    for (let attempt = 1; ; attempt++) {
      const device = await connectWire(server.webSocketUrl).catch(() => undefined);
      if (device) return device;
      assert.ok(attempt < 100, "no place becomes free");
    }
  }

  /** Asks for a WebSocket and reads why there is none. */
  async function upgrade(headers: IncomingHttpHeaders): Promise<{ status: number | undefined; body: string }> {
    const offer = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": Buffer.from("sixteen bytes...").toString("base64"),
      "sec-websocket-protocol": "tidewire.v1",
      ...headers,
    };
    const defined = Object.fromEntries(Object.entries(offer).filter(([, value]) => value !== undefined));
    const asking = request(`${server.url}/ws`, {
      headers: defined as IncomingHttpHeaders & Record<string, string>,
    }).end();
    const [response] = await Promise.race([
      once(asking, "response"),
      once(asking, "upgrade").then(() => assert.fail("the upgrade was accepted")),
    ]);
    return { status: response.statusCode, body: await readText(response) };
  }
});
