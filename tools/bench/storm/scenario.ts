import { defineScenario } from "../scenario.js";
import { checkStorm, stormFlags } from "./options.js";
import { runStorm } from "./storm.js";
import { toStormReport } from "./storm-report.js";
export const stormScenario = defineScenario({
  name: "storm",
  summary:
    "Thousands of devices come back at once and get what they have missed, while pairs of users go on writing to each other; in " +
    "turns on a server without service threads and on one that has some.",
  flags: stormFlags,
  onlyOn: { engine: "postgresql", because: "service threads are not used on the embedded database" },
  check: checkStorm,
  run: runStorm,
  toReport: toStormReport,
});
