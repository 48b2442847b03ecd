import assert from "node:assert/strict";
import { it } from "node:test";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { TidewireError } from "../../runtime/error.js";
import { createLogStore } from "../../services/message/sql-log-store.js";
import { createDevice, createGroup, createUser, lastClientIdOf, logOf, text, wordsOf } from "../support/log-world.js";
import { submit, submitting, toConversation, toPeer } from "../support/message-world.js";
import { describeOnEachEngine } from "../support/store.js";

/** Makes the database fail on every message that says "poison". */
const poison = /* sql */ `
  create or replace function refuse_poison() returns trigger language plpgsql as $$
  begin
    if position('poison'::bytea in new.content) > 0 then raise exception 'poisoned'; end if;
    return new;
  end $$;
  create or replace trigger refuse_poison before insert on message for each row execute function refuse_poison()`;

describeOnEachEngine("submitting a batch", (store) => {
  const say = (clientId: bigint, conversation: bigint, words: string, sender = 0) => ({
    sender,
    clientId,
    target: toConversation(conversation),
    content: text(words),
  });

  async function deviceInGroup() {
    const ann = await createDevice(store().sql);
    return { ann, group: await createGroup(store().sql, ann.userId), world: submitting(store()) };
  }

  it("stores messages, publishes them and answers in the order of the request", async () => {
    const { ann, group, world } = await deviceInGroup();
    assert.deepEqual(await submit(world, [ann], say(1n, group, "one"), say(2n, group, "two")), [
      "stored 1",
      "stored 2",
    ]);
    assert.deepEqual(await logOf(store().sql, group), ["one", "two"]);
    const { published } = world.publisher;
    assert.deepEqual(
      published.map((entry) => [entry.seq, entry.senderId, entry.senderDevice, entry.clientId, wordsOf(entry.content)]),
      [
        [1n, ann.userId, 1, 1n, "one"],
        [2n, ann.userId, 1, 2n, "two"],
      ],
    );
  });

  it("answers a repeated batch the same and publishes it again", async () => {
    const { ann, group, world } = await deviceInGroup();
    const batch = [say(1n, group, "one"), { clientId: 2n, bytes: Uint8Array.of(0xff) }];
    assert.deepEqual(await submit(world, [ann], ...batch), ["stored 1", "refused MALFORMED"]);
    assert.deepEqual(await submit(world, [ann], ...batch), ["stored 1 again", "refused MALFORMED again"]);
    assert.deepEqual(world.publisher.published[0], world.publisher.published[1]);
    assert.equal(world.publisher.published.length, 2);
  });

  it("refuses each bad message by its own code and stores the good ones around it", async () => {
    const { ann, group, world } = await deviceInGroup();
    const outcomes = await submit(
      { ...world, contentMaxBytes: 100 },
      [ann],
      say(1n, group, "good"),
      { clientId: 2n, bytes: Uint8Array.of(0xff, 0xff) },
      say(3n, group, "x".repeat(101)),
      { clientId: 4n, target: toConversation(group), content: undefined },
      say(5n, 0xffff_ffff_ffff_ffffn, "nowhere"),
      { clientId: 6n, target: toPeer(404n), content: text("nobody") },
      { clientId: 7n, target: toPeer(0xffff_ffff_ffff_ffffn), content: text("nobody") },
      { clientId: 8n, bytes: new Uint8Array(0), refused: ErrorCode.MALFORMED },
      say(9n, group, "good again"),
    );
    assert.deepEqual(outcomes, [
      "stored 1",
      "refused MALFORMED",
      "refused CONTENT_TOO_LARGE",
      "refused INVALID_ARGUMENT",
      "refused UNKNOWN_CONVERSATION",
      "refused UNKNOWN_USER",
      "refused UNKNOWN_USER",
      "refused MALFORMED",
      "stored 2",
    ]);
    assert.equal(await lastClientIdOf(store().sql, ann), 9n);
    assert.deepEqual(await logOf(store().sql, group), ["good", "good again"]);
  });

  it("keeps to the first outcome when a limit changes before a message comes again", async () => {
    const { ann, group, world } = await deviceInGroup();
    await submit(world, [ann], say(1n, group, "x".repeat(200)));
    const stricter = { ...world, contentMaxBytes: 100 };
    assert.deepEqual(await submit(stricter, [ann], say(1n, group, "x".repeat(200))), ["stored 1 again"]);
    assert.deepEqual(await submit(stricter, [ann], say(2n, group, "y".repeat(200))), ["refused CONTENT_TOO_LARGE"]);
    assert.deepEqual(await submit(world, [ann], say(2n, group, "y".repeat(200))), ["refused CONTENT_TOO_LARGE again"]);
  });

  it("rejects an absurd client_id and an absurd epoch without harm to others", async () => {
    const { ann, group, world } = await deviceInGroup();
    const absurd = 0xffff_ffff_ffff_ffffn;
    const bob = { ...ann, epoch: absurd };
    const outcomes = await submit(
      world,
      [ann, bob],
      say(1n, group, "one"),
      say(absurd, group, "x"),
      say(2n, group, "y", 1),
    );
    assert.deepEqual(outcomes, ["stored 1", "gap", "fenced"]);
  });

  it("puts messages of two users to each other into one conversation", async () => {
    const [ann, bob] = [await createDevice(store().sql), await createDevice(store().sql)];
    const world = submitting(store());
    const outcomes = await submit(
      world,
      [ann, bob],
      { clientId: 1n, target: toPeer(bob.userId), content: text("hi Bob") },
      { sender: 1, clientId: 1n, target: toPeer(ann.userId), content: text("hi Ann") },
    );
    assert.deepEqual(outcomes, ["stored 1", "stored 2"]);
    const [direct] = world.publisher.published;
    assert.deepEqual(await logOf(store().sql, direct?.conversationId ?? 0n), ["hi Bob", "hi Ann"]);
  });

  it("stores what a user sends to itself in its own conversation", async () => {
    const ann = await createDevice(store().sql);
    const note = { clientId: 1n, target: toPeer(ann.userId), content: text("note") };
    assert.deepEqual(await submit(submitting(store()), [ann], note), ["stored 1"]);
    assert.deepEqual(await logOf(store().sql, ann.userId), ["note"]);
  });

  it("refuses a request whose submission names no sender", async () => {
    const { ann, group, world } = await deviceInGroup();
    await assert.rejects(submit(world, [ann], say(1n, group, "one", 1)), { code: ErrorCode.INVALID_ARGUMENT });
    assert.deepEqual(await submit(world, [ann]), []);
  });

  it("takes a batch apart that the database fails on, and refuses only the message at fault", async () => {
    const { ann, group, world } = await deviceInGroup();
    const bob = await createDevice(store().sql);
    await store().sql`
      insert into member (conversation_id, user_id, from_seq) values (${group}, ${bob.userId}, 1)`;
    await store().sql.unsafe(poison);
    const batch = [
      say(1n, group, "ann 1"),
      say(1n, group, "bob 1", 1),
      say(2n, group, "poison"),
      say(2n, group, "bob 2", 1),
      say(3n, group, "ann 3"),
    ];
    const outcomes = await submit(world, [ann, bob], ...batch);
    assert.deepEqual(outcomes, ["stored 1", "stored 3", "refused INTERNAL", "stored 4", "stored 2"]);
    assert.deepEqual(await logOf(store().sql, group), ["ann 1", "ann 3", "bob 1", "bob 2"]);
    assert.equal(await lastClientIdOf(store().sql, ann), 3n);
    await store().sql`drop trigger refuse_poison on message`;
    assert.deepEqual(
      await submit(world, [ann, bob], ...batch),
      outcomes.map((outcome) => `${outcome} again`),
    );
  });

  it("reports a database that is away as unavailable, publishes nothing, and stores the batch when it is repeated", async () => {
    const { ann, group, world } = await deviceInGroup();
    let failures = 3;
    const away = Object.assign(new Error("connection refused"), { code: "ECONNREFUSED" });
    const flaky = new Proxy(store().sql, {
      apply: (target, self, args) => (failures-- > 0 ? Promise.reject(away) : Reflect.apply(target, self, args)),
    });
    const batch = [say(1n, group, "one"), say(2n, group, "two")];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await assert.rejects(submit({ ...world, logs: createLogStore(flaky) }, [ann], ...batch), (thrown) => {
        assert.ok(thrown instanceof TidewireError);
        assert.equal(thrown.code, ErrorCode.UNAVAILABLE);
        assert.ok(thrown.retryAfterMs > 0);
        return true;
      });
    }
    assert.deepEqual(world.publisher.published, []);
    assert.deepEqual(await submit({ ...world, logs: createLogStore(flaky) }, [ann], ...batch), [
      "stored 1",
      "stored 2",
    ]);
  });

  it("answers though a user who is written to appears later", async () => {
    const { ann, world } = await deviceInGroup();
    const ghost = { clientId: 1n, target: toPeer(999_999_999n), content: text("anyone?") };
    assert.deepEqual(await submit(world, [ann], ghost), ["refused UNKNOWN_USER"]);
    const late = await createUser(store().sql);
    assert.deepEqual(await submit(world, [ann], { ...ghost, clientId: 2n, target: toPeer(late) }), ["stored 1"]);
    assert.deepEqual(await submit(world, [ann], ghost), ["refused UNKNOWN_USER again"]);
  });
});
