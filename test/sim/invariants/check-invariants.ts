import type { Records } from "../history.js";
import type { StoreModel } from "../store/store-model.js";
import { ackedBeforeSentIsBefore, fencedSessionsStoreNothing } from "./causality.js";
import { appliedWithoutHoles, devicesConverge, outboxesEmpty } from "./devices.js";
import { gatherEvidence } from "./evidence.js";
import type { Invariant, Violation } from "./invariant.js";
import { everyEntryWasSent, ordersAreKept, seqsHaveNoHoles } from "./logs.js";
import { acksMoveOwnMarksOnly, marksOnlyRise } from "./marks.js";
import { membersOnly } from "./membership.js";
import { ackedOnceAtItsSeq, nothingIsToldBeforeItsCommit, outcomesAgree, outcomesAreFinal } from "./outcomes.js";
import { sizesReturn } from "./resources.js";
import type { WorldFacts } from "./world-facts.js";

/** All of them, in the order of the list of guarantees. */
export const invariants: readonly Invariant[] = [
  ackedOnceAtItsSeq,
  everyEntryWasSent,
  seqsHaveNoHoles,
  ordersAreKept,
  outcomesAgree,
  appliedWithoutHoles,
  devicesConverge,
  marksOnlyRise,
  acksMoveOwnMarksOnly,
  ackedBeforeSentIsBefore,
  outcomesAreFinal,
  membersOnly,
  nothingIsToldBeforeItsCommit,
  sizesReturn,
  outboxesEmpty,
  fencedSessionsStoreNothing,
];

/** More of one kind say nothing new. */
const findingsMax = 5;

/** Judges a run. Of each invariant at most five violations, the first ones that it finds. */
export function checkInvariants(records: Records, store: Pick<StoreModel, "eras">, facts: WorldFacts): Violation[] {
  const evidence = gatherEvidence(records, store.eras, facts);
  const violations: Violation[] = [];
  for (const { number: invariant, title, check } of invariants) {
    let found = 0;
    for (const { atMs, what } of check(evidence)) {
      violations.push({ invariant, title, atMs, what });
      found += 1;
      if (found === findingsMax) break;
    }
  }
  return violations;
}
