/** How a connection is dropped. */
export type DropKind =
  /** Both sides get a reset. */
  | "reset"
  /** So many bytes pass, as a rule up to the middle of a frame, before both sides get a reset. */
  | "cut"
  /** Nothing passes, and nobody is told, until a second later both sides get a reset. */
  | "half-open";

export const dropKinds: readonly DropKind[] = ["reset", "cut", "half-open"];

/** What one device has: up to where it holds its conversation, and the last of its own messages that it knows to be stored. */
export type Progress = Readonly<{ seq: bigint; stored: bigint }>;

/** From a drop until the device had everything again. Times on the process's own clock. */
export type Recovery = Readonly<{ kind: DropKind; droppedMs: number; recoveryMs: number }>;

/** Follows one device from drop to drop. It is well again when it is logged in and has what there was when that was so. */
export interface Spells {
  /** True from a drop until the device is well again. */
  readonly isUnwell: boolean;
  drop(kind: DropKind, atMs: number): void;
  /** It is logged in anew, and `goal` is what there is to have. */
  ready(goal: Progress): void;
  /** Returns the recovery, if it is well again with this. */
  advance(progress: Progress, atMs: number): Recovery | undefined;
  /** Whether it was unwell at any time since then. */
  wasUnwellSince(sinceMs: number): boolean;
}

export function createSpells(): Spells {
  let drop: { kind: DropKind; atMs: number } | undefined;
  let goal: Progress | undefined;
  let wellSinceMs = Number.NEGATIVE_INFINITY;
  return {
    get isUnwell() {
      return drop !== undefined;
    },
    drop(kind, atMs) {
      drop ??= { kind, atMs };
      goal = undefined;
    },
    ready(next) {
      goal = next;
    },
    advance({ seq, stored }, atMs) {
      if (!drop || !goal || seq < goal.seq || stored < goal.stored) return undefined;
      const recovery = { kind: drop.kind, droppedMs: drop.atMs, recoveryMs: atMs - drop.atMs };
      drop = undefined;
      wellSinceMs = atMs;
      return recovery;
    },
    wasUnwellSince: (sinceMs) => drop !== undefined || wellSinceMs >= sinceMs,
  };
}
