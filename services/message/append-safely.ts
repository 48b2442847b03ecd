import { ErrorCode } from "../../gen/ts/tidewire/v1/error_pb.js";
import type { Clock } from "../../runtime/clock.js";
import type { Logger } from "../../runtime/log.js";
import type { Metrics } from "../../runtime/metrics.js";
import { isTransient, toTidewireError } from "../store/store.js";
import type { AppendBatch, AppendOutcome, AppendRow } from "./append.js";
import type { LogStore } from "./log-store.js";

/** How often a batch is tried before it is taken apart. The first failure may have been an accident. */
const attemptsMax = 2;

export type AppendDependencies = Readonly<{
  logs: Pick<LogStore, "append">;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}>;

/**
 * Appends a batch so that no row can hold up the others for ever. A batch that fails twice, though the database is there, is
 * split by device, and a device's rows one by one; a row that fails alone is refused as INTERNAL, which uses up its client_id.
 * @throws TidewireError `UNAVAILABLE` if the database is away: parts may have been stored, so repeat the batch unchanged;
 * `INTERNAL` if not even the refusal could be stored.
 */
export async function appendSafely(dependencies: AppendDependencies, batch: AppendBatch): Promise<AppendOutcome[]> {
  try {
    return await appendTwice(dependencies, batch);
  } catch (thrown) {
    if (isTransient(thrown)) {
      dependencies.metrics.appendFailures.inc({ next: "repeat" });
      throw toTidewireError(thrown);
    }
    return appendApart(dependencies, batch, thrown);
  }
}

async function appendTwice(dependencies: AppendDependencies, batch: AppendBatch): Promise<AppendOutcome[]> {
  const { logs, clock, metrics } = dependencies;
  for (let attempt = 1; ; attempt += 1) {
    const startedMs = clock.monotonicMs();
    try {
      const outcomes = await logs.append(batch);
      metrics.appendBatchMessages.observe(batch.rows.length);
      metrics.appendSeconds.observe((clock.monotonicMs() - startedMs) / 1_000);
      return outcomes;
    } catch (thrown) {
      if (attempt === attemptsMax || isTransient(thrown)) throw thrown;
      metrics.appendFailures.inc({ next: "retry" });
    }
  }
}

async function appendApart(
  dependencies: AppendDependencies,
  batch: AppendBatch,
  cause: unknown,
): Promise<AppendOutcome[]> {
  const [only, ...more] = batch.rows;
  if (only === undefined) throw toTidewireError(cause);
  if (more.length === 0) return refuse(dependencies, batch, only, cause);
  dependencies.metrics.appendFailures.inc({ next: "split" });
  const outcomes = new Map<AppendRow, AppendOutcome>();
  // One after the other: the rows of a device depend on their order.
  for (const rows of takeApart(batch)) {
    const parts = await appendSafely(dependencies, { ...batch, rows });
    for (const [index, row] of rows.entries()) outcomes.set(row, outcomeAt(parts, index));
  }
  return batch.rows.map((row) => outcomes.get(row) ?? outcomeAt([], 0));
}

async function refuse(
  dependencies: AppendDependencies,
  batch: AppendBatch,
  row: AppendRow,
  cause: unknown,
): Promise<AppendOutcome[]> {
  if (row.refused === ErrorCode.INTERNAL) throw toTidewireError(cause);
  const sender = batch.senders[row.sender];
  dependencies.metrics.appendFailures.inc({ next: "refuse" });
  dependencies.log.error(
    { err: cause, userId: sender?.userId, device: sender?.device, clientId: row.clientId },
    "message refused, because the database fails on it",
  );
  const refusal = { ...row, refused: ErrorCode.INTERNAL, conversationId: 0n, content: new Uint8Array(0) };
  return appendSafely(dependencies, { ...batch, rows: [refusal] });
}

/** By device; if there is one only, by row. */
function takeApart({ senders, rows }: AppendBatch): AppendRow[][] {
  const byDevice = new Map<string, AppendRow[]>();
  for (const row of rows) {
    const sender = senders[row.sender];
    const key = `${sender?.userId}/${sender?.device}`;
    byDevice.set(key, [...(byDevice.get(key) ?? []), row]);
  }
  return byDevice.size > 1 ? [...byDevice.values()] : rows.map((row) => [row]);
}

function outcomeAt(outcomes: readonly AppendOutcome[], index: number): AppendOutcome {
  const outcome = outcomes[index];
  if (outcome === undefined) throw new Error("a row of a batch has no outcome");
  return outcome;
}
