/**
 * The last frames of one conversation, encoded, for all its connections together: what a device has not acknowledged is sent
 * again from here. A gapless run of seqs; what would leave a hole begins it anew.
 */
export interface FrameRing {
  /** Adds the frame of `seq`, copied: the one that is given may be part of something far larger. */
  push(seq: bigint, frame: Uint8Array, sentAtMs: number): void;
  /** The frames of all seqs from `firstSeq` to `lastSeq`, or undefined if one is missing. */
  range(firstSeq: bigint, lastSeq: bigint): Uint8Array[] | undefined;
  /** When a seq was sent; undefined if it is not held. */
  sentAtMs(seq: bigint): number | undefined;
  /** Drops what nobody can need any more. */
  forgetUpTo(seq: bigint): void;
  clear(): void;
  readonly bytes: number;
}

export type FrameRingLimits = Readonly<{ framesMax: number; bytesMax: number }>;

type Kept = Readonly<{ frame: Uint8Array; sentAtMs: number }>;

/** Stands where a frame was dropped: that one must not stay in memory until the front is cut off. */
const gone: Kept = { frame: new Uint8Array(0), sentAtMs: 0 };

export function createFrameRing({ framesMax, bytesMax }: FrameRingLimits): FrameRing {
  /** A queue whose front is cut off now and then, not each time. */
  let kept: Kept[] = [];
  let front = 0;
  let lastSeq = 0n;
  let bytes = 0;

  const indexOf = (seq: bigint) => kept.length - 1 - Number(lastSeq - seq);
  const at = (seq: bigint): Kept | undefined => {
    const index = seq > lastSeq ? -1 : indexOf(seq);
    return index < front ? undefined : kept[index];
  };

  function clear() {
    kept = [];
    front = 0;
    bytes = 0;
  }

  function dropFront() {
    bytes -= kept[front]?.frame.length ?? 0;
    kept[front] = gone;
    front++;
    if (front < framesMax) return;
    kept = kept.slice(front);
    front = 0;
  }

  return {
    push(seq, frame, sentAtMs) {
      if (seq !== lastSeq + 1n) clear();
      lastSeq = seq;
      kept.push({ frame: frame.slice(), sentAtMs });
      bytes += frame.length;
      while (kept.length - front > framesMax || bytes > bytesMax) dropFront();
    },
    range(firstSeq, endSeq) {
      if (firstSeq > endSeq || at(firstSeq) === undefined || at(endSeq) === undefined) return undefined;
      return kept.slice(indexOf(firstSeq), indexOf(endSeq) + 1).map(({ frame }) => frame);
    },
    sentAtMs: (seq) => at(seq)?.sentAtMs,
    forgetUpTo(seq) {
      if (seq >= lastSeq) return clear();
      const left = Number(lastSeq - seq);
      while (kept.length - front > left) dropFront();
    },
    clear,
    get bytes() {
      return bytes;
    },
  };
}
