import fc from "fast-check";
import { type Entry, entry } from "./downlink-world.js";

/** What happens in a conversation, entry by entry: something is said, or a user comes in or goes. */
export type Happening = { kind: "said" } | { kind: "moves"; userId: bigint };

export type Routing = "by-user" | "both" | "by-conversation";

/** A log of which everything is known: who was a member when, and how entries are delivered. */
export interface MembershipLog {
  readonly length: number;
  /** The entry of a seq as it is published while the log ends with `headSeq`: routing is that of the present. */
  entryAt(seq: number, headSeq: number): Entry;
  /** Joining and leaving entries belong to a membership. */
  isMember(userId: bigint, seq: number): boolean;
  /** What a reading of the store says when the log ends with `headSeq`: the latest change, if the user is to listen. */
  interestOf(userId: bigint, headSeq: number): bigint | undefined;
}

export const userIds = [7n, 8n, 9n];

export const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ kind: "said" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("moves" as const), userId: fc.constantFrom(...userIds) }) },
);

/** What holds after an entry. */
type Line = Readonly<{
  rosterSeq: bigint;
  routing: Routing;
  before: ReadonlySet<bigint>;
  members: ReadonlySet<bigint>;
}>;

/** All users but the last are members from the start. `routings` says how a log is to be delivered, as far as it can be. */
export function makeLog(happenings: readonly Happening[], routings: readonly Routing[]): MembershipLog {
  const first = routings[0] ?? "by-conversation";
  const founders = new Set(userIds.slice(0, -1));
  const lines: Line[] = [{ rosterSeq: 1n, routing: first, before: new Set(), members: founders }];
  for (const [index, one] of happenings.entries()) {
    const last = lines.at(-1) as Line;
    const wanted = routings[(index + 1) % routings.length] ?? first;
    const isLast = one.kind === "moves" && last.members.size === 1 && last.members.has(one.userId); // it stays
    lines.push(one.kind === "said" || isLast ? say(last, wanted) : move(last, one.userId, wanted, lines.length + 1));
  }
  const lineAt = (seq: number) => lines[seq - 1] as Line;
  return {
    length: lines.length,
    isMember: (userId, seq) => lineAt(seq).before.has(userId) || lineAt(seq).members.has(userId),
    interestOf(userId, headSeq) {
      const at = lines[headSeq - 1];
      return at?.members.has(userId) && at.routing !== "by-user" ? at.rosterSeq : undefined;
    },
    entryAt(seq, headSeq) {
      const { rosterSeq, before, members } = lineAt(seq);
      const { routing } = lineAt(headSeq);
      return entry(seq, {
        rosterSeq,
        joinedUserIds: [...members].filter((userId) => !before.has(userId)),
        leftUserIds: [...before].filter((userId) => !members.has(userId)),
        userIds: routing === "by-conversation" ? [] : [...new Set([...before, ...members])],
        announcesConversation: routing === "both",
      });
    },
  };
}

function say({ rosterSeq, routing, members }: Line, wanted: Routing): Line {
  const next = routing === "both" && wanted === "by-conversation" ? wanted : routing;
  return { rosterSeq, routing: next, before: members, members };
}

/** A change of members may be one of routing: it grows through `both`, and shrinks at once. */
function move({ routing, members }: Line, userId: bigint, wanted: Routing, seq: number): Line {
  const next = routing === "by-user" && wanted !== "by-user" ? "both" : routing;
  const moved = members.has(userId) ? [...members].filter((member) => member !== userId) : [...members, userId];
  return {
    rosterSeq: BigInt(seq),
    routing: wanted === "by-user" ? "by-user" : next,
    before: members,
    members: new Set(moved),
  };
}
