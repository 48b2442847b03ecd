import {
  type StraightAppendCalls,
  type StraightReport,
  straightAppendModule,
} from "../baseline/straight-append-calls.js";
import type { Seat } from "../generator/generator-calls.js";
import type { Holding } from "../generator/log-follower.js";
import { textBytes } from "../generator/workload.js";
import type { BareStage } from "../stage/bare-stage.js";
import { forkHelper } from "../stage/processes.js";

/** The baseline, in a process of its own, with batches of the size that was fastest. */
export interface StraightAppend extends AsyncDisposable {
  readonly batchMessages: number;
  /** Messages that it has appended so far, trials included. */
  readonly messages: number;
  run(seconds: number): Promise<StraightReport>;
  /** What each of its conversations has to hold. */
  finish(): Promise<readonly Holding[]>;
}

/** Sizes that are tried, as far as a lane has senders for them. */
const batchSizes = [100, 250, 500, 1_000, 2_000, 4_000] as const;
const trialSeconds = 1;

export async function openStraightAppend(
  stage: BareStage,
  request: Readonly<{ databaseUrl: string; seats: readonly Seat[]; lanes: number; perSender: number }>,
): Promise<StraightAppend> {
  const helper = forkHelper<StraightAppendCalls>(straightAppendModule, stage.processOptions("straight"));
  let messages = 0;

  async function append(batchMessages: number, seconds: number): Promise<StraightReport> {
    const report = await helper.call("run", { batchMessages, seconds });
    messages += report.messages;
    return report;
  }

  await helper.call("open", { ...request, textBytes });
  await append(batchSizes[0], trialSeconds); // its JavaScript is not compiled yet
  const trials: { batchMessages: number; rate: number }[] = [];
  for (const batchMessages of sizesFor(request)) {
    const trial = await append(batchMessages, trialSeconds);
    trials.push({ batchMessages, rate: trial.messages / trial.elapsedMs });
  }
  const best = trials.reduce((fastest, trial) => (trial.rate > fastest.rate ? trial : fastest));
  return {
    batchMessages: best.batchMessages,
    get messages() {
      return messages;
    },
    run: (seconds) => append(best.batchMessages, seconds),
    finish: () => helper.call("close", undefined),
    [Symbol.asyncDispose]: () => helper[Symbol.asyncDispose](),
  };
}

function sizesFor({ seats, lanes, perSender }: { seats: readonly Seat[]; lanes: number; perSender: number }): number[] {
  const [smallest, ...larger] = batchSizes;
  return [smallest, ...larger.filter((size) => size <= Math.floor(seats.length / lanes) * perSender)];
}
