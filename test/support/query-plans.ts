import postgres from "postgres";
import type { Sql } from "../../services/store/store.js";

/** How one table was read while a statement ran. */
export type TableAccess = Readonly<{
  table: string;
  /** "Index Scan", "Tid Scan", "Seq Scan", … as EXPLAIN names it. */
  how: string;
  /** Rows that were looked at: those that were found, and those that a filter or a recheck took out, of all loops. */
  rows: number;
}>;

/** A connection that tells how each of its statements was executed, those within functions included. */
export interface ExplainedSql extends AsyncDisposable {
  readonly sql: Sql;
  /** Runs `work`, and returns how it read its tables. */
  accessesOf(work: () => Promise<unknown>): Promise<TableAccess[]>;
}

type PlanNode = Readonly<{
  "Node Type": string;
  "Relation Name"?: string;
  "Actual Rows"?: number;
  "Actual Loops"?: number;
  "Rows Removed by Filter"?: number;
  "Rows Removed by Index Recheck"?: number;
  Plans?: readonly PlanNode[];
}>;

/** Has the server explain what it executes (its module auto_explain), to the client instead of its log. */
export function openExplained(url: string): ExplainedSql {
  let plans: PlanNode[] = [];
  const sql = postgres(url, {
    max: 1,
    types: { bigint: postgres.BigInt },
    fetch_types: false,
    connection: {
      session_preload_libraries: "auto_explain",
      "auto_explain.log_min_duration": "0",
      "auto_explain.log_analyze": "on",
      "auto_explain.log_nested_statements": "on",
      "auto_explain.log_format": "json",
      client_min_messages: "log",
    } as Record<string, string>,
    onnotice({ message }) {
      const [, json] = /plan:\n([\s\S]*)$/.exec(message ?? "") ?? [];
      if (json !== undefined) plans.push((JSON.parse(json) as { Plan: PlanNode }).Plan);
    },
  });
  return {
    sql,
    async accessesOf(work) {
      plans = [];
      await work();
      return plans.flatMap(toAccesses);
    },
    [Symbol.asyncDispose]: () => sql.end(),
  };
}

function toAccesses(node: PlanNode): TableAccess[] {
  const { "Relation Name": table, "Node Type": how, Plans: parts = [] } = node;
  const below = parts.flatMap(toAccesses);
  // What modifies a table names it as well, and looks at nothing by itself.
  if (table === undefined || how === "ModifyTable") return below;
  return [{ table, how, rows: rowsOf(node) }, ...below];
}

/** EXPLAIN gives averages of a loop. */
function rowsOf(node: PlanNode): number {
  const { "Actual Rows": found = 0, "Actual Loops": loops = 1 } = node;
  const removed = (node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Index Recheck"] ?? 0);
  return Math.round((found + removed) * loops);
}
