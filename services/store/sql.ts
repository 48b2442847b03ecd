import postgres from "postgres";
import { socketPath } from "./socket-path.js";
import { isDisconnection, toTidewireError } from "./store-error.js";

/** The pool of connections to the store. Its template tag runs one statement; `begin` runs a transaction. */
export type Sql = postgres.Sql<{ bigint: bigint }>;

/** One open transaction. Await nothing but SQL inside: on the embedded database it holds up everybody else. */
export type Transaction = postgres.TransactionSql<{ bigint: bigint }>;

/** Anything that runs a statement: the pool, or a transaction of the caller. */
export type Queryable = postgres.ISql<{ bigint: bigint }>;

/** Where the database listens. */
export type Address =
  /** A PostgreSQL server, as `postgresql://user:password@host:port/database`. */
  | { kind: "server"; url: string }
  /** The embedded database: a directory with its socket. */
  | { kind: "socket"; directory: string };

/** A statement that waits longer for a lock fails, and with it its transaction. In milliseconds. */
const lockTimeoutMs = 1_000;
/** A statement that runs longer, or a transaction that idles longer, fails. Below the deadline of any RPC. In milliseconds. */
const statementTimeoutMs = 3_000;
/**
 * How long to wait for a connection, in seconds. The embedded database is a thread of this process: if it takes long, the machine is
 * slow, and nothing else would be faster.
 */
const connectTimeoutS = { server: 2, socket: 30 };
/** The longest pause before another attempt to connect, in seconds: a database that is back is found again within it. */
const backoffMaxS = 1;

/**
 * A pool of at most `max` connections that are opened on demand. While a server is down, statements fail within two
 * seconds or so, and succeed again as soon as it is back.
 */
export function connect(address: Address, options: { max: number }): Sql {
  const shared = {
    max: options.max,
    // `int8` is bigint here; arrays travel as text (see `bigints`), so the driver need not ask for array types.
    types: { bigint: postgres.BigInt },
    fetch_types: false,
    prepare: true,
    connect_timeout: connectTimeoutS[address.kind],
    keep_alive: 30,
    backoff: (attempt: number) => Math.min(backoffMaxS, 0.05 * 2 ** attempt) * (0.5 + Math.random() / 2),
    onnotice: () => {},
    connection: {
      application_name: "tidewire",
      default_transaction_isolation: "read committed",
      lock_timeout: lockTimeoutMs,
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: statementTimeoutMs,
    },
  } as const;
  if (address.kind === "server") return postgres(address.url, shared);
  return postgres({ ...shared, path: socketPath(address.directory), user: "postgres", database: "postgres" });
}

/**
 * Runs `work` in a transaction (READ COMMITTED). It commits when `work` resolves and rolls back when it rejects.
 * @throws TidewireError `UNAVAILABLE` if the database cannot be reached or gave up on a lock: the outcome may be unknown;
 * a TidewireError of `work` as it is; `INTERNAL` for all else.
 */
export async function inTransaction<Result>(sql: Sql, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
  try {
    return await begin(sql, work);
  } catch (thrown) {
    throw toTidewireError(thrown);
  }
}

/** As `inTransaction`, but throws what the driver throws. */
export async function begin<Result>(sql: Sql, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
  return (await sql.begin((tx) => untilDisconnected(work(tx)))) as Result;
}

/**
 * Never settles once the connection is lost: `begin` rejects by itself then. The driver would answer a failure with a rollback, also
 * on a connection that is gone, and throw where nobody can catch it. Source: postgres 3.4.9, `nextWrite` (its issue 1208).
 */
function untilDisconnected<Result>(work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    work.then(resolve, (thrown) => {
      if (!isDisconnection(thrown)) reject(thrown);
    });
  });
}

/** Several ids as one parameter, to be cast: `${bigints(ids)}::int8[]`. */
export function bigints(values: readonly (bigint | number)[]): string {
  return `{${values.join(",")}}`;
}

/** Several strings as one parameter, to be cast: `${texts(names)}::text[]`. */
export function texts(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
}
