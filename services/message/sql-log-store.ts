import { raiseDelivered } from "../conversation/raise-delivered.js";
import { readRosterSeqAt, readRosters } from "../push/read-rosters.js";
import type { Sql } from "../store/store.js";
import { append } from "./append.js";
import type { LogStore } from "./log-store.js";
import { readCommitted } from "./read-committed.js";
import { readHeads, readHeadsOf } from "./read-heads.js";
import { readMembership } from "./read-membership.js";
import { readRecent } from "./read-recent.js";
import { readStretch } from "./read-stretch.js";

/**
 * The log store that ships: each operation is one statement on the pool.
 * @param appends the pool for appending.
 */
export function createLogStore(sql: Sql, appends: Sql = sql): LogStore {
  return {
    append: (batch) => append(appends, batch),
    readMembership: (conversationId, userId) => readMembership(sql, conversationId, userId),
    readStretch: (stretch) => readStretch(sql, stretch),
    readHeads: (query) => readHeads(sql, query),
    readHeadsOf: (userId, conversationIds) => readHeadsOf(sql, userId, conversationIds),
    readRosters: (from) => readRosters(sql, from),
    readRosterSeqAt: (conversationId, seq) => readRosterSeqAt(sql, conversationId, seq),
    readCommitted: (stretch) => readCommitted(sql, stretch),
    readRecent: (sinceMessageId, afterMessageId) => readRecent(sql, sinceMessageId, afterMessageId),
    raiseDelivered: (marks) => raiseDelivered(sql, marks),
  };
}
