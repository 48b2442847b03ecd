import { type Client, createClient, type Interceptor, type ServiceImpl } from "@connectrpc/connect";
import { AccountService } from "../../../gen/ts/tidewire/v1/account_pb.js";
import { ConversationService } from "../../../gen/ts/tidewire/v1/conversation_pb.js";
import type { LimitValues } from "../../../gen/ts/tidewire/v1/limits.js";
import { MessageService } from "../../../gen/ts/tidewire/v1/message_pb.js";
import type { Clock } from "../../../runtime/clock.js";
import type { Fabric } from "../../../runtime/fabric/fabric.js";
import { createIdGenerator, type IdGenerator } from "../../../runtime/ids.js";
import { createLocalTransport } from "../../../runtime/local-transport.js";
import type { Logger } from "../../../runtime/log.js";
import type { Metrics } from "../../../runtime/metrics.js";
import { checkLimits } from "../../../services/check-limits.js";
import type { DirectDirectory } from "../../../services/message/direct-directory.js";
import { encodePage } from "../../../services/message/encode-page.js";
import { heads } from "../../../services/message/heads.js";
import { headsOf } from "../../../services/message/heads-of.js";
import { readEntries } from "../../../services/message/read-entries.js";
import { submitBatch } from "../../../services/message/submit-batch.js";
import { sync } from "../../../services/message/sync.js";
import { createPublisher, type Publisher } from "../../../services/push/publish.js";
import { translateErrors } from "../../../services/translate-errors.js";
import { startUpkeep } from "../../../services/upkeep/upkeep.js";
import type { GroupCaller, GroupChange } from "../store/grouping.js";
import type { StoreClient } from "../store/store-client.js";
import type { StoreModel } from "../store/store-model.js";
import { pairOf } from "../store/stored.js";
import { verifyToken } from "./tokens.js";

/**
 * A process with services: the shipped handlers, publisher and upkeep on the store model. The clients have the methods that
 * gateways call, and no others. They answer at once, as far as the store lets them; whoever calls them adds the network.
 */
export interface SimServices extends AsyncDisposable {
  readonly accounts: Client<typeof AccountService>;
  readonly conversations: Client<typeof ConversationService>;
  readonly messages: Client<typeof MessageService>;
  /** As GroupService, on behalf of `callerId`. They reject with the TidewireError that the shipped handlers throw. */
  createGroup(callerId: bigint, title: string, userIds: readonly bigint[]): Promise<bigint>;
  addMembers(callerId: bigint, conversationId: bigint, userIds: readonly bigint[]): Promise<void>;
  leaveGroup(callerId: bigint, conversationId: bigint): Promise<void>;
}

export type SimServicesDeps = Readonly<{
  store: StoreModel;
  fabric: Fabric;
  /** The process's own. Once it stands still for ever, nothing of this process acts any more. */
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  limits: Pick<LimitValues, "contentMaxBytes" | "syncPageMax" | "syncPageMaxBytes" | "headsPageMax">;
  /** Names the process, and its node id, from 0 to 1023, in the ids that it mints. Another one for each start. */
  node: Readonly<{ name: string; nodeId: number }>;
}>;

export function createSimServices(deps: SimServicesDeps): SimServices {
  const { fabric, clock, log, metrics, node } = deps;
  const logs = deps.store.connect(clock);
  const ids = createIdGenerator({ nodeId: node.nodeId, clock, deadlineMonotonicMs: () => Number.POSITIVE_INFINITY });
  const publisher = createPublisher({ fabric, logs, clock, log, metrics });
  const parts: Parts = { ...deps, logs, ids, publisher };
  const interceptors: Interceptor[] = [translateErrors(log), checkLimits];
  const transport = createLocalTransport((registry) => {
    registry.service(AccountService, accountsOf(parts), { interceptors });
    registry.service(ConversationService, conversationsOf(parts), { interceptors });
    registry.service(MessageService, messagesOf(parts), { interceptors });
  }, clock);
  const summarize = () => Promise.resolve();
  const upkeep = startUpkeep({ logs, fabric, publisher, summarize, owner: node.name, clock, log, metrics });
  return {
    accounts: createClient(AccountService, transport),
    conversations: createClient(ConversationService, transport),
    messages: createClient(MessageService, transport),
    ...createGroups(parts),
    [Symbol.asyncDispose]: () => upkeep[Symbol.asyncDispose](),
  };
}

