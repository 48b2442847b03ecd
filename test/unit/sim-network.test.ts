import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Socket } from "../../gateway/server/server.js";
import { createCounts } from "../sim/engine/counts.js";
import { runInMacrotask } from "../sim/engine/microtasks.js";
import { createSimNode } from "../sim/engine/node.js";
import { createRandom } from "../sim/engine/random.js";
import { createScheduler } from "../sim/engine/scheduler.js";
import { createTrace } from "../sim/engine/trace.js";
import type { FaultMix } from "../sim/faults/fault-kinds.js";
import { createFaults } from "../sim/faults/faults.js";
import { Link } from "../sim/network/link.js";
import { type CallUnderWay, createRpcClients } from "../sim/network/rpc.js";
import { createTopics } from "../sim/network/topics.js";

/** A connection whose two ends write down what they are told. */
function linkWorld(settings: { maxBackpressureBytes?: number } = {}) {
  const scheduler = createScheduler();
  const nodeOf = (name: string) => createSimNode({ name, scheduler, wallSkewMs: 0, turnMs: () => 1 });
  const [gateway, device] = [nodeOf("gateway"), nodeOf("device")];
  const topics = createTopics(scheduler);
  const above: string[] = [];
  const below: string[] = [];
  let socket: Socket | undefined;
  const link = new Link({
    ...{ scheduler, gateway, device, topics, remoteAddress: "device", kernelBytes: 0 },
    latencyMs: () => 10,
    maxBackpressureBytes: settings.maxBackpressureBytes ?? 1_000,
    end: {
      message: (bytes) => below.push(`message ${bytes[0]} at ${scheduler.nowMs}`),
      closed: (code) => below.push(`closed ${code} at ${scheduler.nowMs}`),
    },
    open(opened) {
      socket = opened;
      return {
        message: (bytes) => above.push(`message ${bytes[0]} at ${scheduler.nowMs}`),
        dropped: () => above.push("dropped"),
        drained: () => above.push("drained"),
        closed: () => above.push(`closed at ${scheduler.nowMs}`),
      };
    },
    gone: () => above.push("gone"),
    handed() {},
    losesPush: () => false,
  });
  assert.ok(socket);
  return { scheduler, gateway, device, topics, above, below, link, socket };
}

const message = (first: number, bytes = 1) => new Uint8Array(bytes).fill(first);

describe("simulator: link", () => {
  it("carries messages both ways, in order, a latency later", () => {
    const { scheduler, link, socket, above, below } = linkWorld();
    link.transmit(message(1));
    link.transmit(message(2));
    socket.send(message(3));
    scheduler.runUntil(100);
    assert.deepEqual(above, ["message 1 at 10", "message 2 at 10"]);
    assert.deepEqual(below, ["message 3 at 10"]);
  });

  it("loses what is under way when it is cut, and tells both ends", () => {
    const { scheduler, link, socket, above, below } = linkWorld();
    link.transmit(message(1));
    socket.send(message(2));
    link.cut();
    scheduler.runUntil(100);
    assert.deepEqual(above, ["closed at 10", "gone"]);
    assert.deepEqual(below, ["closed 1006 at 10"]);
  });

  it("tells nobody when it falls silent, and goes on in the other direction", () => {
    const { scheduler, link, socket, above, below } = linkWorld();
    link.silence("down");
    link.transmit(message(1));
    socket.send(message(2));
    socket.close(4000, "");
    scheduler.runUntil(100_000);
    assert.deepEqual(above, ["closed at 0"]);
    assert.deepEqual(below, []);
  });

  it("holds everything back while it is stalled", () => {
    const { scheduler, link, socket, above, below } = linkWorld();
    link.stall(50);
    link.transmit(message(1));
    socket.send(message(2));
    scheduler.runUntil(100);
    assert.deepEqual(above, ["message 1 at 50", "drained"]);
    assert.deepEqual(below, ["message 2 at 60"]);
  });

  it("drops whole batches for a device that does not read, says so once for each, and when there is room again", () => {
    const { scheduler, link, socket, topics, above, below } = linkWorld({ maxBackpressureBytes: 100 });
    socket.subscribe("topic");
    link.holdBack(1_000);
    topics.publish("topic", message(1, 150));
    scheduler.runUntil(1);
    for (const first of [2, 3]) topics.publish("topic", message(first, 10));
    scheduler.runUntil(2);
    assert.deepEqual(above, ["dropped"]);
    scheduler.runUntil(2_000);
    assert.deepEqual(above, ["dropped", "drained"]);
    assert.deepEqual(below, ["message 1 at 1010"]);
  });

  it("keeps publications and messages of one socket in order, and its subscriptions to itself", () => {
    const { scheduler, socket, topics, below } = linkWorld();
    socket.subscribe("topic");
    topics.publish("topic", message(1));
    socket.send(message(2));
    socket.unsubscribe("topic");
    topics.publish("topic", message(3));
    scheduler.runUntil(100);
    assert.deepEqual(below, ["message 1 at 10", "message 2 at 10"]);
    assert.equal(topics.size, 0);
  });

  it("hands the gateway a buffer that is only good during the call", () => {
    const { scheduler, link } = linkWorld();
    const bytes = message(7);
    link.transmit(bytes);
    scheduler.runUntil(100);
    assert.equal(bytes[0], 7);
  });

  it("delivers nothing to a process that has died", () => {
    const { scheduler, link, socket, gateway, below } = linkWorld();
    socket.send(message(1));
    gateway.kill();
    link.gatewayDied("reset");
    scheduler.runUntil(100);
    assert.deepEqual(below, ["closed 1006 at 10"]);
  });
});

