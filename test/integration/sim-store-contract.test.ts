import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ContentSchema } from "../../gen/ts/tidewire/v1/content_pb.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { HeadsRequestSchema, SyncRequestSchema } from "../../gen/ts/tidewire/v1/message_pb.js";
import { encode } from "../../runtime/binary.js";
import { bothMs } from "../../services/group/routing.js";
import type { AppendRow, AppendSender } from "../../services/message/append.js";
import { heads } from "../../services/message/heads.js";
import { sync } from "../../services/message/sync.js";
import type { Committed } from "../../services/push/committed.js";
import { createRandom, type Random } from "../sim/engine/random.js";
import type { StoreRules } from "../sim/store/store-model.js";
import { text } from "../support/log-world.js";
import { openTestStore } from "../support/store.js";
import {
  by,
  comparable,
  createModelSide,
  createSqlSide,
  type Given,
  pick,
  resultOf,
  type StoreSide,
} from "../support/store-pair.js";

const rules: StoreRules = { devicesPerUserMax: 3, groupMembersMax: 6, routeByConversationAbove: 3, bothMs };
const pages = { headsPageMax: 3, syncPageMax: 7, syncPageMaxBytes: 700 };

/** What the generator knows of the world, from what the stores have answered. */
type Known = {
  userIds: bigint[];
  conversations: bigint[];
  /** Conversations that each user is in at present. */
  memberships: Map<bigint, Set<bigint>>;
  devices: (AppendSender & { deviceId: string; last: bigint })[];
  /** Rows as they were sent once, to be sent again. */
  rows: AppendRow[];
  /** Each side's watermarks, in the order in which they were read. */
  watermarks: Map<StoreSide, bigint[]>;
};

type Operation = Readonly<{ name: string; run(side: StoreSide): Promise<unknown>; learn?(answer: unknown): void }>;

/** Makes up operations: mostly sensible ones, and some that no gateway would ask for. */
class Generator {
  readonly known: Known;
  readonly #random: Random;
  readonly #given: Given;

  constructor(random: Random, given: Given, userIds: bigint[]) {
    this.#random = random;
    this.#given = given;
    const memberships = new Map(userIds.map((userId) => [userId, new Set<bigint>()]));
    this.known = { userIds, memberships, conversations: [], devices: [], rows: [], watermarks: new Map() };
  }

  next(): Operation {
    const make = this.#random.pick([
      () => this.#openSession(),
      ...Array.from({ length: 8 }, () => () => this.#append()),
      () => this.#createGroup(),
      () => this.#addMembers(),
      () => this.#addMembers(),
      () => this.#leave(),
      () => this.#openDirect(),
      () => this.#mark(),
      () => this.#mark(),
      ...Array.from({ length: 2 }, () => () => this.#heads()),
      () => this.#read(),
      () => this.#read(),
      () => this.#read(),
    ]);
    return make();
  }

