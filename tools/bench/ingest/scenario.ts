import { defineScenario } from "../scenario.js";
import { runIngest } from "./ingest.js";
import { toIngestReport } from "./ingest-report.js";
import { checkIngest, ingestFlags } from "./options.js";
export const ingestScenario = defineScenario({
  name: "ingest",
  summary:
    "Thousands of senders send as much as they get stored, to peers that are offline. Beside it, in every round, the same append " +
    "is called straight on the store.",
  flags: ingestFlags,
  check: checkIngest,
  run: runIngest,
  toReport: toIngestReport,
});
