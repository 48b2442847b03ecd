import { defineScenario } from "../scenario.js";
import { runIdle } from "./idle.js";
import { idleFlags } from "./options.js";
import { toIdleReport } from "./report.js";
export const idleScenario = defineScenario({
  name: "idle",
  summary:
    "Devices log in and are idle: what each of them takes of the server's memory, and what as many bare uWebSockets sockets take.",
  flags: idleFlags,
  run: runIdle,
  toReport: toIdleReport,
});
