import type { Queryable } from "../store/store.js";
import type { Stretch } from "./log-store.js";
import { type MessageRow, messageColumns } from "./message-rows.js";

/** What a message costs in a page besides its content, in bytes. */
const overheadBytes = 64;

/** As `LogStore.readStretch`. Uses the primary key. The size of a large content is known without reading it. */
export function readStretch(sql: Queryable, stretch: Stretch): Promise<MessageRow[]> {
  return sql<MessageRow[]>`select ${messageColumns(sql)} from (${messagesOf(sql, stretch)}) as stretch order by seq`;
}

/** The rows of a stretch, with all columns of `message`. */
export function messagesOf(sql: Queryable, { conversationId, firstSeq, lastSeq, limit, maxBytes }: Stretch) {
  return sql`
    select *
    from (
      select *, sum(octet_length(content) + ${overheadBytes}) over (order by seq) - octet_length(content) as bytes_before
      from (
        select * from message
        where conversation_id = ${conversationId} and seq between ${firstSeq} and ${lastSeq}
        order by seq limit ${limit}
      ) as present
    ) as measured
    where bytes_before <= ${maxBytes}`;
}
