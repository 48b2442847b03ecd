import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeliverySchema, type LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { SyncPageSchema } from "../../gen/ts/tidewire/v1/frame_pb.js";
import { decode } from "../../runtime/binary.js";
import { createMemoryFabric } from "../../runtime/fabric/memory.js";
import { silentLogger } from "../../runtime/log.js";
import { createMetrics } from "../../runtime/metrics.js";
import { createRandom } from "../sim/engine/random.js";
import { createSimServices } from "../sim/services/sim-services.js";
import { formatToken } from "../sim/services/tokens.js";
import { noStoreFaults } from "../sim/store/store-faults.js";
import { createStoreModel } from "../sim/store/store-model.js";
import { createManualClock } from "../support/clock.js";
import { failsWith } from "../support/errors.js";
import { text, upMsg, wordsOf } from "../support/log-world.js";

const [ann, bob] = [1n, 2n];
const limits = { contentMaxBytes: 1_000, syncPageMax: 100, syncPageMaxBytes: 48_000, headsPageMax: 100 };

/** Two users, one process with services, and a gateway that keeps what it is sent. */
async function world() {
  const clock = createManualClock();
  const processClock = createManualClock();
  const [random, timeMs] = [createRandom(1), () => clock.monotonicMs()];
  const rules = { routeByConversationAbove: 2 };
  const store = createStoreModel({ clock, timeMs, random, faults: { ...noStoreFaults }, storeId: "store", rules });
  for (const userId of [ann, bob, 3n]) store.addUser(userId);
  const fabric = createMemoryFabric({ clock });
  const metrics = createMetrics();
  const node = { name: "services-1", nodeId: 1 };
  const services = createSimServices({ store, fabric, clock: processClock, log: silentLogger, metrics, limits, node });
  const delivered: LogEntry[] = [];
  const fences: bigint[] = [];
  await fabric.streams.consume("gateway", ({ payload }) => {
    const delivery = decode(DeliverySchema, payload);
    delivered.push(...delivery.entries);
    fences.push(...delivery.fences.map((fence) => fence.epoch));
  });
  for (const userId of [ann, bob]) {
    await fabric.routes.attach({ userId, device: 1, epoch: 1n, gateway: "gateway" }, 90_000);
  }
  /** Lets time pass for the store and for the process. */
  async function pass(ms: number) {
    for (let passedMs = 0; passedMs < ms; passedMs += 10) {
      await clock.settle(10);
      await processClock.settle(10);
    }
  }
  async function done<Result>(work: Promise<Result>): Promise<Result> {
    work.catch(() => {});
    await pass(60);
    return await work;
  }
  const token = (userId: bigint, lifeMs = 60_000) => formatToken({ userId, expiresAtMs: clock.nowMs() + lifeMs });
  const login = (userId: bigint) => done(services.accounts.openSession({ token: token(userId), deviceId: "phone" }));
  const say = (clientId: bigint, conversationId: bigint, words: string) => ({
    senders: [{ userId: ann, device: 1, epoch: 1n }],
    submissions: [{ clientId, upMsg: upMsg(clientId, { case: "conversationId", value: conversationId }, text(words)) }],
  });
  return { clock, processClock, store, services, fabric, delivered, fences, pass, done, token, login, say };
}

