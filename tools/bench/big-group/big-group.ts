import { configOptions } from "../../../runtime/config-options.js";
import type { Joined } from "../generator/generator-calls.js";
import { messageOf, type Sent } from "../generator/workload.js";
import { runPlan } from "../group/group.js";
import type { GroupResult } from "../group/result.js";
import type { Outcome, ScenarioDeps } from "../scenario.js";
import type { RaisedLimits } from "../stage/bare-stage.js";
import type { BigGroupOptions } from "./options.js";

/** What is to be reached: next to nothing is to be done besides what the raw server does. */
const goals = { ratio: 1 / 1.3 };

/**
 * One member of a large group sends one message, to all; in each round another one.
 * @throws Error if a part does not start, or ends early.
 */
export function runBigGroup(options: BigGroupOptions, deps: ScenarioDeps): Promise<Outcome<GroupResult>> {
  const one = { acks: "on", senders: 1, sentIn: oneSends } as const;
  return runPlan({ scenario: "big-group", ...options, ...one, raisedLimits: raisedFor(options.members), goals }, deps);
}

/** The members take turns. Pure. */
export function oneSends(members: readonly Joined[], round: number): Sent[] {
  const turn = Math.floor((round - 1) / members.length) + 1;
  const sender = members[(round - 1) % members.length];
  return sender ? [messageOf(turn, sender.userId, sender.device)] : [];
}

function raisedFor(members: number): RaisedLimits {
  return members <= configOptions.groupMembersMax.default ? {} : { groupMembersMax: members };
}
