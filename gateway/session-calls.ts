import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorCode, ErrorDetailSchema } from "../gen/ts/tidewire/v1/error_pb.js";
import { errorMeanings } from "../gen/ts/tidewire/v1/errors.js";
import {
  type Compression,
  HeadsPageSchema,
  type Login,
  type Sync,
  SyncPageSchema,
} from "../gen/ts/tidewire/v1/frame_pb.js";
import { encode } from "../runtime/binary.js";
import { unreachable } from "../runtime/error.js";
import type { GatewayContext } from "./context.js";
import type { LocalSession } from "./hub/local-session.js";
import type { AnswerEvent, Identity, Problem, ReadEffect } from "./session/state.js";

/** Calls to services on behalf of a session. Each resolves to the event that answers it; none rejects. */

export async function openSession(context: GatewayContext, login: Login): Promise<AnswerEvent> {
  const { token, deviceId, platform } = login;
  try {
    const opened = await context.accounts.openSession({ token, deviceId, platform }, context.call());
    const identity: Identity = {
      userId: opened.userId,
      sessionId: randomId(context.random),
      deviceId,
      device: opened.device,
      epoch: opened.epoch,
      storeId: opened.storeId,
      tokenExpiresAtMs: Number(opened.tokenExpiresAtMs),
    };
    context.metrics.logins.inc({ outcome: "ok" });
    return { kind: "opened", identity, lastClientId: opened.lastClientId };
  } catch (error) {
    const problem = toProblem(error);
    context.metrics.logins.inc({ outcome: ErrorCode[problem.code] });
    return { kind: "open-failed", problem };
  }
}

/** Makes a session reachable: pushes find it once this resolves, so heads that are read afterwards miss nothing. */
export async function attachSession(context: GatewayContext, session: LocalSession): Promise<AnswerEvent> {
  const { userId } = session.identity;
  try {
    await context.hub.attach(session);
    await listenToInterests(context, session);
    return { kind: "attached" };
  } catch (error) {
    context.log.warn({ err: error, userId }, "a session could not be attached");
    return { kind: "open-failed", problem: { code: ErrorCode.UNAVAILABLE, detail: "the session could not be set up" } };
  }
}

export async function renewSession(context: GatewayContext, token: string): Promise<AnswerEvent> {
  try {
    const { userId, tokenExpiresAtMs } = await context.accounts.renewSession({ token }, context.call());
    return { kind: "renewed", userId, tokenExpiresAtMs: Number(tokenExpiresAtMs) };
  } catch (error) {
    return { kind: "renew-failed", problem: toProblem(error) };
  }
}

/** Reads what a device has asked for, or what the gateway needs on its own account. */
export function read(context: GatewayContext, session: LocalSession, effect: ReadEffect): Promise<AnswerEvent> {
  const { identity } = session;
  switch (effect.kind) {
    case "read-sync": {
      const { conversationId, afterSeq } = effect.sync;
      context.downlink.acknowledge(session, [{ conversationId, seq: afterSeq }]); // what it asks after, it has
      return readSync(context, identity, effect);
    }
    case "read-heads":
      return readHeads(context, identity, effect);
    case "look":
      return look(context, session, effect.since);
    case "read-pointers":
      return readPointers(context, identity, effect.conversationIds);
    default:
      return unreachable(effect);
  }
}

async function readSync(
  context: GatewayContext,
  { userId }: Identity,
  { sync, compression }: { sync: Sync; compression: Compression },
): Promise<AnswerEvent> {
  const { requestId, conversationId, afterSeq, limit } = sync;
  try {
    const request = { userId, conversationId, afterSeq, limit, compression };
    const { page } = await context.messages.sync(request, context.call());
    return { kind: "sync-page", requestId, page };
  } catch (error) {
    const { code } = toProblem(error);
    const page = encode(SyncPageSchema, create(SyncPageSchema, { conversationId, error: code }));
    return { kind: "sync-page", requestId, page };
  }
}

async function readHeads(
  context: GatewayContext,
  identity: Identity,
  { requestId, since, limit }: { requestId: bigint; since: bigint; limit: number },
): Promise<AnswerEvent> {
  try {
    const { page } = await context.messages.heads({ userId: identity.userId, since, limit }, context.call());
    return { kind: "heads-page", page: { ...(page ?? create(HeadsPageSchema)), requestId } };
  } catch (error) {
    return { kind: "heads-page", page: create(HeadsPageSchema, { requestId, error: toProblem(error).code }) };
  }
}

/** Finds what never came here: first the conversations that the session is to listen to, so that heads miss nothing. */
async function look(context: GatewayContext, session: LocalSession, since: bigint): Promise<AnswerEvent> {
  try {
    await listenToInterests(context, session);
  } catch (error) {
    return { kind: "heads-page", page: create(HeadsPageSchema, { error: toProblem(error).code }) };
  }
  return readHeads(context, session.identity, { requestId: 0n, since, limit: 0 });
}

function listenToInterests({ hub, conversations, call }: GatewayContext, session: LocalSession): Promise<void> {
  const { userId } = session.identity;
  return hub.subscribeInterests(session, async () => (await conversations.listInterests({ userId }, call())).interests);
}

/** Reads heads of conversations that the device has to pull. */
async function readPointers(
  context: GatewayContext,
  identity: Identity,
  conversationIds: readonly bigint[],
): Promise<AnswerEvent> {
  try {
    const request = { userId: identity.userId, conversationIds: [...conversationIds] };
    const { page } = await context.messages.headsOf(request, context.call());
    return { kind: "pointers", page: page ?? create(HeadsPageSchema) };
  } catch (error) {
    return { kind: "pointers", page: create(HeadsPageSchema, { error: toProblem(error).code }) };
  }
}

/** What a failed call means for a device. */
function toProblem(error: unknown): Problem {
  const failure = ConnectError.from(error);
  const [detail] = failure.findDetails(ErrorDetailSchema);
  if (detail && isKnown(detail.code))
    return { code: detail.code, detail: failure.rawMessage, retryAfterMs: detail.retryAfterMs };
  switch (failure.code) {
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.Canceled:
    case Code.Aborted:
      return { code: ErrorCode.UNAVAILABLE, detail: "a service did not answer" };
    default:
      return { code: ErrorCode.INTERNAL, detail: "a service failed" };
  }
}

/** Services may be newer than this gateway, and have codes that it has no words for. */
function isKnown(code: ErrorCode): boolean {
  return code !== ErrorCode.UNSPECIFIED && code in errorMeanings;
}

/** Names a session in logs: 62 random bits. */
function randomId(random: () => number): bigint {
  const bits = () => BigInt(Math.floor(random() * 2 ** 31));
  return (bits() << 31n) | bits();
}
