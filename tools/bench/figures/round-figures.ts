import { type Leaf, leavesOf } from "./leaves.js";
import { unitOf } from "./unit.js";

/** A number that the rounds of a benchmark have. */
export type Figure = Readonly<{
  /** Where it lies in a round: `on.server_cpu_ms`. */
  name: string;
  path: readonly string[];
  unit: string;
  /** Round by round; undefined where one lacks it. */
  values: readonly (number | undefined)[];
}>;

/** In the order in which rounds name them. Lists and words in rounds are left aside. */
export function figuresOf(rounds: readonly object[]): Figure[] {
  const byRound = rounds.map(
    (round) =>
      new Map(
        leavesOf(round)
          .filter(isNumber)
          .map((leaf) => [nameOf(leaf), leaf]),
      ),
  );
  const figures = new Map(byRound.flatMap((leaves) => [...leaves]));
  return [...figures].map(([name, { path }]) => ({
    name,
    path,
    unit: unitOf(path),
    values: byRound.map((leaves) => leaves.get(name)?.value),
  }));
}

/** Without the rounds that lack it. */
export function knownValues({ values }: Figure): number[] {
  return values.filter((value) => value !== undefined);
}

function isNumber(leaf: Leaf): leaf is Leaf & { value: number } {
  return Number.isFinite(leaf.value);
}

function nameOf({ path }: Leaf): string {
  return path.join(".");
}
