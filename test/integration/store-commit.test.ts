import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { SendRequestSchema } from "../../gen/ts/tidewire/v1/message_pb.js";
import { addMembers } from "../../services/group/add-members.js";
import { createGroup } from "../../services/group/create-group.js";
import { leaveGroup } from "../../services/group/leave-group.js";
import { send } from "../../services/message/send.js";
import { openStore, type Store } from "../../services/store/store.js";
import { createUsers, login, logOf, text } from "../support/log-world.js";
import { submit, submitting, toConversation } from "../support/message-world.js";
import { sharedPostgres } from "../support/postgres.js";

/** A deferred trigger runs after all statements were answered, which is when a full disk shows, too. */
describe("a transaction that fails as it commits", () => {
  let store: Store;

  before(async () => {
    const url = await (await sharedPostgres()).createDatabase();
    store = await openStore({ database: { kind: "server", url } });
    await store.sql`create table disk (is_full boolean)`;
    await store.sql`insert into disk values (false)`;
    await store.sql`
      create function fail_if_full() returns trigger language plpgsql as $$
      begin
        if (select is_full from disk) then raise exception 'no space left' using errcode = 'disk_full'; end if;
        return null;
      end $$`;
    await store.sql`
      create constraint trigger fail_if_full after insert on message
      deferrable initially deferred for each row execute function fail_if_full()`;
  });

  after(async () => {
    await store[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    await store.sql`update disk set is_full = false`;
  });

  const fillDisk = () => store.sql`update disk set is_full = true`;
  const isUnavailable = { code: ErrorCode.UNAVAILABLE };

  /** A group of two, a third user, and what is published from here on. */
  async function world() {
    const submitted = submitting(store);
    const [ann = 0n, bob = 0n, cem = 0n] = await createUsers(store.sql, 3);
    const groups = { ...submitted, groupMembersMax: 10, routeByConversationAbove: 10 };
    const { conversationId } = await createGroup(groups, { callerId: ann, title: "", userIds: [bob] });
    submitted.publisher.published.length = 0;
    return { submitted, groups, published: submitted.publisher.published, conversationId, ann, bob, cem };
  }

  it("leaves what a device has sent unanswered and unpublished, and the next attempt stores it", async () => {
    const { submitted, published, conversationId, ann } = await world();
    const device = await login(store.sql, ann);
    const message = { clientId: 1n, target: toConversation(conversationId), content: text("hello") };
    await fillDisk();
    await assert.rejects(submit(submitted, [device], message), isUnavailable);
    assert.deepEqual(published, []);
    assert.equal((await logOf(store.sql, conversationId)).length, 1);
    await store.sql`update disk set is_full = false`;
    assert.deepEqual(await submit(submitted, [device], message), ["stored 2"]);
    assert.equal(published.length, 1);
  });

  it("leaves what was sent without a socket unanswered and unpublished", async () => {
    const { submitted, published, conversationId, ann } = await world();
    const target = toConversation(conversationId);
    await fillDisk();
    const request = create(SendRequestSchema, { idempotencyKey: "key", content: text("hello"), target });
    await assert.rejects(send(submitted, ann, request), isUnavailable);
    assert.deepEqual(published, []);
  });

  it("publishes no change of members", async () => {
    const { groups, published, conversationId, ann, bob, cem } = await world();
    await fillDisk();
    await assert.rejects(createGroup(groups, { callerId: ann, title: "", userIds: [bob] }), isUnavailable);
    await assert.rejects(addMembers(groups, { callerId: ann, conversationId, userIds: [cem] }), isUnavailable);
    await assert.rejects(leaveGroup(groups, { callerId: bob, conversationId }), isUnavailable);
    assert.deepEqual(published, []);
  });
});
