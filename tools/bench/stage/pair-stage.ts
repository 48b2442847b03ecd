import type { Holding } from "../generator/log-follower.js";
import { textBytes } from "../generator/workload.js";
import type { ScenarioDeps } from "../scenario.js";
import { type BareStage, playOnBareStage } from "./bare-stage.js";
import { openDirects, type Pair } from "./directs.js";
import { findBehind, verifyLogs } from "./durable-logs.js";

/**
 * Prepares so many pairs of users with a conversation each, lets `play` have them write to each other, and compares every
 * conversation in the database with what their devices hold in the end; by then they have to have acknowledged all.
 * @throws Error if a part does not start, or ends early.
 */
export function playOnPairs<Result extends { holdings: readonly Holding[] }>(
  pairs: number,
  deps: ScenarioDeps,
  play: (stage: BareStage, pairs: readonly Pair[]) => Promise<Result>,
) {
  return playOnBareStage({ members: 2 * pairs }, deps, {
    prepare: openDirects,
    play,
    async verify({ sql }, { holdings }, opened) {
      const seats = opened.flat();
      const { durableRows, problems } = await verifyLogs(sql, { seats, holdings, textBytes });
      return { durableRows, problems: [...problems, ...(await findBehind(sql, seats))] };
    },
  });
}
