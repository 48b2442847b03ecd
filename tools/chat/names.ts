import type { Api } from "../../clients/typescript/src/api.js";
import { TidewireClientError } from "../../clients/typescript/src/errors.js";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import { ChatProblem } from "./problems.js";
import { toPrintable } from "./render.js";

const unknownAdvice = "A name is the one that somebody registered with.";

/** What users are called here. */
export interface Names {
  /** The name, or a stand-in while it is not known. */
  of(userId: bigint): string;
  note(userId: bigint, name: string): void;
  /** Learns the names of those that are not known yet. Never fails: who cannot be asked about keeps a stand-in. */
  learn(userIds: readonly bigint[]): Promise<void>;
  /** The user of this name: from what is known, else from the server. */
  find(name: string): Promise<bigint>;
}

const askMax = 200;
/** Names are a nicety: nothing waits longer for them. */
const patienceMs = 3_000;

export function createNames(api: Pick<Api, "account">): Names {
  const names = new Map<bigint, string>([[0n, "the server"]]);

  function note(userId: bigint, name: string): void {
    if (name !== "") names.set(userId, toPrintable(name));
  }

  return {
    of: (userId) => names.get(userId) ?? `user ${userId}`,
    note,
    async learn(userIds) {
      const unknown = [...new Set(userIds)].filter((userId) => !names.has(userId));
      for (let start = 0; start < unknown.length; start += askMax) {
        const request = { userIds: unknown.slice(start, start + askMax) };
        const { profiles } = await api.account
          .getProfiles(request, { timeoutMs: patienceMs })
          .catch(() => ({ profiles: [] }));
        for (const profile of profiles) note(profile.userId, profile.name || profile.displayName);
      }
    },
    async find(name) {
      const folded = name.toLowerCase();
      for (const [userId, known] of names) if (known === folded && userId !== 0n) return userId;
      const { profile } = await api.account.lookUp({ name }).catch((error: unknown) => {
        throw isUnknown(error) ? new ChatProblem(`Nobody is called ${name}.`, unknownAdvice, { cause: error }) : error;
      });
      note(profile?.userId ?? 0n, profile?.name ?? "");
      return profile?.userId ?? 0n;
    },
  };
}

function isUnknown(error: unknown): boolean {
  return error instanceof TidewireClientError && error.code === ErrorCode.UNKNOWN_USER;
}
