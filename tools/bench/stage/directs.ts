import { systemClock } from "../../../runtime/clock.js";
import { createIdGenerator } from "../../../runtime/ids.js";
import { openDirect } from "../../../services/conversation/direct.js";
import type { Store } from "../../../services/store/store.js";
import type { Credentials, Seat } from "../generator/generator-calls.js";
import { mapBounded } from "../generator/map-bounded.js";

/** The seats of two users who talk to each other. */
export type Pair = readonly [Seat, Seat];

/** Conversations that are opened at a time. */
const openingsMax = 8;

/** Opens a direct conversation for the first user and the second one, the third one and the fourth one, and so on. */
export function openDirects(store: Store, credentials: readonly Credentials[]): Promise<Pair[]> {
  const ids = createIdGenerator({ ...store.nodeLease, clock: systemClock });
  return mapBounded(toCouples(credentials), openingsMax, async ([one, other]) => {
    const conversationId = await openDirect(store.sql, ids, one.userId, other.userId);
    if (conversationId === undefined) throw new Error("a direct conversation needs two users");
    const place = { conversationId, headSeq: 0n };
    return [
      { ...one, ...place },
      { ...other, ...place },
    ];
  });
}

function toCouples(credentials: readonly Credentials[]): [Credentials, Credentials][] {
  return credentials.flatMap((one, index) => {
    const other = credentials[index + 1];
    return index % 2 === 0 && other ? [[one, other]] : [];
  });
}
