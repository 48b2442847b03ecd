import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import type { Worker } from "node:worker_threads";
import { create } from "@bufbuild/protobuf";
import { ContentSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { UpMsgSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { type LoggedIn, startTestServer, type TestServer, type TestUser } from "../support/server.js";

const threads = 2;
/** Enough that the system has given some to each thread, but for one case in a million. */
const crowd = 20;

/** As /proc/net/tcp has it: proc(5). */
const LISTEN = "0A";
const portOf = (local = "") => `http://127.0.0.1:${Number.parseInt(local.split(":")[1] ?? "", 16)}`;

async function countListening(url: string): Promise<number> {
  const sockets = (await readFile("/proc/net/tcp", "utf8")).split("\n").map((line) => line.trim().split(/\s+/));
  return sockets.filter(([, local, , state]) => state === LISTEN && portOf(local) === url).length;
}

describe("gateways that share a port", () => {
  let server: TestServer;
  let ann: TestUser;
  before(async () => {
    server = await startTestServer({ socketThreads: threads, devicesPerUserMax: 100 });
    ann = await server.register("ann");
  });
  after(() => server[Symbol.asyncDispose]());

  /** What each thread counts, by the connections that it has. */
  async function readMetric(name: string): Promise<number> {
    const text = await (await fetch(server.metricsUrl)).text();
    const line = text.split("\n").find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
    return Number(line?.split(" ").at(-1));
  }

  async function connectCrowd(): Promise<LoggedIn[]> {
    return Promise.all(Array.from({ length: crowd }, (_, index) => server.connect(ann, `device-${index}`)));
  }

  it("listen on it each", async () => {
    assert.equal(await countListening(server.url), threads);
  });

  it("are one to those who connect, and to those who watch", async () => {
    const devices = await connectCrowd();
    assert.equal(await readMetric("tidewire_connections"), crowd);
    for (const device of devices) await device.close();
    assert.equal(await readMetric("tidewire_connections"), 0);
  });

  it("bring what is said at one to the devices of all, in one order and once", async () => {
    const bob = await server.register("bob");
    const devices = [...(await connectCrowd()), await server.connect(bob)];
    const sender = devices[0];
    assert.ok(sender);
    const said = 30;
    for (let clientId = 1n; clientId <= said; clientId++) {
      const content = create(ContentSchema, { body: { case: "text", value: { text: `word ${clientId}` } } });
      const target = { case: "peerUserId", value: bob.userId } as const;
      sender.send({ frame: { case: "upMsg", value: create(UpMsgSchema, { clientId, target, content }) } });
    }
    for (const device of devices) {
      const seqs: bigint[] = [];
      while (seqs.length < said) seqs.push((await device.next("push")).message?.seq ?? 0n);
      assert.deepEqual(
        seqs,
        Array.from({ length: said }, (_, index) => BigInt(index + 1)),
      );
    }
    for (const device of devices) await device.close();
  });

  it("fence a session at one by a later one of the same device at another", async () => {
    for (let times = 0; times < 8; times++) {
      const earlier = await server.connect(ann, "phone");
      const later = await server.connect(ann, "phone");
      await earlier.next("goaway");
      await earlier.closed;
      await later.close();
    }
  });

  it("serve the API", async () => {
    const calls = Array.from({ length: 20 }, () => server.api(ann.token).account.lookUp({ name: "ann" }));
    for (const { profile } of await Promise.all(calls)) assert.equal(profile?.userId, ann.userId);
    assert.ok((await fetch(`${server.url}/readyz`)).ok);
  });

  it("refuse a port that another program has", async () => {
    const port = Number(new URL(server.url).port);
    await assert.rejects(startTestServer({ socketThreads: threads, port }), /another program has the port/);
  });

  it("end the process in order if one of them fails", async () => {
    const workers: Worker[] = [];
    const collect = (worker: Worker) => workers.push(worker);
    process.on("worker", collect);
    await using other = await startTestServer({ socketThreads: threads });
    process.off("worker", collect);
    const cem = await other.register("cem");
    const device = await other.connect(cem);
    assert.equal(other.lost.aborted, false);
    // What nobody catches, in the thread that was started last.
    workers.at(-1)?.postMessage({ kind: "tell", name: "nonsense", args: [] });
    if (!other.lost.aborted) await once(other.lost, "abort");
    assert.match(String(other.lost.reason), /a thread of the gateway failed: .*there is no call nonsense/);
    await other[Symbol.asyncDispose]();
    await device.next("goaway");
  });

  it("say goodbye to everybody, and leave the port", async () => {
    await using other = await startTestServer({ socketThreads: threads, devicesPerUserMax: 100 });
    const bob = await other.register("bob");
    const devices = await Promise.all([1, 2, 3, 4, 5, 6].map((index) => other.connect(bob, `device-${index}`)));
    await other[Symbol.asyncDispose]();
    for (const device of devices) {
      await device.next("goaway");
      await device.closed;
    }
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(other.url).port) });
    await assert.rejects(
      new Promise((resolve, reject) => {
        socket.on("connect", resolve);
        socket.on("error", reject);
      }),
      /ECONNREFUSED/,
    );
  });
});
