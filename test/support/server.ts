import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AccountService } from "../../gen/ts/tidewire/v1/account_pb.js";
import { ConversationService } from "../../gen/ts/tidewire/v1/conversation_pb.js";
import { GroupService } from "../../gen/ts/tidewire/v1/group_pb.js";
import { MessageService } from "../../gen/ts/tidewire/v1/message_pb.js";
import { systemClock } from "../../runtime/clock.js";
import { type Config, loadConfig } from "../../runtime/config.js";
import { silentLogger } from "../../runtime/log.js";
import { createMetrics } from "../../runtime/metrics.js";
import { createShutdown } from "../../runtime/shutdown.js";
import { startServer } from "../../tools/server/start-server.js";
import { connectWire, login, type WireClient } from "./wire-client.js";

/** The whole product in this process, on free ports, with a store of its own. */
export interface TestServer extends AsyncDisposable {
  /** "http://127.0.0.1:…" */
  readonly url: string;
  readonly webSocketUrl: string;
  readonly metricsUrl: string;
  /** Aborted when the process would have to end. */
  readonly lost: AbortSignal;
  register(name: string): Promise<TestUser>;
  /** Clients of the public API; with a token, on behalf of its user. */
  api(token?: string): Api;
  /** A connection with an open session, and what the server said to its login. */
  connect(user: TestUser, deviceId?: string): Promise<LoggedIn>;
}

export type TestUser = Readonly<{ userId: bigint; name: string; token: string }>;
export type LoggedIn = WireClient & Readonly<{ me: Awaited<ReturnType<typeof login>> }>;
export type Api = ReturnType<typeof createApi>;

/** Wide enough that no test meets them by accident. */
const generous = { registrationsPerMinute: 10_000, unauthenticatedPerIpMax: 1_000, messageBurst: 10_000 };

export const testPassword = "correct horse battery";

/** @param overrides set `databaseUrl` to run it on a PostgreSQL server. */
export async function startTestServer(overrides: Partial<Config> = {}): Promise<TestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), "tidewire-test-"));
  const { config } = loadConfig({
    env: {},
    overrides: { port: 0, metricsPort: 0, dataDir, ...generous, ...overrides },
  });
  const shutdown = createShutdown({ clock: systemClock, log: silentLogger });
  shutdown.add({ name: "data", deadlineMs: 5_000, run: () => rm(dataDir, { recursive: true, force: true }) });
  const server = await startServer(config, { log: silentLogger, metrics: createMetrics(), shutdown }).catch(
    async (error) => {
      await shutdown.run();
      throw error;
    },
  );
  const url = `http://127.0.0.1:${server.port}`;
  const webSocketUrl = `ws://127.0.0.1:${server.port}/ws`;
  return {
    url,
    webSocketUrl,
    metricsUrl: `http://127.0.0.1:${server.metricsPort}/metrics`,
    lost: server.lost,
    api: (token) => createApi(url, token),
    async register(name) {
      const { profile, tokens } = await createApi(url).account.register({ name, password: testPassword });
      return { userId: profile?.userId ?? 0n, name, token: tokens?.accessToken ?? "" };
    },
    async connect(user, deviceId = `${user.name}-phone`) {
      const client = await connectWire(webSocketUrl);
      return { ...client, me: await login(client, user.token, deviceId) };
    },
    async [Symbol.asyncDispose]() {
      await shutdown.run();
    },
  };
}

/** Clients of the public API; with a token, on behalf of its user. */
export function createApi(baseUrl: string, token?: string) {
  const transport = createConnectTransport({
    baseUrl,
    httpVersion: "1.1",
    useBinaryFormat: true,
    interceptors: [
      (next) => (request) => {
        if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  return {
    account: createClient(AccountService, transport),
    conversation: createClient(ConversationService, transport),
    group: createClient(GroupService, transport),
    message: createClient(MessageService, transport),
  };
}