describe("the simulator's services", () => {
  it("open sessions, and fence the older one of the same device", async () => {
    const { login, fences } = await world();
    const first = await login(ann);
    assert.deepEqual([first.userId, first.device, first.epoch, first.storeId], [ann, 1, 1n, "store"]);
    assert.equal((await login(ann)).epoch, 2n);
    assert.deepEqual(fences, [2n]);
  });

  it("refuse a token that has expired, or is none, as callers see it in life", async () => {
    const { services, token } = await world();
    const open = (bad: string) => services.accounts.openSession({ token: bad, deviceId: "phone" });
    await assert.rejects(open(token(ann, 0)), failsWith(ErrorCode.TOKEN_EXPIRED));
    await assert.rejects(open("nonsense"), failsWith(ErrorCode.UNAUTHENTICATED));
    await assert.rejects(services.accounts.renewSession({ token: "1" }), failsWith(ErrorCode.UNAUTHENTICATED));
  });

  it("store a batch and publish it to the gateways of its readers, by the shipped handlers", async () => {
    const { services, done, login, say, delivered } = await world();
    await login(ann);
    const group = await done(services.createGroup(ann, "Group", [bob]));
    const { outcomes } = await done(services.messages.submitBatch(say(1n, group, "hello")));
    assert.equal(outcomes[0]?.result.case, "stored");
    assert.deepEqual(
      delivered.map((entry) => [entry.conversationId, entry.seq, entry.userIds]),
      [
        [group, 1n, [ann, bob]],
        [group, 2n, [ann, bob]],
      ],
    );
    const { page } = await done(services.messages.sync({ userId: bob, conversationId: group }));
    assert.deepEqual(
      decode(SyncPageSchema, page).messages.map((message) => wordsOf(message.content)),
      ["(event)", "hello"],
    );
    const { entries } = await done(services.messages.entries({ conversationId: group, firstSeq: 1n, lastSeq: 2n }));
    assert.deepEqual(entries, delivered);
  });

  it("tell a user's heads, all or some, and its interests", async () => {
    const { services, done, login } = await world();
    await login(ann);
    const small = await done(services.createGroup(ann, "Small", [bob]));
    const large = await done(services.createGroup(ann, "Large", [bob, 3n]));
    const { page } = await done(services.messages.heads({ userId: bob }));
    assert.deepEqual(
      page?.heads.map((head) => head.conversationId),
      [small, large],
    );
    const some = await done(services.messages.headsOf({ userId: bob, conversationIds: [large, 77n] }));
    assert.deepEqual(
      some.page?.heads.map((head) => head.conversationId),
      [large],
    );
    const { interests } = await done(services.conversations.listInterests({ userId: bob }));
    assert.deepEqual(
      interests.map((interest) => interest.conversationId),
      [large],
    );
  });

  it("change members, and publish that", async () => {
    const { services, done, login, delivered, store } = await world();
    await login(ann);
    const group = await done(services.createGroup(ann, "Group", [bob]));
    await done(services.leaveGroup(bob, group));
    await done(services.addMembers(ann, group, [bob]));
    assert.deepEqual(
      delivered.map((entry) => entry.seq),
      [1n, 2n, 3n],
    );
    const intervals = store.state.conversations
      .get(group)
      ?.members.get(bob)
      ?.map(({ fromSeq, toSeq }) => [fromSeq, toSeq]);
    assert.deepEqual(intervals, [
      [1n, 2n],
      [3n, null],
    ]);
    await assert.rejects(done(services.addMembers(3n, group, [3n])), failsWith(ErrorCode.UNKNOWN_CONVERSATION));
  });

  it("find the direct conversation of two users, once for all", async () => {
    const { services, done, login, store } = await world();
    await login(ann);
    const senders = [{ userId: ann, device: 1, epoch: 1n }];
    const submissions = [1n, 2n].map((clientId) => ({
      clientId,
      upMsg: upMsg(clientId, { case: "peerUserId", value: bob }, text(`${clientId}`)),
    }));
    const { outcomes } = await done(services.messages.submitBatch({ senders, submissions }));
    assert.deepEqual(
      outcomes.map((outcome) => outcome.result.case),
      ["stored", "stored"],
    );
    assert.equal(store.state.conversations.size, 1);
  });

  it("bring marks to the store, and sweep", async () => {
    const { services, done, login, say, fabric, pass, store, delivered } = await world();
    await login(ann);
    const group = await done(services.createGroup(ann, "Group", [bob]));
    await done(services.messages.submitBatch(say(1n, group, "hello")));
    await done(services.conversations.markRead({ userId: bob, cursors: [{ conversationId: group, seq: 9n }] }));
    await fabric.marks.raise([{ userId: bob, conversationId: group, seq: 1n }]);
    const before = delivered.length;
    await pass(12_000);
    assert.deepEqual(
      store.state.marks.map(({ kind, seq }) => [kind, seq]),
      [
        ["read", 2n],
        ["delivered", 1n],
      ],
    );
    assert.deepEqual(
      delivered.slice(before).map((entry) => entry.seq),
      [1n, 2n],
    );
  });

  it("do nothing any more once their process's clock stands still", async () => {
    const { services, clock, login, say, done, delivered, store } = await world();
    await login(ann);
    const group = await done(services.createGroup(ann, "Group", [bob]));
    let heard = false;
    services.messages.submitBatch(say(1n, group, "hello")).finally(() => {
      heard = true;
    });
    await clock.settle(60_000);
    assert.equal(store.state.conversations.get(group)?.log.length, 2);
    assert.deepEqual([delivered.length, heard], [1, false]);
  });

  it("answer as unavailable while the store is down, and on from where they were when it is back", async () => {
    const { services, login, say, done, store } = await world();
    await login(ann);
    const group = await done(services.createGroup(ann, "Group", [bob]));
    store.crash();
    await assert.rejects(
      done(services.messages.submitBatch(say(1n, group, "hello"))),
      failsWith(ErrorCode.UNAVAILABLE),
    );
    store.restart();
    const { outcomes } = await done(services.messages.submitBatch(say(1n, group, "hello")));
    assert.equal(outcomes[0]?.result.case, "stored");
  });
});
