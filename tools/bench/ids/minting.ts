import { setImmediate as nextTurn } from "node:timers/promises";
import { systemClock } from "../../../runtime/clock.js";
import { createIdGenerator, type IdGenerator, timeOfId } from "../../../runtime/ids.js";
import type { Outcome, ScenarioDeps } from "../scenario.js";
import { describeVersions } from "../stage/machine.js";
import { type IdsVerdict, verifyIds } from "./id-verifier.js";
import type { IdsOptions } from "./options.js";
import { goals, type IdsResult, type IdsRound, summarizeIds } from "./result.js";

const nodeId = 7;

/** One generator fills rounds of ids, one after the other. They are verified when the clock has stopped. */
export async function runIds(options: IdsOptions, deps: ScenarioDeps): Promise<Outcome<IdsResult>> {
  const { ids, warmupRounds } = options;
  const mint = createMint(ids);
  const rounds: IdsRound[] = [];
  for (let round = 1; round <= warmupRounds + options.rounds; round++) {
    await nextTurn(undefined, { signal: deps.signal });
    const { result, verdict } = mint.runRound();
    if (verdict.outOfOrder + verdict.outOfPlace > 0) return { kind: "flawed", problems: [describe(round, verdict)] };
    if (round > warmupRounds) rounds.push(result);
  }
  const result: IdsResult = {
    scenario: "ids",
    settings: { ids, rounds: options.rounds, warmup_rounds: warmupRounds },
    machine: deps.machine,
    versions: describeVersions("none"),
    ...summarizeIds(rounds),
    goals,
    verified: { minted: ids * (warmupRounds + options.rounds), out_of_order: 0, out_of_place: 0 },
  };
  return { kind: "measured", result };
}

function describe(round: number, { outOfOrder, outOfPlace }: IdsVerdict): string {
  return `round ${round}: ${outOfOrder} ids are not above the one before, ${outOfPlace} tell another time or node`;
}

function createMint(size: number) {
  const generator = createIdGenerator({ nodeId, clock: systemClock, deadlineMonotonicMs: () => Number.MAX_VALUE });
  const minted = new BigUint64Array(size);
  const counted = new BigUint64Array(size);
  let previous = 0n;
  return {
    runRound(): { result: IdsRound; verdict: IdsVerdict } {
      const baselineNs = timeEach(counted, count);
      const fromMs = systemClock.nowMs();
      const costNs = timeEach(minted, (into) => fill(into, generator));
      const toMs = systemClock.nowMs();
      const verdict = verifyIds(minted, previous, { nodeId, fromMs, toMs });
      previous = minted[size - 1] ?? previous;
      const result = {
        ids_per_second: 1e9 / costNs,
        cost_ns: costNs,
        baseline_ns: baselineNs,
        ratio: costNs / baselineNs,
        ahead_ms: Math.max(0, timeOfId(previous) - toMs),
      };
      return { result, verdict };
    },
  };
}

/** Nanoseconds for each item. */
function timeEach(into: BigUint64Array, work: (into: BigUint64Array) => void): number {
  const startMs = performance.now();
  work(into);
  return ((performance.now() - startMs) * 1e6) / into.length;
}

function fill(into: BigUint64Array, generator: IdGenerator): void {
  for (let index = 0; index < into.length; index++) into[index] = generator.next();
}

function count(into: BigUint64Array): void {
  let last = 1n << 60n;
  for (let index = 0; index < into.length; index++) into[index] = ++last;
}
