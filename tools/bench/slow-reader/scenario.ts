import { defineScenario } from "../scenario.js";
import { checkSlowReader, slowReaderFlags } from "./options.js";
import { runSlowReader } from "./slow-reader.js";
import { toSlowReaderReport } from "./slow-reader-report.js";
export const slowReaderScenario = defineScenario({
  name: "slow-reader",
  summary:
    "A group in which a steady stream of messages flows, in turns with and without members that stop reading, or read at a " +
    "trickle: what the others notice of it.",
  flags: slowReaderFlags,
  check: checkSlowReader,
  run: runSlowReader,
  toReport: toSlowReaderReport,
});
