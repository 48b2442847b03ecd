/**
 * The queue that a device's messages go through: one batch in flight, and what arrives meanwhile forms the next. That
 * is group commit: at rest a message leaves at once, under load batches grow by themselves, and no timer is needed.
 * A batch is repeated unchanged until its outcome is known. Pure but for its own memory; `Entry` is opaque to it.
 */
export interface Lane<Entry> {
  /** True if `bytes` more would exceed the bound. */
  isFull(bytes: number): boolean;
  offer(entry: Entry, bytes: number): void;
  /** The next batch, or undefined while one is in flight or nothing is queued. */
  take(): Entry[] | undefined;
  /** The outcome of the batch in flight is known. */
  settled(): void;
  /** The outcome of the batch in flight is not known. */
  failed(nowMs: number): LaneFailure<Entry>;
  readonly queuedBytes: number;
  readonly isIdle: boolean;
}

export type LaneFailure<Entry> =
  /** Send the same batch again after `delayMs`. */
  | { kind: "repeat"; batch: Entry[]; delayMs: number }
  /** It has been tried for long enough: everything in the lane is dropped, and its devices send it again. */
  | { kind: "give-up"; dropped: Entry[] };

export type LaneOptions = Readonly<{
  /** Bound of what waits, in bytes. */
  queueMaxBytes: number;
  /** A batch ends with the entry that takes it over this size, in bytes. */
  batchMaxBytes: number;
  /** Most entries in a batch. */
  batchMax: number;
  /** How long a batch is repeated before the lane gives up, in milliseconds. */
  patienceMs: number;
}>;

const REPEAT_FIRST_MS = 50;
const REPEAT_MAX_MS = 1_000;

type Queued<Entry> = { entry: Entry; bytes: number };
type InFlight<Entry> = { batch: Entry[]; failures: number; failingSinceMs: number };

export function createLane<Entry>(options: LaneOptions): Lane<Entry> {
  let queue: Queued<Entry>[] = [];
  let queuedBytes = 0;
  let inFlight: InFlight<Entry> | undefined;

  function cutBatch(): Entry[] {
    let bytes = 0;
    let count = 0;
    while (count < queue.length && count < options.batchMax && bytes < options.batchMaxBytes) {
      bytes += queue[count++]?.bytes ?? 0;
    }
    queuedBytes -= bytes;
    return queue.splice(0, count).map(({ entry }) => entry);
  }

  function giveUp(batch: Entry[]): LaneFailure<Entry> {
    const dropped = [...batch, ...queue.map(({ entry }) => entry)];
    queue = [];
    queuedBytes = 0;
    inFlight = undefined;
    return { kind: "give-up", dropped };
  }

  return {
    isFull: (bytes) => queuedBytes + bytes > options.queueMaxBytes,
    offer(entry, bytes) {
      queue.push({ entry, bytes });
      queuedBytes += bytes;
    },
    take() {
      if (inFlight || queue.length === 0) return undefined;
      const batch = cutBatch();
      inFlight = { batch, failures: 0, failingSinceMs: 0 };
      return batch;
    },
    settled() {
      inFlight = undefined;
    },
    failed(nowMs) {
      if (!inFlight) throw new Error("a lane without a batch in flight cannot fail");
      inFlight.failures++;
      if (inFlight.failures === 1) inFlight.failingSinceMs = nowMs;
      else if (nowMs - inFlight.failingSinceMs >= options.patienceMs) return giveUp(inFlight.batch);
      const delayMs = Math.min(REPEAT_MAX_MS, REPEAT_FIRST_MS * 2 ** (inFlight.failures - 1));
      return { kind: "repeat", batch: inFlight.batch, delayMs };
    },
    get queuedBytes() {
      return queuedBytes;
    },
    get isIdle() {
      return inFlight === undefined && queue.length === 0;
    },
  };
}
