import type { Evidence } from "../evidence.js";
import { checkAcks } from "./check-acks.js";
import { checkDevices } from "./check-devices.js";
import { checkLog } from "./check-log.js";
import { checkMarks } from "./check-marks.js";
import { createFindings, type Findings } from "./findings.js";
import { toLedgers } from "./ledger.js";

/**
 * Looks for broken invariants in what a run has left behind: 1 to 8, 10 to 12, 15 and 16 of docs/invariants.md, as far as they
 * show from outside. Pure.
 */
export function checkEvidence(evidence: Evidence): Findings {
  const findings = createFindings();
  const ledgers = toLedgers(evidence);
  for (const check of [checkLog, checkAcks, checkDevices, checkMarks]) check(ledgers, findings);
  return findings;
}
