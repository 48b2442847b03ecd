import type { Queryable } from "../store/store.js";
import { type HeadColumns, headColumns, headMessage, seenBy, toHeadEntry } from "./head-columns.js";
import type { HeadEntry, HeadsSnapshot } from "./log-store.js";

type Row = Pick<HeadsSnapshot, "xmin" | "cut"> & HeadColumns;

/**
 * As `LogStore.readHeads`. One statement, so that heads and watermark are of one snapshot; always at least one row, for the
 * watermark's sake. Reads all memberships of the user through member_of_user, and their conversations by primary key.
 */
export async function readHeads(
  sql: Queryable,
  { userId, since, limit }: { userId: bigint; since: bigint; limit: number },
): Promise<HeadsSnapshot> {
  const rows = await sql<Row[]>`
    with seen as (${seenBy(sql, userId)}),
    changed as (
      select * from seen where changed >= ${String(since)}::xid8
    ), snapshot as (
      select
        pg_snapshot_xmin(pg_current_snapshot()) as xmin,
        (select changed from changed order by changed offset ${limit - 1} limit 1) as full_at,
        (select max(changed) from changed) as last
    ), page as (
      select xmin, case when full_at < xmin and full_at < last then full_at end as cut from snapshot
    )
    select page.xmin::text::bigint as xmin, page.cut::text::bigint as cut, ${headColumns(sql)}
    from page
    left join changed h on page.cut is null or h.changed <= page.cut
    left join lateral ${headMessage(sql)}
    order by h.changed, h.conversation_id`;
  const [first] = rows;
  if (first === undefined) throw new Error("a statement with an aggregate returned no row");
  const entries = rows.map(toHeadEntry).filter((entry) => entry !== undefined);
  return { xmin: first.xmin, cut: first.cut, entries };
}

/** As `LogStore.readHeadsOf`. Uses member_of_user, and primary keys. */
export async function readHeadsOf(
  sql: Queryable,
  userId: bigint,
  conversationIds: readonly bigint[],
): Promise<HeadEntry[]> {
  const rows = await sql<HeadColumns[]>`
    with h as (${seenBy(sql, userId, conversationIds)})
    select ${headColumns(sql)}
    from h left join lateral ${headMessage(sql)}
    order by h.conversation_id`;
  return rows.map(toHeadEntry).filter((entry) => entry !== undefined);
}
