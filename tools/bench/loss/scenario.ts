import { defineScenario } from "../scenario.js";
import { runLoss } from "./loss.js";
import { toLossReport } from "./loss-report.js";
import { checkLoss, lossFlags } from "./options.js";
export const lossScenario = defineScenario({
  name: "loss",
  summary:
    "Pairs of shipped clients write to each other at a steady rate, through proxies that drop their connections again and again: " +
    "whether all arrives once and in order, and how soon a device has everything again.",
  flags: lossFlags,
  check: checkLoss,
  run: runLoss,
  toReport: toLossReport,
});
