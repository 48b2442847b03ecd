import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect, type Queryable } from "../../services/store/sql.js";
import { sharedPostgres } from "../support/postgres.js";
import { type LoggedIn, startTestServer, type TestServer, type TestUser } from "../support/server.js";
import { heartbeat, storedOf, text, textOf } from "../support/witness.js";

/** Promises that only the whole path together can keep or break. */
describe("what is promised", () => {
  let databaseUrl: string;
  let server: TestServer;
  let users: TestUser[];
  before(async () => {
    databaseUrl = await (await sharedPostgres()).createDatabase();
    server = await startTestServer({ databaseUrl, routeByConversationAbove: 4 });
    users = await Promise.all(["ann", "bob", "carol", "dave", "erin", "eve"].map((name) => server.register(name)));
  });
  after(() => server[Symbol.asyncDispose]());

  it("sends no ACK before its commit", async () => {
    await using group = await openGroup(server, users.slice(0, 2));
    const { sender, conversationId } = group;
    const sql = connect({ kind: "server", url: databaseUrl }, { max: 1 });
    await sql.begin(async (tx) => {
      await tx`select from conversation where conversation_id = ${conversationId} for update`;
      sender.send(group.text("waits for a lock"));
      await untilAppendWaits(tx);
      for (let beat = 0; beat < 20; beat++) await heartbeat(sender);
      assert.deepEqual(answersTo(sender), [], "the gateway has taken it, and says nothing yet");
    });
    await sql.end();
    assert.equal(storedOf(await sender.outcome()).seq, 2n);
  });

  it("puts what is sent after another's ACK behind it", async () => {
    await using group = await openGroup(server, users.slice(0, 2));
    const [ann, bob] = group.devices;
    for (let round = 0; round < 10; round++) {
      ann?.send(group.text("first", 0));
      const first = storedOf(await group.ackOf(0));
      bob?.send(group.text("second", 1));
      assert.ok(storedOf(await group.ackOf(1)).seq > first.seq);
    }
  });

  for (const [mode, members] of [
    ["by user", 3],
    ["by conversation", 5],
  ] as const) {
    it(`delivers ${mode} from the entry with which a member comes to the one with which it goes`, async () => {
      await using group = await openGroup(server, users.slice(0, members));
      const { conversationId, owner, sender } = group;
      const eve = users[5] as TestUser;
      const guest = await server.connect(eve);
      sender.send(group.text("before"));
      await group.ackOf(0);
      await server.api(owner.token).group.addMembers({ conversationId, userIds: [eve.userId] });
      sender.send(group.text("during"));
      await group.ackOf(0);
      await server.api(eve.token).group.leaveGroup({ conversationId });
      sender.send(group.text("after"));
      await group.ackOf(0);
      await heartbeat(guest);
      assert.deepEqual(heardBy(guest, conversationId), ["membersJoined", "during", "memberLeft"]);
      const all = ["before", "membersJoined", "during", "memberLeft", "after"];
      for (const device of group.devices) {
        await heartbeat(device);
        assert.deepEqual(heardBy(device, conversationId), all);
      }
      guest.send({ frame: { case: "sync", value: { requestId: 1n, conversationId, afterSeq: 2n } } });
      const page = await guest.next("syncPage");
      assert.deepEqual([page.headSeq, page.messages.map(({ seq }) => seq)], [5n, [3n, 4n, 5n]]);
      guest.terminate();
    });
  }

  it("reaches older members when a group grows past the size at which it is delivered by conversation", async () => {
    await using group = await openGroup(server, users.slice(0, 3));
    const { conversationId, owner, sender } = group;
    const userIds = users.slice(3).map(({ userId }) => userId);
    await server.api(owner.token).group.addMembers({ conversationId, userIds });
    sender.send(group.text("to all six"));
    await group.ackOf(0);
    for (const device of group.devices) {
      await heartbeat(device);
      assert.deepEqual(heardBy(device, conversationId), ["membersJoined", "to all six"]);
    }
  });

  it("leaves nothing behind of connections that came and went", async () => {
    const baseline = await readGauges(server);
    for (let round = 0; round < 5; round++) {
      const devices = await Promise.all(users.map((user) => server.connect(user, `${user.name}-${round}`)));
      await Promise.all(devices.map((device, index) => (index % 2 === 0 ? device.close() : device.terminate())));
    }
    for (let gauges = await readGauges(server); ; gauges = await readGauges(server)) {
      if (gauges.connections === baseline.connections && gauges.sessions === baseline.sessions) break;
    }
  });
});

async function openGroup(server: TestServer, members: readonly TestUser[]) {
  const [owner, ...others] = members;
  if (!owner) throw new Error("a group needs an owner");
  const userIds = others.map(({ userId }) => userId);
  const { group } = await server.api(owner.token).group.createGroup({ title: "a group", userIds });
  const conversationId = group?.conversationId ?? 0n;
  const devices = await Promise.all(members.map((user) => server.connect(user)));
  const [sender] = devices;
  if (!sender) throw new Error("a group needs a device");
  const lastIds = devices.map(({ me }) => me.lastClientId);
  return {
    owner,
    conversationId,
    devices,
    sender,
    /** The next message of the member with this index. */
    text(words: string, member = 0) {
      const clientId = (lastIds[member] ?? 0n) + 1n;
      lastIds[member] = clientId;
      return text(clientId, { case: "conversationId", value: conversationId }, words);
    },
    ackOf: (member: number) => (devices[member] ?? sender).outcome(),
    async [Symbol.asyncDispose]() {
      await Promise.all(devices.map((device) => device.close()));
    },
  };
}

async function untilAppendWaits(sql: Queryable): Promise<void> {
  for (let waiting = 0n; waiting === 0n; ) {
    const [row] = await sql<{ waiting: bigint }[]>`select count(*) as waiting from pg_locks where not granted`;
    waiting = row?.waiting ?? 0n;
  }
}

function answersTo(device: LoggedIn): (string | undefined)[] {
  return device.frames.map(({ frame }) => frame.case).filter((kind) => kind === "upAck" || kind === "push");
}

/** What a device was pushed of a conversation, in order: words, or the kind of an event. */
function heardBy(device: LoggedIn, conversationId: bigint): (string | undefined)[] {
  return device.frames.flatMap(({ frame }) => {
    const message = frame.case === "push" ? frame.value.message : undefined;
    if (message?.conversationId !== conversationId) return [];
    const body = message.content?.body;
    return [body?.case === "event" ? body.value.kind.case : textOf(message)];
  });
}

async function readGauges(server: TestServer) {
  const metrics = await (await fetch(server.metricsUrl)).text();
  const read = (name: string) => Number(new RegExp(`^tidewire_${name} (\\d+)`, "m").exec(metrics)?.[1]);
  return { connections: read("connections"), sessions: read("sessions") };
}
