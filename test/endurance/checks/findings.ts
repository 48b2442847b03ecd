/** A broken invariant, by its number in docs/invariants.md. */
export type Violation = Readonly<{ invariant: number; what: string }>;

/** What the checks have found. */
export interface Findings {
  report(invariant: number, what: string): void;
  /** The first ones of each invariant, in words. */
  readonly violations: readonly Violation[];
  /** How many there are of each invariant that is broken. */
  readonly counts: Readonly<Record<number, number>>;
}

/** Nobody reads more. */
const wordsMax = 10;

export function createFindings(): Findings {
  const violations: Violation[] = [];
  const counts: Record<number, number> = {};
  return {
    report(invariant, what) {
      const count = (counts[invariant] ?? 0) + 1;
      counts[invariant] = count;
      if (count <= wordsMax) violations.push({ invariant, what });
    },
    violations,
    counts,
  };
}
