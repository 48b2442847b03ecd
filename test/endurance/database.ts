import { startPostgres, type TestPostgres } from "../support/postgres.js";

/** A real PostgreSQL server, and what can be done to it. Its disposal ends it. */
export interface Database extends AsyncDisposable {
  readonly url: string;
  /** Ends it as a crash would. */
  crash(): Promise<void>;
  restart(): Promise<void>;
  /** The postmaster and all its processes. */
  pids(): Promise<number[]>;
  /** Terminates all other connections to the database. */
  disconnectAll(): Promise<void>;
  /** Holds the lock on a conversation's row; returns when it has let go. */
  lockConversation(conversationId: string, durationMs: number): Promise<void>;
}

export async function startDatabase(): Promise<Database> {
  const postgres = await startPostgres();
  const url = await postgres.createDatabase();
  const name = new URL(url).pathname.slice(1);
  return {
    url,
    crash: () => postgres.stop("immediate"),
    restart: () => postgres.start(),
    pids: () => readPids(postgres),
    async disconnectAll() {
      await postgres.query(
        "postgres",
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and pid <> pg_backend_pid()`,
      );
    },
    async lockConversation(conversationId, durationMs) {
      // Both statements are one transaction, because psql sends them together.
      await postgres.query(
        name,
        `select from conversation where conversation_id = ${conversationId} for update; select pg_sleep(${durationMs / 1000})`,
      );
    },
    [Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose](),
  };
}

async function readPids(postgres: TestPostgres): Promise<number[]> {
  const pids = await postgres.query(
    "postgres",
    `select split_part(pg_read_file('postmaster.pid'), e'\\n', 1)
     union all select pid::text from pg_stat_activity where pid <> pg_backend_pid()`,
  );
  return pids.split("\n").map(Number);
}
