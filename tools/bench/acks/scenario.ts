import { defineScenario } from "../scenario.js";
import { runAckCost } from "./ack-cost.js";
import { toAckCostReport } from "./ack-cost-report.js";
import { acksFlags } from "./options.js";
export const acksScenario = defineScenario({
  name: "acks",
  summary: "Rounds as of the group, in turns with and without acknowledgements: what they cost the server.",
  flags: acksFlags,
  run: runAckCost,
  toReport: toAckCostReport,
});
