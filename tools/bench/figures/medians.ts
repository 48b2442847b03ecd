import { medianIfKnown } from "./statistics.js";

/** An object of numbers, nested as rounds are. */
type Figures = { readonly [Name in string]?: number | Figures };

/**
 * The medians of each number of several rounds, nested as they are. What one of them lacks is left out.
 * @throws Error if there are no rounds.
 */
export function mediansOf<Round extends object>(rounds: readonly Round[]): Round {
  return mediansOfFigures(rounds as readonly Figures[]) as Round;
}

function mediansOfFigures(rounds: readonly Figures[]): Figures {
  const [first] = rounds;
  if (!first) throw new Error("no rounds have no medians");
  const entries = Object.entries(first).flatMap(([name, value]) => {
    const middle = typeof value === "object" ? mediansOfFigures(partsOf(rounds, name)) : middleOf(rounds, name);
    return middle === undefined ? [] : [[name, middle]];
  });
  return Object.fromEntries(entries);
}

function partsOf(rounds: readonly Figures[], name: string): Figures[] {
  return rounds.map((round) => round[name]).filter((part) => typeof part === "object");
}

function middleOf(rounds: readonly Figures[], name: string): number | undefined {
  return medianIfKnown(
    rounds.map((round) => round[name]).map((value) => (typeof value === "number" ? value : undefined)),
  );
}
