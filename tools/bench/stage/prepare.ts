import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { ConversationService } from "../../../gen/ts/tidewire/v1/conversation_pb.js";
import { GroupService } from "../../../gen/ts/tidewire/v1/group_pb.js";
import { systemClock } from "../../../runtime/clock.js";
import { createIdGenerator } from "../../../runtime/ids.js";
import { generateSigningKey, parseSigningKey } from "../../../services/account/signing-key.js";
import { createAccessTokens } from "../../../services/account/tokens.js";
import { bigints, type Store } from "../../../services/store/store.js";
import type { Credentials } from "../generator/generator-calls.js";
import { type Member, openMember } from "../generator/member.js";
import { tellMeanwhile } from "../report/progress.js";

/** What is made before a server runs: argon2 and login limits are not what is measured. */
export type Population = Readonly<{
  /** The key that the server is to verify tokens with. */
  tokenKey: string;
  credentials: readonly Credentials[];
}>;

/** The group whose members are the population. */
export type PreparedGroup = Readonly<{ conversationId: bigint; headSeq: bigint }>;

const issuer = "tidewire";
const tokenLifetimeMs = 86_400_000;
/** The API's limits: users of one call, creator included. */
const perCreateMax = 200;
const perAddMax = 200;

/** Makes accounts and signs a token for each. */
export async function createPopulation(store: Store, members: number): Promise<Population> {
  const ids = createIdGenerator({ ...store.nodeLease, clock: systemClock });
  const userIds = Array.from({ length: members }, () => ids.next());
  await store.sql`
    insert into account (user_id, issuer, subject, display_name)
    select user_id, 'bench', user_id::text, '' from unnest(${bigints(userIds)}::bigint[]) as user_id`;
  const tokenKey = (await generateSigningKey()).trimEnd();
  const key = await parseSigningKey(tokenKey, "the benchmark's key");
  const tokens = createAccessTokens({ key, issuer, clock: systemClock, lifetimeMs: tokenLifetimeMs });
  const credentials = await Promise.all(
    userIds.map(async (userId) => ({ userId, deviceId: "bench", token: (await tokens.issue(userId)).token })),
  );
  return { tokenKey, credentials };
}

/** Makes the group through the public API, so that it is routed as any group of its size. */
export async function createGroup(
  port: number,
  credentials: readonly Credentials[],
  progress: (line: string) => void,
): Promise<PreparedGroup> {
  const [creator, ...others] = credentials;
  if (!creator) throw new Error("a group needs a member");
  using _witness = await openWitness(port, creator);
  const transport = createConnectTransport({
    httpVersion: "1.1",
    baseUrl: `http://127.0.0.1:${port}`,
    useBinaryFormat: true,
    interceptors: [
      (next) => (request) => {
        request.header.set("authorization", `Bearer ${creator.token}`);
        return next(request);
      },
    ],
  });
  const groups = createClient(GroupService, transport);
  const userIds = others.map(({ userId }) => userId);
  const { group } = await groups.createGroup({ title: "Benchmark", userIds: userIds.slice(0, perCreateMax - 1) });
  const conversationId = group?.conversationId ?? 0n;
  let members = Math.min(perCreateMax, credentials.length);
  const addOthers = async () => {
    for (; members < credentials.length; members += perAddMax)
      await groups.addMembers({ conversationId, userIds: userIds.slice(members - 1, members - 1 + perAddMax) });
  };
  await tellMeanwhile(addOthers(), () => progress(`${members} of ${credentials.length} are members of the group`));
  const { messages } = await createClient(ConversationService, transport).getHistory({ conversationId, limit: 1 });
  return { conversationId, headSeq: messages[0]?.seq ?? 0n };
}

/**
 * With somebody online the server knows the group's log from the start on. Otherwise its sweeps would tell all members once more
 * of those who joined, in the first seconds of the benchmark: devices drop that, but no measured round should hold it.
 */
function openWitness(port: number, { token }: Credentials): Promise<Member> {
  const nobody = { conversationId: 0n, inboxBytes: 0, delivered() {}, lost() {} };
  return openMember({ ...nobody, port, token, deviceId: "witness" });
}
