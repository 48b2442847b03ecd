import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLanes, type LanesOptions, type UplinkSource } from "../../gateway/uplink/lanes.js";
import { silentLogger } from "../../runtime/log.js";
import { createMetrics } from "../../runtime/metrics.js";
import { createManualClock } from "../support/clock.js";
import { createLaneStore, type PendingCall } from "../support/lane-store.js";

/** A session that writes down what becomes of its messages. */
type RecordingSource = UplinkSource & { readonly heard: string[] };

function world(options: Partial<LanesOptions["lane"]> & { count?: number } = {}) {
  const { count = 1, ...lane } = options;
  const clock = createManualClock();
  const store = createLaneStore();
  const lanes = createLanes({
    count,
    lane: { queueMaxBytes: 1_000, batchMaxBytes: 500, batchMax: 100, patienceMs: 10_000, ...lane },
    callTimeoutMs: 1_000,
    messages: { submitBatch: store.submitBatch } as LanesOptions["messages"],
    clock,
    log: silentLogger,
    metrics: createMetrics(),
  });
  return {
    clock,
    lanes,
    store,
    /** The nth call, which has to have been made. */
    call(index: number): PendingCall {
      const call = store.calls[index];
      assert.ok(call, `call ${index} of ${store.calls.length}`);
      return call;
    },
    submit(source: UplinkSource, ...clientIds: bigint[]) {
      for (const clientId of clientIds) lanes.submit({ source, clientId, upMsg: new Uint8Array(10) });
    },
  };
}

function device(userId: bigint, number = 1): RecordingSource {
  const heard: string[] = [];
  return {
    userId,
    device: number,
    epoch: 3n,
    heard,
    settled: (outcomes) =>
      heard.push(outcomes.map(({ clientId, outcome }) => `${clientId}:${outcome.result.case}`).join(" ")),
    gaveUp: () => heard.push("gave up"),
  };
}

describe("lanes", () => {
  it("send what arrives within one turn as one batch, each device named once", async () => {
    const { call, clock, store, submit } = world();
    submit(device(7n), 1n, 2n);
    submit(device(8n, 2), 1n);
    assert.equal(store.calls.length, 0);
    await clock.settle();
    assert.equal(store.calls.length, 1);
    const { senders, submissions } = call(0).request;
    assert.deepEqual(
      senders.map(({ userId, device: number, epoch }) => [userId, number, epoch]),
      [
        [7n, 1, 3n],
        [8n, 2, 3n],
      ],
    );
    assert.deepEqual(
      submissions.map(({ sender, clientId }) => [sender, clientId]),
      [
        [0, 1n],
        [0, 2n],
        [1, 1n],
      ],
    );
  });

  it("give each session its outcomes, in order and in one go", async () => {
    const { call, clock, submit } = world();
    const [ann, bob] = [device(7n), device(8n)];
    submit(ann, 1n);
    submit(bob, 1n);
    submit(ann, 2n);
    await clock.settle();
    call(0).answer();
    await clock.settle();
    assert.deepEqual(ann.heard, ["1:stored 2:stored"]);
    assert.deepEqual(bob.heard, ["1:stored"]);
  });

  it("send the next batch when the outcome of the one before is known", async () => {
    const { call, clock, store, submit } = world();
    const ann = device(7n);
    submit(ann, 1n);
    await clock.settle();
    submit(ann, 2n, 3n);
    await clock.settle();
    assert.equal(store.calls.length, 1);
    call(0).answer();
    await clock.settle();
    assert.deepEqual(call(1).clientIds, [2n, 3n]);
  });

  it("put a device in the same lane always, and spread devices over lanes", async () => {
    const { clock, store, submit } = world({ count: 4 });
    const devices = Array.from({ length: 40 }, (_, index) => device(BigInt(index) << 22n));
    for (const each of devices) submit(each, 1n);
    await clock.settle();
    assert.equal(store.calls.length, 4, "every lane has work");
    for (const each of devices) submit({ ...each }, 2n);
    for (const call of [...store.calls]) call.answer();
    await clock.settle();
    const usersOf = (call: PendingCall) => call.request.senders.map(({ userId }) => userId);
    const second = store.calls.slice(4);
    for (const first of store.calls.slice(0, 4)) {
      assert.ok(second.some((call) => String(usersOf(call)) === String(usersOf(first))));
    }
  });

  it("say that a lane is full, and that another is not", () => {
    const { lanes, submit } = world({ count: 2, queueMaxBytes: 30 });
    const [even, odd] = [device(2n), device(3n)];
    submit(even, 1n, 2n);
    assert.equal(lanes.isFull(even, 10), false);
    assert.equal(lanes.isFull(even, 11), true);
    assert.equal(lanes.isFull(odd, 30), false);
  });
});

