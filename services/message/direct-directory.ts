import { createExpiringMap } from "../../runtime/expiring-map.js";
import type { IdGenerator } from "../../runtime/ids.js";
import { openDirect } from "../conversation/direct.js";
import type { Sql } from "../store/store.js";

/** Pairs in memory, at some 200 bytes each. */
const pairsMax = 50_000;

/** Finds direct conversations, and remembers them: once there is one for a pair, it stays. */
export interface DirectDirectory {
  /** As `openDirect`. Undefined, if one of the users does not exist, is not remembered. */
  find(userId: bigint, peerId: bigint): Promise<bigint | undefined>;
}

export function createDirectDirectory(sql: Sql, ids: IdGenerator): DirectDirectory {
  const known = createExpiringMap<string, bigint>({ entriesMax: pairsMax });
  return {
    async find(userId, peerId) {
      const pair = userId < peerId ? `${userId}/${peerId}` : `${peerId}/${userId}`;
      const remembered = known.get(pair, 0);
      if (remembered !== undefined) return remembered;
      const found = await openDirect(sql, ids, userId, peerId);
      if (found !== undefined) known.set(pair, found, Number.POSITIVE_INFINITY);
      return found;
    },
  };
}
