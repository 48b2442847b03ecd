import { defineScenario } from "../scenario.js";
import { runIds } from "./minting.js";
import { idsFlags } from "./options.js";
import { toIdsReport } from "./report.js";
export const idsScenario = defineScenario({
  name: "ids",
  summary:
    "One generator mints Snowflake ids as fast as it can. Beside it, in every round, the least that an id could cost: a bigint " +
    "that counts.",
  flags: idsFlags,
  needsDatabase: false,
  run: runIds,
  toReport: toIdsReport,
});
