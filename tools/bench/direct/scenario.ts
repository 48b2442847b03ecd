import { defineScenario } from "../scenario.js";
import { runDirect } from "./direct.js";
import { toDirectReport } from "./direct-report.js";
import { checkDirect, directFlags } from "./options.js";
export const directScenario = defineScenario({
  name: "direct",
  summary:
    "Pairs of users write to each other at a steady rate: how long it takes until a sender knows its message to be stored, " +
    "and until the peer has it.",
  flags: directFlags,
  check: checkDirect,
  run: runDirect,
  toReport: toDirectReport,
});
