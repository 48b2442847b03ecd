import { randomUUID } from "node:crypto";
import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { Clock } from "../../runtime/clock.js";
import { TidewireError } from "../../runtime/error.js";
import type { Sql } from "./sql.js";
import type { StoreLog } from "./store-log.js";

const leaseMs = 30_000;
const renewalMs = 10_000;
/** How much the clocks of this host and of the database may drift apart during a lease, in milliseconds. */
const driftMs = 1_000;

/** The right to mint Snowflake ids with one node id. No two processes hold the same one at the same time. */
export interface NodeLease extends AsyncDisposable {
  /** 0 to 1023. */
  readonly nodeId: number;
  /** Until when ids may be minted, on the clock's monotonic scale. Moves on with every renewal. */
  deadlineMonotonicMs(): number;
  /** Aborted when another process has taken the node id over: this one has to start anew. */
  readonly lost: AbortSignal;
}

/**
 * Leases a free node id, and renews it in the background until disposed of. While renewals fail, the deadline stands still;
 * when they succeed again it moves on, even after it has passed, unless another process has taken the id meanwhile.
 * @throws TidewireError `BUSY` if all 1,024 are in use.
 */
export async function leaseNode(sql: Sql, { clock, log }: { clock: Clock; log: StoreLog }): Promise<NodeLease> {
  const owner = randomUUID();
  const lost = new AbortController();
  let deadlineMs = clock.monotonicMs() + leaseMs - driftMs;
  const nodeId = await takeFree(sql, owner);
  let disposed = false;
  let renewing: Promise<void> = Promise.resolve();
  let timer = clock.after(renewalMs, renew);

  function renew(): void {
    const askedMs = clock.monotonicMs();
    renewing = extend(sql, nodeId, owner).then(
      (held) => {
        if (held) deadlineMs = askedMs + leaseMs - driftMs;
        else lose();
      },
      (cause: unknown) => log.warn({ err: cause, nodeId }, "node lease not renewed"),
    );
    renewing = renewing.then(() => {
      if (!disposed && !lost.signal.aborted) timer = clock.after(renewalMs, renew);
    });
  }

  function lose(): void {
    deadlineMs = Number.NEGATIVE_INFINITY;
    log.error({ nodeId }, "node lease lost to another process");
    lost.abort(new TidewireError(ErrorCode.UNAVAILABLE, `node id ${nodeId} was taken over by another process`));
  }

  return {
    nodeId,
    deadlineMonotonicMs: () => deadlineMs,
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      disposed = true;
      timer[Symbol.dispose]();
      await renewing;
      deadlineMs = Number.NEGATIVE_INFINITY;
      await giveBack(sql, nodeId, owner).catch((cause: unknown) =>
        log.warn({ err: cause }, "node lease not given back"),
      );
    },
  };
}

/** Takes the free node id that has been free longest, so that a clock that runs behind does no harm. Locks one row. */
async function takeFree(sql: Sql, owner: string): Promise<number> {
  const [row] = await sql<{ node_id: number }[]>`
    with free as (
      select id
      from generate_series(0, 1023) as id
      left join node_lease on node_id = id
      where expires_at is null or expires_at < now()
      order by expires_at nulls first, id
      limit 16
    ), chosen as (
      -- One of several, at random, so that processes which start together rarely choose the same.
      select id from free order by random() limit 1
    )
    insert into node_lease as held (node_id, owner, expires_at)
    select id, ${owner}::uuid, now() + make_interval(secs => ${leaseMs / 1_000}) from chosen
    on conflict (node_id) do update set owner = excluded.owner, expires_at = excluded.expires_at
      where held.expires_at < now()
    returning node_id`;
  if (row !== undefined) return row.node_id;
  const [free] = await sql<
    { count: bigint }[]
  >`select 1024 - count(*) as count from node_lease where expires_at >= now()`;
  if (free !== undefined && free.count > 0n) return takeFree(sql, owner); // another process was faster
  throw new TidewireError(ErrorCode.BUSY, "all 1,024 node ids are in use: stop a process, or wait 30 s after a crash");
}

async function extend(sql: Sql, nodeId: number, owner: string): Promise<boolean> {
  const extended = await sql`
    update node_lease set expires_at = now() + make_interval(secs => ${leaseMs / 1_000})
    where node_id = ${nodeId} and owner = ${owner}::uuid`;
  return extended.count === 1;
}

/** Keeps the row, expired, so that the id is not reused before others that have been free longer. */
async function giveBack(sql: Sql, nodeId: number, owner: string): Promise<void> {
  await sql`update node_lease set expires_at = now() where node_id = ${nodeId} and owner = ${owner}::uuid`;
}