type Parts = SimServicesDeps & Readonly<{ logs: StoreClient; ids: IdGenerator; publisher: Publisher }>;

function messagesOf(parts: Parts): Partial<ServiceImpl<typeof MessageService>> {
  const { logs, ids, limits } = parts;
  const directory = createDirectory((userId, peerId) => logs.openDirect(ids, userId, peerId));
  const submitting = { ...parts, directory, contentMaxBytes: limits.contentMaxBytes };
  return {
    submitBatch: async (request) => ({
      outcomes: await submitBatch(submitting, request),
    }),
    sync: async (request) => ({
      page: encodePage(await sync(logs, limits, request)),
    }),
    heads: async (request) => ({ page: await heads(logs, limits, request) }),
    headsOf: async (request) => ({ page: await headsOf(logs, request) }),
    entries: async (request) => ({ entries: await readEntries(logs, request) }),
  };
}

function conversationsOf({ logs }: Parts): Partial<ServiceImpl<typeof ConversationService>> {
  return {
    markRead: async ({ userId, cursors }) => {
      await logs.markRead(userId, cursors);
      return {};
    },
    listInterests: async ({ userId }) => ({
      interests: await logs.listInterests(userId),
    }),
  };
}

function createGroups({
  logs,
  ids,
  clock,
  publisher,
}: Parts): Pick<SimServices, "createGroup" | "addMembers" | "leaveGroup"> {
  const caller = (callerId: bigint): GroupCaller => ({ callerId, ids, nowMs: () => clock.nowMs() });
  async function published(change: Promise<GroupChange>): Promise<bigint> {
    const { conversationId, committed } = await change;
    await publisher.publish(committed);
    return conversationId;
  }
  return {
    createGroup: (callerId, title, userIds) => published(logs.createGroup(caller(callerId), { title, userIds })),
    async addMembers(callerId, conversationId, userIds) {
      await published(logs.addMembers(caller(callerId), { conversationId, userIds }));
    },
    async leaveGroup(callerId, conversationId) {
      await published(logs.leave(caller(callerId), conversationId));
    },
  };
}

/** The part of AccountService that sessions need, step by step as the shipped one takes it. */
function accountsOf({ clock, logs, publisher }: Parts): Partial<ServiceImpl<typeof AccountService>> {
  const { storeId } = logs; // read when the process starts, as in life
  return {
    openSession: async ({ token, deviceId }) => {
      const { userId, expiresAtMs } = verifyToken(token, clock.nowMs());
      const opened = await logs.openSession(userId, deviceId);
      const { device, epoch } = opened;
      if (epoch > 1n) await publisher.fence([{ userId, device, epoch }]);
      return { ...opened, userId, storeId, tokenExpiresAtMs: BigInt(expiresAtMs) };
    },
    renewSession: async ({ token }) => {
      const { userId, expiresAtMs } = verifyToken(token, clock.nowMs());
      return { userId, tokenExpiresAtMs: BigInt(expiresAtMs) };
    },
  };
}

/** Remembers pairs, as the shipped one does: once there is a conversation for a pair, it stays. */
function createDirectory(open: (userId: bigint, peerId: bigint) => Promise<bigint | undefined>): DirectDirectory {
  const known = new Map<string, bigint>();
  return {
    async find(userId, peerId) {
      const pair = pairOf(userId, peerId);
      const remembered = known.get(pair);
      if (remembered !== undefined) return remembered;
      const found = await open(userId, peerId);
      if (found !== undefined) known.set(pair, found);
      return found;
    },
  };
}
