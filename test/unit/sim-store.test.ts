import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { Rejection } from "../../gen/ts/tidewire/v1/message_pb.js";
import type { AppendRow, AppendSender } from "../../services/message/append.js";
import { isTransient } from "../../services/store/store.js";
import { createRandom } from "../sim/engine/random.js";
import { noStoreFaults, type StoreFaults } from "../sim/store/store-faults.js";
import { createStoreModel } from "../sim/store/store-model.js";
import { createManualClock } from "../support/clock.js";
import { row } from "../support/log-world.js";

const [ann, bob] = [1n, 2n];

/** A store with two users, each with a device, and a direct conversation between them. */
async function world(faults: Partial<StoreFaults> = {}, seed = 1) {
  const clock = createManualClock();
  const active: StoreFaults = { ...noStoreFaults };
  const store = createStoreModel({
    ...{ clock, random: createRandom(seed), faults: active, storeId: "first" },
    timeMs: () => clock.monotonicMs(),
  });
  for (const userId of [ann, bob]) store.addUser(userId);
  const client = store.connect(clock);
  const ids = {
    last: 100n,
    next() {
      this.last += 1n;
      return this.last;
    },
  };
  /** Lets time pass until `work` has an outcome, or a minute has gone by. */
  async function outcomeOf<Result>(work: Promise<Result>, patienceMs = 60_000): Promise<Result> {
    let isDone = false;
    const end = () => {
      isDone = true;
    };
    work.then(end, end);
    for (let waitedMs = 0; !isDone && waitedMs < patienceMs; waitedMs += 10) await clock.settle(10);
    return await work;
  }
  const login = async (userId: bigint): Promise<AppendSender> => {
    const { device, epoch } = await outcomeOf(client.openSession(userId, `device of ${userId}`));
    return { userId, device, epoch };
  };
  const append = (sender: AppendSender, ...rows: AppendRow[]) => client.append({ senders: [sender], rows, nowMs: 1 });
  const talk = (await outcomeOf(client.openDirect(ids, ann, bob))) ?? 0n;
  const senders = [await login(ann), await login(bob)] as const;
  const logOf = (conversationId: bigint) => store.state.conversations.get(conversationId)?.log ?? [];
  Object.assign(active, faults);
  return { clock, store, client, ids, outcomeOf, login, append, talk, senders, logOf };
}

async function failureOf(work: Promise<unknown>): Promise<{ code: string }> {
  return await work.then(
    () => assert.fail("it did not fail"),
    (error: unknown) => error as { code: string },
  );
}

