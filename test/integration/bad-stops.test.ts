import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { CloseCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { GoawayReason } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { connect as connectStore } from "../../services/store/sql.js";
import { createApi, testPassword } from "../support/server.js";
import { createTemporaryDirectory, runTidewire, startUp, type TidewireProcess } from "../support/tidewire-process.js";
import { connectWire, login, type WireClient } from "../support/wire-client.js";
import { heartbeat, storedOf, text, textOf } from "../support/witness.js";

/** One data directory, used by one process after another. What was acknowledged in one is there in the next. */
describe("tidewire in a data directory", () => {
  let home: Awaited<ReturnType<typeof createTemporaryDirectory>>;
  let data: string;
  let token: string;
  let conversationId: bigint;
  const words: string[] = [];
  before(async () => {
    home = await createTemporaryDirectory();
    data = join(home.path, "data");
  });
  after(() => home[Symbol.asyncDispose]());

  const start = () => startUp(data);

  /** A session of the one device, which goes on with the next client_id. */
  async function connect(tidewire: TidewireProcess) {
    const { webSocketUrl } = await tidewire.ready;
    const device = await connectWire(webSocketUrl);
    return { ...device, me: await login(device, token, "device") };
  }

  const saying = (word: string) =>
    text(BigInt(words.length + 1), { case: "conversationId", value: conversationId }, word);

  async function say(device: WireClient, word: string): Promise<void> {
    device.send(saying(word));
    words.push(word);
    storedOf(await device.outcome());
  }

  async function assertIntact(device: WireClient): Promise<void> {
    device.send({ frame: { case: "sync", value: { requestId: 1n, conversationId, afterSeq: 0n } } });
    const [created, ...messages] = (await device.next("syncPage")).messages;
    assert.equal(created?.content?.body.case, "event");
    assert.deepEqual(messages.map(textOf), words);
  }

  it("refuses a second process, names the first, and does not disturb it; then stops in order at a SIGINT", async () => {
    await using tidewire = start();
    const { url } = await tidewire.ready;
    const { tokens } = await createApi(url).account.register({ name: "ann", password: testPassword });
    token = tokens?.accessToken ?? "";
    const { group } = await createApi(url, token).group.createGroup({ title: "notes" });
    conversationId = group?.conversationId ?? 0n;
    const device = await connect(tidewire);
    await say(device, "one");
    const second = await runTidewire(["up", "--data", data, "--port", "0"], { env: { TIDEWIRE_METRICS_PORT: "0" } });
    assert.equal(second.code, 1);
    assert.match(second.output, new RegExp(`${data} is in use by process ${tidewire.pid}\\. Stop that process`));
    const reset = await runTidewire(["up", "--data", data, "--reset", "--yes"]);
    assert.deepEqual([reset.code, /in use by process/.test(reset.output)], [1, true], reset.output);
    await say(device, "two");

    tidewire.signal("SIGINT");
    assert.equal((await device.next("goaway")).reason, GoawayReason.DRAINING);
    assert.equal((await device.closed).code, CloseCode.GOING_AWAY);
    assert.deepEqual(await tidewire.exited, { code: 0, signal: null });
    assert.match(tidewire.output, /"stopping; once more to stop at once"/);
  });

  it("stops at once at a second SIGINT, even with a message under way, which is then stored once", async () => {
    await using tidewire = start();
    const device = await connect(tidewire);
    await assertIntact(device);
    await say(device, "three");
    {
      await using _held = await holdDatabase(data);
      device.send(saying("four"));
      await heartbeat(device);
      tidewire.signal("SIGINT");
      await device.next("goaway");
      tidewire.signal("SIGINT");
      assert.deepEqual(await tidewire.exited, { code: 130, signal: null });
    }
    assert.match(tidewire.output, /"second signal: exiting at once"/);
    assert.equal((await device.closed).code, 1006);

    await using next = start();
    const again = await connect(next);
    assert.ok([3n, 4n].includes(again.me.lastClientId));
    await say(again, "four");
    await assertIntact(again);
    again.terminate();
  });
});

/** Holds a transaction open in the embedded database of a running process: all others wait. */
async function holdDatabase(dataDirectory: string): Promise<AsyncDisposable> {
  const sql = connectStore({ kind: "socket", directory: join(dataDirectory, "socket") }, { max: 1 });
  const { promise: released, resolve: release } = withResolvers();
  const { promise: begun, resolve: begin } = withResolvers();
  const transaction = sql.begin(async (tx) => {
    await tx`select 1`;
    begin();
    await released;
  });
  transaction.catch(() => {}); // it ends with its server
  await begun;
  return {
    async [Symbol.asyncDispose]() {
      release();
      await sql.end({ timeout: 0 });
    },
  };
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
