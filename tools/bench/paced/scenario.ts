import { defineScenario } from "../scenario.js";
import { pacedFlags } from "./options.js";
import { runPaced } from "./paced.js";
import { toPacedReport } from "./paced-report.js";
export const pacedScenario = defineScenario({
  name: "group --paced",
  summary:
    "The same, one round a second and nothing beside it: does the server keep up, and is the last round as good as the first.",
  flags: pacedFlags,
  run: runPaced,
  toReport: toPacedReport,
});
