/**
 * When the seqs of a conversation were sent, long after their frames are gone: where much is said, the ring holds what was sent
 * within a fraction of a second, and whoever has not acknowledged what came before is not late for that. Some bytes for each period
 * in which something was sent, however much it was.
 */
export interface SendTimes {
  /** By rising seqs. One that is lower begins anew. */
  note(seq: bigint, nowMs: number): void;
  /** When a seq had been sent at the latest: later than it was by less than a period. Undefined: it has not been sent. */
  sentByMs(seq: bigint): number | undefined;
  /** Nobody will ask for these any more. */
  forgetUpTo(seq: bigint): void;
}

export type SendTimesOptions = Readonly<{
  periodMs: number;
  /** What was sent in earlier periods counts as sent in the first one that is kept. */
  periodsMax: number;
}>;

/** Together as long as the longest retransmission timeout: what is older is late in any case. */
const defaults: SendTimesOptions = { periodMs: 250, periodsMax: 240 };

type Period = { readonly fromMs: number; lastSeq: bigint; lastMs: number };

export function createSendTimes({ periodMs, periodsMax }: SendTimesOptions = defaults): SendTimes {
  let periods: Period[] = [];
  return {
    note(seq, nowMs) {
      const latest = periods.at(-1);
      if (latest && seq < latest.lastSeq) periods = [];
      else if (latest && nowMs - latest.fromMs < periodMs) {
        latest.lastSeq = seq;
        latest.lastMs = nowMs;
        return;
      }
      periods.push({ fromMs: nowMs, lastSeq: seq, lastMs: nowMs });
      if (periods.length > periodsMax) periods.shift();
    },
    sentByMs: (seq) => periods.find(({ lastSeq }) => lastSeq >= seq)?.lastMs,
    forgetUpTo(seq) {
      periods = periods.filter(({ lastSeq }) => lastSeq > seq);
    },
  };
}
