import { defineScenario } from "../scenario.js";
import { runGroup } from "./group.js";
import { groupFlags } from "./options.js";
import { toGroupReport } from "./report.js";
export const groupScenario = defineScenario({
  name: "group",
  summary:
    "Members of a group, all online, each send one message at once; the clock runs from the first send to the last of " +
    "members × members deliveries. Beside it, in every round, raw uWebSockets publishes the same bytes.",
  flags: groupFlags,
  run: runGroup,
  toReport: toGroupReport,
});
