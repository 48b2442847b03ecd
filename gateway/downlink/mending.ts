import type { LogEntry } from "../../gen/ts/tidewire/v1/delivery_pb.js";
import type { Metrics } from "../../runtime/metrics.js";
import type { Timers } from "../timers/timers.js";
import type { ActiveConversation } from "./active-conversations.js";
import { type ConversationLogLimits, finishFetch, mend, reopen } from "./conversation-log.js";

/** Mends the holes of active conversations: waits for what was overtaken, asks for what is missing, and gives up in the end. */
export interface Mending {
  /** To be called whenever a conversation has taken entries. */
  watch(conversation: ActiveConversation): void;
}

export type MendingOptions = Readonly<{
  timers: Timers;
  monotonicMs: () => number;
  limits: ConversationLogLimits;
  /** Reads entries of a conversation from the store, both seqs included; what it cannot read is left out. */
  fetch: (conversationId: bigint, firstSeq: bigint, lastSeq: bigint) => Promise<readonly LogEntry[]>;
  isActive(conversation: ActiveConversation): boolean;
  /** Takes entries as if they had just come. */
  take(entries: readonly LogEntry[]): void;
  release(conversation: ActiveConversation, entries: readonly LogEntry[]): void;
  /** Whether somebody who would hear these entries may have left with one that is missing below them. */
  mayHideChange(conversation: ActiveConversation, entries: readonly LogEntry[]): boolean;
  metrics: Pick<Metrics, "holes">;
}>;

export function createMending(options: MendingOptions): Mending {
  const { timers, monotonicMs, limits, metrics } = options;

  function watch(conversation: ActiveConversation) {
    const { hole } = conversation.log;
    conversation.mending?.[Symbol.dispose](); // the hole that it was set for may have been another one
    conversation.mending = hole && timers.at(hole.untilMs, () => attend(conversation));
  }

  function attend(conversation: ActiveConversation) {
    conversation.mending = undefined;
    const { headSeq } = conversation.log;
    const [log, remedy] = mend(conversation.log, monotonicMs(), limits);
    conversation.log = log;
    if (remedy.kind === "fetch") void fetchMissing(conversation, remedy.firstSeq, remedy.lastSeq);
    if (remedy.kind === "release") giveUp(conversation, remedy.entries, headSeq);
    watch(conversation);
  }

  async function fetchMissing(conversation: ActiveConversation, firstSeq: bigint, lastSeq: bigint) {
    const entries = await options.fetch(conversation.id, firstSeq, lastSeq);
    if (!options.isActive(conversation)) return;
    options.take(entries);
    const { headSeq } = conversation.log;
    const [log, unmended] = finishFetch(conversation.log);
    conversation.log = log;
    if (unmended.length > 0) giveUp(conversation, unmended, headSeq);
    else metrics.holes.inc({ outcome: "fetched" });
    watch(conversation);
  }

  /** Devices can mend a hole, but nobody may hear what was said after they have left. */
  function giveUp(conversation: ActiveConversation, entries: readonly LogEntry[], headSeq: bigint) {
    if (options.mayHideChange(conversation, entries)) {
      metrics.holes.inc({ outcome: "withheld" });
      conversation.log = reopen(conversation.log, headSeq);
      return;
    }
    metrics.holes.inc({ outcome: "given-up" });
    options.release(conversation, entries);
  }

  return { watch };
}
