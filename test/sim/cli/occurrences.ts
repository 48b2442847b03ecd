import { faultKinds } from "../faults/fault-kinds.js";

/** Branches of the shipped code, and turns of the store, that few worlds take; each with what has happened when it is counted. */
export const rareBranches: Readonly<Record<string, string>> = {
  "closes GOING_AWAY": "a gateway that drains has sent a device away",
  "closes HEARTBEAT_TIMEOUT": "a gateway has given a silent device up",
  "closes LOGIN_TIMEOUT": "a login took too long",
  "closes REPLACED": "a session was fenced by a newer one of its device",
  "closes SLOW_CONSUMER": "a device did not acknowledge after four retransmissions",
  "closes TOKEN_EXPIRED": "a session has outlived its token",
  "closes UNAVAILABLE": "a session could not be set up, or has an outcome that is not known",
  "device draining": "a device was told to go elsewhere",
  "device renumbered": "a device has given its messages other numbers",
  "device reset": "a device got only the recent part of a log",
  "device started over": "a device has found a restored store",
  "holes fetched": "a gateway has fetched entries that were missing",
  "holes given-up": "a gateway has left a hole to the devices",
  "laneBatchMessages above 1": "a lane has sent several messages as one batch",
  "logins TOKEN_EXPIRED": "a device came with a token that had expired",
  laneRetries: "a lane has repeated a batch",
  "messages duplicate": "the store has recognized a message",
  "messages refused": "a message was refused for good",
  "messages rejected": "the store has rejected a message of an older session, or one out of turn",
  "appendFailures refuse": "a message that always fails was refused",
  "appendFailures repeat": "a batch failed, and its lane had to repeat it",
  "appendFailures retry": "a batch failed, and was tried again",
  "appendFailures split": "a batch was split by device",
  "nacks CONFLICT": "a device has used a number for another message than before",
  "nacks BUSY": "a lane had no room",
  "nacks RATE": "a user has sent too fast",
  publishFailures: "committed entries were not published, or late",
  pushesDropped: "a socket could not take what was published to it",
  "retransmissions frames": "frames were sent again",
  "retransmissions heads": "a device that was behind was told to pull",
  "store lockTimeout": "a transaction has given a lock up",
  "store lostCommit": "a crash has taken a transaction back",
  "store unheardCommit": "a crash has hidden from its caller that a transaction was committed",
  "store reusedTransactionId": "a transaction id was given out twice",
  streamGaps: "a gateway has noticed that entries were lost",
  sweptEntries: "the sweeper has published what nobody knew to be published",
};

/** From this many seeds on, every fault and every rare branch has to have occurred. */
export const enoughSeeds = 1_000;

/** What never occurred though it should have. */
export function findMissing(counts: ReadonlyMap<string, number>): string[] {
  const wanted = [...faultKinds.map((kind) => `fault ${kind}`), ...Object.keys(rareBranches)];
  return wanted.filter((name) => (counts.get(name) ?? 0) === 0);
}

/** How often each fault and each rare branch occurred, as a table. */
export function toTable(counts: ReadonlyMap<string, number>): string {
  const faults = faultKinds.map((kind) => toLine(kind, counts.get(`fault ${kind}`)));
  const branches = Object.entries(rareBranches).map(
    ([name, meaning]) => `${toLine(name, counts.get(name))}  ${meaning}`,
  );
  return ["Faults that struck", ...faults.sort(), "", "Rare branches taken", ...branches.sort(), ""].join("\n");
}

function toLine(name: string, count = 0): string {
  return `  ${name.padEnd(28)} ${String(count).padStart(9)}`;
}
