import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { AccountService } from "../../gen/ts/tidewire/v1/account_pb.js";
import { ConversationService } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import { GroupService } from "../../gen/ts/tidewire/v1/group_pb.js";
import { defaultLimits } from "../../gen/ts/tidewire/v1/limits.js";
import { MessageService } from "../../gen/ts/tidewire/v1/message_pb.js";
import type { Clock } from "../../runtime/clock.js";
import { systemClock } from "../../runtime/clock.js";
import type { Fabric } from "../../runtime/fabric/fabric.js";
import { createMemoryFabric } from "../../runtime/fabric/memory.js";
import { createIdGenerator } from "../../runtime/ids.js";
import { createLocalTransport } from "../../runtime/local-transport.js";
import { createLogger } from "../../runtime/log.js";
import { createMetrics } from "../../runtime/metrics.js";
import { peerHeader } from "../../runtime/peer-header.js";
import { generateSigningKey, parseSigningKey } from "../../services/account/signing-key.js";
import type { AccessTokens } from "../../services/account/tokens.js";
import { createLogStore } from "../../services/message/sql-log-store.js";
import { createPublisher } from "../../services/push/publish.js";
import { registerServices } from "../../services/router.js";
import { createServices, type ServiceSettings } from "../../services/services.js";
import { openStore, type Store } from "../../services/store/store.js";
import { sharedPostgres } from "./postgres.js";

const defaultSettings: ServiceSettings = {
  issuer: "tidewire",
  accessTokenLifetimeMs: 15 * 60_000,
  refreshTokenLifetimeMs: 30 * 86_400_000,
  registrationsPerMinute: 20,
  devicesPerUserMax: 10,
  groupMembersMax: 10_000,
  routeByConversationAbove: 100,
  limits: defaultLimits,
};

export type Engine = "postgresql" | "embedded";

/** A user who has registered, and clients that call in its name. */
export type TestUser = Readonly<{
  userId: bigint;
  name: string;
  accessToken: string;
  refreshToken: string;
  accounts: Client<typeof AccountService>;
  conversations: Client<typeof ConversationService>;
  groups: Client<typeof GroupService>;
  messages: Client<typeof MessageService>;
}>;

/** All services over a fresh store and a memory fabric, reached as in production. */
export interface TestServices extends AsyncDisposable {
  readonly store: Store;
  readonly fabric: Fabric;
  readonly accessTokens: AccessTokens;
  /** Without a token: for internal methods and for those that anyone may call. */
  readonly transport: Transport;
  readonly accounts: Client<typeof AccountService>;
  readonly conversations: Client<typeof ConversationService>;
  readonly messages: Client<typeof MessageService>;
  /** Registers a user with the password "password of <name>". */
  registerUser(name: string): Promise<TestUser>;
  /** Accounts without passwords, fast, for large groups. Their ids only. */
  createUsers(count: number): Promise<bigint[]>;
  /** For users without a password: a client that calls with this access token. */
  groupsAs(accessToken: string): Client<typeof GroupService>;
  /** A transport that sends these headers with each call. */
  transportWith(headers: Record<string, string>): Transport;
}

/**
 * Starts the services. A manual `clock` rules tokens and limits; the lease of the node id goes on in real time.
 */
export async function startServices(
  options: { engine?: Engine; clock?: Clock; settings?: Partial<ServiceSettings> } = {},
): Promise<TestServices> {
  const { engine = "postgresql", clock = systemClock } = options;
  const { database, remove } = await freshDatabase(engine);
  const store = await openStore({ database });
  const fabric = createMemoryFabric({ clock });
  const logs = createLogStore(store.sql);
  const ids = createIdGenerator({ ...store.nodeLease, clock: systemClock });
  const log = createLogger({ level: "error", format: "json", write: (line) => void process.stderr.write(line) });
  const metrics = createMetrics();
  const services = createServices({
    store,
    logs,
    fabric,
    ids,
    clock,
    log,
    metrics,
    publisher: createPublisher({ fabric, logs, clock: systemClock, log, metrics }),
    signingKey: await parseSigningKey(await generateSigningKey(), "the test key"),
    settings: { ...defaultSettings, registrationsPerMinute: 1_000_000, ...options.settings },
  });
  const transport = createLocalTransport((registry) => registerServices(registry, services), systemClock);
  const transportWith = (headers: Record<string, string>): Transport => ({
    ...transport,
    unary: (method, signal, timeoutMs, _, input, values) =>
      transport.unary(method, signal, timeoutMs, headers, input, values),
  });
  const accounts = createClient(AccountService, transport);
  return {
    store,
    fabric,
    accessTokens: services.accessTokens,
    transport,
    accounts,
    conversations: createClient(ConversationService, transport),
    messages: createClient(MessageService, transport),
    transportWith,
    async registerUser(name) {
      const { profile, tokens } = await accounts.register({ name, password: `password of ${name}` });
      const accessToken = tokens?.accessToken ?? "";
      const own = transportWith({ authorization: `Bearer ${accessToken}`, [peerHeader]: "127.0.0.1" });
      return {
        userId: profile?.userId ?? 0n,
        name,
        accessToken,
        refreshToken: tokens?.refreshToken ?? "",
        accounts: createClient(AccountService, own),
        conversations: createClient(ConversationService, own),
        groups: createClient(GroupService, own),
        messages: createClient(MessageService, own),
      };
    },
    groupsAs: (accessToken) => createClient(GroupService, transportWith({ authorization: `Bearer ${accessToken}` })),
    async createUsers(count) {
      const userIds = Array.from({ length: count }, () => ids.next());
      await store.sql`
        insert into account (user_id, issuer, subject, display_name)
        select user_id, 'test', user_id::text, '' from unnest(${`{${userIds.join(",")}}`}::bigint[]) as user_id`;
      return userIds;
    },
    async [Symbol.asyncDispose]() {
      await fabric[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await remove();
    },
  };
}

async function freshDatabase(engine: Engine) {
  if (engine === "postgresql") {
    const url = await (await sharedPostgres()).createDatabase();
    return { database: { kind: "server", url }, remove: async () => {} } as const;
  }
  const directory = await mkdtemp(join(tmpdir(), "tidewire-store-"));
  const remove = () => rm(directory, { recursive: true, force: true });
  return { database: { kind: "embedded", directory }, remove } as const;
}
