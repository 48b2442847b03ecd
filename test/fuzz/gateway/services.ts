import { create } from "@bufbuild/protobuf";
import type { CallOptions, Client } from "@connectrpc/connect";
import {
  type AccountService,
  OpenSessionResponseSchema,
  RenewSessionResponseSchema,
} from "../../../gen/ts/tidewire/v1/account_pb.js";
import {
  type ConversationService,
  ListInterestsResponseSchema,
  MarkReadResponseSchema,
} from "../../../gen/ts/tidewire/v1/conversation_pb.js";
import { ErrorCode } from "../../../gen/ts/tidewire/v1/error_pb.js";
import { SyncPageSchema } from "../../../gen/ts/tidewire/v1/frame_pb.js";
import {
  EntriesResponseSchema,
  HeadsOfResponseSchema,
  HeadsResponseSchema,
  type MessageService,
  SyncResponseSchema,
} from "../../../gen/ts/tidewire/v1/message_pb.js";
import { encode } from "../../../runtime/binary.js";
import type { Clock } from "../../../runtime/clock.js";
import type { Random } from "../../sim/engine/random.js";
import type { Findings } from "../engine/findings.js";
import { createMoods, type Moods, refusal } from "./moods.js";
import { createSubmissions, type Submissions } from "./submissions.js";

/** The services behind a gateway under fuzz: they answer well, refuse, fail, or answer late, as chance has it. */
export interface FuzzServices {
  readonly accounts: Client<typeof AccountService>;
  readonly conversations: Client<typeof ConversationService>;
  readonly messages: Client<typeof MessageService>;
  readonly moods: Moods;
  readonly submissions: Submissions;
  /** The highest epoch that this device was given; 0 if it has never opened a session. */
  epochOf(userId: bigint, device: number): bigint;
}

/** The one whose calls are always answered well. Its token cannot be come by, whatever is done to another. */
export const canary = { userId: 2n, token: "canary 7f3a9c41", deviceId: "cage" };

/** Tokens are "user ID", of 100 to 199. */
const tokenShape = /^user (1\d\d)$/;
const tokenLivesMs = [20_000, 60_000, 900_000];
const deviceNumbers: Readonly<Record<string, number>> = { phone: 1, tablet: 3 };

export type FuzzServicesOptions = Readonly<{
  random: Random;
  clock: Clock;
  callTimeoutMs: number;
  findings: Findings;
}>;

export function createFuzzServices({ random, clock, callTimeoutMs, findings }: FuzzServicesOptions): FuzzServices {
  const moods = createMoods(random, clock, callTimeoutMs);
  const epochs = new Map<string, bigint>();
  const epochOf = (userId: bigint, device: number) => epochs.get(`${userId}/${device}`) ?? 0n;
  const submissions = createSubmissions({ random, clock, moods, findings, epochOf });

  function verify(token: string) {
    const userId = token === canary.token ? canary.userId : BigInt(tokenShape.exec(token)?.[1] ?? 0);
    if (userId === 0n) throw refusal(ErrorCode.UNAUTHENTICATED, 0);
    const lifeMs = userId === canary.userId ? 86_400_000 : random.pick(tokenLivesMs);
    return { userId, tokenExpiresAtMs: BigInt(clock.nowMs() + lifeMs) };
  }

  function open(token: string, deviceId: string) {
    const verified = verify(token);
    const device = deviceNumbers[deviceId] ?? 5; // all odd, so that all devices of a user share a lane
    const epoch = epochOf(verified.userId, device) + 1n;
    epochs.set(`${verified.userId}/${device}`, epoch);
    const lastClientId = submissions.lastOf(verified.userId, device);
    return create(OpenSessionResponseSchema, { ...verified, device, epoch, storeId: "store-1", lastClientId });
  }

  const moodFor = (userId: bigint | undefined) => (userId === canary.userId ? "well" : moods.next());

  const accounts: Partial<Client<typeof AccountService>> = {
    openSession: ({ token = "", deviceId = "" }) =>
      moods.answer(() => open(token, deviceId), token === canary.token ? "well" : moods.next()),
    renewSession: ({ token = "" }) => moods.answer(() => create(RenewSessionResponseSchema, verify(token))),
  };
  const conversations: Partial<Client<typeof ConversationService>> = {
    listInterests: ({ userId }) =>
      moods.answer(
        () => create(ListInterestsResponseSchema, { interests: [{ conversationId: 9n, rosterSeq: 1n }] }),
        moodFor(userId),
      ),
    markRead: ({ cursors = [] }) => {
      if (cursors.length > 500) findings.report("a call keeps to the contract", `${cursors.length} read marks in one`);
      return moods.answer(() => create(MarkReadResponseSchema));
    },
  };
  const messages: Partial<Client<typeof MessageService>> = {
    submitBatch: (request, options?: CallOptions) => submissions.submit(request, options?.timeoutMs ?? callTimeoutMs),
    sync: ({ userId }) =>
      moods.answer(
        () => create(SyncResponseSchema, { page: encode(SyncPageSchema, create(SyncPageSchema, { headSeq: 3n })) }),
        moodFor(userId),
      ),
    heads: ({ userId }) => moods.answer(() => create(HeadsResponseSchema, headsPage(random)), moodFor(userId)),
    headsOf: ({ userId }) => moods.answer(() => create(HeadsOfResponseSchema, headsPage(random)), moodFor(userId)),
    entries: () => moods.answer(() => create(EntriesResponseSchema)),
  };
  return {
    accounts: accounts as Client<typeof AccountService>,
    conversations: conversations as Client<typeof ConversationService>,
    messages: messages as Client<typeof MessageService>,
    moods,
    submissions,
    epochOf,
  };
}

function headsPage(random: Random) {
  const heads = random.chance(0.5) ? [] : [{ conversationId: 1n, headSeq: 3n }];
  return random.chance(0.05) ? {} : { page: { watermark: 8n, heads, hasMore: random.chance(0.2) } };
}
