import { inTransaction, type Sql } from "./sql.js";

/**
 * Brings the index message_by_id up to date, so that looking for recent messages stays quick. On a PostgreSQL server autovacuum
 * does this too, but late; on the embedded database nothing else does. Gives way at once to what holds the table.
 */
export async function summarizeMessages(sql: Sql): Promise<void> {
  await inTransaction(sql, async (tx) => {
    // Waiting for longer would make the server cancel an autovacuum that is in our way.
    await tx`set local lock_timeout = 100`;
    await tx`select brin_summarize_new_values('message_by_id')`;
  });
}
