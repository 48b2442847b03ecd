import type { RisingMarks } from "../../runtime/fabric/fabric.js";
import type { Metrics } from "../../runtime/metrics.js";
import type { LogStore } from "../message/log-store.js";

/** Marks in one statement. */
const batchMax = 1_000;

/** Brings delivered marks from the fabric to the store. */
export interface DeliveredMarks {
  /**
   * Writes all that gateways have raised, in batches, until there is less than one left or `signal` is aborted.
   * @throws whatever the fabric or the store throws. What was not written stays in the fabric.
   */
  flush(signal: AbortSignal): Promise<void>;
}

export function createDeliveredMarks(deps: {
  marks: RisingMarks;
  logs: Pick<LogStore, "raiseDelivered">;
  metrics: Metrics;
}): DeliveredMarks {
  const { marks, logs, metrics } = deps;

  async function flushBatch(): Promise<number> {
    const batch = await marks.unsettled(batchMax);
    if (batch.length === 0) return 0;
    await logs.raiseDelivered(batch);
    await marks.settle(batch);
    metrics.deliveredMarksWritten.inc(batch.length);
    return batch.length;
  }

  return {
    async flush(signal) {
      while (!signal.aborted && (await flushBatch()) === batchMax);
    },
  };
}
