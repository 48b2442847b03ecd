import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Attachment, createListeners } from "../../gateway/hub/listeners.js";
import { localSession, type RecordedSession } from "../support/local-session.js";

type Listener = Attachment & { readonly session: RecordedSession };

/** Listeners, what the fabric was told about whom, and what the observer was told. */
function world() {
  const told: string[] = [];
  const observed: string[] = [];
  const answers: (() => void)[] = [];
  const wanted = new Set<bigint>();
  let isSlow = false;
  const tell = (words: string) => {
    told.push(words);
    return isSlow ? new Promise<void>((resolve) => answers.push(resolve)) : Promise.resolve();
  };
  const listeners = createListeners({
    gateway: "g1",
    routes: {
      async want(_gateway, conversationId) {
        const state = wanted.has(conversationId) ? "renewed" : "begun";
        wanted.add(conversationId);
        await tell(`want ${conversationId}`);
        return state;
      },
      async unwant(_gateway, conversationId) {
        wanted.delete(conversationId);
        await tell(`unwant ${conversationId}`);
      },
    },
    leaseMs: 1_000,
    observer: {
      began: ({ identity }, conversationId) => void observed.push(`${identity.userId} began ${conversationId}`),
      ended: ({ identity }, conversationId, lastSeq) =>
        void observed.push(`${identity.userId} ended ${conversationId} at ${lastSeq}`),
      missed: ({ identity }) => void observed.push(`${identity.userId} missed something`),
      latestChange: () => 0n,
    },
    onError: assert.fail,
  });
  return {
    listeners,
    observed,
    told,
    /** The fabric loses what it was told of a conversation. */
    forget: (conversationId: bigint) => void wanted.delete(conversationId),
    /** From now on the fabric answers when it is let. */
    slowDown() {
      isSlow = true;
    },
    async letAnswer() {
      isSlow = false;
      for (const answer of answers.splice(0)) answer();
      await turn();
    },
    of: (conversationId = 9n) => [...listeners.of(conversationId)].map(({ identity }) => identity.userId),
  };
}

