import type { Failure } from "./run-episode.js";

/** The least that is known to bring a failure about. */
export type Shrunk = Readonly<{ inputs: readonly number[]; bytes: Uint8Array }>;

/** Runs some inputs of the failure's episode, the last of them with other bytes if there are any. */
export type Retry = (inputs: readonly number[], bytes?: Uint8Array) => Failure | undefined;

export type ShrinkLimits = Readonly<{ triesMax: number; timeMaxMs: number }>;

/**
 * Leaves out inputs, then bytes of the last one, in ever smaller pieces, as long as the same rule is broken.
 * @param inputs Those of the failure's episode up to and including the one at which it was noticed.
 */
export function shrink(failure: Failure, inputs: readonly number[], retry: Retry, limits: ShrinkLimits): Shrunk {
  const endsAtMs = performance.now() + limits.timeMaxMs;
  let tries = limits.triesMax;
  const tryOnce = (kept: readonly number[], bytes?: Uint8Array): Verdict => {
    if (tries <= 0 || performance.now() > endsAtMs) return "out of tries";
    tries -= 1;
    return retry(kept, bytes)?.rule === failure.rule ? "fails as well" : "differs";
  };
  const last = failure.input;
  const isAlone = tryOnce([last]) === "fails as well";
  const needed = isAlone ? [] : leaveOut(inputs.slice(0, -1), (kept) => tryOnce([...kept, last]));
  const kept = [...needed, last];
  const bytes = leaveOut([...failure.bytes], (shorter) => tryOnce(kept, Uint8Array.from(shorter)));
  return { inputs: kept, bytes: Uint8Array.from(bytes) };
}

type Verdict = "fails as well" | "differs" | "out of tries";

/** Greedy: a piece that can be spared is spared, from the front, in pieces of half the whole down to single items. */
function leaveOut<Item>(items: readonly Item[], judge: (kept: readonly Item[]) => Verdict): readonly Item[] {
  let kept = items;
  for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < kept.length; ) {
      const shorter = [...kept.slice(0, start), ...kept.slice(start + size)];
      const verdict = judge(shorter);
      if (verdict === "out of tries") return kept;
      if (verdict === "fails as well") kept = shorter;
      else start += size;
    }
  }
  return kept;
}