  #user = () => (this.#random.chance(0.03) ? 999n : this.#random.pick(this.known.userIds));
  #users = () => Array.from({ length: this.#random.whole(1, 3) }, this.#user);
  #conversation = () => {
    const { conversations } = this.known;
    return this.#random.chance(0.05) || conversations.length === 0 ? 77n : this.#random.pick(conversations.slice(-6));
  };
  #seq = () => BigInt(this.#random.chance(0.1) ? 10 ** 15 : this.#random.whole(0, 40));

  #openSession(): Operation {
    const [userId, deviceId] = [this.#user(), `device-${this.#random.whole(1, 4)}`];
    return {
      name: `open a session of ${userId}, ${deviceId}`,
      run: (side) => side.openSession(userId, deviceId),
      learn: (answer) => {
        if (typeof answer !== "object" || answer === null || !("epoch" in answer)) return;
        const { device, epoch, lastClientId } = answer as { device: number; epoch: bigint; lastClientId: bigint };
        const others = this.known.devices.filter((one) => one.userId !== userId || one.device !== device);
        this.known.devices = [...others, { userId, deviceId, device, epoch, last: lastClientId }];
      },
    };
  }

  #append(): Operation {
    const count = Math.min(this.known.devices.length, this.#random.whole(1, 3));
    const chosen = new Set(Array.from({ length: count }, () => this.#random.pick(this.known.devices)));
    const devices = [...chosen];
    const senders = devices.map(({ userId, device, epoch }) => ({
      ...{ userId, device },
      epoch: this.#random.chance(0.05) ? epoch - 1n : epoch,
    }));
    const next = devices.map(({ last }) => last + 1n);
    const rows: AppendRow[] = [];
    for (let index = this.#random.whole(0, 6); devices.length > 0 && index > 0; index -= 1) {
      const sender = this.#random.whole(0, devices.length - 1);
      const device = devices[sender];
      if (device !== undefined) rows.push(this.#row(sender, next, device));
    }
    const batch = { senders, rows, nowMs: this.#given.nowMs };
    return {
      name: `append ${rows.map((row) => `${row.sender}: ${row.clientId} to ${row.conversationId}`).join(", ")}`,
      run: (side) => side.logs.append(batch),
      learn: (answer) => {
        for (const [index, outcome] of (answer as { kind: string; duplicate: boolean }[]).entries()) {
          const row = rows[index];
          const device = row && devices[row.sender];
          if (outcome.kind === "rejected" || outcome.duplicate || row === undefined || device === undefined) continue;
          device.last = row.clientId;
          this.known.rows.push({ ...row, sender: this.known.devices.indexOf(device) });
        }
      },
    };
  }

  #row(sender: number, next: bigint[], { last, userId }: Known["devices"][number]): AppendRow {
    const kind = this.#random();
    const earlier = this.known.rows.at(-this.#random.whole(1, 30));
    if (kind < 0.12 && earlier !== undefined) return { ...earlier, sender };
    const clientId = this.#clientId(kind, sender, next, last);
    const words = "x".repeat(this.#random.whole(0, 1) * this.#random.whole(0, 1_200)) + this.#random.whole(0, 99);
    const content = encode(ContentSchema, text(words));
    const digest = this.#random.chance(0.1) ? undefined : createHash("sha256").update(words).digest();
    const refused = this.#random.chance(0.06) ? ErrorCode.CONTENT_TOO_LARGE : ErrorCode.UNSPECIFIED;
    this.#given.nextId += 1n;
    return {
      ...{ sender, clientId, digest, refused, content, messageId: this.#given.nextId },
      conversationId: this.#target(userId),
      countable: !this.#random.chance(0.2),
    };
  }

  #target(userId: bigint): bigint {
    const own = [...(this.known.memberships.get(userId) ?? [])];
    if (own.length > 0 && this.#random.chance(0.8)) return this.#random.pick(own);
    return this.#random.chance(0.2) ? 0n : this.#conversation();
  }

  #clientId(kind: number, sender: number, next: bigint[], last: bigint): bigint {
    if (kind < 0.18) return BigInt(this.#random.whole(0, Number(last) + 1));
    if (kind < 0.22) return (next[sender] ?? 1n) + 1n;
    const clientId = next[sender] ?? 1n;
    next[sender] = clientId + 1n;
    return clientId;
  }

  #createGroup(): Operation {
    const [callerId, userIds] = [this.#user(), this.#users()];
    return {
      name: `${callerId} creates a group with ${userIds}`,
      run: async (side) => (await side.createGroup(callerId, "Group", userIds)).map(toComparable),
      learn: (answer) => this.#learnChange(answer),
    };
  }

  #learnConversation(conversationId: bigint): void {
    const { conversations } = this.known;
    if (!conversations.includes(conversationId)) conversations.push(conversationId);
  }

  #learnChange(answer: unknown): void {
    if (!Array.isArray(answer)) return;
    const { memberships } = this.known;
    for (const { conversationId, joinedUserIds = [], leftUserIds = [] } of answer as Committed[]) {
      this.#learnConversation(conversationId);
      for (const userId of joinedUserIds) memberships.get(userId)?.add(conversationId);
      for (const userId of leftUserIds) memberships.get(userId)?.delete(conversationId);
    }
  }

  #addMembers(): Operation {
    const [callerId, conversationId, userIds] = [this.#user(), this.#conversation(), this.#users()];
    return {
      name: `${callerId} adds ${userIds} to ${conversationId}`,
      run: async (side) => (await side.addMembers(callerId, conversationId, userIds)).map(toComparable),
      learn: (answer) => this.#learnChange(answer),
    };
  }

  #leave(): Operation {
    const [callerId, conversationId] = [this.#user(), this.#conversation()];
    return {
      name: `${callerId} leaves ${conversationId}`,
      run: async (side) => (await side.leave(callerId, conversationId)).map(toComparable),
      learn: (answer) => this.#learnChange(answer),
    };
  }

  #openDirect(): Operation {
    const [userId, peerId] = [this.#user(), this.#user()];
    return {
      name: `${userId} writes to ${peerId}`,
      run: (side) => side.openDirect(userId, peerId),
      learn: (answer) => {
        if (typeof answer !== "bigint") return;
        this.#learnConversation(answer);
        for (const one of [userId, peerId]) this.known.memberships.get(one)?.add(answer);
      },
    };
  }

  #mark(): Operation {
    const userId = this.#user();
    const cursors = Array.from({ length: this.#random.whole(0, 4) }, () => ({
      conversationId: this.#conversation(),
      seq: this.#seq(),
    }));
    if (this.#random.chance(0.5)) {
      return { name: `${userId} reads`, run: (side) => side.markRead(userId, cursors) };
    }
    const marks = cursors.map((cursor) => ({ userId: this.#user(), ...cursor }));
    return { name: "marks are raised", run: (side) => side.logs.raiseDelivered(marks) };
  }

  #heads(): Operation {
    const userId = this.#user();
    const back = this.#random.whole(0, 20);
    return {
      name: `heads of ${userId}`,
      run: async (side) => {
        const watermarks = this.known.watermarks.get(side) ?? [];
        this.known.watermarks.set(side, watermarks);
        const since = back === 0 ? 0n : (watermarks.at(-back) ?? 0n);
        const page = await heads(side.logs, pages, create(HeadsRequestSchema, { userId, since }));
        watermarks.push(page.watermark);
        return { heads: page.heads, hasMore: page.hasMore };
      },
    };
  }

  #read(): Operation {
    const [userId, conversationId, seq] = [this.#user(), this.#conversation(), this.#seq()];
    const stretch = {
      ...{ conversationId, firstSeq: seq, lastSeq: seq + BigInt(this.#random.whole(0, 30)) },
      ...{ limit: this.#random.whole(1, 12), maxBytes: this.#random.whole(1, 3_000) },
    };
    const recent = this.#given.nextId - BigInt(this.#random.whole(0, 30));
    const request = create(SyncRequestSchema, { userId, conversationId, afterSeq: seq });
    const several = [userId, conversationId, this.#conversation(), this.#conversation()];
    const reads: Record<string, Operation["run"]> = {
      sync: (side) => sync(side.logs, pages, request),
      membership: async (side) => {
        const { intervals, headSeq } = await side.logs.readMembership(conversationId, userId);
        return { intervals: intervals.map((interval) => pick(interval, ["fromSeq", "toSeq"])), headSeq };
      },
      stretch: (side) => side.logs.readStretch(stretch),
      committed: async (side) => (await side.logs.readCommitted({ ...stretch, firstSeq: seq || 1n })).map(toComparable),
      recent: async (side) => (await side.logs.readRecent(recent)).map(toComparable),
      rosterSeqAt: (side) => side.logs.readRosterSeqAt(conversationId, seq),
      interests: async (side) => (await side.listInterests(userId)).toSorted(by("conversationId")),
      rosters: async (side) =>
        (await side.logs.readRosters([{ conversationId, seq }])).toSorted(by("fromSeq")).toSorted(by("userId")),
      headsOf: async (side) =>
        (await side.logs.readHeadsOf(userId, several)).map(({ preview, ...head }) => [
          preview,
          pick(head, ["conversationId", "kind", "headSeq", "headCounter", "readSeq", "readCounter", "isMember"]),
        ]),
    };
    const name = this.#random.pick(Object.keys(reads));
    return { name: `read ${name} of ${userId} in ${conversationId} from ${seq}`, run: reads[name] as Operation["run"] };
  }
}

/** Who joins and leaves has no order. */
function toComparable({ joinedUserIds = [], leftUserIds = [], ...entry }: Committed) {
  const sorted = (userIds: readonly bigint[]) => userIds.toSorted((one, other) => (one < other ? -1 : 1));
  return { ...entry, joinedUserIds: sorted(joinedUserIds), leftUserIds: sorted(leftUserIds) };
}

describe("the simulator's store", () => {
  /** @returns how often each kind of outcome occurred */
  async function compare(seed: number, operations: number): Promise<Map<string, number>> {
    await using store = await openTestStore("postgresql");
    const random = createRandom(seed);
    const given: Given = { nowMs: 1_800_000_000_000, nextId: 1_000n };
    const userIds = Array.from({ length: 7 }, (_, index) => BigInt(index + 1));
    const generator = new Generator(random, given, userIds);
    const sides = [
      createSqlSide(given, rules, store.sql),
      createModelSide(given, rules, random.fork("model")),
    ] as const;
    for (const side of sides) await side.addUsers(userIds);
    const outcomes = new Map<string, number>();
    for (let index = 0; index < operations; index += 1) {
      given.nowMs += random.whole(-2_000, 20_000);
      const operation = generator.next();
      const firstId = given.nextId;
      const answers: unknown[] = [];
      for (const side of sides) {
        given.nextId = firstId;
        answers.push(await resultOf(() => operation.run(side)));
      }
      assert.deepEqual(answers[1], answers[0], `seed ${seed}, operation ${index}: ${operation.name}`);
      operation.learn?.(answers[0]);
      for (const outcome of outcomesOf(answers[0])) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    const [real, model] = [comparable(await sides[0].dump()), comparable(await sides[1].dump())];
    assert.deepEqual(model, real, `seed ${seed}: what is stored in the end`);
    return outcomes;
  }

  it("answers, and stores, what PostgreSQL does", { timeout: 120_000 }, async () => {
    const outcomes = new Map<string, number>();
    for (const seed of [1, 2]) {
      for (const [outcome, count] of await compare(seed, 1_000)) {
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
      }
    }
    const rare = [
      "stored again",
      "refused",
      "refused again",
      "rejected 1",
      "rejected 2",
      "rejected 3",
      "routing 3",
      "error",
    ];
    for (const outcome of rare) assert.ok((outcomes.get(outcome) ?? 0) > 5, `${outcome}: ${outcomes.get(outcome)}`);
  });
});

/** Names what an answer shows, so that the test can tell whether it has seen everything. */
function outcomesOf(answer: unknown): string[] {
  if (typeof answer !== "object" || answer === null) return [];
  if ("error" in answer && typeof answer.error === "number" && answer.error > 0) return ["error"];
  if (!Array.isArray(answer)) return [];
  return answer.flatMap((outcome: Record<string, unknown> | null) => {
    if (outcome?.["kind"] === "rejected") return [`rejected ${outcome["reason"]}`];
    const routing = outcome?.["routing"] ?? (outcome?.["placed"] as { routing?: number } | undefined)?.routing;
    const kinds = routing === undefined ? [] : [`routing ${routing}`];
    if (outcome?.["kind"] === "stored" || outcome?.["kind"] === "refused")
      kinds.push(`${outcome["kind"]}${outcome["duplicate"] === true ? " again" : ""}`);
    return kinds;
  });
}
