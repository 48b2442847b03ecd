import { acksScenario } from "./acks/scenario.js";
import { bigGroupScenario } from "./big-group/scenario.js";
import { directScenario } from "./direct/scenario.js";
import { groupScenario } from "./group/scenario.js";
import { idleScenario } from "./idle/scenario.js";
import { idsScenario } from "./ids/scenario.js";
import { ingestScenario } from "./ingest/scenario.js";
import { lossScenario } from "./loss/scenario.js";
import { pacedScenario } from "./paced/scenario.js";
import type { Scenario } from "./scenario.js";
import { slowReaderScenario } from "./slow-reader/scenario.js";
import { stormScenario } from "./storm/scenario.js";

/** Everything that can be measured, in the order of the help. */
export const scenarios: readonly Scenario[] = [
  groupScenario,
  pacedScenario,
  bigGroupScenario,
  acksScenario,
  slowReaderScenario,
  directScenario,
  lossScenario,
  ingestScenario,
  stormScenario,
  idleScenario,
  idsScenario,
];
