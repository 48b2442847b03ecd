import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Message } from "../../gen/ts/tidewire/v1/content_pb.js";
import { copyTable, Swarm, type SwarmDevice } from "../support/device-swarm.js";
import { type Faults, noFaults } from "../support/model-server.js";

const seeds = 15;
const conversations = [1n, 2n, 3n];

const everything: Faults = {
  pushLost: 0.1,
  pushDoubled: 0.1,
  pushLate: 0.2,
  laneDropped: 0.05,
  outcomeLost: 0.05,
  busy: 0.05,
};

function forEachSeed(check: (seed: number) => void): void {
  for (let seed = 1; seed <= seeds; seed += 1) {
    try {
      check(seed);
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
}

/** Everybody writes, here and there a connection breaks, and time passes. */
function converse(swarm: Swarm, rounds: number, label = ""): void {
  for (let round = 0; round < rounds; round += 1) {
    for (const device of swarm.devices) {
      const burst = Math.floor(swarm.random() * 6);
      for (let index = 0; index < burst; index += 1) {
        const conversationId = conversations[Math.floor(swarm.random() * conversations.length)] ?? 1n;
        swarm.send(device, conversationId, `${device.name}${label} ${round}.${index}`);
      }
      if (swarm.random() < 0.1) swarm.cut(device);
    }
    swarm.run(swarm.random() * 1_500);
  }
}

const textOf = (message: Message) => (message.content?.body.case === "text" ? message.content.body.value.text : "");

function logged(swarm: Swarm): string[] {
  return conversations.flatMap((conversationId) => swarm.server.log(conversationId).map(textOf));
}

function assertOnceAndInOrder(swarm: Swarm): void {
  const all = logged(swarm);
  assert.equal(new Set(all).size, all.length, "a message is stored twice");
  for (const device of swarm.devices) {
    const missing = device.sent.filter((text) => !all.includes(text));
    assert.deepEqual(missing, [], `${device.name} sent what was never stored`);
    assertOrder(swarm, device);
  }
}

function assertOrder(swarm: Swarm, device: SwarmDevice): void {
  const rank = new Map(device.sent.map((text, index) => [text, index]));
  for (const conversationId of conversations) {
    const ranks = swarm.server.log(conversationId).flatMap((message) => rank.get(textOf(message)) ?? []);
    assert.deepEqual(
      ranks,
      ranks.toSorted((a, b) => a - b),
      `${device.name} is out of order in ${conversationId}`,
    );
  }
}

function assertConverged(swarm: Swarm): void {
  for (const { name, table, core } of swarm.devices) {
    assert.equal(core?.connection.state, "ready", `${name} is not connected`);
    assert.equal(table.snapshot.outbox.size, 0, `${name} still has messages in its outbox`);
    for (const conversationId of conversations) {
      const log = swarm.server.log(conversationId);
      const held = table.messages(conversationId, 0n, 100_000);
      const expected = log.slice(log.length - held.length);
      assert.deepEqual(held.map(textOf), expected.map(textOf), `${name} differs in ${conversationId}`);
      assert.ok(held.length >= Math.min(log.length, 200), `${name} lacks the past of ${conversationId}`);
      assert.equal(table.snapshot.cursors.get(conversationId) ?? 0n, BigInt(log.length));
      assert.equal(table.snapshot.heads.get(conversationId)?.headSeq ?? 0n, BigInt(log.length));
    }
  }
}

describe("devices and a server", () => {
  it("store every message once and in order, and converge, on a healthy network", () => {
    const swarm = new Swarm({ seed: 1, devices: 4, faults: { ...noFaults }, crash: 0 });
    converse(swarm, 30);
    swarm.settle();
    assert.ok(logged(swarm).length > 200);
    assertOnceAndInOrder(swarm);
    assertConverged(swarm);
  });

  it("do so through lost, doubled and late pushes, dropped batches, unknown outcomes and broken connections", () => {
    forEachSeed((seed) => {
      const swarm = new Swarm({ seed, devices: 4, faults: { ...everything }, crash: 0 });
      converse(swarm, 20);
      swarm.settle();
      assertOnceAndInOrder(swarm);
      assertConverged(swarm);
    });
  });

  it("do so while the devices' processes are killed between any two of their actions", () => {
    forEachSeed((seed) => {
      const swarm = new Swarm({ seed, devices: 4, faults: { ...everything }, crash: 0.02 });
      converse(swarm, 20);
      swarm.settle();
      assertOnceAndInOrder(swarm);
      assertConverged(swarm);
    });
  });

  it("store nothing twice when a device comes back with an older copy of its storage", () => {
    forEachSeed((seed) => {
      const swarm = new Swarm({ seed, devices: 3, faults: { ...everything }, crash: 0 });
      converse(swarm, 6, " before");
      const [device] = swarm.devices;
      assert.ok(device);
      const backup = copyTable(device.table);
      const kept = [...device.sent];
      converse(swarm, 4, " meanwhile");
      swarm.restoreDevice(device, backup);
      device.sent = kept;
      converse(swarm, 6, " after");
      swarm.settle();
      assertOnceAndInOrder(swarm);
      assertConverged(swarm);
    });
  });

  it("start over when the server comes back with an older copy of its store", () => {
    forEachSeed((seed) => {
      const swarm = new Swarm({ seed, devices: 3, faults: { ...everything }, crash: 0 });
      converse(swarm, 6, " before");
      const backup = structuredClone(swarm.server.store);
      converse(swarm, 4, " meanwhile");
      swarm.restoreServer(backup);
      for (const device of swarm.devices) device.sent = [];
      converse(swarm, 6, " after");
      swarm.settle();
      assertOnceAndInOrder(swarm);
      assertConverged(swarm);
    });
  });
});
