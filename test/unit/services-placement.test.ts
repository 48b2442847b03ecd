import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createAsyncIterable, type UniversalClientFn } from "@connectrpc/connect/protocol";
import { MessageService } from "../../gen/ts/tidewire/v1/message_pb.js";
import { createMetrics } from "../../runtime/metrics.js";
import { readWhole } from "../../runtime/port-transport.js";
import { createAdaptiveClient, createAdaptiveTransport } from "../../services/threads/adaptive.js";
import { createPlacement } from "../../services/threads/placement.js";

const limits = { batchMinBytes: 100, hereMax: 2, threadMax: 10 };
const path = (method: string) => `/tidewire.v1.MessageService/${method}`;

describe("the placement of calls", () => {
  it("has small batches done here, and large ones by a thread", () => {
    const placement = createPlacement(limits);
    assert.equal(placement.begin(path("SubmitBatch"), 99), "here");
    assert.equal(placement.begin(path("SubmitBatch"), 100), "thread");
  });

  it("has a page read here while little is under way here, and by a thread otherwise", () => {
    const placement = createPlacement(limits);
    const places = ["Sync", "Heads", "HeadsOf", "Sync"].map((method) => placement.begin(path(method), 10));
    assert.deepEqual(places, ["here", "here", "thread", "thread"]);
    placement.end("thread");
    assert.equal(placement.begin(path("Sync"), 10), "thread");
    placement.end("here");
    assert.equal(placement.begin(path("Sync"), 10), "here");
  });

  it("hands nothing over while the threads have enough to do", () => {
    const placement = createPlacement({ ...limits, threadMax: 2 });
    const begin = (bytes: number) => placement.begin(path("SubmitBatch"), bytes);
    assert.deepEqual([begin(100), begin(100), begin(100)], ["thread", "thread", "here"]);
    placement.end("here");
    assert.equal(begin(100), "here");
    placement.end("thread");
    assert.equal(begin(100), "thread");
  });

  it("leaves alone what is not about messages of devices", () => {
    const placement = createPlacement(limits);
    assert.equal(placement.places(path("Sync")), true);
    for (const other of [path("Send"), path("Entries"), "/tidewire.v1.AccountService/Login"])
      assert.equal(placement.places(other), false);
  });
});

/** A client that tells where calls went, and with which bodies. */
function world() {
  const calls: string[] = [];
  const client =
    (place: string): UniversalClientFn =>
    async ({ url, body }) => {
      calls.push(`${place} ${new URL(url).pathname.split("/").at(-1)} ${(await readWhole(body)).length}`);
      if (url.endsWith("HeadsOf")) throw new Error("no heads");
      return { status: 200, header: new Headers(), body: createAsyncIterable([]), trailer: new Headers() };
    };
  const metrics = createMetrics();
  const adaptive = createAdaptiveClient({
    here: client("here"),
    thread: client("thread"),
    placement: createPlacement({ ...limits, hereMax: 1 }),
    metrics,
  });
  const call = (method: string, bytes: number) =>
    adaptive({
      url: `https://in-memory${path(method)}`,
      method: "POST",
      header: new Headers(),
      body: createAsyncIterable([new Uint8Array(bytes)]),
    });
  return { call, calls, metrics };
}

describe("the adaptive client", () => {
  it("passes each call on with its body, and counts where it went", async () => {
    const { call, calls, metrics } = world();
    await call("SubmitBatch", 10);
    await call("SubmitBatch", 1_000);
    await call("Send", 1_000);
    assert.deepEqual(calls, ["here SubmitBatch 10", "thread SubmitBatch 1000", "here Send 1000"]);
    const { values } = await metrics.placedCalls.get();
    assert.deepEqual(
      values.map(({ labels, value }) => [labels.place, value]),
      [
        ["here", 1],
        ["thread", 1],
      ],
    );
  });

  it("counts a call as under way until it ends, also if it fails", async () => {
    const { call, calls } = world();
    await assert.rejects(call("HeadsOf", 1), /no heads/);
    await Promise.all([call("Sync", 1), call("Sync", 2)]);
    assert.deepEqual(calls, ["here HeadsOf 1", "here Sync 1", "thread Sync 2"]);
  });
});

describe("the adaptive transport", () => {
  it("tells the size of a batch by the messages in it", async () => {
    const calls: string[] = [];
    const transport = (place: string): Transport => ({
      async unary(method, ..._rest) {
        calls.push(`${place} ${method.name}`);
        return { message: create(method.output) } as never;
      },
      stream: () => Promise.reject(new Error("no streams")),
    });
    const adaptive = createAdaptiveTransport({
      here: transport("here"),
      thread: transport("thread"),
      placement: createPlacement(limits),
      metrics: createMetrics(),
    });
    const messages = createClient(MessageService, adaptive);
    const batch = (...bytes: number[]) => ({ submissions: bytes.map((size) => ({ upMsg: new Uint8Array(size) })) });
    await messages.submitBatch(batch(50, 49));
    await messages.submitBatch(batch(50, 50));
    await messages.send({});
    assert.deepEqual(calls, ["here SubmitBatch", "thread SubmitBatch", "here Send"]);
  });
});