describe("the simulator's store", () => {
  it("shows an append to nobody before it is flushed, and to everybody from then on", async () => {
    const { clock, append, senders, talk, logOf, client, outcomeOf } = await world({ slowFlush: 1 });
    const appended = append(senders[0], row(talk, 1n, "hello"));
    await clock.settle(50);
    assert.equal(logOf(talk).length, 0);
    assert.equal((await outcomeOf(client.readMembership(talk, bob))).headSeq, 0n);
    const [outcome] = await outcomeOf(appended);
    assert.equal(outcome?.kind, "stored");
    assert.equal((await outcomeOf(client.readMembership(talk, bob))).headSeq, 1n);
    assert.ok((logOf(talk)[0]?.committedAtMs ?? 0) > 50);
  });

  it("lets a second append wait for the rows of the first, and numbers it behind", async () => {
    const { clock, append, senders, talk, outcomeOf, store, logOf } = await world();
    const first = append(senders[0], row(talk, 1n, "first"));
    await clock.settle(0.1);
    const second = append(senders[1], row(talk, 1n, "second"));
    await clock.settle(0.1);
    assert.deepEqual([logOf(talk).length, store.openTransactions], [0, 2]);
    const outcomes = (await outcomeOf(Promise.all([first, second]))).flat();
    const seqs = outcomes.map((outcome) => (outcome.kind === "stored" ? outcome.placed.seq : outcome.kind));
    assert.deepEqual(seqs, [1n, 2n]);
  });

  it("gives up on a lock after a second, as a failure that may pass", async () => {
    const { append, senders, talk, outcomeOf, clock, store, logOf } = await world({ heldLock: 1 }, 3);
    // The seed is one with which the stranger holds the lock for longer than that.
    const startMs = clock.monotonicMs();
    const failure = await failureOf(outcomeOf(append(senders[0], row(talk, 1n, "hello"))));
    assert.equal(failure.code, "55P03");
    assert.ok(isTransient(failure));
    assert.ok(Math.abs(clock.monotonicMs() - startMs - 1_000) < 20);
    assert.equal(logOf(talk).length, 0);
    assert.equal(store.counts.lockTimeout, 1);
    store.faults.heldLock = 0;
    await clock.settle(5_000);
    assert.equal((await outcomeOf(append(senders[0], row(talk, 1n, "hello"))))[0]?.kind, "stored");
    assert.equal(store.openTransactions, 0);
  });

  it("refuses what an older session has under way once a login has raised the epoch", async () => {
    const { append, senders, talk, outcomeOf, login, store } = await world();
    const epoch = senders[0].epoch;
    await login(ann);
    const outcomes = await outcomeOf(append(senders[0], row(talk, 1n, "late")));
    assert.deepEqual(outcomes, [{ kind: "rejected", reason: Rejection.FENCED }]);
    const fences = store.state.users.get(ann)?.devices[0]?.fences.map((fence) => fence.epoch);
    assert.deepEqual(fences, [epoch, epoch + 1n]);
  });

  it("loses in a crash what was not flushed, or keeps it unheard, and tells nobody which", async () => {
    const ends = new Set<string>();
    for (let seed = 1; seed <= 20; seed += 1) {
      const { clock, append, senders, talk, logOf, store, outcomeOf } = await world({ slowFlush: 1 }, seed);
      const failure = failureOf(append(senders[0], row(talk, 1n, "hello")));
      await clock.settle(20);
      store.crash();
      await clock.settle(10);
      assert.ok(isTransient(await failure));
      assert.equal((await failureOf(outcomeOf(append(senders[0], row(talk, 1n, "hello"))))).code, "ECONNREFUSED");
      store.restart();
      store.faults.slowFlush = 0;
      const isKept = logOf(talk).length === 1;
      ends.add(isKept ? "kept" : "lost");
      assert.deepEqual([store.counts.unheardCommit, store.counts.lostCommit], isKept ? [1, 0] : [0, 1]);
      const [again] = await outcomeOf(append(senders[0], row(talk, 1n, "hello", { digest: undefined })));
      assert.ok(again?.kind === "stored");
      assert.equal(again.duplicate, isKept);
      assert.equal(logOf(talk).length, 1);
      assert.equal(store.openTransactions, 0);
    }
    assert.equal(ends.size, 2);
  });

  it("fails whoever waits for a lock when it crashes, and lets nobody act who is granted one by that", async () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const { clock, append, senders, talk, logOf, store } = await world({ slowFlush: 1 }, seed);
      const ends = [append(senders[0], row(talk, 1n, "first")), append(senders[1], row(talk, 1n, "second"))];
      const failed = Promise.all(ends.map(failureOf));
      await clock.settle(20);
      store.crash();
      await clock.settle(60_000);
      assert.deepEqual((await failed).map(isTransient), [true, true]);
      assert.equal(store.openTransactions, 0);
      assert.ok(logOf(talk).every((entry) => entry.row.senderId === ann));
    }
  });

  it("never keeps a later commit of which it has lost an earlier one", async () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const { clock, append, senders, talk, client, ids, outcomeOf, store } = await world({}, seed);
      const own = (await outcomeOf(client.openDirect(ids, bob, bob))) ?? 0n;
      store.faults.slowFlush = 1;
      const ends = [append(senders[0], row(talk, 1n, "earlier")).catch(() => {})];
      await clock.settle(1);
      ends.push(append(senders[1], row(own, 1n, "later")).catch(() => {}));
      await clock.settle(seed * 10);
      store.crash();
      await clock.settle(10);
      await Promise.all(ends);
      const [earlier, later] = [talk, own].map((id) => store.state.conversations.get(id)?.log.length ?? 0);
      assert.ok(earlier === 1 || later === 0, `seed ${seed}`);
    }
  });

  it("may lose the answer of what it has committed", async () => {
    const ends = new Set<number>();
    for (let seed = 1; seed <= 20; seed += 1) {
      const { append, senders, talk, logOf, outcomeOf } = await world({ lostConnection: 1 }, seed);
      assert.equal((await failureOf(outcomeOf(append(senders[0], row(talk, 1n, "hello"))))).code, "CONNECTION_CLOSED");
      ends.add(logOf(talk).length);
    }
    assert.deepEqual([...ends].sort(), [0, 1]);
  });

  it("fails on a poisoned message each time, and stores a refusal of it", async () => {
    const { append, senders, talk, outcomeOf } = await world({ poison: 1 });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const failure = await failureOf(outcomeOf(append(senders[0], row(talk, 1n, "bad"))));
      assert.ok(!isTransient(failure));
    }
    const refused = row(0n, 1n, "", { refused: ErrorCode.INTERNAL, content: new Uint8Array(0) });
    assert.equal((await outcomeOf(append(senders[0], refused)))[0]?.kind, "refused");
  });

  it("refuses all statements for a while, and takes them again", async () => {
    const { client, talk, outcomeOf, clock, store } = await world({ refusal: 1 });
    assert.equal((await failureOf(outcomeOf(client.readMembership(talk, ann)))).code, "53300");
    store.faults.refusal = 0;
    await clock.settle(2_000);
    assert.equal((await outcomeOf(client.readMembership(talk, ann))).intervals.length, 1);
  });

  it("gives a watermark below every transaction that has not ended", async () => {
    const { client, append, senders, talk, outcomeOf, clock, store, ids } = await world();
    const own = (await outcomeOf(client.openDirect(ids, bob, bob))) ?? 0n;
    store.faults.slowFlush = 1;
    const slow = append(senders[0], row(talk, 1n, "slow"));
    await clock.settle(1);
    store.faults.slowFlush = 0;
    await outcomeOf(append(senders[1], row(own, 1n, "quick")));
    const before = await outcomeOf(client.readHeads({ userId: bob, since: 0n, limit: 10 }));
    assert.deepEqual(
      before.entries.map((entry) => entry.headSeq),
      [0n, 1n],
    );
    await outcomeOf(slow);
    const later = await outcomeOf(client.readHeads({ userId: bob, since: before.xmin, limit: 10 }));
    assert.ok(later.entries.some((entry) => entry.conversationId === talk && entry.headSeq === 1n));
  });

  it("tells a client nothing whose clock stands still, though it does what was asked for", async () => {
    const { clock, store, senders, talk, logOf } = await world();
    const dead = createManualClock();
    let heard = "nothing";
    const asking = store.connect(dead).append({ senders: [senders[0]], rows: [row(talk, 1n, "hello")], nowMs: 1 });
    asking.then(
      () => {
        heard = "an answer";
      },
      () => {},
    );
    await clock.settle(100);
    assert.deepEqual([logOf(talk).length, heard], [1, "nothing"]);
    await dead.settle(100);
    assert.equal(heard, "an answer");
  });

  it("comes back from a backup under another store id, and remembers what was there until then", async () => {
    const { append, senders, talk, outcomeOf, store, logOf, clock } = await world();
    await outcomeOf(append(senders[0], row(talk, 1n, "kept")));
    const backup = store.backup();
    await outcomeOf(append(senders[0], row(talk, 2n, "lost")));
    store.crash();
    store.restore(backup, "second");
    assert.equal(store.state.storeId, "second");
    assert.equal(logOf(talk).length, 1);
    const { userId, device } = senders[0];
    assert.equal(store.state.users.get(userId)?.devices[device - 1]?.lastClientId, 1n);
    const [first, second] = store.eras;
    assert.equal(first?.state.conversations.get(talk)?.log.length, 2);
    assert.deepEqual([first?.untilMs, second?.fromMs], [clock.monotonicMs(), clock.monotonicMs()]);
    assert.equal((await outcomeOf(append(senders[0], row(talk, 2n, "again"))))[0]?.kind, "stored");
    assert.equal(backup.state.conversations.get(talk)?.log.length, 1);
  });

  it("gives a transaction id out again if a crash has lost every trace of its first use", async () => {
    let reused = 0;
    for (let seed = 1; seed <= 20; seed += 1) {
      const { append, senders, talk, outcomeOf, store, clock } = await world({ slowFlush: 1 }, seed);
      const holding = append(senders[0], row(talk, 1n, "slow")).catch(() => {});
      await clock.settle(1);
      // It has locked its device's row, and got an id, when it gives up on the conversation's.
      const end = await outcomeOf(append(senders[1], row(talk, 1n, "hello")).catch((error: unknown) => error));
      store.crash();
      await clock.settle(10);
      await holding;
      store.restart();
      store.faults.slowFlush = 0;
      await outcomeOf(append(senders[1], row(talk, 1n, "hello")));
      if (end instanceof Error) reused += store.counts.reusedTransactionId;
    }
    assert.ok(reused > 5, `${reused}`);
  });
});
