import type { LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import type { GatewayId, PublishingFabric } from "../../runtime/fabric/fabric.js";
import type { LogStore } from "../message/log-store.js";
import { byConversation, type Committed } from "./committed.js";
import { encodePush } from "./encode-push.js";
import { toLogEntry } from "./log-entry.js";
import type { Rosters } from "./rosters.js";

/** Where to find an entry's readers. */
type Readers = Readonly<{
  /** Gateways that serve some of the users in question, each with those users. */
  serving: ReadonlyMap<GatewayId, ReadonlySet<bigint>>;
  /** By conversation: the gateways that want it. */
  wanting: ReadonlyMap<bigint, readonly GatewayId[]>;
}>;

/**
 * Works out which gateway gets which entries, in the order given. By user: a gateway gets an entry together with those members
 * as of the entry's seq whom it serves. By conversation: the gateways that want the conversation get it, and those that
 * serve users who join or leave with it. Each entry is encoded once.
 */
export async function addressEntries(
  {
    routes,
    rosters,
    logs,
  }: { routes: PublishingFabric["routes"]; rosters: Rosters; logs: Pick<LogStore, "readRosterSeqAt"> },
  committed: readonly Committed[],
): Promise<Map<GatewayId, LogEntry[]>> {
  const members = await membersByUser(rosters, committed);
  const readers = await findReaders(routes, committed, members);
  const addressed = new Map<GatewayId, LogEntry[]>();
  for (const entry of committed) {
    const userIds = members.get(entry);
    const addressees = userIds === undefined ? gatewaysOf(entry, readers) : gatewaysByUser(userIds, readers);
    if (addressees.size === 0) continue;
    const dated = isNewerThanRoster(entry) ? entry : await asOfItsSeq(logs, entry);
    const frame = encodePush(dated);
    for (const [gateway, served] of addressees) {
      const entries = addressed.get(gateway) ?? [];
      entries.push(toLogEntry(dated, served, frame));
      addressed.set(gateway, entries);
    }
  }
  return addressed;
}

/** The members of each entry that is delivered by user. */
async function membersByUser(rosters: Rosters, committed: readonly Committed[]): Promise<Map<Committed, bigint[]>> {
  const byUser = committed.filter((entry) => entry.routing !== byConversation);
  const members = byUser.length === 0 ? [] : await rosters.membersOf(byUser);
  return new Map(byUser.map((entry, index) => [entry, members[index] ?? []]));
}

async function findReaders(
  routes: PublishingFabric["routes"],
  committed: readonly Committed[],
  members: ReadonlyMap<Committed, bigint[]>,
): Promise<Readers> {
  const users = new Set<bigint>();
  const conversations = new Set<bigint>();
  for (const entry of committed) {
    for (const userId of members.get(entry) ?? movingUsers(entry)) users.add(userId);
    if (entry.routing === byConversation) conversations.add(entry.conversationId);
  }
  const [serving, wanting] = await Promise.all([
    users.size === 0 ? new Map<GatewayId, bigint[]>() : routes.gatewaysOf([...users]),
    Promise.all([...conversations].map(async (id) => [id, await routes.gatewaysWanting(id)] as const)),
  ]);
  const served = [...serving].map(([gateway, userIds]) => [gateway, new Set(userIds)] as const);
  return { serving: new Map(served), wanting: new Map(wanting) };
}

function movingUsers({ joinedUserIds = [], leftUserIds = [] }: Committed): readonly bigint[] {
  return [...joinedUserIds, ...leftUserIds];
}

function gatewaysByUser(userIds: readonly bigint[], { serving }: Readers): Map<GatewayId, bigint[]> {
  const gateways = new Map<GatewayId, bigint[]>();
  for (const [gateway, served] of serving) {
    const theirs = userIds.filter((userId) => served.has(userId));
    if (theirs.length > 0) gateways.set(gateway, theirs);
  }
  return gateways;
}

function gatewaysOf(entry: Committed, { serving, wanting }: Readers): Map<GatewayId, bigint[]> {
  const gateways = new Map<GatewayId, bigint[]>();
  for (const gateway of wanting.get(entry.conversationId) ?? []) gateways.set(gateway, []);
  const moving = movingUsers(entry);
  for (const [gateway, served] of serving) if (moving.some((userId) => served.has(userId))) gateways.set(gateway, []);
  return gateways;
}

/** An entry that is published again may be older than the present roster. */
function isNewerThanRoster({ rosterSeq, seq }: Committed): boolean {
  return rosterSeq <= seq;
}

async function asOfItsSeq(logs: Pick<LogStore, "readRosterSeqAt">, entry: Committed): Promise<Committed> {
  return { ...entry, rosterSeq: await logs.readRosterSeqAt(entry.conversationId, entry.seq) };
}