function attachment(userId: bigint): Listener {
  const session = localSession(userId);
  return { session, conversations: new Set(), waiting: new Map(), left: undefined, isPaused: false };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("listeners", () => {
  it("listen by the conversation's topic, and are wanted in the fabric while there are any", async () => {
    const { listeners, of, told } = world();
    const [ann, bob] = [attachment(7n), attachment(8n)];
    for (const one of [ann, bob]) await listeners.listen(one, 9n, 1n);
    assert.deepEqual([...ann.session.topics], ["c9"]);
    assert.deepEqual(of(), [7n, 8n]);
    await listeners.unlisten(ann, 9n, 5n);
    assert.deepEqual([...ann.session.topics], []);
    assert.deepEqual(told, ["want 9"]);
    await listeners.unlisten(bob, 9n, 5n);
    assert.deepEqual(told, ["want 9", "unwant 9"]);
    assert.deepEqual(of(), []);
    assert.equal(listeners.rosterSeqOf(9n), undefined);
  });

  it("listen once, however often they are told to, and stop once", async () => {
    const { listeners, observed, told } = world();
    const ann = attachment(7n);
    for (const rosterSeq of [1n, 1n, 5n]) await listeners.listen(ann, 9n, rosterSeq);
    for (let times = 0; times < 3; times++) await listeners.unlisten(ann, 9n, 6n);
    assert.deepEqual(told, ["want 9", "unwant 9"]);
    assert.deepEqual(observed, ["7 began 9", "7 ended 9 at 6"]);
  });

  it("have their end told only if they are members no more, and not if they merely go", async () => {
    const { listeners, observed } = world();
    const ann = attachment(7n);
    await listeners.listen(ann, 9n, 1n);
    await listeners.unlisten(ann, 9n);
    assert.deepEqual(observed, ["7 began 9"]);
  });

  it("are members while paused, but off the topic", async () => {
    const { listeners, observed, of } = world();
    const ann = attachment(7n);
    ann.isPaused = true;
    await listeners.listen(ann, 9n, 1n);
    assert.deepEqual([...ann.session.topics], []);
    assert.deepEqual(of(), [7n]);
    assert.deepEqual(observed, ["7 began 9"]);
  });

  it("have their wants renewed", async () => {
    const { listeners, observed, told } = world();
    await listeners.listen(attachment(7n), 9n, 1n);
    await listeners.listen(attachment(7n), 10n, 1n);
    told.length = 0;
    observed.length = 0;
    await listeners.renewLeases();
    assert.deepEqual(told, ["want 9", "want 10"]);
    assert.deepEqual(observed, [], "and nobody has missed anything");
  });

  it("have missed something if the fabric had forgotten that they are here", async () => {
    const { forget, listeners, observed } = world();
    for (const userId of [7n, 8n]) await listeners.listen(attachment(userId), 9n, 1n);
    await listeners.listen(attachment(1n), 10n, 1n);
    observed.length = 0;
    forget(9n);
    await listeners.renewLeases();
    assert.deepEqual(observed, ["7 missed something", "8 missed something"]);
    observed.length = 0;
    await listeners.renewLeases();
    assert.deepEqual(observed, [], "once");
  });

  it("have missed something also while they wait for a change of members, which may be what was lost", async () => {
    const { forget, listeners, observed } = world();
    await listeners.listen(attachment(7n), 9n, 1n);
    await listeners.listen(attachment(8n), 9n, 3n);
    observed.length = 0;
    forget(9n);
    await listeners.renewLeases();
    assert.deepEqual(observed, ["7 missed something", "8 missed something"]);
  });

  it("stop all at once when the conversation is dismissed, those who wait as well", async () => {
    const { listeners, observed, of, told } = world();
    const [ann, bob, cid] = [attachment(7n), attachment(8n), attachment(9n)];
    for (const one of [ann, bob]) await listeners.listen(one, 9n, 1n);
    await listeners.listen(cid, 9n, 5n);
    listeners.dismiss(9n);
    assert.deepEqual(of(), []);
    assert.deepEqual(told, ["want 9", "unwant 9"]);
    assert.deepEqual([ann.session.topics.size, bob.session.topics.size, cid.waiting?.size], [0, 0, 0]);
    assert.equal(listeners.rosterSeqOf(9n), undefined);
    assert.deepEqual(observed, ["7 began 9", "8 began 9"], "they go on as members, by user");
    listeners.dismiss(9n);
    listeners.dismiss(10n);
  });
});

describe("a session whose change of members has not come here", () => {
  /** Ann listens, and Bob is to listen from the change at seq 5 on. */
  async function waiting() {
    const given = world();
    const [ann, bob] = [attachment(7n), attachment(8n)];
    await given.listeners.listen(ann, 9n, 1n);
    await given.listeners.listen(bob, 9n, 5n);
    return { ...given, ann, bob };
  }

  it("waits, so that it hears nothing that the others may still hear from before", async () => {
    const { bob, listeners, observed, of } = await waiting();
    assert.deepEqual([...bob.session.topics], []);
    assert.deepEqual(of(), [7n]);
    assert.deepEqual(observed, ["7 began 9"]);
    assert.equal(listeners.rosterSeqOf(9n), 1n, "the others have not seen that change");
  });

  it("listens as soon as that change or a later one has come, and not with an earlier one", async () => {
    for (const [seqs, listens] of [
      [[3n, 4n], false],
      [[5n], true],
      [[8n], true],
      [[3n, 6n], true],
    ] as const) {
      const { bob, listeners, of } = await waiting();
      for (const seq of seqs) listeners.note(9n, seq);
      assert.equal(of().includes(8n), listens);
      assert.equal(bob.session.topics.has("c9"), listens);
      assert.equal(bob.waiting?.size, listens ? 0 : 1);
      assert.equal(listeners.rosterSeqOf(9n), seqs.at(-1));
    }
  });

  it("takes no notice of changes of other conversations, or of those that nobody listens to", async () => {
    const { listeners, of } = await waiting();
    listeners.note(10n, 5n);
    assert.deepEqual(of(), [7n]);
    assert.equal(listeners.rosterSeqOf(10n), undefined);
  });

  it("goes without a trace if it goes meanwhile", async () => {
    const { ann, bob, listeners, observed, of, told } = await waiting();
    await listeners.unlisten(bob, 9n);
    listeners.note(9n, 5n);
    assert.deepEqual(of(), [7n]);
    await listeners.unlisten(ann, 9n);
    assert.deepEqual(told, ["want 9", "unwant 9"]);
    assert.deepEqual(observed, ["7 began 9"]);
  });

  it("listens at once when those go for whom earlier entries could be", async () => {
    const { ann, bob, listeners, of, told } = await waiting();
    await listeners.unlisten(ann, 9n);
    assert.deepEqual(of(), [8n]);
    assert.ok(bob.session.topics.has("c9"));
    assert.equal(listeners.rosterSeqOf(9n), 5n);
    assert.deepEqual(told, ["want 9", "unwant 9", "want 9"]);
  });

  it("listens at once then, and leaves nothing behind if it goes before the fabric has answered", async () => {
    const { ann, bob, letAnswer, listeners, of, slowDown, told } = await waiting();
    slowDown();
    const gone = listeners.unlisten(ann, 9n);
    const goneToo = listeners.unlisten(bob, 9n);
    await letAnswer();
    await Promise.all([gone, goneToo]);
    assert.deepEqual(of(), []);
    assert.equal(listeners.rosterSeqOf(9n), undefined);
    assert.equal(bob.session.topics.size, 0);
    assert.deepEqual(told.at(-1), "unwant 9");
  });
});
