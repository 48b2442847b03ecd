import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import WebSocket from "ws";
import { type Api, type Client, createApi, createClient, type Message } from "../../clients/typescript/src/index.js";
import { createFileStorage } from "../../clients/typescript/src/storage-file.js";
import { freePort, sharedPostgres } from "../support/postgres.js";
import { createTemporaryDirectory, startUp, type TidewireProcess } from "../support/tidewire-process.js";

const clients = 20;
const kills = 10;
/** Messages of each client between two kills. */
const messagesPerRound = 6;

/** Twenty people in a group keep typing while the server is killed ten times. Their clients do the rest. */
for (const engine of ["embedded", "postgresql"] as const) {
  describe(`a server that is killed in mid-conversation, ${engine}`, () => {
    it("loses, doubles and swaps nothing, and every device carries on by itself", async () => {
      await using world = await openWorld(engine);
      const sent = new Map<string, { sender: bigint; index: number; seq: bigint }>();
      for (let round = 0; round < kills; round++) {
        const outcomes = world.people.flatMap((person) => person.type(messagesPerRound));
        await Promise.race(outcomes); // some are stored, others are on the way or have not left
        world.kill();
        await world.restart();
        for (const { text, sender, index, seq } of await Promise.all(outcomes)) sent.set(text, { sender, index, seq });
      }
      const log = await world.readLog();
      assert.equal(sent.size, clients * kills * messagesPerRound);
      assertGapless(log);
      assertStoredOnce(log, sent);
      assertOrderOfEachSender(log, sent);
      for (const person of world.people) {
        const held = await person.holdsUpTo(log.length);
        assert.deepEqual(held, log.slice(person.floor), "a device holds the whole log from its floor on");
      }
    });
  });
}

type Entry = Pick<Message, "seq" | "messageId" | "senderId"> & { text: string | undefined };
type SentBy = ReadonlyMap<string, { sender: bigint; index: number; seq: bigint }>;

function assertGapless(log: readonly Entry[]): void {
  assert.deepEqual(
    log.map(({ seq }) => seq),
    log.map((_, index) => BigInt(index + 1)),
  );
}

/** The log is what was sent, and the event of the group's creation. */
function assertStoredOnce(log: readonly Entry[], sent: SentBy): void {
  assert.equal(log.length, sent.size + 1);
  for (const { text, seq, senderId } of log.slice(1)) {
    const origin = sent.get(text ?? "");
    assert.deepEqual([seq, senderId], [origin?.seq, origin?.sender], `where ${text} lies is where its ACK said`);
  }
}

function assertOrderOfEachSender(log: readonly Entry[], sent: SentBy): void {
  const last = new Map<bigint, number>();
  for (const { text, senderId } of log.slice(1)) {
    const index = sent.get(text ?? "")?.index ?? -1;
    assert.ok(index > (last.get(senderId) ?? -1), `${text} comes after what its sender sent before`);
    last.set(senderId, index);
  }
}

async function openWorld(engine: "embedded" | "postgresql") {
  const opened: AsyncDisposable[] = [];
  const directory = await createTemporaryDirectory();
  opened.push(directory);
  const { path } = directory;
  const env: Record<string, string> = { TIDEWIRE_PORT: String(await freePort()), ...generous };
  if (engine === "postgresql") env.TIDEWIRE_DATABASE_URL = await (await sharedPostgres()).createDatabase();
  const start = () => startUp(join(path, "data"), { env });
  let server: TidewireProcess = start();
  opened.push({ [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() });
  const { url, webSocketUrl } = await server.ready;
  const accounts = await Promise.all(Array.from({ length: clients }, (_, index) => register(url, `person-${index}`)));
  const [owner, ...others] = accounts;
  if (!owner) throw new Error("a group needs an owner");
  const { group } = await owner.api.group.createGroup({ title: "all", userIds: others.map(({ userId }) => userId) });
  const conversationId = group?.conversationId ?? 0n;
  const people = await Promise.all(
    accounts.map((account) =>
      openPerson(account, { webSocketUrl, conversationId, directory: join(path, account.name) }),
    ),
  );
  for (const { client } of people) opened.push({ [Symbol.asyncDispose]: () => client.close() });
  return {
    people,
    kill: () => server.signal("SIGKILL"),
    async restart() {
      await server.exited;
      server = start();
      await server.ready;
    },
    readLog: () => readLog(owner.api, conversationId),
    async [Symbol.asyncDispose]() {
      for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
    },
  };
}

const generous = {
  TIDEWIRE_REGISTRATIONS_PER_MINUTE: "1000",
  TIDEWIRE_UNAUTHENTICATED_PER_IP_MAX: "100",
  TIDEWIRE_MESSAGE_BURST: "10000",
  TIDEWIRE_ACCESS_TOKEN_MINUTES: "60",
};

type Account = Readonly<{ name: string; userId: bigint; token: string; api: Api }>;

async function register(url: string, name: string): Promise<Account> {
  const { profile, tokens } = await createApi({ url }).account.register({ name, password: "correct horse battery" });
  const token = tokens?.accessToken ?? "";
  return { name, userId: profile?.userId ?? 0n, token, api: createApi({ url, token: () => token }) };
}

/** For the jitter of reconnects: a thousand devices must spread out, twenty need not. */
const impatient = () => Math.random() / 8;

async function openPerson(
  { name, userId, token }: Account,
  { webSocketUrl, conversationId, directory }: { webSocketUrl: string; conversationId: bigint; directory: string },
) {
  const storage = createFileStorage({ directory });
  const options = { url: webSocketUrl, token: () => token, storage, webSocket: WebSocket as never, random: impatient };
  const client = await createClient(options);
  let floor = 0;
  // A device that was cut off before its first sync, until the log had grown by 200, begins above what it cannot need.
  client.on((event) => {
    if (event.kind === "reset") floor = Number(event.floorSeq);
  });
  client.start();
  let typed = 0;
  return {
    client,
    /** Sends so many messages. Each promise resolves when its message is stored. */
    type: (count: number) =>
      Array.from({ length: count }, async () => {
        const index = typed++;
        const text = `${name} says ${index}`;
        const { seq } = await client.send(conversationId, { text }).stored;
        return { text, sender: userId, index, seq };
      }),
    /** The last seq that the device was told to skip. */
    get floor() {
      return floor;
    },
    /** The device's own copy of the log, once it holds the entry with this seq. */
    holdsUpTo: (seq: number) => untilHeld(client, conversationId, BigInt(seq)),
  };
}

async function untilHeld(client: Client, conversationId: bigint, seq: bigint): Promise<Entry[]> {
  for await (const _event of startingNow(client)) {
    const held = await client.history(conversationId, { limit: 10_000 });
    if (held.at(-1)?.seq === seq) return held.map(toEntry);
  }
  throw new Error("the client was closed");
}

/** The client's events, and one at once. */
async function* startingNow(client: Client) {
  const events = client.events();
  yield undefined;
  yield* events;
}

/** What the server has, oldest first. */
async function readLog(api: Api, conversationId: bigint): Promise<Entry[]> {
  const log: Entry[] = [];
  for (let beforeSeq = 0n; ; ) {
    const { messages, hasMore } = await api.conversation.getHistory({ conversationId, beforeSeq, limit: 200 });
    log.unshift(...messages.map(toEntry));
    beforeSeq = messages[0]?.seq ?? 0n;
    if (!hasMore) return log;
  }
}

function toEntry({ seq, messageId, senderId, content }: Message): Entry {
  const text = content?.body.case === "text" ? content.body.value.text : undefined;
  return { seq, messageId, senderId, text };
}
