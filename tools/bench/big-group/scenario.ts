import { toGroupReport } from "../group/report.js";
import { defineScenario } from "../scenario.js";
import { runBigGroup } from "./big-group.js";
import { bigGroupFlags, checkBigGroup } from "./options.js";
export const bigGroupScenario = defineScenario({
  name: "big-group",
  summary:
    "One member of a group of thousands, all online, sends one message; the clock runs until the last one has it. Beside it, in " +
    "every round, raw uWebSockets publishes the same bytes.",
  flags: bigGroupFlags,
  check: checkBigGroup,
  run: runBigGroup,
  toReport: toGroupReport,
});
