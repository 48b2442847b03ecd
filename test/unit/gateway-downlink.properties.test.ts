import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { type Interest, InterestSchema } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import { createDownlinkWorld, type DownlinkWorld, type Listener } from "../support/downlink-world.js";
import { happening, type MembershipLog, makeLog, type Routing, userIds } from "../support/membership-log.js";

type Step =
  /** The log grows, and what is appended comes here, or does not. */
  | { kind: "append"; count: number; arrives: boolean }
  /** Something that was appended comes, again perhaps: as it was published first, or as it is published now. */
  | { kind: "arrive"; back: number; published: "then" | "now" }
  | { kind: "login"; userId: bigint }
  /** A session that has logged in gets to know its interests as they were when it did. */
  | { kind: "listen"; pick: number }
  | { kind: "go"; pick: number }
  | { kind: "ack"; pick: number; seq: number }
  | { kind: "wait"; ms: number }
  | { kind: "store"; answers: boolean };

const pick = fc.nat(20);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      count: fc.integer({ min: 1, max: 2 }),
      arrives: fc.oneof(fc.constant(true), fc.constant(true), fc.boolean()),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("arrive" as const),
      back: fc.nat(8),
      published: fc.constantFrom("then" as const, "now" as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("login" as const), userId: fc.constantFrom(...userIds) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("listen" as const), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("go" as const), pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("ack" as const), pick, seq: fc.nat(40) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(10, 60, 1_000, 70_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("store" as const), answers: fc.boolean() }) },
);

type Device = {
  readonly session: Listener;
  readonly userId: bigint;
  readonly loggedInAtSeq: number;
  /** Answers the reading of its interests, which began when it logged in; resolves once it listens. */
  readonly listen: (interests: readonly Interest[]) => Promise<void>;
  listens: boolean;
};

/** A downlink into which a log comes as chance has it, and devices that come and go. */
class Story {
  readonly world: DownlinkWorld = createDownlinkWorld();
  readonly devices: Device[] = [];
  readonly #log: MembershipLog;
  readonly #present: Device[] = [];
  #headSeq = 0;
  #answers = true;
  #devices = 0;

  constructor(log: MembershipLog) {
    this.#log = log;
  }

  async perform(one: Step) {
    switch (one.kind) {
      case "append":
        return this.#append(one.count, one.arrives);
      case "arrive":
        return this.#arrive(this.#headSeq - one.back, one.published);
      case "login":
        return this.#login(one.userId);
      case "listen":
        return this.#listen(this.#present[one.pick % this.#present.length]);
      case "go":
        return this.#go(one.pick % Math.max(1, this.#present.length));
      case "ack": {
        const device = this.#present[one.pick % this.#present.length];
        return device && this.world.ack(device.session, one.seq);
      }
      case "wait":
        await this.world.clock.settle(one.ms);
        return this.world.downlink.forgetIdle();
      case "store":
        this.#answers = one.answers;
        return this.#fillStore();
    }
  }

  async end() {
    while (this.#present.length > 0) await this.#go(0);
    await this.world.clock.settle(70_000);
    this.world.downlink.forgetIdle();
  }

  #append(count: number, arrives: boolean) {
    for (let added = 0; added < count && this.#headSeq < this.#log.length; added++) {
      this.#headSeq++;
      this.#fillStore();
      if (arrives) this.#arrive(this.#headSeq, "now");
    }
  }

  #fillStore() {
    this.world.stored.length = 0;
    for (let seq = 1; this.#answers && seq <= this.#headSeq; seq++) {
      this.world.stored.push(this.#log.entryAt(seq, this.#headSeq));
    }
  }

  #arrive(seq: number, published: "then" | "now") {
    if (seq >= 1) this.world.entries(this.#log.entryAt(seq, published === "then" ? seq : this.#headSeq));
  }

  async #login(userId: bigint) {
    const session = await this.world.user(userId, { device: ++this.#devices });
    const device = { session, userId, loggedInAtSeq: this.#headSeq, listen: this.#read(session), listens: false };
    this.devices.push(device);
    this.#present.push(device);
  }

  async #listen(device: Device | undefined) {
    if (!device || device.listens) return;
    device.listens = true;
    const rosterSeq = this.#log.interestOf(device.userId, device.loggedInAtSeq);
    const interests = rosterSeq === undefined ? [] : [create(InterestSchema, { conversationId: 9n, rosterSeq })];
    await device.listen(interests);
  }

  #read(session: Listener): Device["listen"] {
    let answer: (interests: readonly Interest[]) => void = () => assert.fail("not asked yet");
    const read = new Promise<readonly Interest[]>((resolve) => {
      answer = resolve;
    });
    const listening = this.world.hub.subscribeInterests(session, () => read);
    return (interests) => {
      answer(interests);
      return listening;
    };
  }

  async #go(index: number) {
    const [device] = this.#present.splice(index, 1);
    if (device) await this.world.gone(device.session);
  }
}

const routings = fc.array(fc.constantFrom<Routing>("by-user", "both", "by-conversation", "by-conversation"), {
  minLength: 1,
  maxLength: 12,
});
const story = fc.record({
  happenings: fc.array(happening, { minLength: 3, maxLength: 20 }),
  routings: fc.oneof(fc.constant<Routing[]>(["by-conversation"]), routings),
  steps: fc.array(step, { minLength: 5, maxLength: 50 }),
});

describe("a downlink, whatever comes late, twice, or never, and whoever comes and goes", () => {
  it("brings nobody anything from outside the membership, first or again", async () => {
    const property = fc.asyncProperty(story, async ({ happenings, routings, steps }) => {
      const log = makeLog(happenings, routings);
      const told = new Story(log);
      for (const one of steps) await told.perform(one);
      for (const { session, userId } of told.devices) {
        for (const seq of [...session.heard, ...session.resent.flat()]) {
          assert.ok(log.isMember(userId, seq), `${userId} heard ${seq}: ${session.heard} and again ${session.resent}`);
        }
      }
    });
    await fc.assert(property, { numRuns: 2_000 });
  });

  it("leaves nothing behind when all have gone", async () => {
    const property = fc.asyncProperty(story, async ({ happenings, routings, steps }) => {
      const told = new Story(makeLog(happenings, routings));
      for (const one of steps) await told.perform(one);
      await told.end();
      const { downlink, hub, routes, timers } = told.world;
      assert.deepEqual([downlink.activeConversations, downlink.ringBytes, timers.size], [0, 0, 0]);
      assert.deepEqual([hub.sessionCount, hub.rosterSeqOf(9n), routes.size], [0, undefined, 0]);
      for (const { session } of told.devices)
        assert.deepEqual([session.pushed?.size ?? 0, session.topics.size], [0, 1]);
    });
    await fc.assert(property, { numRuns: 1_000 });
  });
});