type Answer = { value?: unknown; code?: Code; atMs: number };

/** A caller and one service whose only method says "done" after 5 ms. */
async function callWorld(faults: FaultMix, act: (world: { crash(): void; pause(): void }) => void = () => {}) {
  const answers: Answer[] = [];
  let executed = 0;
  await runInMacrotask(() => {
    const scheduler = createScheduler();
    const counts = createCounts();
    const nodeOf = (name: string) => createSimNode({ name, scheduler, wallSkewMs: 0, turnMs: () => 1 });
    const [caller, node] = [nodeOf("caller"), nodeOf("service")];
    const mischief = createFaults(faults, { random: createRandom(1), counts });
    mischief.begin();
    const services = {
      messages: {
        sync: () => {
          executed++;
          return new Promise((resolve) => node.clock.after(5, () => resolve("done")));
        },
      },
    };
    const calls = new Set<CallUnderWay>();
    const target = { node, services: services as never, calls, crash() {} };
    const clients = createRpcClients({
      ...{ scheduler, caller, faults: mischief, random: createRandom(2), latencyMs: () => 1 },
      trace: createTrace({ nowMs: () => 0 }),
      targets: () => [target],
      isCut: () => false,
    });
    const settle = (answer: Omit<Answer, "atMs">) => void answers.push({ ...answer, atMs: scheduler.nowMs });
    clients.messages.sync({}, { timeoutMs: 100 }).then(
      (value) => settle({ value }),
      (error: unknown) => settle({ code: ConnectError.from(error).code }),
    );
    const crash = () => {
      node.kill();
      for (const call of calls) call.fail(new ConnectError("reset", Code.Unavailable));
    };
    scheduler.at(3, () => act({ crash, pause: () => node.pause(1_000) }));
    scheduler.runUntil(5_000);
    assert.equal(calls.size, 0);
  });
  return { answers, executed };
}

describe("simulator: rpc", () => {
  const always = { "request-lost": 1 / 0.08, "answer-lost": 1 / 0.08 };

  it("answers a round trip later", async () => {
    assert.deepEqual(await callWorld({}), { answers: [{ value: "done", atMs: 7 }], executed: 1 });
  });

  it("reaches its deadline if the request is lost, or the answer to what was done", async () => {
    const late = [{ code: Code.DeadlineExceeded, atMs: 100 }];
    assert.deepEqual(await callWorld({ "request-lost": always["request-lost"] }), { answers: late, executed: 0 });
    assert.deepEqual(await callWorld({ "answer-lost": always["answer-lost"] }), { answers: late, executed: 1 });
  });

  it("fails at once if the process dies, and never hears of what it was doing", async () => {
    const { answers } = await callWorld({}, ({ crash }) => crash());
    assert.deepEqual(answers, [{ code: Code.Unavailable, atMs: 4 }]);
  });

  it("reaches its deadline if the process is paused", async () => {
    const { answers } = await callWorld({}, ({ pause }) => pause());
    assert.deepEqual(answers, [{ code: Code.DeadlineExceeded, atMs: 100 }]);
  });
});