describe("lanes, when a call fails,", () => {
  it("repeat the batch unchanged after a pause, and only then send what came after", async () => {
    const { call, clock, store, submit } = world();
    const ann = device(7n);
    submit(ann, 1n);
    await clock.settle();
    submit(ann, 2n);
    call(0).fail();
    await clock.settle(49);
    assert.equal(store.calls.length, 1);
    await clock.settle(1);
    assert.equal(call(1).request, call(0).request);
    call(1).answer();
    await clock.settle();
    assert.deepEqual(ann.heard, ["1:stored"]);
    assert.deepEqual(call(2).clientIds, [2n]);
  });

  it("give up after their patience, tell each session once, and go on with what comes then", async () => {
    const { call, clock, store, submit } = world({ patienceMs: 120 });
    const [ann, bob] = [device(7n), device(8n)];
    submit(ann, 1n, 2n);
    await clock.settle();
    submit(bob, 1n);
    call(0).fail();
    await clock.settle(50);
    call(1).fail();
    await clock.settle(100);
    call(2).fail();
    await clock.settle();
    assert.deepEqual(ann.heard, ["gave up"]);
    assert.deepEqual(bob.heard, ["gave up"]);
    assert.equal(store.calls.length, 3);
    submit(bob, 1n);
    await clock.settle();
    assert.deepEqual(call(3).clientIds, [1n]);
  });

  it("take an answer with too few or too many outcomes for a failure, so that no message gets another's", async () => {
    const { call, clock, submit } = world();
    const ann = device(7n);
    submit(ann, 1n, 2n);
    await clock.settle();
    call(0).answer(1);
    await clock.settle(50);
    assert.deepEqual(ann.heard, []);
    call(1).answer();
    await clock.settle();
    assert.deepEqual(ann.heard, ["1:stored 2:stored"]);
  });
});

describe("lanes, at the end,", () => {
  it("are drained at once when nothing is under way", async () => {
    const { lanes } = world({ count: 3 });
    await lanes.drained(new AbortController().signal);
  });

  it("are drained when the last outcome has been told", async () => {
    const { call, clock, lanes, submit } = world();
    const ann = device(7n);
    submit(ann, 1n);
    const drained = lanes.drained(new AbortController().signal).then(() => ann.heard.push("drained"));
    await clock.settle();
    submit(ann, 2n);
    call(0).answer();
    await clock.settle();
    assert.deepEqual(ann.heard, ["1:stored"]);
    call(1).answer();
    await drained;
    assert.deepEqual(ann.heard, ["1:stored", "2:stored", "drained"]);
  });

  it("are drained when they have given up", async () => {
    const { call, clock, lanes, submit } = world({ patienceMs: 0 });
    submit(device(7n), 1n);
    const drained = lanes.drained(new AbortController().signal);
    await clock.settle();
    call(0).fail();
    await clock.settle(50);
    call(1).fail();
    await drained;
  });

  it("reject with the signal's reason when they cannot be drained in time, also if the time was over before", async () => {
    const { lanes, submit } = world();
    submit(device(7n), 1n);
    const aborter = new AbortController();
    const drained = lanes.drained(aborter.signal);
    aborter.abort(new Error("time is over"));
    await assert.rejects(drained, /time is over/);
    await assert.rejects(lanes.drained(aborter.signal), /time is over/);
  });

  it("leave no timer behind and send nothing more when they are disposed of", async () => {
    const { call, clock, lanes, store, submit } = world({ count: 2 });
    submit(device(2n), 1n);
    await clock.settle();
    call(0).fail();
    await clock.settle();
    assert.equal(clock.pending, 1);
    submit(device(3n), 1n);
    await lanes[Symbol.asyncDispose]();
    assert.equal(clock.pending, 0);
    await clock.settle(10_000);
    assert.equal(store.calls.length, 1);
  });

  it("do not take the end of a call that they have cut off themselves for a failure", async () => {
    const { call, clock, lanes, submit } = world();
    const ann = device(7n);
    submit(ann, 1n);
    await clock.settle();
    await lanes[Symbol.asyncDispose]();
    call(0).fail();
    await clock.settle();
    assert.equal(clock.pending, 0);
    assert.deepEqual(ann.heard, []);
  });
});
