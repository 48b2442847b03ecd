import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { CloseCode, ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { failsWith } from "../support/errors.js";
import { startPostgres, type TestPostgres } from "../support/postgres.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { createTemporaryDirectory, runTidewire } from "../support/tidewire-process.js";
import { connectWire } from "../support/wire-client.js";
import { assertClosed, createWitness, heartbeat, readLog, storedOf, text } from "../support/witness.js";

describe("a database that goes away", () => {
  let postgres: TestPostgres;
  let server: TestServer;
  let databaseUrl: string;
  before(async () => {
    postgres = await startPostgres();
    databaseUrl = await postgres.createDatabase();
    server = await startTestServer({ databaseUrl });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
  });

  it("leaves the sessions open, and stores once what was sent in the middle of its crash and after it", async () => {
    const witness = await createWitness(server);
    const [user, peer] = [await server.register("sender"), await server.register("receiver")];
    const [sender, receiver] = [await server.connect(user), await server.connect(peer)];
    const ids = Array.from({ length: 30 }, (_, index) => BigInt(index + 1));
    const send = (id: bigint) => sender.send(text(id, { case: "peerUserId", value: peer.userId }, `message ${id}`));

    for (const id of ids.slice(0, 10)) send(id);
    const { conversationId } = storedOf(await sender.outcome());
    const stopped = postgres.stop("immediate");
    for (const id of ids.slice(10, 20)) send(id);
    await stopped;
    for (const id of ids.slice(20)) send(id);
    await heartbeat(sender);
    await assertSaysSo(server, witness.user.token);
    await postgres.start();

    for (const id of ids.slice(1)) assert.equal((await sender.outcome(30_000)).clientId, id);
    const pushed = new Map<bigint | undefined, bigint | undefined>();
    while (pushed.size < ids.length) {
      const { message } = await receiver.next("push");
      pushed.set(message?.seq, message?.clientId);
    }
    assert.deepEqual(
      [...pushed],
      ids.map((id) => [id, id]),
    );
    assert.deepEqual(
      await readLog(server, peer, conversationId),
      ids.map((id) => [id, `message ${id}`]),
    );
    await witness.assertUnharmed();
    assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
    await Promise.all([sender.close(), receiver.close()]);
  });

  it("lets nothing start if its schema is newer than the program", async () => {
    const database = new URL(databaseUrl).pathname.slice(1);
    await postgres.query(database, "insert into schema_migration (version, name) values (9999, 'from the future')");
    await assertDoesNotStart(databaseUrl, /schema version 9999, but this program knows only up to \d+\..*newer/);
    await postgres.query(database, "delete from schema_migration where version = 9999");
  });

  it("lets nothing start if it does not exist on its server, or does not know the user", async () => {
    const missing = databaseUrl.replace(/[^/]+$/, "missing");
    await assertDoesNotStart(missing, /"missing" does not exist.*is TIDEWIRE_DATABASE_URL right/);
    const stranger = databaseUrl.replace("postgres@", "stranger:hunter2@");
    await assertDoesNotStart(stranger, /"stranger" does not exist.*is TIDEWIRE_DATABASE_URL right/);
  });

  it("lets nothing start if it may lose what it has committed, unless that is allowed", async () => {
    await using careless = await startPostgres({ fsync: "off" });
    const url = await careless.createDatabase();
    await assertDoesNotStart(url, /off are fsync\..*TIDEWIRE_ALLOW_UNSAFE_DATABASE=true/);
    await using allowed = await startTestServer({ databaseUrl: url, allowUnsafeDatabase: true });
    await (await createWitness(allowed)).assertUnharmed();
  });
});

/** What everybody is told while the database is down: devices, callers and operators. */
async function assertSaysSo(server: TestServer, token: string): Promise<void> {
  const ready = await fetch(`${server.url}/readyz`);
  assert.deepEqual([ready.status, await ready.text()], [503, "not ready: the database does not answer\n"]);
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);

  const { message } = server.api(token);
  const target = { case: "peerUserId", value: 1n } as const;
  const content = { body: { case: "text", value: { text: "hi" } } } as const;
  await assert.rejects(message.send({ idempotencyKey: "meanwhile", target, content }), (error) => {
    assert.ok(error instanceof ConnectError && error.code === Code.Unavailable, String(error));
    assert.match(error.rawMessage, /database cannot be reached for the moment/);
    assert.ok(Number(error.metadata.get("retry-after")) > 0);
    return failsWith(ErrorCode.UNAVAILABLE)(error);
  });

  const device = await connectWire(server.webSocketUrl);
  device.send({ frame: { case: "login", value: { token, deviceId: "meanwhile" } } });
  const unavailable = { error: ErrorCode.UNAVAILABLE, close: CloseCode.UNAVAILABLE };
  await assertClosed(device, { ...unavailable, advice: /database cannot be reached.*after a pause/ });
}

async function assertDoesNotStart(databaseUrl: string, says: RegExp): Promise<void> {
  await using home = await createTemporaryDirectory();
  const env = { TIDEWIRE_DATABASE_URL: databaseUrl, TIDEWIRE_METRICS_PORT: "0" };
  const { code, output } = await runTidewire(["up", "--data", home.path, "--port", "0"], { env });
  assert.equal(code, 1, output);
  assert.match(output, says);
  assert.ok(!output.includes("hunter2"));
}
