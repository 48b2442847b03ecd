import type { Logged } from "../generator/workload.js";
import type { ScenarioDeps } from "../scenario.js";
import { type BareStage, type Played, playOnBareStage, type StageOptions } from "./bare-stage.js";
import { findUnacknowledged, readMessageRows, verifyRows } from "./durable-rows.js";
import { createGroup, type PreparedGroup } from "./prepare.js";

/** A server with a group whose members can log in, and what is needed to put it under load. */
export interface Stage extends BareStage {
  readonly group: PreparedGroup;
}

/**
 * Prepares a database, a server and a group of all users, lets `play` put them under load, stops the server, and compares the
 * database with the log that the play returns. At the end of the play every member has to have acknowledged all.
 * @throws Error if a part does not start, or ends early.
 */
export async function playOnStage<Result extends { log: readonly Logged[] }>(
  options: StageOptions,
  deps: ScenarioDeps,
  play: (stage: Stage) => Promise<Result>,
): Promise<Played<Result>> {
  const { result, ...played } = await playOnBareStage(options, deps, {
    prepare: async () => undefined,
    async play(bare) {
      deps.progress(`creating the group and logging in ${bare.credentials.length} members`);
      const group = await createGroup(bare.server.port, bare.credentials, deps.progress);
      return { group, played: await play({ ...bare, group }) };
    },
    async verify({ sql }, { group: { conversationId, headSeq }, played: { log } }) {
      const { durableRows, problems } = verifyRows(log, await readMessageRows(sql, conversationId, headSeq + 1n));
      const unacknowledged = await findUnacknowledged(sql, conversationId, headSeq + BigInt(log.length));
      return { durableRows, problems: [...problems, ...unacknowledged] };
    },
  });
  return { ...played, result: result.played };
}
